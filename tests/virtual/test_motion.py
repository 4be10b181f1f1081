"""The virtual pianist's motion: the planned fingers on their keys in time, pressing them, within
what hands can do, and still when nothing plays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.keyboard import BLACK_KEY_HEIGHT, KEY_DEPTH, key_x
from apvg.instruments.skeleton import FINGERTIPS
from apvg.measures.lag import lag_curve
from apvg.measures.motion import key_hit
from apvg.measures.pressing import nearest_tips, press_score, presses, tips_of
from apvg.models.fingering import plan
from apvg.models.fingering.fingers import MIRROR_X
from apvg.music.fingering import Fingering
from apvg.music.notes import Notes
from apvg.virtual.piano.hands import load_hand, measure_hands, mirrored
from apvg.virtual.piano.motion import HandMotion, MotionStyle, fingertips, play
from apvg.virtual.piano.scores import compose
from apvg.virtual.piano.styles import STYLES

FPS = 25
HAND = load_hand()
STILL = MotionStyle(sway=0.0, jitter=0.0)
TIPS = [21 * side + tip for side in (0, 1) for tip in FINGERTIPS]


def melody(pitches: list[int], step: float = 0.25, start: float = 1.0, held: float = 0.9) -> Notes:
    onset_N = start + step * np.arange(len(pitches))
    offset_N = onset_N + held * step
    return Notes(onset_N, offset_N, offset_N, np.array(pitches), np.full(len(pitches), 80))


def motion(
    notes: Notes,
    seconds: float,
    style: MotionStyle = STILL,
    fingering: Fingering | None = None,
    fps: int = FPS,
) -> HandMotion:
    random = np.random.default_rng(0)
    return play(notes, round(seconds * fps), fps, HAND, random, style, fingering)


@settings(max_examples=20, deadline=None)
@given(style=st.sampled_from(sorted(STYLES)), seed=st.integers(0, 1000))
def test_every_key_is_under_its_planned_fingertip_at_its_onset(style: str, seed: int) -> None:
    notes = compose(style, seed, 20).notes
    fingering = plan(notes)
    poses_TKD, heights_TK = motion(notes, 20, fingering=fingering)
    tip_x_TF = fingertips(poses_TKD)[..., 0]
    assert key_hit(tip_x_TF, notes, FPS).rate >= 0.99
    tip_N = tips_of(fingering)
    played = tip_N >= 0
    assert (nearest_tips(tip_x_TF, notes, FPS) == tip_N)[played].mean() >= 0.9
    assert np.isfinite(poses_TKD).all()
    assert np.isfinite(heights_TK).all()


@pytest.mark.parametrize("style", ["two_part_invention", "nocturne", "alberti_sonatina", "toccata"])
def test_planned_fingers_press_their_keys_and_others_press_none(style: str) -> None:
    notes = compose(style, 77, 30).notes
    fingering = plan(notes)
    poses_TKD, heights_TK = motion(notes, 30, MotionStyle(), fingering)
    tip_x_TF, tip_y_TF = poses_TKD[:, TIPS].transpose(2, 0, 1)
    tip_N = tips_of(fingering)

    def f1(heights_TK: np.ndarray, tip_N: np.ndarray) -> float:
        pressed = presses(tip_x_TF, tip_y_TF, heights_TK[:, TIPS], FPS)
        return press_score(pressed, notes, tip_N).f1

    assert f1(heights_TK, tip_N) >= 0.93
    # What would fool a figure that only asks where tips are.
    assert f1(np.full_like(heights_TK, -KEY_DEPTH), tip_N) == 0.0
    assert f1(np.full_like(heights_TK, 1.0), tip_N) == 0.0
    assert f1(heights_TK, np.random.default_rng(0).permutation(tip_N)) < 0.35


def test_a_pressed_key_goes_to_its_bottom_and_comes_up_at_the_release() -> None:
    notes = melody([60, 61], step=1.0, held=0.5)
    fingering = Fingering(np.ones(2), np.array([0, 2]))
    heights_TK = motion(notes, 4, fingering=fingering, fps=100).heights_TK[:, 21:]
    for onset, tip, surface in ((1.0, 4, 0.0), (2.0, 12, BLACK_KEY_HEIGHT)):
        at = round(100 * onset)
        assert heights_TK[at - 10, tip] > surface + 0.1  # raised
        np.testing.assert_allclose(
            heights_TK[at + 3 : at + 48, tip], surface - KEY_DEPTH, atol=0.01
        )
        assert heights_TK[at + 60, tip] > surface
    assert heights_TK[:, [8, 16, 20]].min() > 0.0  # fingers that play nothing press nothing


@settings(max_examples=15, deadline=None)
@given(style=st.sampled_from(sorted(STYLES)), seed=st.integers(0, 1000))
def test_hands_stay_hands(style: str, seed: int) -> None:
    poses_TKD = motion(compose(style, seed, 20).notes, 20).poses_TKD
    for first in (0, 21):
        hand_TJD = poses_TKD[:, first : first + 21]
        from_wrist_TJ = np.linalg.norm(hand_TJD - hand_TJD[:, :1], axis=-1)
        assert from_wrist_TJ.max() < 14  # white keys: nothing torn off
        assert np.ptp(hand_TJD[..., 0], axis=1).max() <= 13
        # No finger is torn apart, and the palm is one piece, on leaps that leave held keys behind,
        # too.
        bone_TFB = np.linalg.norm(np.diff(hand_TJD[:, 1:].reshape(-1, 5, 4, 2), axis=2), axis=-1)
        assert (bone_TFB <= np.array(HAND.statistics.bone_FB) + 1e-4).all()
        palm_T = np.linalg.norm(hand_TJD[:, 5] - hand_TJD[:, 17], axis=-1)
        assert palm_T.min() > 1.2
        assert palm_T.max() < 3.8
        # At most two octaves in a third of a second.
        assert np.abs(np.diff(hand_TJD[..., 0].mean(axis=1))).max() < 14


def test_the_hand_is_on_its_way_while_the_thumb_passes_under() -> None:
    """Its knuckles move less at once than from grip to grip, and not back."""
    notes = melody([60, 62, 64, 65, 67, 69, 71, 72], step=0.2)
    fingering = Fingering(np.ones(8), np.array([0, 1, 2, 0, 1, 2, 3, 4]))
    knuckles = [21 + point for point in (5, 9, 13, 17)]
    middle_T = motion(notes, 4, fingering=fingering).poses_TKD[:, knuckles, 0].mean(axis=1)
    third, thumb, next_finger = (round(second * FPS) for second in (1.4, 1.6, 1.8))
    # From the third finger on E to the thumb on F the middle would move by 3.6 keys at once.
    assert 0.8 < middle_T[thumb] - middle_T[third] < 3.2
    assert middle_T[next_finger] > middle_T[thumb] - 0.5
    assert np.diff(middle_T[third : next_finger + 1]).min() > -0.25


def test_hands_are_still_in_silence_and_wait_at_home() -> None:
    notes = melody([72, 76, 79, 84], start=4.0)
    poses_TKD = motion(notes, 12).poses_TKD
    step_T = np.abs(np.diff(poses_TKD, axis=0)).max(axis=(1, 2))
    assert (
        step_T[: round(3.4 * FPS)].max() == 0.0
    )  # nothing moves more than half a second before its note
    assert step_T[round(6.5 * FPS) :].max() < 1e-6
    middle_T = fingertips(poses_TKD)[:, :5, 0].mean(axis=1)
    np.testing.assert_allclose(middle_T, middle_T[0], atol=1e-5)  # the left hand has nothing to do


def test_fingers_are_drawn_back_before_they_strike_and_in_place_when_they_do() -> None:
    notes = melody([60, 62, 64, 62, 60, 62], step=0.6)
    lifted = motion(notes, 6, MotionStyle(sway=0, jitter=0, lift=0.4)).poses_TKD
    flat = motion(notes, 6, MotionStyle(sway=0, jitter=0, lift=0.0)).poses_TKD
    up_T = np.abs(lifted - flat).max(axis=(1, 2))
    for onset in notes.onset_N:
        assert up_T[round((onset - 0.1) * FPS)] > 0.2
        assert up_T[round(onset * FPS)] < 0.1


def test_the_lag_of_generated_hands_is_small() -> None:
    notes = compose("toccata", 3, 40).notes
    curve = lag_curve(fingertips(motion(notes, 40).poses_TKD)[..., 0], notes, FPS)
    assert abs(curve.lag) <= 0.06


def test_the_likeliest_posture_has_its_fingers_where_they_play() -> None:
    places_N2 = np.array([[20.5, 6.0], [22.5, 4.5], [24.5, 4.8]])
    posture = HAND.over((0, 2, 4), places_N2)
    tips_F2 = posture.points_J2[[4, 12, 20]]
    np.testing.assert_allclose(tips_F2[:, 0], places_N2[:, 0], atol=0.2)
    further = HAND.over((0, 2, 4), places_N2 + [[0, 0], [0, 0], [4, 0]])
    assert further.strain > posture.strain


def test_a_posture_is_about_where_its_path_has_the_hand() -> None:
    thumb_12 = np.array([[23.5, 6.0]])
    free = HAND.over((0,), thumb_12)
    behind = HAND.over((0,), thumb_12, free.middle - 2)
    assert free.middle - 2 < behind.middle < free.middle - 0.7
    assert behind.points_J2[4, 0] == pytest.approx(23.5, abs=0.2)  # its tip is where it plays


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
