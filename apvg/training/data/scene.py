"""The footage of one scene as FPVG and CVG train on it: frames, the clean plate behind the
performer, mattes, and hands to cut out.

The plate is what the camera would see without the performer's hands, so that the STU only has to
paint what moves. (Own choice.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from apvg.base.conventions import STRIDE
from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.instruments.skeleton import Skeleton

_KNUCKLE = 9  # of the middle finger, within a hand
_CHUNK = 256  # frames worked on at a time
_SAMPLES = 300  # frames that a scene's colours are taken from
_ON_BONES, _AROUND = 0.3, 2.0  # limb distances: nothing but a hand; what is seen around it


@dataclass(frozen=True)
class Scene:
    """Frames of one scene with all else that training needs, in memory.

    Attributes:
        frames_TCHW: uint8 RGB.
        mattes_THW: uint8; 255 where the frame shows a moving limb, 0 where it shows the plate.
        hands_THW: uint8; what of the mattes is a hand by its colour, and is to be cut out with it:
            behind hands, legs move, too. The mattes themselves where a player is more than hands.
        plate_CHW: float32 in 0..1.
        keypoints_TKD: float32, pixels.
        confidence_TK: float32 in 0..1.
        training_T: Indices of frames that may be trained on.
        skeleton: The keypoints' layout.
    """

    frames_TCHW: torch.Tensor
    mattes_THW: torch.Tensor
    hands_THW: torch.Tensor
    plate_CHW: torch.Tensor
    keypoints_TKD: torch.Tensor
    confidence_TK: torch.Tensor
    training_T: np.ndarray
    skeleton: Skeleton

    def stretches(self, length: int) -> np.ndarray:
        """First frames of all stretches of `length` frames that lie wholly among those that may be
        trained on.

        Raises:
            ApvgError: There is none.
        """
        allowed_T = np.zeros(max(len(self.frames_TCHW), length), bool)
        allowed_T[self.training_T] = True
        starts = np.flatnonzero(sliding_window_view(allowed_T, length).all(axis=1))
        if len(starts) == 0:
            raise ApvgError(
                f"the footage is too short to train on: hands are nowhere visible in {length} "
                "frames in a row",
                "film longer, or hold out less in the recipe",
            )
        return starts


def build_scene(
    frames_THWC: np.ndarray,
    keypoints_TKD: np.ndarray,
    confidence_TK: np.ndarray,
    allowed_T: np.ndarray,
    skeleton: Skeleton,
) -> Scene:
    """Find the plate and the mattes of a still camera's footage.

    The plate is made of frames in `allowed_T` (bool) alone; those of them that show all hands are
    trained on.
    """
    frames_TCHW = torch.from_numpy(np.ascontiguousarray(frames_THWC.transpose(0, 3, 1, 2)))
    keypoints = torch.from_numpy(keypoints_TKD.astype(np.float32))
    confidence = torch.from_numpy(confidence_TK.astype(np.float32))
    distance_Thw = limb_distances(keypoints, confidence, skeleton, frames_THWC.shape[1:3])
    # Tight for the plate, so that as much of it as possible is seen in some frame; loose for what
    # may be painted.
    plate_CHW = clean_plate(frames_TCHW, distance_Thw < 0.65, np.flatnonzero(allowed_T))
    hands = [i for ids in skeleton.players.values() for i in ids]
    training_T = np.flatnonzero(allowed_T & (confidence_TK[:, hands] > 0).all(axis=1))
    mattes_THW = difference_mattes(frames_TCHW, plate_CHW, distance_Thw < 1)
    hands_THW = mattes_THW
    if len(training_T) and len(hands) == len(skeleton):
        hands_THW = of_hand_colour(frames_TCHW, mattes_THW, distance_Thw, training_T)
    return Scene(
        frames_TCHW, mattes_THW, hands_THW, plate_CHW, keypoints, confidence, training_T, skeleton
    )


def limb_distances(
    keypoints_TKD: torch.Tensor,
    confidence_TK: torch.Tensor,
    skeleton: Skeleton,
    size_HW: Sequence[int],
) -> torch.Tensor:
    """How far each cell is from the nearest limb, float32 [T, H / 4, W / 4]: at most 1 generously
    covers the limb.

    A limb is a bone with a radius in proportion to the hand; a forearm whose elbow is not in the
    layout runs from the wrist, away from the middle finger's knuckle, out of the picture. The body
    is as thick as the shoulders are wide.
    """
    height, width = size_HW
    rows, columns = height // STRIDE, width // STRIDE
    middles_ND = (
        torch.stack(
            torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy"), dim=-1
        ).reshape(-1, 2)
        * float(STRIDE)
        + STRIDE / 2
    )
    nearest_TN = torch.full((len(keypoints_TKD), rows * columns), float("inf"))
    ends = palms(skeleton)
    shoulders = [i for i, name in enumerate(skeleton.points) if name.endswith("_shoulder")]
    body = set(skeleton.parts.get("body", ()))
    with_elbow = any("elbow" in name for name in skeleton.points)
    for start in track(range(0, len(keypoints_TKD), _CHUNK), "finding the limbs"):
        chunk = slice(start, start + _CHUNK)
        points, seen = keypoints_TKD[chunk], confidence_TK[chunk] > 0
        palm_T = torch.stack([(points[:, a] - points[:, b]).norm(dim=-1) for a, b in ends])
        size_T1 = palm_T.amax(dim=0)[:, None]
        segments = [
            (points[:, a], points[:, b], 0.35 * size_T1, seen[:, a] & seen[:, b])
            for a, b in skeleton.edges
        ]
        if shoulders:
            width_T1 = (points[:, shoulders[0]] - points[:, shoulders[1]]).norm(dim=-1)[:, None]
            segments += [
                (points[:, a], points[:, b], 0.4 * width_T1, seen[:, a] & seen[:, b])
                for a, b in skeleton.edges
                if {a, b} <= body
            ]
        if not with_elbow:
            for wrist, knuckle in ends:
                away = F.normalize(points[:, wrist] - points[:, knuckle], dim=-1)
                elbow = points[:, wrist] + away * 2 * max(height, width)
                both_T = seen[:, wrist] & seen[:, knuckle]
                segments.append((points[:, wrist], elbow, 0.55 * size_T1, both_T))
        for a_TD, b_TD, radius_T1, seen_T in segments:
            bone_TD = b_TD - a_TD
            # |p - a - s b|² = |p - a|² - s (2 p·b - s |b|²), which needs no array of points per
            # frame.
            offset_TN = middles_ND @ bone_TD.T - (a_TD * bone_TD).sum(-1)
            along_TN = (offset_TN.T / bone_TD.square().sum(-1).clamp(min=1e-6)[:, None]).clamp(0, 1)
            distance_TN = torch.hypot(
                middles_ND[:, 0] - a_TD[:, :1] - along_TN * bone_TD[:, :1],
                middles_ND[:, 1] - a_TD[:, 1:] - along_TN * bone_TD[:, 1:],
            )
            relative_TN = distance_TN / radius_T1.clamp(min=1e-6)
            relative_TN[~seen_T] = float("inf")
            nearest_TN[chunk] = torch.minimum(nearest_TN[chunk], relative_TN)
    return nearest_TN.unflatten(1, (rows, columns))


def palms(skeleton: Skeleton) -> list[tuple[int, int]]:
    """Two points of each limb that plays, whose distance is its size: of a hand the wrist and the
    middle finger's knuckle."""
    return [(ids[0], ids[min(_KNUCKLE, len(ids) - 1)]) for ids in skeleton.players.values()]


