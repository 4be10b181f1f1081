"""Figures on pictures: frames and hand crops against the true ones, uint8 RGB throughout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.ndimage import gaussian_filter, laplace

from apvg.base.plain import OptionalKey
from apvg.instruments.skeleton import Skeleton
from apvg.measures.motion import share

#: How far a hand crop reaches beyond the box of the hand's keypoints, as a share of the box, on
#: every side.
CROP_MARGIN = 0.15
#: ITU-R BT.601 luma.
_LUMA = np.array([0.299, 0.587, 0.114])

Box = tuple[int, int, int, int]


def psnr(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Peak signal-to-noise ratio of a clip, dB: of the mean squared error over all pairs (picture,
    true picture).

    Each pair has the same weight, whatever its size. Pooled as in torchmetrics: one picture without
    an error cannot make the whole infinite.
    """
    errors = [np.square(image.astype(np.float64) - true).mean() for image, true in pairs]
    if not errors:
        return float("nan")
    error = float(np.mean(errors))
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def ssim(image_HWC: np.ndarray, true_HWC: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004): 11 x 11 Gaussian window of sigma 1.5, mean of the
    three channels.

    Only windows inside the picture count. NaN for pictures under 11 pixels high or wide.
    """
    if min(image_HWC.shape[:2]) < 11:
        return float("nan")
    x_HWC, y_HWC = image_HWC.astype(np.float64), true_HWC.astype(np.float64)

    def blur(a_HWC: np.ndarray) -> np.ndarray:
        return gaussian_filter(a_HWC, 1.5, truncate=3.5, axes=(0, 1))[5:-5, 5:-5]

    mean_x, mean_y = blur(x_HWC), blur(y_HWC)
    variance_x = blur(x_HWC**2) - mean_x**2
    variance_y = blur(y_HWC**2) - mean_y**2
    covariance = blur(x_HWC * y_HWC) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return float(similarity.mean())


def detail_energy(image_HWC: np.ndarray) -> float:
    """Mean square of the luma's Laplacian: how much fine detail a picture has."""
    return float(np.square(laplace(image_HWC @ _LUMA)[1:-1, 1:-1]).mean())


def flicker(frames: Iterable[np.ndarray], true: Iterable[np.ndarray]) -> float:
    """Mean absolute error of the differences between neighbouring frames, in grey levels of 255."""
    errors = []
    before: np.ndarray | None = None
    for frame_HWC, true_HWC in zip(frames, true, strict=True):
        error_HWC = frame_HWC.astype(np.int16) - true_HWC
        if before is not None:
            errors.append(np.abs(error_HWC - before).mean())
        before = error_HWC
    return float(np.mean(errors)) if errors else float("nan")


def hand_box(points_KD: np.ndarray, width: int, height: int) -> Box | None:
    """Left, top, right, bottom of the box of a part with its margin, within the frame; None when a
    point was not seen, or all lie outside."""
    if np.isnan(points_KD).any():
        return None
    low_D, high_D = points_KD.min(axis=0), points_KD.max(axis=0)
    margin_D = CROP_MARGIN * (high_D - low_D)
    left, top = np.floor(low_D - margin_D).astype(int).clip(0)
    right, bottom = np.ceil(high_D + margin_D).astype(int)
    right, bottom = min(right, width), min(bottom, height)
    return (left, top, right, bottom) if right - left >= 3 and bottom - top >= 3 else None


def hand_boxes(
    keypoints_TKD: np.ndarray, skeleton: Skeleton, width: int, height: int
) -> list[list[Box]]:
    """The boxes of the skeleton's close-ups (hands, and a bow) in every frame; none in frames where
    one of them is missing (NaN)."""
    boxes: list[list[Box]] = []
    parts = [list(ids) for ids in skeleton.close_ups.values()]
    for points_KD in keypoints_TKD:
        found = [hand_box(points_KD[ids], width, height) for ids in parts]
        whole = [box for box in found if box is not None]
        boxes.append(whole if len(whole) == len(found) else [])
    return boxes


def crops(frames: Iterable[np.ndarray], boxes: list[list[Box]]) -> Iterator[np.ndarray]:
    """Every box of every frame, in order."""
    for frame_HWC, frame_boxes in zip(frames, boxes, strict=True):
        for left, top, right, bottom in frame_boxes:
            yield frame_HWC[top:bottom, left:right]


@dataclass(frozen=True)
class PictureFigures:
    """Generated frames against the real ones.

    Attributes:
        psnr, ssim: Of whole frames; PSNR in dB.
        hand_psnr, hand_ssim: Of the crops of hands (and of a bow).
        sharpness: Detail energy of those crops over that of the real ones.
        flicker: Mean absolute error of the differences between neighbouring frames, grey levels of
            255.
        hand_psnr_gain: hand_psnr above that of the best retrieval baseline, dB.
        lpips: Mean over frames, by a network that was given as a file.
    """

    psnr: float
    ssim: float
    hand_psnr: float
    hand_ssim: float
    sharpness: float
    flicker: float
    hand_psnr_gain: Annotated[float | None, OptionalKey()] = None
    lpips: Annotated[float | None, OptionalKey()] = None


def compare(frames: np.ndarray, true_THWC: np.ndarray, boxes: list[list[Box]]) -> PictureFigures:
    """All picture figures of a clip.

    Args:
        frames: [T, H, W, 3], or one still picture [H, W, 3] for every frame.
        true_THWC: The real frames.
        boxes: Boxes in the real frames (:func:`hand_boxes`); frames without boxes count for no
            figure but flicker.
    """
    frames_THWC = np.broadcast_to(frames, true_THWC.shape)
    counted = [t for t, frame_boxes in enumerate(boxes) if frame_boxes]
    pairs = list(zip(crops(frames_THWC, boxes), crops(true_THWC, boxes), strict=True))

    def mean(values: Iterable[float]) -> float:
        values = [value for value in values if not np.isnan(value)]
        return float(np.mean(values)) if values else float("nan")

    true_detail = mean(detail_energy(true) for _, true in pairs)
    return PictureFigures(
        psnr=psnr((frames_THWC[t], true_THWC[t]) for t in counted),
        ssim=mean(ssim(frames_THWC[t], true_THWC[t]) for t in counted),
        hand_psnr=psnr(pairs),
        hand_ssim=mean(ssim(*pair) for pair in pairs),
        sharpness=share(mean(detail_energy(crop) for crop, _ in pairs), true_detail),
        flicker=flicker(frames_THWC, true_THWC),
    )


def mean_detail(frames: Iterable[np.ndarray], boxes: list[list[Box]]) -> float:
    """Mean detail energy of every box of every frame; NaN without boxes."""
    energies = [detail_energy(crop) for crop in crops(frames, boxes)]
    return float(np.mean(energies)) if energies else float("nan")


def nearest_poses(poses_TKD: np.ndarray, known_NKD: np.ndarray) -> np.ndarray:
    """For every pose the index of the known pose with the smallest mean distance between their
    points.

    Points that either lacks do not count; pairs that share no point are never chosen while another
    pair does.
    """
    nearest_T = np.zeros(len(poses_TKD), int)
    for t, pose_KD in enumerate(poses_TKD):
        away_NK = np.linalg.norm(known_NKD - pose_KD, axis=-1)
        shared_N = np.isfinite(away_NK).sum(axis=1)
        mean_N = np.nansum(away_NK, axis=1) / np.maximum(shared_N, 1)
        nearest_T[t] = np.argmin(np.where(shared_N > 0, mean_N, np.inf))
    return nearest_T
