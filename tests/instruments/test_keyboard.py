"""The keyboard's geometry against measures known elsewhere, and its homography against OpenCV-free
closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.keyboard import BLACK_KEY_WIDTH, IS_BLACK, KEY_X, Keyboard, key_x

BACH_CORNERS = np.array([[8, 288], [1275, 298], [1259, 452], [22, 435]], float)


def test_keys_of_a_piano() -> None:
    assert IS_BLACK.sum() == 36
    np.testing.assert_allclose(KEY_X[~IS_BLACK], np.arange(52) + 0.5)
    assert (np.diff(KEY_X) > 0).all()
    assert key_x(np.array([60])) == pytest.approx(23.5)  # middle C is the 24th white key


def test_octaves_repeat_every_seven_white_keys() -> None:
    np.testing.assert_allclose(KEY_X[12:] - KEY_X[:-12], 7.0)


def test_black_keys_lean_as_on_a_real_keyboard() -> None:
    # Distance from the crack between the neighbouring white keys: C# and F# left, D# and A# right,
    # G# in the middle.
    crack = {1: 1, 3: 2, 6: 4, 8: 5, 10: 6}
    lean = {pitch: key_x(np.array([60 + pitch]))[0] - (23 + x) for pitch, x in crack.items()}
    assert lean[1] < 0 < lean[3]
    assert lean[1] == pytest.approx(-lean[3])
    assert lean[6] < 0 < lean[10]
    assert lean[6] == pytest.approx(-lean[10])
    assert lean[8] == pytest.approx(0)
    assert max(abs(value) for value in lean.values()) < 0.2
    # What the black keys leave of the white tails is the same within a group.
    tails = np.diff(key_x(np.array([66, 68, 70]))) - BLACK_KEY_WIDTH
    assert tails[0] == pytest.approx(tails[1])


def test_pitches_beyond_the_piano_are_refused() -> None:
    with pytest.raises(ValueError, match="88 keys"):
        key_x(np.array([20, 60]))


def test_corners_map_to_corners() -> None:
    keyboard = Keyboard(BACH_CORNERS)
    expected = [[0, 0], [52, 0], [52, 1], [0, 1]]
    np.testing.assert_allclose(keyboard.to_keyboard(BACH_CORNERS), expected, atol=1e-9)
    # A projective map keeps straight lines: the diagonals' crossing point goes to the rectangle's
    # centre.
    a, b, c, d = BACH_CORNERS
    t = np.linalg.solve(np.stack([c - a, b - d], axis=1), b - a)[0]
    np.testing.assert_allclose(keyboard.to_keyboard(a + t * (c - a)), [26, 0.5], atol=1e-9)


def test_matches_opencv() -> None:
    cv2 = pytest.importorskip(
        "cv2", reason="no OpenCV here, or no OpenGL for it", exc_type=ImportError
    )
    ideal = np.array([[0, 0], [52, 0], [52, 1], [0, 1]], np.float32)
    reference = cv2.getPerspectiveTransform(ideal, BACH_CORNERS.astype(np.float32))
    np.testing.assert_allclose(
        Keyboard(BACH_CORNERS).homography_33, reference, rtol=1e-6, atol=1e-6
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-40, 40), min_size=8, max_size=8),
    st.lists(st.floats(-5, 60), min_size=6, max_size=6),
)
def test_there_and_back(noise: list[float], points: list[float]) -> None:
    keyboard = Keyboard(BACH_CORNERS + np.reshape(noise, (4, 2)))
    points_232 = np.reshape(points, (3, 1, 2)).repeat(2, axis=1) * [1, 0.02]
    np.testing.assert_allclose(
        keyboard.to_keyboard(keyboard.to_pixels(points_232)), points_232, atol=1e-6
    )


@pytest.mark.parametrize(
    "corners",
    [
        np.zeros((4, 2)),
        np.array([[0, 0], [1, 0], [2, 0], [3, 0]]),  # on a line
        BACH_CORNERS[[0, 2, 1, 3]],  # crossed
        BACH_CORNERS[::-1],  # mirrored
        BACH_CORNERS * np.nan,
        BACH_CORNERS[:3],
    ],
)
def test_degenerate_corners_are_refused(corners: np.ndarray) -> None:
    with pytest.raises(ValueError, match="corners"):
        Keyboard(corners)
