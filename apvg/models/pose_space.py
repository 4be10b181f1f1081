"""Pose space: the coordinates that motion is learnt in; which they are, the surface says
(:mod:`apvg.instruments.surface`)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from apvg.instruments.surface import Placement


class PoseSpace(nn.Module):
    """A projective map between poses and pixels, differentiable both ways.

    Args:
        width: Of the picture, pixels.
        placement: Where the surface that is played on lies in it.
    """

    def __init__(self, width: int, placement: Placement) -> None:
        super().__init__()
        to_pixels_33 = placement.to_pixels_33(width)
        self.to_pixels_33: Tensor
        self.to_poses_33: Tensor
        for name, matrix_33 in (
            ("to_pixels_33", to_pixels_33),
            ("to_poses_33", np.linalg.inv(to_pixels_33)),
        ):
            matrix = torch.from_numpy(matrix_33 / matrix_33[2, 2]).float()
            self.register_buffer(name, matrix, persistent=False)

    def to_pixels(self, poses: Tensor) -> Tensor:
        """Poses [..., 2] to pixels [..., 2]."""
        return _project(self.to_pixels_33, poses)

    def to_poses(self, pixels: Tensor) -> Tensor:
        """Pixels [..., 2] to poses [..., 2]."""
        return _project(self.to_poses_33, pixels)


def _project(matrix_33: Tensor, points: Tensor) -> Tensor:
    homogeneous = points @ matrix_33[:, :2].T + matrix_33[:, 2]
    return homogeneous[..., :2] / homogeneous[..., 2:]
