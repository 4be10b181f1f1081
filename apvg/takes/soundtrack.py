"""A take's sound: a recording's, laid on the clock of its frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from apvg.takes.plan import SAMPLE_RATE, PrepareOptions
from apvg.takes.sequences import Sound, stream_sound
from apvg.takes.take import sample_count


def soundtrack(
    sound: Sound | None, frames: int, options: PrepareOptions, offset: float
) -> Iterator[np.ndarray]:
    """The sound on the take's clock in pieces, silent where the recording has none, or none at all."""
    left = sample_count(frames, options.fps, SAMPLE_RATE)
    later = offset - options.start
    before = left if sound is None else min(left, round(max(0.0, later) * SAMPLE_RATE))
    yield from _silence(before)
    left -= before
    if left and sound is not None:
        start, wanted = max(0.0, -later), left / SAMPLE_RATE
        for piece_S in stream_sound(sound, SAMPLE_RATE, start=start, duration=wanted):
            yield piece_S[:left]
            left -= len(piece_S[:left])
        yield from _silence(left)


def _silence(samples: int) -> Iterator[np.ndarray]:
    for first in range(0, samples, SAMPLE_RATE):
        yield np.zeros(min(SAMPLE_RATE, samples - first), np.float32)
