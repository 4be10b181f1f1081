"""Pose space: the coordinates that motion is learnt in.

For a keyboard player these are keyboard coordinates in white keys along both axes, so that takes of different cameras
serve one KHP; elsewhere the picture itself, 52 units wide, so that KHP's scale is the same (own choice).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from apvg.instruments.keyboard import Keyboard

#: Length of a white key in white-key widths: 150 mm of 23.5 mm, usual measures of a modern piano.
KEY_LENGTH = 150 / 23.5
UNITS_ACROSS = 52.0


class PoseSpace(nn.Module):
    """A projective map between poses and pixels, differentiable both ways.

    Args:
        width: Of the picture, pixels.
        corners_42: The keyboard's corners in the picture (TL, TR, BR, BL), or None where there is no keyboard.
    """

    def __init__(self, width: int, corners_42: np.ndarray | None) -> None:
        super().__init__()
        if corners_42 is None:
            scale = width / UNITS_ACROSS
            to_pixels_33 = np.diag([scale, scale, 1.0])
        else:
            to_pixels_33 = Keyboard(corners_42).homography_33 @ np.diag([1, 1 / KEY_LENGTH, 1.0])
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
