"""Discriminators: whole frames given the heatmaps, hand crops, short clips, and the motion of
keypoints.

The source only says "multi-stage adversarial generation"; which discriminators there are is this
project's own choice. All are patch discriminators (Isola et al., 2017) with spectral normalisation
(Miyato et al., 2018).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """Scores overlapping patches of pictures [N, C, H, W]; returns scores [N, 1, h, w] and every
    layer's features.

    Conditions and neighbouring frames are extra channels, so that one class serves frames, hands
    and clips.
    """

    def __init__(self, channels: int, widths: tuple[int, ...] = (32, 64, 96)) -> None:
        super().__init__()
        sizes = (channels, *widths)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1))
            for a, b in itertools.pairwise(sizes)
        )
        self.score = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.layers:
            x_NCHW = F.leaky_relu(layer(x_NCHW), 0.2)
            features.append(x_NCHW)
        return self.score(x_NCHW), features


class MotionDiscriminator(nn.Module):
    """Scores the motion of points in windows [N, C, T]; returns scores [N, 1, t] and every layer's
    features."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        sizes = (channels, width, width, 2 * width)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv1d(a, b, 5, stride=2, padding=2))
            for a, b in itertools.pairwise(sizes)
        )
        self.score = spectral_norm(nn.Conv1d(2 * width, 1, 3, padding=1))

    def forward(self, motion_NCT: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for layer in self.layers:
            motion_NCT = F.leaky_relu(layer(motion_NCT), 0.2)
            features.append(motion_NCT)
        return self.score(motion_NCT), features


def clip_channels(frames_BTCHW: Tensor) -> Tensor:
    """A clip for the temporal discriminator: the middle frame and all differences between
    neighbours, as channels."""
    middle_BCHW = frames_BTCHW[:, frames_BTCHW.shape[1] // 2]
    return torch.cat([middle_BCHW, frames_BTCHW.diff(dim=1).flatten(1, 2)], dim=1)
