"""The instrument: a row of 25 bars, two sticks, and where the camera is."""

from __future__ import annotations

import numpy as np

from apvg.instruments.camera import Camera
from apvg.instruments.instrument import Instrument
from apvg.instruments.keyboard import apply_homography, solve_homography
from apvg.instruments.pitch_grid import LOWEST_PITCH, PITCHES
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement

LOWEST, BARS = 60, 25


class BarsInPicture(Placement):
    """The row of bars, seen in a picture: x counts bars from the lowest one's left edge, y runs
    from far (0) to near (1)."""

    unit = "bars"
    octave = 12.0

    def __init__(self, corners_42: np.ndarray) -> None:
        self.corners_42 = np.array(corners_42, np.float64)
        ideal_42 = np.array([[0, 0], [BARS, 0], [BARS, 1], [0, 1]], np.float64)
        self._to_pixels_33 = solve_homography(ideal_42, self.corners_42)

    def to_pixels_33(self, width: int) -> np.ndarray:
        return self._to_pixels_33

    def to_units(self, points: np.ndarray, height: int) -> np.ndarray:
        return apply_homography(np.linalg.inv(self._to_pixels_33), points)

    def from_bars(self, points: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`to_units`."""
        return apply_homography(self._to_pixels_33, points)

    def pitches_P2(self) -> np.ndarray:
        """Bars stand in the order of their pitches."""
        x_P = np.arange(PITCHES) + LOWEST_PITCH - LOWEST + 0.5
        return np.stack([x_P, np.full(PITCHES, 0.5)], axis=1)


class Bars:
    """What is struck."""

    decisions = ()

    def place(self, corners_42: np.ndarray | None) -> Placement:
        return Placement() if corners_42 is None else BarsInPicture(corners_42)


#: Each stick from the hand to its head; nothing of 21 points.
TWO_STICKS = Skeleton(
    name="two sticks",
    points=("left_grip", "left_head", "right_grip", "right_head"),
    edges=((0, 1), (2, 3)),
    parts={"left_stick": (0, 1), "right_stick": (2, 3)},
    limbs={"left_stick": (1,), "right_stick": (3,)},
    rest=((-0.1, 0.0), (-0.1, -0.35), (0.1, 0.0), (0.1, -0.35)),
)
STICKS = Instrument(
    name="sticks",
    pitch_range=(LOWEST, LOWEST + BARS - 1),
    voices=2,
    skeleton=TWO_STICKS,
    surface=Bars(),
    camera=Camera(at=(0.0, 1.2, 0.9), to=(0.0, 0.0, 0.1), height=0.9),
    losses=("heads on bars",),
    figures=("bar-hit",),
    generator="stick player",
)
