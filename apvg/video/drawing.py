"""Draws poses over images, without a drawing library."""

from __future__ import annotations

import numpy as np

from apvg.base.conventions import PIXEL_CENTRE
from apvg.instruments.skeleton import Skeleton

#: Colour (RGB) of parts in drawings: left cool, right warm, as in the field's figures; others take
#: turns.
_COLOURS = {
    "body": (130, 200, 130),
    "left_hand": (90, 170, 255),
    "right_hand": (255, 150, 70),
    "instrument": (230, 220, 120),
}
_OTHERS = ((90, 170, 255), (255, 150, 70), (130, 200, 130), (230, 220, 120))


def part_colours(skeleton: Skeleton) -> dict[str, tuple[int, int, int]]:
    """RGB of each part of a skeleton in drawings."""
    return {
        part: _COLOURS.get(part, _OTHERS[index % len(_OTHERS)])
        for index, part in enumerate(skeleton.parts)
    }


def draw_skeleton(
    image_HWC: np.ndarray,
    keypoints_KD: np.ndarray,
    confidence_K: np.ndarray,
    skeleton: Skeleton,
    *,
    thickness: float = 1.0,
    colour: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Draw one pose over an image, anti-aliased.

    Args:
        image_HWC: RGB uint8; not modified.
        keypoints_KD: [K, 2] in pixels, x then y; (0, 0) is the corner of the image.
        confidence_K: [K] in 0..1; the opacity of a bone is the lower confidence of its ends.
        skeleton: The layout.
        thickness: Half the width of a bone, pixels.
        colour: RGB of the whole pose; by default each part has its own (:func:`part_colours`).

    Returns:
        A new RGB uint8 image of the same shape.
    """
    bones_E2 = np.array([*skeleton.edges, *((i, i) for i in range(len(skeleton)))])
    ends_E2D = np.asarray(keypoints_KD, np.float64)[bones_E2]
    opacity_E = np.asarray(confidence_K, np.float32)[bones_E2].min(axis=1)
    shown_E = (opacity_E > 0) & np.isfinite(ends_E2D).all(axis=(1, 2))
    bones_E2, ends_E2D, opacity_E = bones_E2[shown_E], ends_E2D[shown_E], opacity_E[shown_E]
    is_point_E = bones_E2[:, 0] == bones_E2[:, 1]
    radius_E = np.where(is_point_E, 1.6, 1.0) * thickness
    colours = part_colours(skeleton)
    colour_of = {i: colours[part] for part, ids in skeleton.parts.items() for i in ids}
    colour_EC = np.array(
        [colour_of[a] if colour is None else colour for a in bones_E2[:, 0]], np.float32
    ).reshape(-1, 3)
    colour_EC[is_point_E] *= 0.8

    # Channel by channel, because NumPy is slow if the innermost axis is short.
    canvas_CHW = image_HWC.transpose(2, 0, 1).astype(np.float32, order="C")
    height, width = image_HWC.shape[:2]
    for (left, top), coverage_HW, opacity, colour_C in zip(
        *_coverage(ends_E2D, radius_E, (width, height)), opacity_E, colour_EC, strict=True
    ):
        x, y = max(left, 0), max(top, 0)
        alpha_HW = opacity * coverage_HW[y - top : height - top, x - left : width - left]
        region_CHW = canvas_CHW[:, y : y + alpha_HW.shape[0], x : x + alpha_HW.shape[1]]
        region_CHW += (colour_C[:, None, None] - region_CHW) * alpha_HW
    canvas_CHW += 0.5  # to round when converted to uint8
    drawn_HWC = np.empty_like(image_HWC)
    for channel, canvas_HW in enumerate(canvas_CHW):
        drawn_HWC[..., channel] = canvas_HW
    return drawn_HWC


def _coverage(
    ends_E2D: np.ndarray, radius_E: np.ndarray, size: tuple[int, int]
) -> tuple[list[tuple[int, int]], list[np.ndarray]]:
    """For every bone the corner (x, y) of a square around it, and how much of each pixel of the
    square it covers, 0..1.

    Bones of similar size are computed together: they are many and small, and each call of NumPy has
    its overhead.
    """
    bones = len(ends_E2D)
    # Only what is inside the image is computed, so that bones that end far outside do not fill the
    # memory.
    margin_E1 = radius_E[:, None] + 1
    limit_D = np.array(size, np.float64)
    low_ED = np.floor(ends_E2D.min(axis=1) - margin_E1).clip(-1, limit_D)
    high_ED = np.ceil(ends_E2D.max(axis=1) + margin_E1 + 1).clip(0, limit_D + 1)
    side_E = np.exp2(np.ceil(np.log2((high_ED - low_ED).max(axis=1).clip(1)))).astype(int)
    corners: list[tuple[int, int]] = [(int(x), int(y)) for x, y in low_ED]
    coverage: list[np.ndarray] = [np.zeros((0, 0))] * bones
    for side in np.unique(side_E):
        group = np.flatnonzero(side_E == side)
        first_GD = (ends_E2D[group, 0] - low_ED[group]).astype(np.float32)
        bone_GD = (ends_E2D[group, 1] - ends_E2D[group, 0]).astype(np.float32)
        centre_S = np.arange(side, dtype=np.float32) + np.float32(PIXEL_CENTRE)
        to_x_GS = centre_S - first_GD[:, :1]
        to_y_GS = centre_S - first_GD[:, 1:]
        share_GD = bone_GD / np.square(bone_GD).sum(axis=1, keepdims=True).clip(1e-6)
        along_GHW = (to_x_GS * share_GD[:, :1])[:, None, :] + (to_y_GS * share_GD[:, 1:])[..., None]
        along_GHW = along_GHW.clip(0, 1)
        away_x_GHW = to_x_GS[:, None, :] - along_GHW * bone_GD[:, :1, None]
        away_y_GHW = to_y_GS[..., None] - along_GHW * bone_GD[:, 1:, None]
        distance_GHW = np.sqrt(np.square(away_x_GHW) + np.square(away_y_GHW))
        reach_G11 = (radius_E[group, None, None] + 0.5).astype(np.float32)
        covered_GHW = (reach_G11 - distance_GHW).clip(0, 1)
        for bone, covered_HW in zip(group, covered_GHW, strict=True):
            coverage[bone] = covered_HW
    return corners, coverage