def clean_plate(
    frames_TCHW: torch.Tensor, limbs_THW: torch.Tensor, allowed_T: np.ndarray
) -> torch.Tensor:
    """Median of the frames where no limb is, per pixel; float32 [C, H, W] in 0..1.

    Cells that limbs always cover fall back to the plain median.
    """
    chosen = _some(allowed_T)
    frames = frames_TCHW[chosen].float().numpy()
    covered = limbs_THW[chosen].repeat_interleave(STRIDE, 1).repeat_interleave(STRIDE, 2).numpy()
    plain_CHW = np.median(frames, axis=0)
    frames[np.broadcast_to(covered[:, None], frames.shape)] = np.nan
    seen_HW = (~covered).sum(axis=0) >= 3
    masked_CHW = np.nanmedian(np.where(seen_HW, frames, plain_CHW), axis=0)
    return torch.from_numpy(masked_CHW / 255).float()


def difference_mattes(
    frames_TCHW: torch.Tensor, plate_CHW: torch.Tensor, limbs_THW: torch.Tensor
) -> torch.Tensor:
    """Where a frame differs from the plate, within its limbs' masks: uint8 [T, H, W], soft at the
    edges."""
    mattes = torch.empty(len(frames_TCHW), *plate_CHW.shape[1:], dtype=torch.uint8)
    for start in track(range(0, len(frames_TCHW), _CHUNK), "finding mattes"):
        chunk = slice(start, start + _CHUNK)
        difference = (frames_TCHW[chunk].float() / 255 - plate_CHW).abs().amax(1, keepdim=True)
        inside = F.interpolate(limbs_THW[chunk, None].float(), scale_factor=STRIDE, mode="bilinear")
        differs = ((difference - 0.05) / 0.08).clamp(0, 1)
        # Closing fills skin that happens to have the plate's colour.
        smooth = _smooth(_closed(differs))
        mattes[chunk] = (smooth * inside.clamp(0, 1) * 255).round().to(torch.uint8)[:, 0]
    return mattes


