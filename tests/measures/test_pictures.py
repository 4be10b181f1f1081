"""Picture figures against scikit-image and closed forms, and against degenerate answers."""

import numpy as np
import pytest

from apvg.instruments.skeleton import HANDS
from apvg.measures.pictures import (
    compare,
    detail_energy,
    hand_box,
    hand_boxes,
    nearest_poses,
    psnr,
    ssim,
)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    data = pytest.importorskip("skimage.data")
    image_HWC = data.astronaut()[:160, :200]
    noise_HWC = np.random.default_rng(0).normal(0, 12, image_HWC.shape)
    return (image_HWC + noise_HWC).clip(0, 255).astype(np.uint8), image_HWC


def test_psnr_and_ssim_match_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    assert psnr([pair]) == pytest.approx(metrics.peak_signal_noise_ratio(pair[1], pair[0]))
    reference = metrics.structural_similarity(
        *pair,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim(*pair) == pytest.approx(reference, abs=1e-9)


def test_psnr_is_pooled_as_torchmetrics_does(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image = pytest.importorskip("torchmetrics.image")
    torch = pytest.importorskip("torch")
    reference = image.PeakSignalNoiseRatio(data_range=255.0)
    for noisy_HWC in (pair[0], pair[1]):
        reference.update(torch.tensor(noisy_HWC).double(), torch.tensor(pair[1]).double())
    assert psnr([pair, (pair[1], pair[1])]) == pytest.approx(float(reference.compute()))


def test_equal_pictures() -> None:
    picture_HWC = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert psnr([(picture_HWC, picture_HWC)]) == float("inf")
    assert ssim(picture_HWC, picture_HWC) == pytest.approx(1)
    assert np.isnan(ssim(picture_HWC[:8], picture_HWC[:8]))


def test_detail_energy_of_a_checkerboard() -> None:
    board_HW = (np.indices((12, 12)).sum(axis=0) % 2) * 100
    board_HWC = np.repeat(board_HW[..., None], 3, axis=2).astype(np.uint8)
    assert detail_energy(board_HWC) == pytest.approx(
        400**2
    )  # each pixel differs by 100 from its four neighbours
    assert detail_energy(np.full((12, 12, 3), 77, np.uint8)) == pytest.approx(0, abs=1e-18)


def test_box_has_its_margin_and_stays_in_the_frame() -> None:
    points_KD = np.array([[100.0, 50], [140, 70], [120, 60]])
    assert hand_box(points_KD, 512, 128) == (94, 47, 146, 73)
    assert hand_box(points_KD - [100, 50], 512, 128) == (0, 0, 46, 23)
    assert hand_box(points_KD + np.array([1000, 0]), 512, 128) is None
    assert hand_box(np.full((21, 2), np.nan), 512, 128) is None


def clip() -> tuple[np.ndarray, np.ndarray]:
    """A textured patch that moves over a still ground: frames, and keypoints on it."""
    random = np.random.default_rng(0)
    frames_THWC = np.full((8, 64, 160, 3), 90, np.uint8)
    patch_HWC = random.integers(0, 256, (30, 30, 3), np.uint8)
    keypoints_TKD = np.zeros((8, 42, 2))
    for t in range(8):
        for hand, left in ((0, 5 + 4 * t), (1, 85 + 4 * t)):
            frames_THWC[t, 10:40, left : left + 30] = patch_HWC
            square_KD = random.uniform(0, 29, (21, 2))
            square_KD[:2] = [[0, 0], [29, 29]]
            keypoints_TKD[t, 21 * hand : 21 * hand + 21] = square_KD + np.array([left, 10])
    return frames_THWC, keypoints_TKD


def test_still_and_blurred_frames_score_below_true_ones() -> None:
    frames_THWC, keypoints_TKD = clip()
    boxes = hand_boxes(keypoints_TKD, HANDS, 160, 64)
    assert [len(frame_boxes) for frame_boxes in boxes] == [2] * 8
    true = compare(frames_THWC, frames_THWC, boxes)
    assert true.hand_psnr == float("inf")
    assert true.sharpness == pytest.approx(1)
    assert true.flicker == 0
    plate = compare(np.full((64, 160, 3), 90, np.uint8), frames_THWC, boxes)
    assert plate.sharpness == pytest.approx(0, abs=1e-9)
    # A still picture's flicker error is the whole of the real motion.
    moved = np.abs(np.diff(frames_THWC.astype(int), axis=0)).mean()
    assert plate.flicker == pytest.approx(moved)
    late = compare(np.roll(frames_THWC, 1, axis=0), frames_THWC, boxes)
    assert late.hand_psnr < 15
    noisy_THWC = frames_THWC.astype(float) + np.random.default_rng(1).normal(
        0, 10, frames_THWC.shape
    )
    noisy = compare(noisy_THWC.clip(0, 255).astype(np.uint8), frames_THWC, boxes)
    assert noisy.hand_psnr == pytest.approx(10 * np.log10(255**2 / 100), abs=0.5)


def test_frames_without_both_hands_do_not_count() -> None:
    frames_THWC, keypoints_TKD = clip()
    keypoints_TKD[3:, 21:] = np.nan
    boxes = hand_boxes(keypoints_TKD, HANDS, 160, 64)
    assert [len(frame_boxes) for frame_boxes in boxes] == [2] * 3 + [0] * 5
    broken_THWC = frames_THWC.copy()
    broken_THWC[3:] = 0
    assert compare(broken_THWC, frames_THWC, boxes).hand_psnr == float("inf")


def test_nearest_pose() -> None:
    random = np.random.default_rng(0)
    known_NKD = random.normal(size=(50, 42, 2))
    poses_TKD = known_NKD[[7, 3, 42]] + random.normal(0, 0.01, size=(3, 42, 2))
    poses_TKD[1, :21] = np.nan
    np.testing.assert_array_equal(nearest_poses(poses_TKD, known_NKD), [7, 3, 42])
