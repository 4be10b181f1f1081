"""Where the viewer is: points in space to points in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; lengths in metres, as :mod:`instruments` has them.

    Attributes:
        at, to: Where it is, and what is in the middle of its picture.
        height: What it sees of the plane through `to`, from the top to the bottom of the picture.
    """

    at: tuple[float, float, float] = (0.12, 1.05, 3.2)
    to: tuple[float, float, float] = (-0.06, 0.83, 0.1)
    height: float = 1.3

    @property
    def field_of_view(self) -> float:
        """From the top to the bottom of the picture, degrees."""
        away = np.linalg.norm(np.subtract(self.at, self.to))
        return float(np.degrees(2 * np.arctan(self.height / 2 / away)))

    def to_pixels(self, points_X3: np.ndarray, width: int, height: int) -> np.ndarray:
        """[..., 2] x then y in pixels; (0, 0) is the corner of the top left pixel."""
        forward_3 = np.subtract(self.to, self.at)
        away = np.linalg.norm(forward_3)
        forward_3 = forward_3 / away
        right_3 = np.cross(forward_3, [0.0, 1.0, 0.0])
        right_3 /= np.linalg.norm(right_3)
        down_3 = np.cross(forward_3, right_3)
        off_X3 = np.asarray(points_X3) - np.array(self.at)
        depth_X = off_X3 @ forward_3
        scale_X = height / self.height * away / depth_X
        return np.stack(
            [width / 2 + scale_X * (off_X3 @ right_3), height / 2 + scale_X * (off_X3 @ down_3)], -1
        )
