"""Errors as the command line prints them: one line, with the flags that the cure is about."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import tyro

from apvg.base.errors import ApvgError
from apvg.base.explain import explain


def print_error(error: BaseException, command: Any) -> None:
    """One line on standard error.

    Args:
        error: What went wrong.
        command: The verb's options. Those that the error is about are named as flags.
    """
    if isinstance(error, KeyboardInterrupt):
        line = str(error) or "stopped; no partial file was left behind"
    else:
        line = explain(error)
    if isinstance(error, ApvgError):
        flags = dict(_flags(command))
        named = ", ".join(flags[name] for name in error.options if name in flags)
        line += f" ({named})" if named else ""
    print(f"apvg: error: {line}", file=sys.stderr)


def _flags(command: Any) -> Iterator[tuple[str, str]]:
    """The flag of each option that has one; positional arguments have none."""
    hints = get_type_hints(type(command), include_extras=True)
    for field in fields(command):
        value = getattr(command, field.name)
        if is_dataclass(value):
            yield from _flags(value)
        elif tyro.conf.Positional not in get_args(hints[field.name]):
            yield field.name, f"--{field.name.replace('_', '-')}"
