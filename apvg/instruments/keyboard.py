"""The piano keyboard: where its 88 keys are, and how they map to a picture.

Keyboard coordinates are used wherever hands of different scenes must be compared or learnt
together: x counts white keys from the left edge of the lowest key (0) to the right edge of the
highest (52), y runs from the far end of the keys (0) to the edge near the player (1). Both may be
exceeded: forearms lie at y > 1.
"""

from __future__ import annotations

import numpy as np

from apvg.instruments.pitch_grid import LOWEST_PITCH, PITCHES
from apvg.instruments.surface import Placement

#: A piano's keys are the pitches of the grid, from A0 on.
KEY_COUNT = PITCHES
WHITE_KEY_COUNT = 52
#: Width of a black key in white keys: 13.7 mm of 23.5 mm, usual measures of a modern piano.
BLACK_KEY_WIDTH = 13.7 / 23.5

#: Length of a white key in white-key widths: 150 mm of 23.5 mm, usual measures of a modern piano.
KEY_LENGTH = 150 / 23.5
#: How far black keys stand above white ones, and how far a key goes down, in white-key widths:
#: 12 mm and 10 mm, usual measures of a modern piano.
BLACK_KEY_HEIGHT = 12 / 23.5
KEY_DEPTH = 10 / 23.5
#: Black keys reach so far towards the player, white-key widths: 95 mm.
BLACK_KEY_LENGTH = 95 / 23.5

_WHITE_IN_OCTAVE = (0, 2, 4, 5, 7, 9, 11)


def _octave_centres() -> np.ndarray:
    """Centres of the 12 keys of an octave, from C, in white keys.

    Black keys do not sit on the cracks between white keys: the builder shares what the black keys
    leave at the far end equally among the white keys of a group (C to E, F to B), so that C# and F#
    lean left, D# and A# lean right.
    """
    centres = np.empty(12)
    centres[list(_WHITE_IN_OCTAVE)] = np.arange(7) + 0.5
    for first_white, whites, blacks in ((0, 3, (1, 3)), (3, 4, (6, 8, 10))):
        tail = (whites - len(blacks) * BLACK_KEY_WIDTH) / whites
        for i, black in enumerate(blacks):
            centres[black] = first_white + (i + 1) * tail + (i + 0.5) * BLACK_KEY_WIDTH
    return centres


