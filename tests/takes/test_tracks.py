"""Which hand is which, gaps, and smoothing, on hands whose truth is known."""

import os
import subprocess
import sys
from pathlib import Path

import needs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS
from apvg.takes.pose.assignment import assign_hands
from apvg.takes.pose.detections import Detections
from apvg.takes.prepare.clean import FILLED_CONFIDENCE, smooth

FPS = 25


def two_hands(frames: int, rng: np.random.Generator) -> np.ndarray:
    """[T, 2, 21, 2] of hands about 100 px large that wander, one in front of the other where they
    cross."""
    shape_PD = rng.uniform(0, 70, (21, 2))
    t = np.arange(frames)
    middle_TH2 = np.zeros((frames, 2, 2))
    middle_TH2[:, 0, 0] = 300 + 150 * np.sin(t / 25)
    middle_TH2[:, 1, 0] = 600 - 250 * np.sin(t / 30)
    middle_TH2[:, 1, 1] = 160
    return (middle_TH2[:, :, None] + shape_PD).astype(np.float32)


def detect(hands_THPD: np.ndarray, seen_TH: np.ndarray, rng: np.random.Generator) -> Detections:
    """What a tracker with no order among its hands would report."""
    detections = Detections.empty(len(hands_THPD), 0)
    for t in range(len(hands_THPD)):
        hands = [h for h in rng.permutation(2) if seen_TH[t, h]]
        for m, hand in enumerate(hands):
            detections.hands_TMPD[t, m] = hands_THPD[t, hand]
            detections.score_TM[t, m] = 0.9
            detections.right_TM[t, m] = 0.97 if hand else 0.03
    return detections


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), wrong_from=st.integers(0, 180), wrong_for=st.integers(0, 30))
def test_wrong_labels_never_exchange_hands(seed, wrong_from, wrong_for):
    rng = np.random.default_rng(seed)
    hands_THPD = two_hands(200, rng)
    seen_TH = rng.random((200, 2)) < 0.9
    detections = detect(hands_THPD, seen_TH, rng)
    wrong = slice(wrong_from, wrong_from + wrong_for)
    detections.right_TM[wrong] = 1 - detections.right_TM[wrong]
    found_THPD, score_TH = assign_hands(detections)
    assert np.array_equal(score_TH > 0, seen_TH)
    assert np.array_equal(found_THPD[seen_TH], hands_THPD[seen_TH])


def test_after_a_long_absence_the_labels_decide():
    rng = np.random.default_rng(0)
    hands_THPD = two_hands(200, rng)
    hands_THPD[100:] = hands_THPD[100:, ::-1] * 0.9  # they come back on each other's side
    seen_TH = np.ones((200, 2), bool)
    seen_TH[60:120] = False
    found_THPD, score_TH = assign_hands(detect(hands_THPD, seen_TH, rng))
    assert np.array_equal(score_TH > 0, seen_TH)
    assert np.array_equal(found_THPD[seen_TH], hands_THPD[seen_TH])


def test_one_hand_seen_twice_is_one_hand():
    rng = np.random.default_rng(0)
    hands_THPD = two_hands(50, rng)
    detections = detect(hands_THPD, np.ones((50, 2), bool), rng)
    left = np.argmin(detections.right_TM[20])
    detections.hands_TMPD[20, 1 - left] = detections.hands_TMPD[20, left] + 2
    detections.score_TM[20, 1 - left] = 0.6
    found_THPD, score_TH = assign_hands(detections)
    assert score_TH[20].tolist() == pytest.approx([0.9, 0.0])
    assert np.array_equal(found_THPD[20, 0], hands_THPD[20, 0])


def test_nothing_seen():
    hands_THPD, score_TH = assign_hands(Detections.empty(5, 0))
    assert np.isnan(hands_THPD).all()
    keypoints_TKD, confidence_TK = smooth(np.zeros((5, 42, 2)), np.zeros((5, 42)), HANDS, FPS)
    assert not keypoints_TKD.any()
    assert not confidence_TK.any()
    assert not score_TH.any()
    assert len(assign_hands(Detections.empty(0, 0))[0]) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_smoothing_has_no_lag_and_gaps_are_filled_in_line(seed, gap):
    """Parabolas pass the smoothing unchanged, gaps in straight motion are filled exactly."""
    rng = np.random.default_rng(seed)
    t = np.arange(100)[:, None, None]
    straight_TKD = rng.normal(size=(1, 42, 2)) * t + rng.normal(size=(1, 42, 2))
    bent_TKD = straight_TKD + rng.normal(size=(1, 42, 2)) * (t / 20) ** 2
    whole_TK = np.full((100, 42), 0.8)
    smooth_TKD, confidence_TK = smooth(bent_TKD, whole_TK, HANDS, FPS)
    assert np.allclose(smooth_TKD, bent_TKD, atol=1e-3)
    assert np.allclose(confidence_TK, 0.8)

    gappy_TK = whole_TK.copy()
    gappy_TK[40 : 40 + gap, :21] = 0
    spoilt_TKD = np.where(gappy_TK[..., None] > 0, straight_TKD, 1e6)
    filled_TKD, confidence_TK = smooth(spoilt_TKD, gappy_TK, HANDS, FPS)
    assert np.allclose(filled_TKD, straight_TKD, atol=1e-3)
    assert np.allclose(confidence_TK[40 : 40 + gap, :21], 0.8 * FILLED_CONFIDENCE)
    assert np.allclose(confidence_TK[:, 21:], 0.8)


