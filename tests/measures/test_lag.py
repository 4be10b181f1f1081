"""The lag of a bow against paths whose turns are known, and the onsets' strength against
librosa's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.skeleton import BODY_AND_HANDS, BODY_HANDS_AND_BOW, HANDS
from apvg.measures.lag import ONSET_RATE, bow_lag_curve, leading_point, onset_strength

FPS, SECONDS, RATE = 25.0, 30, 16_000


def bowing(seed: int, late: float, start: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A bow [T, 2] that turns every 0.3 to 1 s and is seen so late from second `start` on, and the
    onsets of its turns [R]."""
    random = np.random.default_rng(seed)
    turn_B = np.cumsum(random.uniform(0.3, 1.0, 2 * SECONDS))
    place_B = np.arange(len(turn_B)) % 2 * 40.0
    time_T = start + np.arange(round(SECONDS * FPS)) / FPS
    x_T = np.interp(time_T - late, turn_B, place_B)
    onset_R = np.zeros((SECONDS + 10) * ONSET_RATE)
    onset_R[(turn_B[turn_B < SECONDS + 9] * ONSET_RATE).round().astype(int)] = 1.0
    return np.stack([x_T, 0.3 * x_T], axis=1), onset_R


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.45, 0.45), st.integers(0, 2**31), st.sampled_from([0.0, 3.0]))
def test_the_lag_of_a_bow_is_found(late: float, seed: int, start: float) -> None:
    bow_TD, onset_R = bowing(seed, late, start)
    curve = bow_lag_curve(bow_TD, onset_R, FPS, start=start)
    assert curve.lag == pytest.approx(
        late, abs=0.031
    )  # the acceleration is that of frames of 40 ms
    assert curve.contrast > 0.1


def test_nothing_to_tell_it_by() -> None:
    bow_TD, onset_R = bowing(0, 0.0)
    assert not bow_lag_curve(np.zeros_like(bow_TD), onset_R, FPS).known
    assert not bow_lag_curve(bow_TD, np.zeros_like(onset_R), FPS).known
    assert not bow_lag_curve(np.full_like(bow_TD, np.nan), onset_R, FPS).known
    assert not bow_lag_curve(bow_TD[:400], onset_R, FPS).known
    gap_TD = bow_TD.copy()
    gap_TD[100:130] = np.nan
    assert bow_lag_curve(gap_TD, onset_R, FPS).lag == pytest.approx(0.0, abs=0.031)
    assert leading_point(HANDS) is None
    assert leading_point(BODY_HANDS_AND_BOW) == BODY_HANDS_AND_BOW.points.index("bow_frog")
    assert leading_point(BODY_AND_HANDS) == BODY_AND_HANDS.points.index("right_wrist")


def test_onsets_are_where_librosa_finds_them() -> None:
    librosa = pytest.importorskip("librosa")
    random = np.random.default_rng(1)
    time_S = np.arange(8 * RATE) / RATE
    samples_S = np.zeros(len(time_S), np.float32)
    onsets = np.cumsum(random.uniform(0.25, 0.6, 14))
    for onset in onsets[onsets < 7.5]:
        hz = 440 * 2 ** (random.integers(-12, 12) / 12)
        tone_S = np.sin(2 * np.pi * hz * time_S) * np.exp(-4 * (time_S - onset))
        samples_S += (0.1 * np.where(time_S >= onset, tone_S, 0)).astype(np.float32)
    mine_R = onset_strength(samples_S, RATE)
    theirs_R = librosa.onset.onset_strength(
        y=samples_S, sr=RATE, hop_length=RATE // ONSET_RATE, n_fft=512, lag=3
    )
    rows = min(len(mine_R), len(theirs_R))
    shifts = range(-10, 11)
    alike = [
        np.corrcoef(mine_R[20 : rows - 20], theirs_R[20 + s : rows - 20 + s])[0, 1] for s in shifts
    ]
    assert max(alike) > 0.7
    assert abs(list(shifts)[int(np.argmax(alike))]) <= 2  # hundredths of a second
    assert len(onset_strength(np.zeros(3 * 48_000, np.float32), 48_000)) == 3 * ONSET_RATE
