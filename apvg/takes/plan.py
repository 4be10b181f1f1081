"""What of a recording becomes the take: what was asked for, and what is found of the rest."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from apvg.base.progress import track
from apvg.instruments.skeleton import SKELETONS
from apvg.takes.found import Found, given
from apvg.takes.framing import SAMPLES, find_crop, sample_hands
from apvg.takes.recording import Recording
from apvg.takes.sequences import ImageSequence
from apvg.video.reading import VideoInfo, sample_frames

#: Of a take's sound, Hz.
SAMPLE_RATE = 48000
#: The tracker looks at the crop and so much around it, as shares of its sides: forearms help to find hands.
MARGIN = 0.5
#: Without --size, a take has about as many pixels as this, in sides that networks can halve four times.
_PIXELS = 256 * 256
_SIDE_STEP = 16


@dataclass(frozen=True)
class PrepareOptions:
    """What is made of a recording. Rectangles are x, y, width, height in source pixels, as the video is shown.

    Attributes:
        fps: Frames per second of the take.
        start: Where in the video the take begins, seconds.
        duration: How long the take is, seconds; to the video's end by default, and never beyond it.
        crop: What the take shows; "full" is everything, "auto" the part with the hands (with a body, everything).
        size: Width and height of the take's frames; by default about 256 x 256 pixels in the crop's shape.
        layout: Name of the skeleton.
        person: Where the performer is; who is elsewhere is ignored. By default the crop and some margin.
        offset: Video time minus sound (and MIDI) time, seconds; None to find it.
        corners: The keyboard's corners, source pixels: x, y of top left, top right, bottom right, bottom left.
    """

    fps: int = 25
    start: float = 0.0
    duration: float | None = None
    crop: tuple[int, int, int, int] | Literal["auto", "full"] = "auto"
    size: tuple[int, int] | None = None
    layout: str = "hands"
    person: tuple[int, int, int, int] | None = None
    offset: float | None = None
    corners: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Plan:
    """The geometry of a recording's take, in source pixels."""

    crop: tuple[int, int, int, int]
    size: tuple[int, int]
    region: tuple[int, int, int, int]
    """Where the tracker looks."""
    found: dict[str, Found]
    """What of it was found, or given."""

    def to_take(self, points: np.ndarray) -> np.ndarray:
        """Source pixels [..., 2] to the take's."""
        x, y, width, height = self.crop
        return (points - (x, y)) * (self.size[0] / width, self.size[1] / height)

    def inside_crop(self, point_2: np.ndarray) -> bool:
        x, y, width, height = self.crop
        return bool(x <= point_2[0] <= x + width and y <= point_2[1] <= y + height)


def make_plan(
    recording: Recording, info: VideoInfo, options: PrepareOptions, tracker: Any, staging: Path
) -> Plan:
    """The plan: what was given of it, and what is found of the rest (once, for a run that goes on must find the same)."""
    kept = staging / "found.json"
    if kept.exists():
        found = {what: Found.from_dict(data) for what, data in json.loads(kept.read_text()).items()}
    else:
        found = _find(recording, info, options, tracker)
        partial = staging / "found.partial"
        partial.write_text(json.dumps({what: find.to_dict() for what, find in found.items()}))
        os.replace(partial, kept)
    x, y, width, height = crop = tuple(found["crop"].value)
    left, top = max(0, x - round(MARGIN * width)), max(0, y - round(MARGIN * height))
    right = min(info.width, x + width + round(MARGIN * width))
    bottom = min(info.height, y + height + round(MARGIN * height))
    region = options.person or (left, top, right - left, bottom - top)
    return Plan(crop, tuple(found["size"].value), region, found)


def _find(
    recording: Recording, info: VideoInfo, options: PrepareOptions, tracker: Any
) -> dict[str, Found]:
    """The crop, its size in the take and, where they are known, the keyboard's corners."""
    shown = (info.width, info.height)
    whole = (0, 0, *shown)
    found: dict[str, Found] = {}
    corners_42 = None
    if options.corners is not None:
        corners_42 = np.reshape(options.corners, (4, 2))
        found["corners"] = given(list(options.corners))
    if options.crop == "full":
        found["crop"] = given(list(whole))
    elif not isinstance(options.crop, str):
        found["crop"] = given(list(options.crop))
    elif "body" in SKELETONS[options.layout].parts:
        found["crop"] = Found(list(whole), 1.0, "the whole picture, as the body belongs to it")
    elif isinstance(recording.video, ImageSequence):
        found["crop"] = Found(list(whole), 1.0, "the whole pictures, as they are cut already")
    elif recording.openpose is not None:
        how = "the whole picture, for with --openpose the hands are not looked for"
        found["crop"] = Found(list(whole), 0.0, how)
    else:
        video = recording.video
        samples = sample_frames(video, SAMPLES, start=options.start, duration=options.duration)
        samples = track(samples, "looking for the hands", SAMPLES)
        hands = sample_hands(samples, tracker.find_hands, options.person or whole)
        crop = find_crop(hands, shown, corners_42).value
        # Once more, in exactly the shape that its frames will have.
        size = options.size or _default_size(tuple(crop))
        found["crop"] = find_crop(hands, shown, corners_42, size[0] / size[1])
        found["size"] = Found(list(size), 1.0, "in the crop's shape")
    if options.size is not None:
        found["size"] = given(list(options.size))
    elif "size" not in found:
        size = _default_size(tuple(found["crop"].value))
        found["size"] = Found(list(size), 1.0, "in the crop's shape")
    return found


def _default_size(crop: tuple[int, int, int, int]) -> tuple[int, int]:
    _, _, width, height = crop
    scale = (_PIXELS / (width * height)) ** 0.5 / _SIDE_STEP
    return (
        max(1, round(width * scale)) * _SIDE_STEP,
        max(1, round(height * scale)) * _SIDE_STEP,
    )


def expected_frames(info: VideoInfo, options: PrepareOptions) -> int:
    """About how many frames the take will have; the video may turn out a little shorter or longer than it says."""
    rest = max(0.0, info.duration - options.start)
    seconds = rest if options.duration is None else min(options.duration, rest)
    return round(seconds * options.fps)