def test_noise_shrinks_and_a_stroke_keeps_its_height():
    rng = np.random.default_rng(0)
    confidence_TK = np.ones((400, 42))
    noise_TKD = rng.normal(size=(400, 42, 2))
    assert smooth(noise_TKD, confidence_TK, HANDS, FPS)[0].std() < 0.75
    # A finger's stroke lasts some 0.25 s.
    stroke_TKD = np.zeros((400, 42, 2))
    stroke_TKD[198:203] = np.array([0.5, 0.9, 1.0, 0.9, 0.5])[:, None, None]
    smooth_TKD, _ = smooth(stroke_TKD, confidence_TK, HANDS, FPS)
    assert smooth_TKD[:, 0, 1].max() > 0.95
    assert smooth_TKD[:, 0, 1].argmax() == 200


def test_long_gaps_have_no_confidence_and_do_not_leak():
    rng = np.random.default_rng(0)
    keypoints_TKD = rng.normal(size=(200, 51, 2))
    confidence_TK = np.ones((200, 51))
    confidence_TK[50:90, 9:30] = 0  # the left hand leaves
    confidence_TK[:20, 30:] = 0  # the right hand comes late
    smooth_TKD, filled_TK = smooth(keypoints_TKD, confidence_TK, BODY_AND_HANDS, FPS)
    assert np.array_equal(filled_TK, confidence_TK)
    assert np.isfinite(smooth_TKD).all()
    before_TKD, _ = smooth(keypoints_TKD[:50], confidence_TK[:50], BODY_AND_HANDS, FPS)
    assert np.allclose(smooth_TKD[:50, 9:30], before_TKD[:, 9:30], atol=1e-6)


def crossing_hands(frames: int = 300) -> np.ndarray:
    """[T, 2, 21, 2]: the right hand goes over the left one to its other side for some seconds, and
    comes back."""
    rng = np.random.default_rng(7)
    shape_PD = rng.uniform(0, 70, (21, 2))
    t = np.arange(frames)
    middle_TH2 = np.zeros((frames, 2, 2))
    middle_TH2[:, 0] = (300, 200)
    middle_TH2[:, 1, 0] = 300 + 220 * np.cos(2 * np.pi * t / frames)
    middle_TH2[:, 1, 1] = 170 - 30 * np.sin(2 * np.pi * t / frames)
    shapes_HPD = np.stack([shape_PD, shape_PD * (-1, 1) + (70, 0)])
    return (middle_TH2[:, :, None] + shapes_HPD).astype(np.float32)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), wrong=st.floats(0, 0.35))
