"""Which part of the picture a take shows, at which size, and where the tracker looks.

What is not given is found on sampled frames before the long work begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from apvg.base.progress import track as progress
from apvg.takes.found import Found, given
from apvg.takes.pose.detections import PoseTracker, hand_size
from apvg.takes.prepare.layouts import LAYOUTS
from apvg.takes.prepare.options import PrepareOptions, Rectangle
from apvg.takes.recording import Recording
from apvg.takes.sequences import ImageSequence
from apvg.video.reading import VideoInfo, sample_frames

#: Frames that are sampled.
SAMPLES = 60
#: Hands seen in fewer frames than this are too few to go by.
LEAST_FRAMES = 5
#: The tracker looks at the crop and so much around it, as shares of its sides: forearms help to
#: find hands.
MARGIN = 0.5
#: By default a take has about as many pixels as this, in sides that networks can halve four times.
_PIXELS = 256 * 256
_SIDE_STEP = 16
#: The share of hands, at each side, that may lie further out: those that rest in a lap, and
#: mistakes.
_OUTLIERS = 0.05
#: So much of a forearm is shown, as a multiple of the length from wrist to knuckles.
_FOREARM = 0.4
#: The margin around hands and forearms, as a share of a hand's size.
_MARGIN = 0.25
#: Width / height of the widest and of the narrowest crop that is found.
_WIDEST, _NARROWEST = 4.0, 1.0
_WRIST, _KNUCKLE = 0, 9


@dataclass(frozen=True)
class Framing:
    """The geometry of a take in its source's pixels.

    Attributes:
        crop: What the take shows.
        size: Width and height of the take's frames.
        region: Where the tracker looks.
        found: Crop and size, each with where it comes from.
    """

    crop: Rectangle
    size: tuple[int, int]
    region: Rectangle
    found: dict[str, Found]

    def to_take(self, points: np.ndarray) -> np.ndarray:
        """Source pixels [..., 2] to the take's."""
        x, y, width, height = self.crop
        return (points - (x, y)) * (self.size[0] / width, self.size[1] / height)

    def shows(self, point_2: np.ndarray) -> bool:
        """Whether a point in source pixels lies in the crop."""
        x, y, width, height = self.crop
        return bool(x <= point_2[0] <= x + width and y <= point_2[1] <= y + height)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a file."""
        return {
            "region": list(self.region),
            "found": {what: find.to_dict() for what, find in self.found.items()},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Framing:
        """Inverse of :meth:`to_dict`."""
        found = {what: Found.from_dict(find) for what, find in data["found"].items()}
        crop, size = tuple(found["crop"].value), tuple(found["size"].value)
        return cls(crop, size, tuple(data["region"]), found)


def find_framing(
    recording: Recording, info: VideoInfo, options: PrepareOptions, tracker: PoseTracker
) -> Framing:
    """A recording's framing: as given, and found where nothing is given."""
    found = _find(recording, info, options, tracker)
    x, y, width, height = crop = tuple(found["crop"].value)
    left, top = max(0, x - round(MARGIN * width)), max(0, y - round(MARGIN * height))
    right = min(info.width, x + width + round(MARGIN * width))
    bottom = min(info.height, y + height + round(MARGIN * height))
    region = options.person or (left, top, right - left, bottom - top)
    return Framing(crop, tuple(found["size"].value), region, found)


def _find(
    recording: Recording, info: VideoInfo, options: PrepareOptions, tracker: PoseTracker
) -> dict[str, Found]:
    """The crop, and its size in the take."""
    shown = (info.width, info.height)
    whole = (0, 0, *shown)
    layout = LAYOUTS[options.layout]
    found: dict[str, Found] = {}
    if options.crop == "full":
        found["crop"] = given(list(whole))
    elif not isinstance(options.crop, str):
        found["crop"] = given(list(options.crop))
    elif layout.shows == "everything":
        found["crop"] = Found(list(whole), 1.0, layout.reason)
    elif isinstance(recording.video, ImageSequence):
        found["crop"] = Found(list(whole), 1.0, "the whole pictures, as they are cut already")
    elif recording.openpose is not None:
        how = (
            "the whole picture, because no hands are looked for "
            "where OpenPose has found the keypoints"
        )
        found["crop"] = Found(list(whole), 0.0, how)
    else:
        video = recording.video
        samples = sample_frames(video, SAMPLES, start=options.start, duration=options.duration)
        samples = progress(samples, "looking for the hands", SAMPLES)
        hands = sample_hands(samples, tracker.find_hands, options.person or whole)
        crop = find_crop(hands, shown, options.corners_42).value
        # Once more, in exactly the shape that its frames will have.
        size = options.size or _default_size(tuple(crop))
        found["crop"] = find_crop(hands, shown, options.corners_42, size[0] / size[1])
        found["size"] = Found(list(size), 1.0, "in the crop's shape")
    if options.size is not None:
        found["size"] = given(list(options.size))
    elif "size" not in found:
        size = _default_size(tuple(found["crop"].value))
        found["size"] = Found(list(size), 1.0, "in the crop's shape")
    return found


def _default_size(crop: Rectangle) -> tuple[int, int]:
    _, _, width, height = crop
    scale = (_PIXELS / (width * height)) ** 0.5 / _SIDE_STEP
    return (
        max(1, round(width * scale)) * _SIDE_STEP,
        max(1, round(height * scale)) * _SIDE_STEP,
    )


def find_crop(
    hands_FHPD: list[list[np.ndarray]],
    size: tuple[int, int],
    corners_42: np.ndarray | None,
    aspect: float | None = None,
) -> Found:
    """The part of the picture that holds the hands, a piece of forearm and, where its place is
    known, the keyboard.

    Args:
        hands_FHPD: For each sampled frame the hands [21, 2] seen in it, source pixels.
        size: Width and height of the picture.
        corners_42: The keyboard's corners.
        aspect: Width / height it should have; by default what the hands need, between 1 and 4.

    Returns:
        x, y, width, height. Its certainty is the share of hands, in sampled frames with any, that
        lie wholly inside; it is everything, with certainty 0, where hardly a hand is seen.
    """
    with_hands = [hands for hands in hands_FHPD if hands]
    if len(with_hands) < LEAST_FRAMES:
        return Found(
            [0, 0, *size],
            0.0,
            f"the whole picture, because hands were seen in only {len(with_hands)} of "
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
        f"lie wholly inside{'' if corners_42 is None else ', and so do the given corners'}",
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
    """The rectangle grown to the shape a picture should have, inside the whole one, on even
    pixels."""
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
