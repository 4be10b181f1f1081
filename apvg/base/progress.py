"""Progress bars that keep out of logs and pipes, and a way for other programs to watch and to stop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
_silenced = False
_watcher: Callable[[Step], None] | None = None


@dataclass(frozen=True)
class Step:
    """An item of long work, about to be worked on."""

    description: str
    """A word or two about the work."""
    done: int
    """Items before this one."""
    total: int | None
    """Items in all, where that is known."""
    item: Any
    """The item itself: a frame that was painted, say."""


class Stopped(KeyboardInterrupt):
    """The work is asked to end between two items, so that whatever was done can be kept."""


def silence() -> None:
    """No more bars from this process: for one of several that work side by side."""
    global _silenced
    _silenced = True


def watch(watcher: Callable[[Step], None]) -> None:
    """Show no bars from now on, but give each item to `watcher`, which may raise :class:`Stopped`."""
    global _watcher
    _watcher = watcher


def track(iterable: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from `iterable` with a bar on standard error; silent where that is not a terminal.

    Args:
        iterable: What is worked through.
        description: A word or two in front of the bar.
        total: Number of items, where it is known and `iterable` has no length.
    """
    if _watcher is not None:
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        for done, item in enumerate(iterable):
            _watcher(Step(description, done, total, item))
            yield item
        return
    if _silenced or not sys.stderr.isatty():
        yield from iterable
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(
        iterable, description, total=total, console=Console(stderr=True), transient=True
    )
