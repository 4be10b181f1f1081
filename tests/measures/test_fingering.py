"""Figures on fingering, of hands whose fingers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apvg.instruments.keyboard import key_x
from apvg.measures.fingering import agreement, longest_run, striking_fingers
from apvg.music.notes import Notes

FPS = 25.0
C_MAJOR = np.array([60, 62, 64, 65, 67, 69, 71, 72])
TAUGHT = np.array([0, 1, 2, 0, 1, 2, 3, 4])


def scale() -> Notes:
    onset_N = 0.5 + 0.25 * np.arange(len(C_MAJOR))
    velocity_N = np.full(len(C_MAJOR), 64)
    return Notes(onset_N, onset_N + 0.2, onset_N + 0.2, C_MAJOR, velocity_N)


def playing(finger_N: np.ndarray, notes: Notes) -> np.ndarray:
    """[T, 5] of a hand that puts these fingers on the keys, a white key between neighbours."""
    tip_x_TF = np.empty((80, 5))
    for t in range(len(tip_x_TF)):
        n = int(np.clip(np.searchsorted(notes.onset_N, t / FPS + 0.06) - 1, 0, len(notes) - 1))
        tip_x_TF[t] = key_x(notes.pitch_N[n]) + np.arange(5) - finger_N[n]
    return tip_x_TF


@given(st.lists(st.integers(0, 4), min_size=len(C_MAJOR), max_size=len(C_MAJOR)))
def test_the_finger_over_the_key_is_the_one_that_strikes(fingers: list[int]) -> None:
    finger_N, notes = np.array(fingers), scale()
    np.testing.assert_array_equal(striking_fingers(playing(finger_N, notes), notes, FPS), finger_N)


def test_who_is_not_seen_strikes_with_no_finger() -> None:
    notes = scale()
    tip_x_TF = playing(TAUGHT, notes)
    tip_x_TF[round(0.75 * FPS)] = np.nan
    later = notes.shifted(10.0)
    assert striking_fingers(tip_x_TF, notes, FPS)[:3].tolist() == [0, -1, 2]
    assert (striking_fingers(tip_x_TF, later, FPS) == -1).all()


def test_the_alternative_that_agrees_best_counts() -> None:
    other = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    assert agreement(other, [TAUGHT]) == pytest.approx(3 / 8)
    assert agreement(other, [TAUGHT, other]) == 1
    unknown = np.where(np.arange(8) < 4, TAUGHT, -1)
    assert agreement(TAUGHT[::-1], [unknown]) == pytest.approx(1 / 4)
    assert np.isnan(agreement(TAUGHT, [np.full(8, -1)]))


@pytest.mark.parametrize(
    ("fingers", "pitches", "run"),
    [
        ([0, 1, 2, 0, 1], [60, 62, 64, 65, 67], 1),
        ([2, 2, 2, 2, 1], [60, 62, 64, 65, 67], 4),
        ([2, 2, 2, 2, 2], [60, 60, 62, 64, 64], 3),
        ([-1, -1, 3, -1, 3], [60, 62, 64, 65, 67], 1),
        ([], [], 0),
    ],
)
def test_a_finger_that_travels_makes_a_long_run(
    fingers: list[int], pitches: list[int], run: int
) -> None:
    """Repeating a key is no travel."""
    assert longest_run(np.array(fingers), np.array(pitches)) == run
