"""What is played on, and where it lies in a picture.

A surface gives poses their coordinates. On a keyboard these are white keys, so that takes of
different cameras teach one motion decoder; elsewhere the picture itself, 52 units wide, so that the
scale is the same (own choice).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from apvg.instruments.pitch_grid import PITCHES

#: Width of a picture in the pose space of a surface that is not calibrated.
UNITS_ACROSS = 52.0


class Surface(Protocol):
    """What an instrument is played on: :class:`apvg.instruments.keyboard.Keys`, the strings of a
    :class:`apvg.instruments.strings.StringInstrument`, or nothing (:class:`NoSurface`)."""

    @property
    def decisions(self) -> tuple[int, ...]:
        """Sizes of the choices that a player makes on it before moving; none where empty."""
        ...

    def place(self, corners_42: np.ndarray | None) -> Placement:
        """The surface as it lies in a picture.

        Args:
            corners_42: Pixels of its corners; None where they are not known.
        """
        ...


class Placement:
    """A surface in a picture. This one is that of no surface, or of one whose place is not known.

    Attributes:
        unit: The unit of lengths of motion.
        octave: How far an octave is along the surface, pose units; 0 where pitch is no place.
        corners_42: Pixels of the surface's corners; None where they are not known.
    """

    unit = "frame heights"
    octave = 0.0
    corners_42: np.ndarray | None = None

    def to_pixels_33(self, width: int) -> np.ndarray:
        """The projective matrix from poses to pixels of a picture so wide."""
        scale = width / UNITS_ACROSS
        return np.diag([scale, scale, 1.0])

    def pitches_P2(self) -> np.ndarray:
        """Where each pitch of the grid is played, pose coordinates [88, 2]; side by side across the
        picture, where that is no place.

        The coarse video begins with them as the columns of pitches, and learns from there.
        """
        x_P = (np.arange(PITCHES) + 0.5) / PITCHES * UNITS_ACROSS
        return np.stack([x_P, np.full(PITCHES, UNITS_ACROSS / 2)], axis=1)

    def to_units(self, points: np.ndarray, height: int) -> np.ndarray:
        """Pixels [..., 2] of a picture so high in :attr:`unit`."""
        return points / height

    def distance(self, other: Placement) -> float:
        """How far the corners of both are apart at most, pixels; 0 where neither has any, infinite
        where one has."""
        if self.corners_42 is None or other.corners_42 is None:
            return 0.0 if self.corners_42 is other.corners_42 else float("inf")
        return float(np.abs(self.corners_42 - other.corners_42).max())


class NoSurface:
    """Of instruments that are held, and of any whose surface is not described."""

    decisions = ()

    def place(self, corners_42: np.ndarray | None) -> Placement:
        """Nowhere."""
        return Placement()
