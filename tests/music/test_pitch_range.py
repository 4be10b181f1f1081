"""What a performer plays of some music: pitches in its range, and one voice."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.music.notes import Notes
from apvg.music.pitch_range import RangeFolding, fold_pitch, melody_line, pitch_name


@given(st.integers(0, 127), st.integers(21, 70), st.integers(11, 40))
def test_a_folded_pitch_lies_in_the_range(pitch: int, lowest: int, wide: int) -> None:
    highest = lowest + wide
    moved = fold_pitch(pitch, lowest, highest)
    assert lowest <= moved <= highest
    assert (moved - pitch) % 12 == 0
    others = [p for p in range(lowest, highest + 1) if (p - pitch) % 12 == 0]
    assert abs(moved - pitch) == min(abs(p - pitch) for p in others)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(21, 108)),
        min_size=1,
        max_size=12,
        unique_by=lambda n: n[1] % 12,
    ),
    st.integers(24, 60),
)
def test_a_folded_roll_is_the_roll_of_the_folded_notes(
    drawn: list[tuple[int, int]], lowest: int
) -> None:
    onset_N = np.array([frame for frame, _ in drawn]) / 25
    pitch_N = np.array([pitch for _, pitch in drawn])
    velocity_N = np.full(len(drawn), 80)
    moved_N = np.array([fold_pitch(int(p), lowest, lowest + 30) for p in pitch_N])

    def roll(pitches: np.ndarray) -> torch.Tensor:
        notes = Notes(onset_N, onset_N + 0.2, onset_N + 0.2, pitches, velocity_N)
        return torch.from_numpy(notes.roll(25, 80))[None]

    folding = RangeFolding((lowest, lowest + 30))
    halves = [folding.fold(half) for half in roll(pitch_N).split(40, dim=2)]
    torch.testing.assert_close(torch.cat(halves, dim=2), roll(moved_N))
    assert (folding.notes, folding.folded) == (len(drawn), int((moved_N != pitch_N).sum()))


def test_the_whole_grid_needs_no_folding() -> None:
    folding = RangeFolding((LOWEST_PITCH, LOWEST_PITCH + 87))
    roll_12TP = (torch.rand(1, 2, 9, 88) > 0.9).float()
    assert folding.fold(roll_12TP) is roll_12TP
    assert folding.folded == 0
    assert str(folding).endswith("lie beyond A0 to C8")
    assert pitch_name(60) == "C4"


def test_no_notes_have_an_empty_melody() -> None:
    empty = Notes(*(np.zeros(0) for _ in range(5)))
    assert len(melody_line(empty)) == 0


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_a_melody_keeps_its_slurs(slurs: list[bool]) -> None:
    onset_N = np.arange(len(slurs)) * 0.25
    slurred_N = np.array(slurs) & (np.arange(len(slurs)) > 0)
    pitch_N, loud_N = 60 + np.arange(len(slurs)) % 5, np.full(len(slurs), 80)
    melody = Notes(onset_N, onset_N + 0.25, onset_N + 0.25, pitch_N, loud_N, slurred_N)
    np.testing.assert_array_equal(melody_line(melody).slurred_N, slurred_N)
    # A lower voice beneath it is left out, and of what goes on from there nothing is known.
    below = melody.transposed(-12)
    both = Notes(
        **{k: np.concatenate([v, below.to_arrays()[k]]) for k, v in melody.to_arrays().items()}
    )
    assert not melody_line(both).slurred_N.any()
    np.testing.assert_array_equal(melody_line(both).pitch_N, pitch_N)