def test_crossing_hands_keep_their_names(seed, wrong):
    """One over the other (and hidden, in part, meanwhile), with a good share of the labels
    wrong."""
    rng = np.random.default_rng(seed)
    hands_THPD = crossing_hands()
    seen_TH = rng.random((len(hands_THPD), 2)) < 0.95
    over_T = np.abs(hands_THPD[:, 0, :, 0].mean(axis=1) - hands_THPD[:, 1, :, 0].mean(axis=1)) < 25
    assert over_T.sum() > 4
    seen_TH[over_T, 0] = False  # the lower hand is hidden
    # One hand alone, just where the other was: if the upper one is missed in the very frames in
    # which the lower one comes back, nobody can tell from them which it is.
    seen_TH[np.flatnonzero(over_T)[-1] + np.arange(1, 4), 1] = True
    detections = detect(hands_THPD, seen_TH, rng)
    noise_T = rng.random(len(detections)) < wrong
    detections.right_TM[noise_T] = 1 - detections.right_TM[noise_T]
    found_THPD, score_TH = assign_hands(detections)
    right_T = np.array(
        [
            np.array_equal(score_TH[t] > 0, seen_TH[t])
            and np.array_equal(found_THPD[t, seen_TH[t]], hands_THPD[t, seen_TH[t]])
            for t in range(len(detections))
        ]
    )
    # A known weakness: with more wrong labels, the hand that is seen alone over the other may bear
    # the other's name meanwhile.
    near_T = np.convolve(over_T, np.ones(7), mode="same") > 0
    assert right_T[~near_T].all()
    assert right_T.all() or wrong > 0.2


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    hand=st.integers(0, 1),
    left_at=st.integers(60, 120),
    far=st.floats(-250, 250),
)
def test_a_hand_that_leaves_and_comes_back_elsewhere(seed, hand, left_at, far):
    """Two seconds away: the other hand is not taken for it, nothing is made up, and its name is
    still known."""
    rng = np.random.default_rng(seed)
    hands_THPD = two_hands(300, rng)
    away = slice(left_at, left_at + 2 * FPS)
    hands_THPD[away.stop :, hand, :, 0] += far
    seen_TH = np.ones((300, 2), bool)
    seen_TH[away, hand] = False
    detections = detect(hands_THPD, seen_TH, rng)
    noise_T = rng.random(300) < 0.15
    detections.right_TM[noise_T] = 1 - detections.right_TM[noise_T]
    found_THPD, score_TH = assign_hands(detections)
    assert np.array_equal(score_TH > 0, seen_TH)
    assert np.array_equal(found_THPD[seen_TH], hands_THPD[seen_TH])
    keypoints_TKD = np.nan_to_num(found_THPD).reshape(300, 42, 2)
    smooth_TKD, confidence_TK = smooth(keypoints_TKD, np.repeat(score_TH, 21, 1), HANDS, FPS)
    ids = list(HANDS.hands["right_hand" if hand else "left_hand"])
    assert not confidence_TK[away][:, ids].any()
    # Where it rests meanwhile is where it was last or will be next, never on a way between.
    middle_T2 = smooth_TKD[away][:, ids].mean(axis=1)
    ends_22 = smooth_TKD[[away.start - 1, away.stop]][:, ids].mean(axis=1)
    assert np.linalg.norm(middle_T2[:, None] - ends_22, axis=-1).min(axis=1).max() < 5


def test_both_hands_leave_and_come_back_exchanged_in_place():
    rng = np.random.default_rng(3)
    hands_THPD = two_hands(400, rng)
    hands_THPD[250:] = hands_THPD[
        250:, ::-1
    ]  # the left one comes back where the right one would be
    seen_TH = np.ones((400, 2), bool)
    seen_TH[150:250] = False
    detections = detect(hands_THPD, seen_TH, rng)
    noise_T = rng.random(400) < 0.2
    detections.right_TM[noise_T] = 1 - detections.right_TM[noise_T]
    found_THPD, score_TH = assign_hands(detections)
    assert np.array_equal(score_TH > 0, seen_TH)
    assert np.array_equal(found_THPD[seen_TH], hands_THPD[seen_TH])


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), at=st.integers(30, 150), long=st.integers(1, 12))
def test_something_else_is_taken_for_a_hand(seed, at, long):
    """A pattern far from both hands is seen instead of one that is hidden: the hand is gone rather
    than there."""
    rng = np.random.default_rng(seed)
    hands_THPD = two_hands(200, rng)
    hand = int(rng.integers(2))
    spoilt = slice(at, at + long)
    detections = detect(hands_THPD, np.ones((200, 2), bool), rng)
    for t in range(at, at + long):
        m = (
            int(np.argmax(detections.right_TM[t]))
            if hand
            else int(np.argmin(detections.right_TM[t]))
        )
        detections.hands_TMPD[t, m] = hands_THPD[at, hand] + (250, 900)
        detections.score_TM[t, m] = 0.6
    found_THPD, score_TH = assign_hands(detections)
    other = 1 - hand
    assert score_TH[:, other].all()
    assert np.array_equal(found_THPD[:, other], hands_THPD[:, other])
    assert not score_TH[spoilt, hand].any()
    rest_T = np.ones(200, bool)
    rest_T[spoilt] = False
    assert np.array_equal(found_THPD[rest_T, hand], hands_THPD[rest_T, hand])


def test_hands_are_found_without_the_systems_opengl(tmp_path: Path) -> None:
    """Which OpenCV wants, and servers lack; of MediaPipe, only what draws needs OpenCV."""
    needs.mediapipe()
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file')"
    )
    code = (
        "import numpy as np, sys\n"
        "from skimage.data import astronaut\n"
        "from apvg.takes.pose.mediapipe import track_hands\n"
        "keypoints_TKD, confidence_TK = track_hands([astronaut()], 25)\n"
        "print(keypoints_TKD.shape, 'cv2' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "(1, 42, 2) False\n", done.stderr
