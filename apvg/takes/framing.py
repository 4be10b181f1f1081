"""What part of the picture a take should show: where the hands are, found on samples before the long work begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from apvg.takes.found import Found
from apvg.takes.pose.tracks import hand_size

#: Frames that are looked at.
SAMPLES = 60
#: Hands seen in fewer frames than this are too few to go by.
LEAST_FRAMES = 5
#: The share of hands, at each side, that may lie further out: those that rest in a lap, and mistakes.
_OUTLIERS = 0.05
#: A forearm is shown for so many times the length from wrist to knuckles.
_FOREARM = 0.4
#: Around everything there is so much of a hand's size.
_MARGIN = 0.25
#: Pictures wider or narrower than this are not made.
_WIDEST, _NARROWEST = 4.0, 1.0
_WRIST, _KNUCKLE = 0, 9

Rectangle = tuple[int, int, int, int]


def find_crop(
    hands_FHPD: list[list[np.ndarray]],
    size: tuple[int, int],
    corners_42: np.ndarray | None,
    aspect: float | None = None,
) -> Found:
    """The part of the picture that holds the hands, a piece of forearm and, where it is known, the keyboard.

    Args:
        hands_FHPD: For each sampled frame the hands [21, 2] seen in it, source pixels.
        size: Width and height of the picture.
        corners_42: The keyboard's corners.
        aspect: Width / height it should have; by default what the hands need, between 1 and 4.

    Returns:
        x, y, width, height; how sure is the share of the hands, in sampled frames with any, that lie inside, each as a
        whole. Everything, and not sure at all, where hardly a hand is seen.
    """
    with_hands = [hands for hands in hands_FHPD if hands]
    if len(with_hands) < LEAST_FRAMES:
        return Found(
            [0, 0, *size],
            0.0,
            f"the whole picture, for hands were seen in only {len(with_hands)} of "
            f"{len(hands_FHPD)} sampled frames",
        )
    hands = [hand_PD for hands in with_hands for hand_PD in hands]
    boxes_N4 = np.array([_box(hand_PD) for hand_PD in hands])
    margin = _MARGIN * float(np.median([hand_size(hand_PD) for hand_PD in hands]))
    left, top = np.quantile(boxes_N4[:, :2], _OUTLIERS, axis=0) - margin
    right, bottom = np.quantile(boxes_N4[:, 2:], 1 - _OUTLIERS, axis=0) + margin
    if corners_42 is not None:
        left, top = np.minimum((left, top), corners_42.min(axis=0) - margin / 4)
        right, bottom = np.maximum((right, bottom), corners_42.max(axis=0) + margin / 4)
    crop = _shaped(left, top, right, bottom, size, aspect)
    x, y, width, height = crop
    inside = [
        bool((hand_PD >= (x, y)).all() and (hand_PD <= (x + width, y + height)).all())
        for hand_PD in hands
    ]
    share = float(np.mean(inside))
    # Few frames with hands are a weak ground, however well they agree.
    sure = share * min(1.0, len(with_hands) / (4 * LEAST_FRAMES))
    return Found(
        list(crop),
        sure,
        f"{share:.0%} of the hands seen in {len(with_hands)} of {len(hands_FHPD)} sampled frames "
        f"lie wholly inside{'' if corners_42 is None else ', and so does the keyboard'}",
    )


def sample_hands(
    frames: Iterable[tuple[float, np.ndarray]],
    find_hands: Callable[[np.ndarray], list[np.ndarray]],
    region: Rectangle,
) -> list[list[np.ndarray]]:
    """The hands [21, 2] in each frame, source pixels, of those in a region."""
    x, y, width, height = region
    found = []
    for _, frame_HWC in frames:
        view_HWC = frame_HWC[y : y + height, x : x + width]
        found.append([hand_PD + np.array([x, y]) for hand_PD in find_hands(view_HWC)])
    return found


def _box(hand_PD: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom of a hand and the piece of its forearm that is shown."""
    elbow_2 = hand_PD[_WRIST] + _FOREARM * (hand_PD[_WRIST] - hand_PD[_KNUCKLE])
    points_PD = np.concatenate([hand_PD, elbow_2[None]])
    return np.concatenate([points_PD.min(axis=0), points_PD.max(axis=0)])


def _shaped(
    left: float,
    top: float,
    right: float,
    bottom: float,
    size: tuple[int, int],
    aspect: float | None,
) -> Rectangle:
    """The rectangle grown to the shape a picture should have, inside the whole one, on even pixels."""
    left, top = max(left, 0.0), max(top, 0.0)
    right, bottom = min(right, size[0]), min(bottom, size[1])
    width, height = right - left, bottom - top
    narrowest, widest = (_NARROWEST, _WIDEST) if aspect is None else (aspect, aspect)
    wide, high = max(width, narrowest * height), max(height, width / widest)
    if aspect is not None:  # there may be no room for that
        wide = min(wide, size[0], size[1] * aspect)
        high = wide / aspect
    x, even_width = _placed((left + right) / 2, wide, size[0])
    y, even_height = _placed((top + bottom) / 2, high, size[1])
    return x, y, even_width, even_height


def _placed(middle: float, length: float, whole: int) -> tuple[int, int]:
    """First pixel and length, both even, of a stretch about `middle` that is moved inside."""
    even = min(2 * round(length / 2), whole - whole % 2)
    first = min(max(middle - even / 2, 0), whole - even)
    return 2 * int(first / 2), even
