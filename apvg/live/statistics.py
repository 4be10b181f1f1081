"""Counts of frames and delays of a live performance, shown in one line."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

#: Latencies are counted in bins of so many seconds, up to so many bins: memory does not grow with
#: the music.
_BIN, _BINS = 0.002, 2500


@dataclass
class Statistics:
    """Counts of one live performance.

    Attributes:
        fps: Frames per second.
        shown: Frames that were shown.
        late: Frames that were not rendered because they were late already; the picture stood still.
        left_out: Frames that were rendered and not shown because the window, or the reader of the
            stream, was too slow.
        lost: How often sound came faster than it could be processed, and was lost (overruns).
        waited: How often no sound came (underruns); the picture stood still.
    """

    fps: int
    shown: int = 0
    late: int = 0
    left_out: int = 0
    lost: int = 0
    waited: int = 0
    _works: deque[float] = field(default_factory=lambda: deque(maxlen=25))
    _counts: np.ndarray = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    _minute: list[float] = field(default_factory=list)
    _minutes: list[float] = field(default_factory=list)

    def show(self, latency: float) -> None:
        """Count a frame that was shown `latency` seconds after its sound."""
        self.shown += 1
        self._counts[min(max(int(latency / _BIN), 0), _BINS - 1)] += 1
        self._minute.append(latency)
        if len(self._minute) == 60 * self.fps:
            self._minutes.append(float(np.median(self._minute)))
            self._minute.clear()

    def work(self, seconds: float) -> None:
        """Count a block that took so many seconds to render."""
        self._works.append(seconds)

    @property
    def work_seconds(self) -> float:
        """Median time of the recent blocks, seconds: one slow block does not change it."""
        return float(np.median(self._works)) if self._works else 0.0

    @property
    def dropped(self) -> float:
        """Share of frames that were not shown, late or left out."""
        missed = self.late + self.left_out
        return missed / max(self.shown + missed, 1)

    def latency(self, share: float) -> float:
        """Quantile of the latency, seconds; 0 before the first frame."""
        if not self.shown:
            return 0.0
        return _BIN * (1 + int(np.searchsorted(self._counts.cumsum(), share * self.shown)))

    def line(self) -> str:
        """The counts in one line."""
        return (
            f"{self.shown} frames, {self.latency(0.5):.2f} s after the sound "
            f"(95 % within {self.latency(0.95):.2f} s, all within {self.latency(1.0):.2f} s), "
            f"{1000 * self.work_seconds:.0f} ms of it work; dropped {100 * self.dropped:.1f} % "
            f"({self.late} late, {self.left_out} left out); "
            f"sound lost {self.lost} times, waited for {self.waited} times"
        )

    def growth(self) -> str:
        """Median latency of the first minute and of the last; empty under two minutes."""
        if len(self._minutes) < 2:
            return ""
        first, last = self._minutes[0], self._minutes[-1]
        return f"; in minute 1 {first:.3f} s, in minute {len(self._minutes)} {last:.3f} s"
