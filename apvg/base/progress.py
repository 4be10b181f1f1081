"""Progress of long work: reported to whoever started it, who may also cancel it.

Long loops run over :func:`track`. Whoever starts the work sets a callback, or a flag that cancels
it, by :func:`reporting`; both hold for that context alone (:mod:`contextvars`), so that several
pieces of work in one process do not disturb each other. Without a callback nothing is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """An item that is about to be worked on, or the end of a loop."""

    description: str
    """What is done, in a word or two."""
    done: int
    """Number of items that are finished."""
    total: int | None
    """Number of all items, where it is known. In the last step of a loop it equals `done`."""
    item: Any
    """The item itself, as a frame that was rendered; None in the last step of a loop."""
    subject: str = ""
    """What it is done to, as the name of a file or of a training stage."""


class Cancel(Protocol):
    """A flag that cancels work, as :class:`threading.Event`: it is looked at between two items."""

    def is_set(self) -> bool: ...


class Stopped(KeyboardInterrupt):
    """The work was cancelled. A progress callback may raise it, too.

    Like Ctrl-C it is no ``Exception``, so that no handler for failures takes it for one.
    """


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class _Report:
    progress: Progress | None = None
    cancel: Cancel | None = None

    def check(self) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise Stopped

    def __call__(self, step: Step) -> None:
        self.check()
        if self.progress is not None:
            self.progress(step)


_report: ContextVar[_Report] = ContextVar("_report", default=_Report())  # noqa: B039 - it is frozen


@contextmanager
def reporting(progress: Progress | None = None, cancel: Cancel | None = None) -> Iterator[None]:
    """Report the loops that run in this block.

    Args:
        progress: Called before each item and once at the end of each loop. It may raise
            :class:`Stopped`.
        cancel: Cancels the work once it is set, from any thread.
    """
    token = _report.set(_Report(progress, cancel))
    try:
        yield
    finally:
        _report.reset(token)


def cancelled_by(cancel: Cancel) -> None:
    """Let a flag cancel whatever this context works on from now on; for a process that works for
    another one."""
    _report.set(_Report(cancel=cancel))


def check_cancelled() -> None:
    """Raise :class:`Stopped` if the work of this context was cancelled; for loops that only
    wait."""
    _report.get().check()


def track(
    iterable: Iterable[T], description: str, total: int | None = None, *, subject: str = ""
) -> Iterator[T]:
    """Yield from `iterable`, and report each item to whoever watches the context that this is
    called in.

    Args:
        iterable: What is worked through, in whatever thread.
        description: What is done, in a word or two.
        total: Number of items, where it is known and `iterable` has no length.
        subject: What it is done to.

    Raises:
        Stopped: The work was cancelled.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    return _tracked(iterable, description, total, subject, _report.get())


def _tracked(
    iterable: Iterable[T], description: str, total: int | None, subject: str, report: _Report
) -> Iterator[T]:
    done = 0
    try:
        for item in iterable:
            report(Step(description, done, total, item, subject))
            yield item
            done += 1
        report(Step(description, done, done, None, subject))
    finally:
        # At once, not when it is collected: it may hold files and processes.
        if isinstance(iterable, Generator):
            iterable.close()
