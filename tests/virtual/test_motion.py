"""The virtual pianist's fingering and motion: on the keys in time, within what hands can do, and
still when nothing plays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.keyboard import key_x
from apvg.instruments.skeleton import FINGERTIPS
from apvg.measures.lag import lag_curve
from apvg.measures.motion import key_hit
from apvg.music.notes import Notes
from apvg.virtual.piano.fingering import LEFT, RIGHT, WIDEST, assign_hands, finger_notes
from apvg.virtual.piano.hands import MIRROR_X, load_hand, measure_hands, mirrored
from apvg.virtual.piano.motion import MotionStyle, fingertips, play
from apvg.virtual.piano.scores import compose
from apvg.virtual.piano.styles import STYLES

FPS = 25
HAND = load_hand()
STILL = MotionStyle(sway=0.0, jitter=0.0)


def melody(pitches: list[int], step: float = 0.25, start: float = 1.0, held: float = 0.9) -> Notes:
    onset_N = start + step * np.arange(len(pitches))
    offset_N = onset_N + held * step
    return Notes(onset_N, offset_N, offset_N, np.array(pitches), np.full(len(pitches), 80))


def motion(notes: Notes, seconds: float, style: MotionStyle = STILL) -> np.ndarray:
    return play(notes, round(seconds * FPS), FPS, HAND, np.random.default_rng(0), style)


@settings(max_examples=25, deadline=None)
@given(style=st.sampled_from(sorted(STYLES)), seed=st.integers(0, 1000))
def test_every_key_is_under_a_fingertip_when_it_is_struck(style: str, seed: int) -> None:
    notes = compose(style, seed, 20).notes
    poses_TKD = motion(notes, 20)
    hit = key_hit(fingertips(poses_TKD)[..., 0], notes, FPS)
    assert hit.rate >= 0.99
    assert np.isfinite(poses_TKD).all()


@settings(max_examples=15, deadline=None)
@given(style=st.sampled_from(sorted(STYLES)), seed=st.integers(0, 1000))
def test_hands_stay_hands(style: str, seed: int) -> None:
    poses_TKD = motion(compose(style, seed, 20).notes, 20)
    for first in (0, 21):
        hand_TJD = poses_TKD[:, first : first + 21]
        from_wrist_TJ = np.linalg.norm(hand_TJD - hand_TJD[:, :1], axis=-1)
        assert from_wrist_TJ.max() < 13  # white keys: nothing torn off
        assert np.ptp(hand_TJD[..., 0], axis=1).max() <= WIDEST + 3
        # No finger is torn apart, and the palm is one piece, on leaps that leave held keys behind,
        # too.
        bone_TFB = np.linalg.norm(np.diff(hand_TJD[:, 1:].reshape(-1, 5, 4, 2), axis=2), axis=-1)
        assert (bone_TFB <= np.array(HAND.statistics.bone_FB) + 1e-4).all()
        palm_T = np.linalg.norm(hand_TJD[:, 5] - hand_TJD[:, 17], axis=-1)
        assert palm_T.min() > 1.5
        assert palm_T.max() < 3.5
        # At most two octaves in a third of a second.
        assert np.abs(np.diff(hand_TJD[..., 0].mean(axis=1))).max() < 14


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), style=st.sampled_from(["canon", "random_walk", "waltz"]))
def test_one_finger_per_key_and_held_keys_keep_theirs(seed: int, style: str) -> None:
    kept, all_held = 0, 0
    notes = compose(style, seed, 20).notes
    hand_N = assign_hands(notes)
    for side in (LEFT, RIGHT):
        mine = np.flatnonzero(hand_N == side)
        held: dict[int, int] = {}
        for grip in finger_notes(notes, mine, side, HAND):
            assert len(set(grip.fingers)) == len(grip.fingers)
            assert list(grip.fingers) == sorted(grip.fingers)  # thumb first, in order of the keys
            for note, finger in zip(grip.notes, grip.fingers, strict=True):
                if note in held and notes.offset_N[note] > grip.onset + 0.03:
                    kept, all_held = kept + (held[note] == finger), all_held + 1
            held = dict(zip(grip.notes, grip.fingers, strict=True))
    assert kept >= 0.9 * all_held  # the thumb cannot hold what others must pass


def test_five_neighbouring_keys_take_five_fingers() -> None:
    notes = melody([60, 62, 64, 65, 67])
    fingers = [g.fingers[0] for g in finger_notes(notes, np.arange(5), RIGHT, HAND)]
    assert fingers == [0, 1, 2, 3, 4]
    mirrored_notes = melody([124 - p for p in (60, 62, 64, 65, 67)])
    left = [g.fingers[0] for g in finger_notes(mirrored_notes, np.arange(5), LEFT, HAND)]
    assert left == fingers


def test_a_scale_passes_the_thumb_under() -> None:
    notes = melody([60, 62, 64, 65, 67, 69, 71, 72])
    grips = finger_notes(notes, np.arange(8), RIGHT, HAND)
    fingers = [grip.fingers[0] for grip in grips]
    assert 0 in fingers[1:]  # once more on the way up
    assert all(a != b for a, b in pairwise(fingers))


def test_an_octave_is_taken_by_thumb_and_little_finger() -> None:
    onset_N = np.array([1.0, 1.0])
    notes = Notes(onset_N, onset_N + 0.5, onset_N + 0.5, np.array([60, 72]), np.array([80, 80]))
    (grip,) = finger_notes(notes, np.arange(2), RIGHT, HAND)
    assert grip.fingers == (0, 4)


def test_low_notes_are_the_left_hands_and_high_ones_the_rights() -> None:
    onset_N = np.repeat(1.0 + 0.5 * np.arange(6), 4)
    pitch_N = np.tile([36, 43, 76, 79], 6)
    notes = Notes(onset_N, onset_N + 0.4, onset_N + 0.4, pitch_N, np.full(24, 80))
    assert (assign_hands(notes) == np.tile([0, 0, 1, 1], 6)).all()


def test_the_composers_hands_are_mostly_found() -> None:
    agree = []
    for style in ("alberti_sonatina", "waltz", "two_part_invention", "ragtime", "far_apart"):
        piece = compose(style, 5, 40)
        agree.append((assign_hands(piece.notes) == piece.hand_N).mean())
    assert min(agree) > 0.8
    assert np.mean(agree) > 0.9


def test_hands_are_still_in_silence_and_wait_at_home() -> None:
    notes = melody([72, 76, 79, 84], start=4.0)
    poses_TKD = motion(notes, 12)
    step_T = np.abs(np.diff(poses_TKD, axis=0)).max(axis=(1, 2))
    assert (
        step_T[: round(3.4 * FPS)].max() == 0.0
    )  # nothing moves more than half a second before its note
    assert step_T[round(6.5 * FPS) :].max() < 1e-6
    middle_T = fingertips(poses_TKD)[:, :5, 0].mean(axis=1)
    np.testing.assert_allclose(middle_T, middle_T[0], atol=1e-5)  # the left hand has nothing to do


def test_fingers_are_lifted_before_they_strike_and_down_when_they_do() -> None:
    notes = melody([60, 62, 64, 62, 60, 62], step=0.6)
    lifted = motion(notes, 6, MotionStyle(sway=0, jitter=0, lift=0.4))
    flat = motion(notes, 6, MotionStyle(sway=0, jitter=0, lift=0.0))
    up_T = np.abs(lifted - flat).max(axis=(1, 2))
    for onset in notes.onset_N:
        assert up_T[round((onset - 0.1) * FPS)] > 0.2
        assert up_T[round(onset * FPS)] < 0.1


def test_the_lag_of_generated_hands_is_small() -> None:
    notes = compose("toccata", 3, 40).notes
    curve = lag_curve(fingertips(motion(notes, 40))[..., 0], notes, FPS)
    assert abs(curve.lag) <= 0.06


def test_the_likeliest_posture_has_its_fingers_where_they_play() -> None:
    places_N2 = np.array([[20.5, 6.0], [22.5, 4.5], [24.5, 4.8]])
    posture = HAND.over((0, 2, 4), places_N2)
    tips_F2 = posture.points_J2[[4, 12, 20]]
    np.testing.assert_allclose(tips_F2[:, 0], places_N2[:, 0], atol=0.2)
    further = HAND.over((0, 2, 4), places_N2 + [[0, 0], [0, 0], [4, 0]])
    assert further.strain > posture.strain


def test_statistics_of_known_hands_are_found_again() -> None:
    random = np.random.default_rng(0)
    hands_TJ2 = HAND.at_rest(30.0) + random.normal(0, 0.2, (4000, 21, 2))
    found = measure_hands(hands_TJ2, [(0, False, 6.0)] * 3)
    np.testing.assert_allclose(found.points_J2, HAND.statistics.points_J2, atol=0.02)
    # Independent noise on five tips about their own middle: variance (1 - 1/5) of it.
    np.testing.assert_allclose(np.diag(found.covariance_TT), 0.8 * 0.04, rtol=0.1)
    assert found.white_y_F[0] == pytest.approx(6.0)
    away_TF2 = hands_TJ2[:, FINGERTIPS] - hands_TJ2[:, [5, 5, 9, 13, 17]]
    near_F = (np.linalg.norm(away_TF2, axis=-1) <= found.reach_F).mean(axis=0)
    np.testing.assert_allclose(near_F, 0.995, atol=0.001)


def test_the_keyboard_is_its_own_mirror_image() -> None:
    pitch_N = np.arange(21, 104)
    points_N2 = np.stack([key_x(pitch_N), np.zeros(len(pitch_N))], axis=1)
    np.testing.assert_allclose(mirrored(points_N2)[:, 0], key_x(124 - pitch_N), atol=1e-9)
    assert pytest.approx(key_x(np.array([62]))[0]) == MIRROR_X
