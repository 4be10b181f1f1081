"""Progress bars on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from apvg.base.progress import Step, reporting

if TYPE_CHECKING:
    from rich.progress import TaskID


class Bars:
    """A progress callback: shows a bar on standard error for each running loop, if that is a
    terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        # Results may be printed to a standard output that is a file, so nothing is redirected to
        # the terminal.
        self._display = Progress(
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bars: dict[tuple[str, str], TaskID] = {}

    def __call__(self, step: Step) -> None:
        loop = step.description, step.subject
        if step.done == step.total:
            if loop in self._bars:
                self._display.remove_task(self._bars.pop(loop))
            if not self._bars:
                self._display.stop()
            return
        if not self._bars:
            self._display.start()
        if loop not in self._bars:
            self._bars[loop] = self._display.add_task(" ".join(loop).strip(), total=step.total)
        self._display.update(self._bars[loop], completed=step.done, total=step.total)

    def close(self) -> None:
        """Remove all bars. Later steps show new ones."""
        for bar in self._bars.values():
            self._display.remove_task(bar)
        self._bars.clear()
        self._display.stop()


@contextmanager
def progress_bars() -> Iterator[Bars | None]:
    """Progress bars for a task, and for loops that run in the block itself.

    None if standard error is not a terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    bars = Bars()
    try:
        with reporting(bars):
            yield bars
    finally:
        bars.close()
