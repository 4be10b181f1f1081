"""Hands cut out of footage and put where it never showed them: what makes FPVG paint them anywhere (own choice).

Each hand with its forearm is a layer of its own: moved along the keyboard and further onto it, turned and sized a little,
drawn out along the keys as in wide grips, and sometimes quickly on its way. A forearm that then ends within the picture is
drawn out to its edge.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.training.scene import Scene

#: Hands are told apart where so many pixels are between them.
_GAP = 4.0
_TURN = np.deg2rad(9.0)
_SIZES = (0.9, 1.12)
#: How much wider than it was a hand is shown.
_WIDTHS = (0.9, 1.3)
#: How far towards the keys' far end, and back, in hand sizes.
_ALONG_KEYS = (-0.45, 0.2)
#: Share of clips in which a hand is on its way, and how quickly at most, in hand sizes per frame.
_MOVING, _FASTEST = 0.35, 0.35


class FreeHands(NamedTuple):
    """The layers of a clip.

    Attributes:
        pictures: For each hand colours [T, 3, H, W] in 0..1 and opacity [T, H, W].
        keypoints_TKD: All keypoints where the layers show them.
    """

    pictures: list[tuple[Tensor, Tensor]]
    keypoints_TKD: Tensor


def free_hands(
    random: np.random.Generator, scene: Scene, span: slice, width: int
) -> FreeHands | None:
    """Both hands of a clip at new places in a crop of `width` pixels; None where they cannot be told apart.

    One hand is always in the crop; the other is beside it, or beyond its edge.
    """
    hands = list(map(list, scene.skeleton.hands.values()))
    keypoints_TKD = scene.keypoints_TKD[span]
    if len(hands) != 2 or bool((scene.confidence_TK[span] <= 0).any()):
        return None
    ends = keypoints_TKD[:, hands[0], 0].amax(dim=1), keypoints_TKD[:, hands[1], 0].amin(dim=1)
    if float((ends[1] - ends[0]).min()) < _GAP:
        return None
    between_T = (ends[0] + ends[1]) / 2
    frames_TCHW = scene.frames_TCHW[span].float() / 255
    cut_THW = scene.hands_THW[span].float() / 255
    column_W = torch.arange(cut_THW.shape[-1])
    on_left_T1W = (column_W < between_T[:, None])[:, None]
    size = float(
        (keypoints_TKD[:, hands[0][0]] - keypoints_TKD[:, hands[0][9]]).norm(dim=-1).mean()
    )

    first = int(random.integers(2))
    place = random.uniform(0.1, 0.9) * width
    apart = (1.1 + random.exponential(2.5)) * 2 * size
    places = {first: place, 1 - first: place + (apart if first == 0 else -apart)}
    moved_TKD = keypoints_TKD.clone()
    pictures = []
    for hand, ids in enumerate(hands):
        own_THW = cut_THW * (on_left_T1W if hand == 0 else ~on_left_T1W)
        centre_D = keypoints_TKD[:, ids].mean(dim=(0, 1))
        turn, scale = random.uniform(-_TURN, _TURN), random.uniform(*_SIZES)
        width_and_height_D = scale * torch.tensor([random.uniform(*_WIDTHS), 1.0])
        goal_TD = _path(random, len(keypoints_TKD), places[hand], float(centre_D[1]), size)
        turned_DD = torch.tensor(
            [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], dtype=torch.float32
        )
        matrix_DD = turned_DD * width_and_height_D
        moved_TKD[:, ids] = (keypoints_TKD[:, ids] - centre_D) @ matrix_DD.T + goal_TD[:, None]
        layer_TCHW = torch.cat([frames_TCHW, own_THW[:, None]], dim=1)
        warped_TCHW = _warp(layer_TCHW, centre_D, goal_TD, torch.linalg.inv(matrix_DD), width)
        pictures.append((warped_TCHW[:, :3], warped_TCHW[:, 3]))
    return FreeHands(pictures, moved_TKD)


def _path(random: np.random.Generator, frames: int, x: float, y: float, size: float) -> Tensor:
    """Where a hand's middle is, frame by frame, [T, 2] pixels: somewhere, or on its way through there."""
    goal_D = np.array([x, y + random.uniform(*_ALONG_KEYS) * size])
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
    """The layer [T, C, H, W] turned and sized about a point that goes to `goal_TD` of a picture `width` wide.

    What lies beyond the layer's edges is as the edge is, which draws forearms out.
    """
    _, _, height, full = layer_TCHW.shape
    rows_H, columns_W = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    there_HWD = torch.stack(torch.meshgrid(columns_W, rows_H, indexing="xy"), dim=-1)
    from_THWD = (there_HWD - goal_TD[:, None, None]) @ inverse_DD.T + centre_D
    grid_THWD = from_THWD / torch.tensor([full, height]) * 2 - 1
    return F.grid_sample(
        layer_TCHW, grid_THWD, mode="bilinear", padding_mode="border", align_corners=False
    )
