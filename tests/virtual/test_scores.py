"""Generated pieces: what two human hands can do, told again here without the composer's own
code."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.keyboard import key_x
from apvg.music.midi import read_midi, write_midi
from apvg.virtual.piano.scores import Piece, compose
from apvg.virtual.piano.styles import HELD_OUT_STYLES, STYLES

pieces = st.builds(
    compose,
    st.sampled_from(sorted(STYLES)),
    st.integers(0, 10**6),
    st.floats(5, 40).map(lambda x: round(x, 1)),
)


def far_pairs(piece: Piece, hand: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Onset of the later, index of the earlier and distance of all pairs of one hand's notes over 9
    white keys apart."""
    of_hand = np.flatnonzero(piece.hand_N == hand)
    x_N, onset_N = key_x(piece.notes.pitch_N), piece.notes.onset_N
    early, late = np.triu_indices(len(of_hand), 1)
    early, late = of_hand[early], of_hand[late]
    distance = np.abs(x_N[early] - x_N[late])
    far = distance > 9
    return onset_N[late[far]], early[far], distance[far]


@settings(max_examples=60, deadline=None)
@given(pieces)
def test_two_hands_of_five_fingers_can_play_it(piece: Piece) -> None:
    notes, hand_N = piece.notes, piece.hand_N
    x_N = key_x(notes.pitch_N)
    assert len(hand_N) == len(notes) > 0
    assert (notes.offset_N > notes.onset_N + 0.04).all()
    held_NN = (notes.onset_N[None] <= notes.onset_N[:, None]) & (
        notes.offset_N[None] > notes.onset_N[:, None]
    )
    for hand in (0, 1):
        for held_N in held_NN & (hand_N == hand):
            assert held_N.sum() <= 5
            assert not held_N.any() or np.ptp(x_N[held_N]) <= 9
        gaps = np.diff(notes.onset_N[hand_N == hand])
        assert not ((gaps > 0.0351) & (gaps < 0.0499)).any()  # a chord, or one after the other
        later_P, early_P, distance_P = far_pairs(piece, hand)
        need_P = 0.12 + 0.02 * distance_P
        assert (later_P - notes.onset_N[early_P] >= need_P - 1e-9).all()
        assert (later_P - notes.offset_N[early_P] >= 0.6 * need_P - 1e-9).all()
    for pitch in np.unique(notes.pitch_N):
        same = notes.pitch_N == pitch
        assert (notes.onset_N[same][1:] - notes.offset_N[same][:-1] >= 0.03 - 1e-9).all()
    for held_N in held_NN:
        left_N, right_N = held_N & (hand_N == 0), held_N & (hand_N == 1)
        if left_N.any() and right_N.any():
            assert notes.pitch_N[left_N].max() < notes.pitch_N[right_N].min()


@settings(max_examples=40, deadline=None)
@given(pieces)
def test_pieces_are_well_formed(piece: Piece) -> None:
    notes = piece.notes
    assert (np.diff(notes.onset_N) >= 0).all()
    assert (notes.sounding_N >= notes.offset_N).all()
    assert notes.onset_N.min() >= 0
    assert notes.pitch_N.min() >= 21
    assert notes.pitch_N.max() <= 108
    assert notes.velocity_N.min() >= 25
    assert notes.velocity_N.max() <= 120
    for pitch in np.unique(notes.pitch_N):
        same = notes.pitch_N == pitch
        assert (notes.sounding_N[same][:-1] <= notes.onset_N[same][1:]).all()


@pytest.mark.parametrize("style", STYLES)
def test_every_style_fills_its_time_and_has_rests(style: str) -> None:
    seconds = 40.0
    longest = []
    for seed in range(4):
        piece = compose(style, seed, seconds)
        notes = piece.notes
        assert piece.name == f"{style}-{seed:04d}"
        assert 0.6 * seconds < notes.offset_N.max() < seconds
        assert notes.sounding_N.max() <= seconds
        assert 0.4 < notes.onset_N[0] < 12.0
        assert len(notes) > 0.4 * seconds
        longest.append(np.diff(np.r_[notes.onset_N, seconds]).max())
    assert max(longest) > 1.0


def test_a_piece_depends_on_style_and_seed_alone() -> None:
    one, again, other = (compose("waltz", seed, 20.0) for seed in (3, 3, 4))
    for name, array in one.notes.to_arrays().items():
        np.testing.assert_array_equal(array, again.notes.to_arrays()[name])
    assert len(one.notes) != len(other.notes) or (one.notes.pitch_N != other.notes.pitch_N).any()
    assert set(HELD_OUT_STYLES) < set(STYLES)


def test_another_process_draws_the_same_piece() -> None:
    program = (
        "from apvg.virtual.piano.scores import compose\n"
        "print(compose('random_walk', 5, 20.0).notes.onset_N.tobytes().hex())"
    )
    # Python's own hash of a text differs from run to run.
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert told.strip() == compose("random_walk", 5, 20.0).notes.onset_N.tobytes().hex()


def test_keys_and_registers_are_varied() -> None:
    training = [style for style in STYLES if style not in HELD_OUT_STYLES]
    drawn = [compose(style, seed, 30.0) for style in training for seed in range(3)]
    pitches = np.concatenate([piece.notes.pitch_N for piece in drawn])
    assert len(np.unique(pitches)) >= 85  # of 88 keys
    classes = np.bincount(pitches % 12) / len(pitches)
    assert classes.min() > 0.04  # an even use would be 0.083
    for hand in (0, 1):
        assert (np.concatenate([piece.hand_N for piece in drawn]) == hand).mean() > 0.3


@settings(max_examples=25, deadline=None)
@given(pieces)
def test_pieces_come_back_from_their_midi_files(
    tmp_path_factory: pytest.TempPathFactory, piece: Piece
) -> None:
    path = tmp_path_factory.mktemp("midi") / "piece.mid"
    write_midi(piece.notes, path)
    again = read_midi(path)
    # Onsets that fall on one tick are told in the order of their pitches.
    order_N = np.lexsort((piece.notes.pitch_N, np.rint(piece.notes.onset_N * 20_000)))
    for name, array in piece.notes.select(order_N).to_arrays().items():
        np.testing.assert_allclose(again.to_arrays()[name], array, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("style", "seed", "seconds"), [("polka", 0, 10.0), ("waltz", -1, 10.0), ("waltz", 0, 1.0)]
)
def test_wrong_wishes_are_refused(style: str, seed: int, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"style|seed"):
        compose(style, seed, seconds)
