"""The shift that lays one curve over another: how much later one clock is than another, from what
both show of the same notes.

Curves are compared over all shifts at once (correlation by FFT, so hours take seconds). The best
shift is rated by how far it stands out above the second best one elsewhere, because music repeats
itself, so that this margin says more than a height.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from apvg.music.notes import Notes

#: Onset curves have so many values a second.
ONSET_RATE = 100
#: Sound is analysed at this rate, Hz.
ANALYSIS_RATE = 16000
#: A second-best shift is one at least this far from the best, seconds.
_ELSEWHERE = 1.0
#: Margins, as shares of the best, that mean nothing, and that are as good as certain. On the
#: PianoRay takes the true offsets stand out by 0.26 and 0.62 (fingers on keys) and by 0.70 (notes
#: in the sound), excerpts of 15 s by 0.25 to 0.52; wrong offsets, from notes of the other take or
#: excerpts of 4 s, by 0.15 at most.
_NO_MARGIN, _CLEAR_MARGIN = 0.10, 0.25
#: A best shift lower than this could be chance, whatever its margin: standard deviations.
_LEAST_HEIGHT = 3.5
#: Shifts at which less than this overlaps are not considered: seconds of sound, and share of the
#: shorter curve.
_LEAST_SECONDS, _LEAST_SHARE = 3.0, 0.2
_WINDOW = 512
_BANDS = 32


@dataclass(frozen=True)
class Match:
    """The best shift of one curve against another.

    Attributes:
        shift: Seconds to add to the second clock to get the first.
        height: Standard deviations above chance.
        margin: 1 - second best / best height; 0 means that another shift is as good.
    """

    shift: float
    height: float
    margin: float

    @property
    def sure(self) -> float:
        """How certain the shift is, 0..1: how clearly it stands out."""
        if self.height < _LEAST_HEIGHT:
            return 0.0
        return float(np.clip((self.margin - _NO_MARGIN) / (_CLEAR_MARGIN - _NO_MARGIN), 0, 1))


def match_onsets(first_E: np.ndarray, second_E: np.ndarray) -> Match | None:
    """The shift that lays two curves of onsets (``ONSET_RATE`` values a second) over each other.

    Returns:
        What to add to the second curve's times; None if one is too short or flat.
    """
    shorter = min(len(first_E), len(second_E))
    least = max(round(_LEAST_SECONDS * ONSET_RATE), round(_LEAST_SHARE * shorter))
    if shorter < least or first_E.std() == 0 or second_E.std() == 0:
        return None
    a_E, b_E = first_E - first_E.mean(), second_E - second_E.mean()
    one_a, one_b = np.ones(len(a_E)), np.ones(len(b_E))
    overlap_L = np.round(correlate(one_a, one_b))
    energy_L = correlate(a_E**2, one_b) * correlate(one_a, b_E**2)
    floor = 1e-3 * float((a_E**2).mean() * (b_E**2).mean())
    height_L = correlate(a_E, b_E) * np.sqrt(
        overlap_L / np.maximum(energy_L, floor * np.maximum(overlap_L, 1) ** 2)
    )
    height_L[overlap_L < least] = -np.inf
    return best_match(height_L, len(b_E), ONSET_RATE)


def sound_onsets(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """The onset curve of a sound: spectral flux in logarithmic bands (own choice of bands).

    Args:
        chunks: Mono samples at ``ANALYSIS_RATE``, in pieces of any length.

    Returns:
        [E] at ``ONSET_RATE``, value e around second e / ONSET_RATE; nothing but these is kept in
        memory.
    """
    hop = ANALYSIS_RATE // ONSET_RATE
    window_W = np.hanning(_WINDOW).astype(np.float32)
    edges_B = np.geomspace(60, ANALYSIS_RATE / 2, _BANDS + 1) * _WINDOW / ANALYSIS_RATE
    edges_B = np.maximum.accumulate(np.round(edges_B).astype(int))
    edges_B = np.unique(np.clip(edges_B, 1, _WINDOW // 2))
    left_S = np.zeros(_WINDOW // 2, np.float32)  # so that a value is about the middle of its window
    before_B: np.ndarray | None = None
    parts = []
    for chunk_S in chunks:
        left_S = np.concatenate([left_S, chunk_S])
        if len(left_S) < _WINDOW:
            continue
        windows_EW = np.lib.stride_tricks.sliding_window_view(left_S, _WINDOW)[::hop]
        power_EF = np.abs(np.fft.rfft(windows_EW * window_W)) ** 2
        level_EB = np.log1p(1e2 * np.add.reduceat(power_EF, edges_B, axis=1))
        first_B = level_EB[:1] if before_B is None else before_B
        rise_EB = np.diff(np.concatenate([first_B, level_EB]), axis=0)
        parts.append(np.maximum(rise_EB, 0).sum(axis=1).astype(np.float32))
        before_B = level_EB[-1:]
        left_S = left_S[hop * len(windows_EW) :]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def note_onsets(notes: Notes) -> np.ndarray:
    """The onset curve of notes: a bump of 20 ms at each, its height the velocity."""
    played = notes.select(notes.onset_N >= 0)
    if not len(played):
        return np.zeros(0, np.float32)
    at_N = np.round(played.onset_N * ONSET_RATE).astype(int)
    curve_E = np.bincount(at_N, played.velocity_N / 64, minlength=int(at_N.max()) + ONSET_RATE)
    return np.convolve(curve_E, [0.25, 0.75, 1.0, 0.75, 0.25], mode="same").astype(np.float32)


def correlate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For each shift from -(len(second) - 1) to len(first) - 1: the sum of first[t + shift] *
    second[t]."""
    length = len(first) + len(second) - 1
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size))
    return np.roll(np.fft.irfft(spectrum, size), len(second) - 1)[:length]


def best_match(height_L: np.ndarray, second: int, rate: float) -> Match | None:
    """The highest shift, and how far it stands out, of a curve made by :func:`correlate`."""
    best = int(np.argmax(height_L))
    if not np.isfinite(height_L[best]) or height_L[best] <= 0:
        return None
    away_L = np.abs(np.arange(len(height_L)) - best) >= _ELSEWHERE * rate
    other = float(height_L[away_L].max(initial=0.0))
    return Match(
        (best - (second - 1)) / rate, float(height_L[best]), float(1 - other / height_L[best])
    )
