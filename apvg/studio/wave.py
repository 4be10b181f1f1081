"""The waveform under the video, and where notes begin in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from apvg.music.features import FeatureConfig, FeatureExtractor
from apvg.music.reading import stream_audio

#: Columns of the picture of the waveform.
COLUMNS = 800
#: A note begins where the rise in loudness stands out from its neighbourhood by so much, of the
#: feature's own scale …
_RISE = 0.12
#: … which is so wide on each side, seconds, …
_NEIGHBOURHOOD = 0.25
#: … and is the highest within so many seconds.
_APART = 0.06


@dataclass(frozen=True)
class Wave:
    """A sound to be looked at."""

    duration: float
    """Seconds."""
    peaks: list[float]
    """The loudest sample of each of :data:`COLUMNS` equal stretches, 0..1 of the loudest of all."""
    onsets: list[float]
    """Where notes begin, seconds."""


def look_at(path: Path) -> Wave:
    """The waveform of a file's sound and its onsets, found by ear; a few bytes per second of it are
    kept in memory."""
    config = FeatureConfig()
    extractor = FeatureExtractor(config)
    rises, peaks, samples = [], [], 0
    step = config.sample_rate // 50
    held_S = np.zeros(0, np.float32)
    for chunk_S in stream_audio(path, config.sample_rate):
        samples += len(chunk_S)
        rises.append(extractor.push(chunk_S)[:, -1])
        held_S = np.concatenate([held_S, chunk_S])
        whole = len(held_S) // step * step
        peaks.append(np.abs(held_S[:whole]).reshape(-1, step).max(axis=1))
        held_S = held_S[whole:]
    rises.append(extractor.flush()[:, -1])
    peak_N = np.concatenate([*peaks, np.abs(held_S).max(keepdims=True, initial=0.0)])
    edges = np.linspace(0, len(peak_N), COLUMNS + 1)
    columns = [peak_N[int(a) : max(int(np.ceil(b)), int(a) + 1)].max() for a, b in pairwise(edges)]
    top = max(float(peak_N.max()), 1e-6)
    onset_N = find_onsets(np.concatenate(rises), config.fps * config.rows_per_frame)
    return Wave(
        samples / config.sample_rate,
        [round(float(column) / top, 3) for column in columns],
        [round(float(onset), 3) for onset in onset_N],
    )


def find_onsets(rise_R: np.ndarray, rate: float) -> np.ndarray:
    """Peaks of a curve that rises where notes begin: highest nearby, and well above the usual
    nearby.

    Args:
        rise_R: Onset strength, the last column of the features, `rate` rows per second.
        rate: Rows per second.

    Returns:
        Seconds, ascending.
    """
    if not len(rise_R):
        return np.zeros(0)
    near, wide = round(_APART * rate), round(_NEIGHBOURHOOD * rate)
    windows_RW = np.lib.stride_tricks.sliding_window_view(
        np.pad(rise_R, near, constant_values=-1), 2 * near + 1
    )
    usual_RW = np.lib.stride_tricks.sliding_window_view(
        np.pad(rise_R, wide, mode="edge"), 2 * wide + 1
    )
    highest = rise_R >= windows_RW.max(axis=1)
    standing_out = rise_R > np.median(usual_RW, axis=1) + _RISE
    rows = np.flatnonzero(highest & standing_out)
    # A plateau is one peak.
    return rows[np.diff(rows, prepend=-near - 1) > near] / rate