def of_hand_colour(
    frames_TCHW: torch.Tensor,
    mattes_THW: torch.Tensor,
    distance_Thw: torch.Tensor,
    allowed_T: np.ndarray,
) -> torch.Tensor:
    """The mattes where a pixel's colour is more frequent on bones than around hands, uint8 [T, H,
    W].

    Colours are counted in frames of `allowed_T`: on bones nothing but a hand is seen, around it all
    else.
    """
    chosen = _some(allowed_T)
    distance_N = _per_pixel(distance_Thw[chosen]).flatten()
    colour_N = _colour_cells(frames_TCHW[chosen]).flatten()
    counts = [
        torch.bincount(colour_N[chosen_N], minlength=16**3).view(16, 16, 16).double()
        for chosen_N in (distance_N < _ON_BONES, (distance_N > 1) & (distance_N < _AROUND))
    ]
    on_X, around_X = (
        gaussian_filter(count_RGB.numpy(), 1.0).ravel() / max(float(count_RGB.sum()), 1.0)
        for count_RGB in counts
    )
    likely_X = torch.from_numpy(on_X / (on_X + around_X + 1e-9)).float()
    hands_THW = torch.empty_like(mattes_THW)
    for start in track(range(0, len(frames_TCHW), _CHUNK), "cutting hands out"):
        chunk = slice(start, start + _CHUNK)
        likely_T1HW = likely_X[_colour_cells(frames_TCHW[chunk])][:, None]
        skin_T1HW = ((likely_T1HW - 0.4) / 0.2).clamp(0, 1)
        bones_T1HW = (_per_pixel(distance_Thw[chunk]) < _ON_BONES)[:, None].float()
        closed_T1HW = _closed(torch.maximum(skin_T1HW, bones_T1HW))
        # Lone pixels of a like colour are no hand.
        opened_T1HW = -_closed(-closed_T1HW, 3)
        hands_THW[chunk] = (mattes_THW[chunk] * _smooth(opened_T1HW)[:, 0]).round().to(torch.uint8)
    return hands_THW


def _some(allowed_T: np.ndarray) -> np.ndarray:
    """`_SAMPLES` of the frames, evenly spaced."""
    return allowed_T[np.linspace(0, len(allowed_T) - 1, _SAMPLES).astype(int)]


def _colour_cells(frames_TCHW: torch.Tensor) -> torch.Tensor:
    """Which of 16×16×16 cells of the colour cube each pixel is in, int32 [T, H, W]."""
    red_THW, green_THW, blue_THW = (frames_TCHW >> 4).int().unbind(1)
    return (red_THW << 8) + (green_THW << 4) + blue_THW


def _per_pixel(cells_Thw: torch.Tensor) -> torch.Tensor:
    return cells_Thw.repeat_interleave(STRIDE, 1).repeat_interleave(STRIDE, 2)


def _closed(x_T1HW: torch.Tensor, width: int = 5) -> torch.Tensor:
    """Grown and shrunk again: holes and gaps up to `width` pixels are filled."""
    grown_T1HW = F.max_pool2d(x_T1HW, width, 1, width // 2)
    return torch.maximum(x_T1HW, -F.max_pool2d(-grown_T1HW, width, 1, width // 2))


def _smooth(x_T1HW: torch.Tensor) -> torch.Tensor:
    """The mean of 3×3 pixels."""
    return F.avg_pool2d(F.pad(x_T1HW, (1, 1, 1, 1), mode="replicate"), 3, 1)
