"""Copy-paste augmentation: hands cut out of footage and pasted where it never showed them, so that
FPVG can paint them anywhere.

Each hand with its forearm is a layer: moved along the picture and away from the viewer, turned and
scaled a little, widened as in wide grips, and sometimes in quick motion. A forearm that then ends
within the picture is extended to its edge. (Own choice.)
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.training.data.scene import Scene, palms

#: Hands are separate where they are so many pixels apart.
_GAP = 4.0
_TURN = np.deg2rad(9.0)
_SIZES = (0.9, 1.12)
#: How much a hand is widened.
_WIDTHS = (0.9, 1.3)
#: How far a hand is moved up the picture (negative) or down, in hand sizes.
_DOWN = (-0.45, 0.2)
#: Share of clips in which a hand moves, and its greatest speed, in hand sizes per frame.
_MOVING, _FASTEST = 0.35, 0.35


class Pasted(NamedTuple):
    """The layers of a clip.

    Attributes:
        layers: For each hand colours [T, 3, H, W] in 0..1 and opacity [T, H, W].
        keypoints_TKD: All keypoints where the layers show them, pixels.
    """

    layers: list[tuple[Tensor, Tensor]]
    keypoints_TKD: Tensor


def copy_paste(random: np.random.Generator, scene: Scene, span: slice, width: int) -> Pasted | None:
    """The hands of a clip at new places in a crop of `width` pixels; None where hands are too
    close.

    One hand is always in the crop; the others are next to it, or beyond its edge.
    """
    hands = list(map(list, scene.skeleton.players.values()))
    keypoints_TKD = scene.keypoints_TKD[span]
    if not hands or bool((scene.confidence_TK[span] <= 0).any()):
        return None
    last_T = [keypoints_TKD[:, ids, 0].amax(dim=1) for ids in hands[:-1]]
    first_T = [keypoints_TKD[:, ids, 0].amin(dim=1) for ids in hands[1:]]
    if any(float((b - a).min()) < _GAP for a, b in zip(last_T, first_T, strict=True)):
        return None
    frames_TCHW = scene.frames_TCHW[span].float() / 255
    cut_THW = scene.hands_THW[span].float() / 255
    column_W = torch.arange(cut_THW.shape[-1])
    middles_T = [(a + b) / 2 for a, b in zip(last_T, first_T, strict=True)]
    ends_T = [torch.full((len(keypoints_TKD),), end) for end in (-torch.inf, torch.inf)]
    bounds_T = [ends_T[0], *middles_T, ends_T[1]]
    wrist, knuckle = palms(scene.skeleton)[0]
    size = float((keypoints_TKD[:, wrist] - keypoints_TKD[:, knuckle]).norm(dim=-1).mean())

    anchor = int(random.integers(len(hands)))
    place = random.uniform(0.1, 0.9) * width
    apart = (1.1 + random.exponential(2.5)) * 2 * size
    moved_TKD = keypoints_TKD.clone()
    layers = []
    for hand, (ids, (left_T, right_T)) in enumerate(
        zip(hands, itertools.pairwise(bounds_T), strict=True)
    ):
        own_TW = (column_W >= left_T[:, None]) & (column_W < right_T[:, None])
        own_THW = cut_THW * own_TW[:, None]
        centre_D = keypoints_TKD[:, ids].mean(dim=(0, 1))
        turn, scale = random.uniform(-_TURN, _TURN), random.uniform(*_SIZES)
        width_and_height_D = scale * torch.tensor([random.uniform(*_WIDTHS), 1.0])
        x = place + (hand - anchor) * apart
        goal_TD = _path(random, len(keypoints_TKD), x, float(centre_D[1]), size)
        turned_DD = torch.tensor(
            [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], dtype=torch.float32
        )
        matrix_DD = turned_DD * width_and_height_D
        moved_TKD[:, ids] = (keypoints_TKD[:, ids] - centre_D) @ matrix_DD.T + goal_TD[:, None]
        layer_TCHW = torch.cat([frames_TCHW, own_THW[:, None]], dim=1)
        warped_TCHW = _warp(layer_TCHW, centre_D, goal_TD, torch.linalg.inv(matrix_DD), width)
        layers.append((warped_TCHW[:, :3], warped_TCHW[:, 3]))
    return Pasted(layers, moved_TKD)


def _path(random: np.random.Generator, frames: int, x: float, y: float, size: float) -> Tensor:
    """Where a hand's centre is, [T, 2] pixels: at one place, or moving through it at constant
    speed."""
    goal_D = np.array([x, y + random.uniform(*_DOWN) * size])
    speed_D = np.zeros(2)
    if random.random() < _MOVING:
        speed_D = (
            np.array([random.uniform(-_FASTEST, _FASTEST), random.uniform(-0.05, 0.05)]) * size
        )
    middle_T = np.arange(frames) - (frames - 1) / 2
    return torch.from_numpy(goal_D + middle_T[:, None] * speed_D).float()


def _warp(
    layer_TCHW: Tensor, centre_D: Tensor, goal_TD: Tensor, inverse_DD: Tensor, width: int
) -> Tensor:
    """The layer [T, C, H, W] turned and scaled about a point that goes to `goal_TD` of a picture
    `width` wide.

    Beyond the layer's edges its border is repeated, which extends forearms.
    """
    _, _, height, full = layer_TCHW.shape
    rows_H, columns_W = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    there_HWD = torch.stack(torch.meshgrid(columns_W, rows_H, indexing="xy"), dim=-1)
    from_THWD = (there_HWD - goal_TD[:, None, None]) @ inverse_DD.T + centre_D
    grid_THWD = from_THWD / torch.tensor([full, height]) * 2 - 1
    return F.grid_sample(
        layer_TCHW, grid_THWD, mode="bilinear", padding_mode="border", align_corners=False
    )