_pitches = np.arange(LOWEST_PITCH, LOWEST_PITCH + KEY_COUNT)
#: [88] x of each key's centre in white keys; index 0 is A0 (MIDI 21). A0's left edge is 0: the C
#: below it would be at -5.
KEY_X: np.ndarray = _octave_centres()[_pitches % 12] + 7 * (_pitches // 12 - 1) - 5.0
#: [88] whether a key is black.
IS_BLACK: np.ndarray = ~np.isin(_pitches % 12, _WHITE_IN_OCTAVE)


def key_x(pitch_N: np.ndarray) -> np.ndarray:
    """x of each MIDI pitch's key in white keys.

    Raises:
        ValueError: A pitch that a piano of 88 keys lacks (outside 21..108).
    """
    index_N = np.asarray(pitch_N) - LOWEST_PITCH
    if index_N.size and (index_N.min() < 0 or index_N.max() >= KEY_COUNT):
        raise ValueError("a pitch lies outside the piano's 88 keys (MIDI 21..108)")
    return KEY_X[index_N]


def apply_homography(matrix_33: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points [..., 2] by a projective 3 x 3 matrix; NaN stays NaN."""
    points = np.asarray(points, np.float64)
    homogeneous = points @ matrix_33[:, :2].T + matrix_33[:, 2]
    return homogeneous[..., :2] / homogeneous[..., 2:]


def solve_homography(source_N2: np.ndarray, target_N2: np.ndarray) -> np.ndarray:
    """The homography that maps at least four source points onto their targets.

    Direct linear transformation with isotropic normalisation (Hartley & Zisserman, Multiple View
    Geometry, alg. 4.2).
    """

    def normaliser(points_N2: np.ndarray) -> np.ndarray:
        centre_2 = points_N2.mean(axis=0)
        scale = np.sqrt(2) / np.linalg.norm(points_N2 - centre_2, axis=1).mean()
        return np.array(
            [[scale, 0, -scale * centre_2[0]], [0, scale, -scale * centre_2[1]], [0, 0, 1]]
        )

    source_33, target_33 = normaliser(source_N2), normaliser(target_N2)
    rows = []
    for (x, y), (u, v) in zip(
        apply_homography(source_33, source_N2), apply_homography(target_33, target_N2), strict=True
    ):
        rows.append([-x, -y, -1, 0, 0, 0, u * x, u * y, u])
        rows.append([0, 0, 0, -x, -y, -1, v * x, v * y, v])
    matrix_33 = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    matrix_33 = np.linalg.inv(target_33) @ matrix_33 @ source_33
    return matrix_33 / matrix_33[2, 2]


class Keys:
    """The 88 keys of a piano, as a surface to play on."""

    decisions = ()

    def place(self, corners_42: np.ndarray | None) -> Placement:
        """The keyboard in a picture; see :class:`apvg.instruments.surface.Surface`."""
        return Placement() if corners_42 is None else Keyboard(corners_42)


class Keyboard(Placement):
    """A keyboard of 88 keys seen in a picture.

    Args:
        corners_42: Pixels of its top left, top right, bottom right and bottom left corner *as the
            player sees it*: top is the far end of the keys, left the lowest key.

    Raises:
        ValueError: The corners are not finite, or are not a convex quadrilateral in that order (a
            mirrored or crossed one maps no keyboard that a camera could have seen from the player's
            side of the keys).

    Attributes:
        corners_42: As given, float64.
        homography_33: Keyboard coordinates to pixels.
        inverse_33: Pixels to keyboard coordinates.
    """

    unit = "white keys"
    octave = 7.0

    def __init__(self, corners_42: np.ndarray) -> None:
        corners_42 = np.array(corners_42, np.float64)
        if corners_42.shape != (4, 2) or not np.isfinite(corners_42).all():
            raise ValueError("keyboard corners must be four finite points: TL, TR, BR, BL")
        sides_42 = np.roll(corners_42, -1, axis=0) - corners_42
        next_42 = np.roll(sides_42, -1, axis=0)
        turns_4 = sides_42[:, 0] * next_42[:, 1] - sides_42[:, 1] * next_42[:, 0]
        if turns_4.min() <= 1e-6 * np.square(sides_42).sum():
            raise ValueError(
                "keyboard corners must be a convex quadrilateral in the order TL, TR, BR, BL "
                "(top: the far end of the keys, left: the lowest key)"
            )
        ideal_42 = np.array(
            [[0, 0], [WHITE_KEY_COUNT, 0], [WHITE_KEY_COUNT, 1], [0, 1]], np.float64
        )
        self.corners_42 = corners_42
        self.homography_33 = solve_homography(ideal_42, corners_42)
        self.inverse_33 = np.linalg.inv(self.homography_33)

    def to_keyboard(self, points: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] to keyboard coordinates [..., 2]."""
        return apply_homography(self.inverse_33, points)

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Keyboard coordinates [..., 2] to pixels [..., 2]."""
        return apply_homography(self.homography_33, points)

    def to_pixels_33(self, width: int) -> np.ndarray:
        """Poses are in white-key widths along both axes."""
        return self.homography_33 @ np.diag([1, 1 / KEY_LENGTH, 1.0])

    def pitches_P2(self) -> np.ndarray:
        """The near ends of the keys, where hands are."""
        return np.stack([KEY_X, np.full(KEY_COUNT, 6.0)], axis=1)

    def to_units(self, points: np.ndarray, height: int) -> np.ndarray:
        """Keyboard coordinates."""
        return self.to_keyboard(points)
