"""Progress bars that keep out of logs and pipes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_silenced = False


def silence() -> None:
    """No more bars from this process: for one of several that work side by side."""
    global _silenced
    _silenced = True


def track(iterable: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from `iterable` with a bar on standard error; silent where that is not a terminal.

    Args:
        iterable: What is worked through.
        description: A word or two in front of the bar.
        total: Number of items, where it is known and `iterable` has no length.
    """
    if _silenced or not sys.stderr.isatty():
        yield from iterable
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(
        iterable, description, total=total, console=Console(stderr=True), transient=True
    )
