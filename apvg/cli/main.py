"""``apvg VERB …``: finds the verb, runs it, and turns what goes wrong into one line and an exit status."""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, Union

import tyro

from apvg.base.errors import ApvgWarning
from apvg.base.explain import EXPLAINED, extra_for
from apvg.base.options import check_options
from apvg.base.version import __version__
from apvg.cli.errors import print_error

#: Verb to the dataclass of its options. Its module imports nothing heavy; what its ``run`` needs, ``run`` imports.
VERBS = {
    "generate": "apvg.cli.generate:Generate",
    "render": "apvg.cli.render:Render",
    "live": "apvg.cli.live:Live",
    "prepare": "apvg.cli.prepare:Prepare",
    "virtual": "apvg.cli.virtual:Virtual",
    "train": "apvg.cli.train:Train",
    "evaluate": "apvg.cli.evaluate:Evaluate",
    "export": "apvg.cli.export:Export",
    "performers": "apvg.cli.performers:Performers",
    "studio": "apvg.cli.studio:Studio",
}
DESCRIPTION = """Music in, a video of a musician playing it out.

`apvg VERB --help` explains a verb. Where something fails, --debug shows the whole traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0 done, 1 failed, 130 stopped by Ctrl-C. Wrong usage leaves by ``SystemExit(2)``.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # names may hold what a terminal cannot show
    if args == ["--version"]:
        print(f"apvg {__version__}")
        return 0
    debug = "--debug" in args
    try:
        command = parse([arg for arg in args if arg != "--debug"])
    except BrokenPipeError:
        # Whoever reads the help, as `head` does, has seen enough; nor can what is still in the buffer be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            check_options(command)
            command.run()
    except (KeyboardInterrupt, *EXPLAINED) as error:
        if debug or (isinstance(error, ImportError) and extra_for(error) is None):
            raise
        print_error(error, command)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def parse(args: Sequence[str]) -> Any:
    """The options of the verb that `args` name; leaves by ``SystemExit(2)`` on wrong usage."""
    verbs: list[Any] = []
    for verb, place in VERBS.items():
        module, _, name = place.partition(":")
        options = getattr(importlib.import_module(module), name)
        verbs.append(Annotated[options, tyro.conf.subcommand(verb)])
    any_verb: Any = Union[tuple(verbs)]  # noqa: UP007 - built at run time
    return tyro.cli(
        any_verb,
        prog="apvg",
        description=DESCRIPTION,
        args=list(args),
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
    )


def _show_warning(message: Warning | str, kind: type[Warning], *place: Any, **more: Any) -> None:
    """Ours as one line; the libraries' remarks are for developers, who see them in the tests."""
    if issubclass(kind, ApvgWarning):
        print(f"apvg: warning: {message}", file=sys.stderr)
