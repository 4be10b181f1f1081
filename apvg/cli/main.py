"""``apvg VERB …``: finds the verb, runs it, and reports an error as one line and an exit status."""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_type_hints

import docstring_parser
import tyro

from apvg.base.errors import ApvgWarning
from apvg.base.explain import EXPLAINED, extra_for
from apvg.base.options import check_options
from apvg.base.version import __version__
from apvg.cli.errors import print_error

#: Verb to the dataclass of its options. The modules import nothing heavy; ``run`` imports what it
#: needs.
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
DESCRIPTION = """Generate a video of a musician playing your music.

`apvg VERB --help` lists the options of a verb. --debug shows the full traceback of an error."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0 done, 1 failed, 130 stopped by Ctrl-C. Invalid usage raises
        ``SystemExit(2)``.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # names may contain characters that the terminal cannot show
    if args == ["--version"]:
        print(f"apvg {__version__}")
        return 0
    debug = "--debug" in args
    try:
        command = parse([arg for arg in args if arg != "--debug"])
    except BrokenPipeError:
        # The reader of the help, such as `head`, has closed the pipe. The rest of the buffer cannot
        # be written.
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
    """Parse the options of the verb in `args`. Invalid usage raises ``SystemExit(2)``."""
    verbs: list[Any] = []
    for verb, place in VERBS.items():
        module, _, name = place.partition(":")
        options = getattr(importlib.import_module(module), name)
        verbs.append(Annotated[_with_help(options), tyro.conf.subcommand(verb)])
    any_verb: Any = Union[tuple(verbs)]  # noqa: UP007 - built at run time
    return tyro.cli(
        any_verb,
        prog="apvg",
        description=DESCRIPTION,
        args=list(args),
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
    )


def _with_help(options: type) -> type:
    """The same options; each one's help is its docstring without line breaks, which tyro keeps."""
    hints = get_type_hints(options, include_extras=True)
    for base in reversed(options.__mro__[:-1]):
        for documented in docstring_parser.parse_from_object(base).params:
            text, name = documented.description, documented.arg_name
            if text and name in hints:
                help_text = tyro.conf.arg(help=" ".join(text.split()))
                hints[name] = Annotated[hints[name], help_text]
    described = {"__annotations__": hints, "__doc__": options.__doc__}
    return type(options.__name__, (options,), described)


def _show_warning(message: Warning | str, kind: type[Warning], *place: Any, **more: Any) -> None:
    """Print apvg's warnings as one line.

    Warnings of libraries are for developers, who see them in the tests.
    """
    if issubclass(kind, ApvgWarning):
        print(f"apvg: warning: {message}", file=sys.stderr)
