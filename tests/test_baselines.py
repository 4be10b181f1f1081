"""Baselines: each learns what can be learnt its way, on sounds whose poses are a formula of the
sound."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import zoom

from apvg.baselines.keypoints import (
    MFCC,
    SAMPLE_RATE,
    Audio2BodyConfig,
    Audio2BodyDynamics,
    KeypointBaseline,
    MeanPose,
    NearestSound,
    SoundAndPoses,
    mfcc,
)
from apvg.baselines.pictures import Pix2Pix, Pix2PixConfig, enlarged
from apvg.instruments.skeleton import Skeleton

FPS = 25


def sound_and_poses(seed: int, seconds: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Noise that swells and dies away; the first point goes up with its loudness, the second stands
    still."""
    random = np.random.default_rng(seed)
    frames = round(seconds * FPS)
    loud_T = 0.5 + 0.45 * np.sin(np.cumsum(random.uniform(0.05, 0.25, frames)))
    loud_S = np.interp(
        np.arange(round(seconds * SAMPLE_RATE)) * FPS / SAMPLE_RATE, np.arange(frames), loud_T
    )
    samples_S = 0.3 * loud_S**2 * random.standard_normal(len(loud_S))
    poses_TKD = np.full((frames, 2, 2), 30.0)
    poses_TKD[:, 0, 1] = 10 + 40 * loud_T
    return samples_S.astype(np.float32), poses_TKD


def take(seed: int, seconds: float = 8.0) -> SoundAndPoses:
    samples_S, poses_TKD = sound_and_poses(seed, seconds)
    return SoundAndPoses(mfcc(samples_S, FPS), poses_TKD)


def error(baseline: KeypointBaseline, seed: int) -> float:
    samples_S, poses_TKD = sound_and_poses(seed)
    answer_TKD = baseline.predict(samples_S)
    assert answer_TKD.shape == poses_TKD.shape
    return float(np.abs(answer_TKD - poses_TKD)[10:-10, 0, 1].mean())


def test_the_mean_pose_knows_nothing_of_the_music() -> None:
    first, second = take(0), take(1, 4.0)
    first.poses_TKD[:100, 1] = np.nan
    baseline = MeanPose([first, second], FPS)
    both_TKD = np.concatenate([first.poses_TKD, second.poses_TKD])
    np.testing.assert_allclose(baseline.mean_KD, np.nanmean(both_TKD, axis=0))
    assert np.ptp(baseline.predict(sound_and_poses(1)[0]), axis=0).max() == 0


def test_the_nearest_sound_is_the_same_sound() -> None:
    takes = [take(0), take(1)]
    takes[0].poses_TKD[::2, 1] = np.nan  # frames without a point are not chosen
    baseline = NearestSound(takes, FPS)
    np.testing.assert_array_equal(baseline.predict(sound_and_poses(1)[0]), takes[1].poses_TKD)
    assert not np.isnan(baseline.predict(sound_and_poses(0)[0])).any()
    assert error(baseline, 2) < 0.5 * error(MeanPose(takes, FPS), 2)


def test_audio2body_learns_a_pose_that_follows_the_sound() -> None:
    takes = [take(seed) for seed in range(3)]
    config = Audio2BodyConfig(hidden=48, components=2, steps=250, excerpts=8, frames=100, rate=5e-3)
    baseline = Audio2BodyDynamics(takes, FPS, config)
    assert error(baseline, 9) < 0.35 * error(MeanPose(takes, FPS), 9)
    again = Audio2BodyDynamics(takes, FPS, config)
    samples_S, _ = sound_and_poses(0)
    np.testing.assert_array_equal(again.predict(samples_S), baseline.predict(samples_S))


@pytest.mark.parametrize("samples", [16_000, 15_999, 12_345, 4_000])
def test_mfcc_have_a_row_for_every_frame(samples: int) -> None:
    sound_TC = mfcc(np.random.default_rng(0).standard_normal(samples), FPS)
    assert sound_TC.shape == (round(samples * FPS / SAMPLE_RATE), 2 * MFCC + 2)
    assert np.isfinite(sound_TC).all()


def test_cvg_alone_is_its_coarse_video_enlarged() -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
    frames = enlarged(coarse, (32, 48))
    assert frames.shape == (2, 32, 48, 3)
    expected = zoom(coarse[1].astype(float), (4, 4, 1), order=1, mode="nearest", grid_mode=True)
    assert np.abs(frames[1] - expected).max() <= 1


def dots(poses_TKD: np.ndarray) -> np.ndarray:
    """A picture whose disc lies at the first point, where it was seen, before a slope of blue."""
    y_HW, x_HW = np.mgrid[:40, :64]
    frames = np.zeros((len(poses_TKD), 40, 64, 3), np.uint8)
    frames[..., 2] = 60 + 2 * x_HW
    for frame, (x, y) in zip(frames, poses_TKD[:, 0], strict=True):
        frame[(x_HW - x) ** 2 + (y_HW - y) ** 2 < 36] = (230, 160, 120)
    return frames


def test_pix2pix_learns_to_paint_a_disc_where_the_point_is() -> None:
    layout = Skeleton("dot", ("dot", "far"), (), {"body": (0, 1)})
    random = np.random.default_rng(0)
    poses = random.uniform((8, 8), (56, 32), (64, 1, 2)).repeat(2, axis=1)
    poses[:, 1] = np.nan
    frames = dots(poses)
    config = Pix2PixConfig(steps=200, width=8, rate=2e-3)
    painter = Pix2Pix(lambda n: frames[n], poses[:60], layout, config)
    painted = painter.paint(poses[60:])
    assert painted.shape == (4, 40, 64, 3)
    still = np.abs(frames[60:] - frames[:60].mean(axis=0)).mean()
    assert np.abs(painted.astype(float) - frames[60:]).mean() < 0.8 * still
    assert painter.paint(poses[:0]).shape == (0, 40, 64, 3)
