"""Motion figures against closed forms, and against answers that must not pass: the mean pose, a
frozen one, a late one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.keyboard import KEY_X, Keyboard, key_x
from apvg.instruments.skeleton import HANDS
from apvg.measures.lag import lag_curve
from apvg.measures.motion import (
    derivative_error,
    fingertip_x,
    key_hit,
    key_hits,
    mean_speed,
    motion_energy,
    pck,
    pixel_error,
    pose_component,
    seen,
)
from apvg.music.notes import Notes

FPS = 25.0


def make_notes(onset_N: np.ndarray, pitch_N: np.ndarray) -> Notes:
    return Notes(onset_N, onset_N + 0.1, onset_N + 0.1, pitch_N, np.full(len(onset_N), 64))


@pytest.fixture(scope="module")
def music() -> Notes:
    """Forty seconds of a hand wandering over four octaves, an onset every 0.2 s."""
    random = np.random.default_rng(0)
    onset_N = np.arange(1, 39, 0.2)
    return make_notes(onset_N, (60 + np.cumsum(random.integers(-7, 8, len(onset_N)))) % 48 + 40)


def pianist(notes: Notes, late: float = 0.0) -> np.ndarray:
    """[T, 10] tips of one who plays right: one finger glides from key to key, the others rest two
    keys apart."""
    time_T = np.arange(round(40 * FPS)) / FPS
    x_T = np.interp(time_T - late, notes.onset_N, key_x(notes.pitch_N))
    return x_T[:, None] + 20.0 * np.arange(10)


def test_a_right_performance_hits_every_key_and_random_hands_have_no_skill(music: Notes) -> None:
    figure = key_hit(pianist(music), music, FPS)
    assert figure.rate == 1.0
    assert figure.skill == 1.0
    assert figure.notes == len(music)
    assert max(figure.shifted_floor, figure.transposed_floor) < 0.4


@pytest.mark.parametrize("answer", ["mean", "frozen", "late"])
def test_degenerate_answers_have_little_skill(music: Notes, answer: str) -> None:
    tips_TF = pianist(music)
    wrong_TF = {
        "mean": np.broadcast_to(tips_TF.mean(axis=0), tips_TF.shape),
        "frozen": np.broadcast_to(tips_TF[300], tips_TF.shape),
        "late": pianist(music, late=1.0),
    }[answer]
    assert abs(key_hit(wrong_TF, music, FPS).skill) < 0.15


def test_one_key_aside_is_a_miss_and_half_a_key_is_not(music: Notes) -> None:
    tips_TF = np.full((1000, 1), KEY_X[39])  # on C4 throughout
    at = make_notes(np.array([5.0]), np.array([60]))
    assert key_hits(tips_TF + 0.49, at, FPS).all()
    assert not key_hits(tips_TF + 0.51, at, FPS).any()
    assert key_hits(tips_TF + 2, at, FPS, right=2).all()


def test_only_frames_within_40_ms_count() -> None:
    tips_TF = np.full((100, 1), np.nan)
    tips_TF[50] = KEY_X[39]  # seen once, at 2.00 s
    onset_N = np.array([1.95, 1.96, 2.0, 2.04, 2.05])
    hits_N = key_hits(tips_TF, make_notes(onset_N, np.full(5, 60)), FPS)
    np.testing.assert_array_equal(hits_N, [False, True, True, True, False])
    # The same frames with another clock, and notes that lie outside of them.
    later = make_notes(np.array([0.0, 12.0, 99.0]), np.full(3, 60))
    np.testing.assert_array_equal(key_hits(tips_TF, later, FPS, start=10.0), [True])


def test_chance_alone_gives_the_floor() -> None:
    # A still comb of tips over a share p of all keys, keys uniformly at random: rate and floors are
    # all p.
    random = np.random.default_rng(1)
    notes = make_notes(np.sort(random.uniform(8, 392, 4000)), random.integers(30, 98, 4000))
    figure = key_hit(np.tile(np.arange(0, 52, 4.0) + 0.5, (10_000, 1)), notes, FPS)
    assert figure.rate == pytest.approx(figure.shifted_floor, abs=0.03)
    assert abs(figure.skill) < 0.05


@pytest.mark.parametrize("late", [-0.2, 0.0, 0.04, 0.31])
def test_lag_is_found(music: Notes, late: float) -> None:
    curve = lag_curve(pianist(music, late), music, FPS)
    assert curve.lag == pytest.approx(late, abs=0.021)
    assert np.nanmin(curve.distance_L) < 0.25
    assert curve.distance_L.max() <= 1.0


def test_lag_without_notes_or_tips(music: Notes) -> None:
    assert np.isnan(lag_curve(pianist(music), music.between(0, 0), FPS).distance_L).all()
    np.testing.assert_allclose(lag_curve(np.full((1000, 10), np.nan), music, FPS).distance_L, 1.0)


def test_pixel_error_and_pck_by_hand() -> None:
    true_TKD = np.zeros((2, 3, 2))
    true_TKD[:, 1] = [10, 0]
    true_TKD[:, 2] = [0, 4]  # box 10 x 4
    predicted_TKD = true_TKD.copy()
    predicted_TKD[0, 0] = [3, 4]  # 5 px away, sqrt(25 / 2) by A2B
    assert pixel_error(predicted_TKD, true_TKD) == pytest.approx(np.sqrt(12.5) / 6)
    assert pck(predicted_TKD, true_TKD, 0.5) == 1.0
    assert pck(predicted_TKD, true_TKD, 0.49) == pytest.approx(5 / 6)
    predicted_TKD[1] = np.nan  # not there: wrong
    assert pck(predicted_TKD, true_TKD, 0.5) == pytest.approx(0.5)
    true_TKD[1] = np.nan  # nothing to judge by
    assert pck(predicted_TKD, true_TKD, 0.5) == 1.0


@settings(max_examples=20, deadline=None)
@given(st.floats(-50, 50), st.integers(0, 2**31))
def test_derivative_errors_of_polynomials(speed: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    true_TKD = random.normal(size=(30, 4, 2))
    time_T = np.arange(30) / FPS
    moving_TKD = true_TKD + np.stack([speed * time_T, 0 * time_T], axis=-1)[:, None]
    assert derivative_error(moving_TKD, true_TKD, FPS, 1) == pytest.approx(abs(speed), abs=1e-6)
    assert derivative_error(moving_TKD, true_TKD, FPS, 3) == pytest.approx(0, abs=1e-5)
    cubic_TKD = true_TKD + (speed * time_T**3)[:, None, None] * [1, 0]
    assert derivative_error(cubic_TKD, true_TKD, FPS, 3) == pytest.approx(6 * abs(speed), abs=1e-4)


def test_motion_energy_of_still_true_and_doubled_motion() -> None:
    time_T = np.arange(500) / FPS
    true_TKD = np.sin(2 * np.pi * 0.5 * time_T)[:, None, None] * np.ones((1, 42, 2))
    doubled_TKD = true_TKD.copy()
    doubled_TKD[:, 21:] *= 2
    ratio = motion_energy(doubled_TKD, true_TKD, HANDS, FPS)
    assert ratio == pytest.approx({"left_hand": 1.0, "right_hand": 2.0})
    assert motion_energy(0 * true_TKD, true_TKD, HANDS, FPS)["left_hand"] == 0
    # White noise of the tracker: the filter leaves a fifth of its mean speed (by the variance of
    # the smoothed steps).
    noise_TKD = np.random.default_rng(0).normal(size=(4000, 1, 2))
    raw = np.linalg.norm(np.diff(noise_TKD, axis=0), axis=-1).mean() * FPS
    assert mean_speed(noise_TKD, FPS) / raw == pytest.approx(1 / 5, abs=0.01)


def test_component_of_one_dimensional_motion() -> None:
    time_T = np.linspace(0, 10, 200)
    direction_KD = np.random.default_rng(0).uniform(0.1, 1, size=(42, 2))
    true_TKD = 100 + np.sin(time_T)[:, None, None] * direction_KD
    figure = pose_component(true_TKD, true_TKD)
    assert figure.explained == pytest.approx(1)
    assert figure.correlation == pytest.approx(1)
    wave_T = np.sin(time_T) - np.sin(time_T).mean()
    np.testing.assert_allclose(figure.true_T, wave_T / wave_T.std(), atol=1e-8)
    still = pose_component(np.broadcast_to(true_TKD.mean(axis=0), true_TKD.shape), true_TKD)
    assert still.correlation == 0
    np.testing.assert_allclose(still.predicted_T, 0, atol=1e-8)


def test_component_matches_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    true_TKD = np.random.default_rng(0).normal(size=(60, 42, 2)) * np.arange(1, 43)[:, None]
    reference = decomposition.PCA(1).fit(true_TKD.reshape(60, -1))
    figure = pose_component(true_TKD, true_TKD)
    assert figure.explained == pytest.approx(reference.explained_variance_ratio_[0])
    scores_T = reference.transform(true_TKD.reshape(60, -1))[:, 0]
    np.testing.assert_allclose(np.abs(figure.true_T), np.abs(scores_T / scores_T.std()), atol=1e-8)


def test_unseen_points_become_nan_and_tips_are_mapped() -> None:
    keyboard = Keyboard(np.array([[0, 0], [520, 0], [520, 100], [0, 100]]))
    keypoints_TKD = np.zeros((3, 42, 2), np.float32)
    keypoints_TKD[:, 4] = [235, 50]
    confidence_TK = np.ones((3, 42), np.float32)
    confidence_TK[1] = 0
    tips_TF = fingertip_x(seen(keypoints_TKD, confidence_TK), HANDS, keyboard)
    assert tips_TF.shape == (3, 10)
    np.testing.assert_allclose(tips_TF[:, 0], [23.5, np.nan, 23.5])
