"""What a take is made of and how: the options of preparing, and their checks before hours of
work."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from apvg.base.conventions import FPS
from apvg.base.errors import ApvgError, ApvgWarning
from apvg.instruments.instrument import find_instrument
from apvg.takes.recording import Recording
from apvg.takes.sequences import measure_sound
from apvg.video.reading import VideoInfo

#: Of a take's sound, Hz.
SAMPLE_RATE = 48000

StepName: TypeAlias = Literal["track", "clean", "align", "assess"]
#: The steps of preparing, in order.
STEPS: tuple[StepName, ...] = get_args(StepName)

#: x, y, width, height in source pixels.
Rectangle: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class PrepareOptions:
    """What is made of a recording. Rectangles are x, y, width, height in source pixels, as the
    video is shown.

    Attributes:
        fps: Frames per second of the take.
        start: Where in the video the take begins, seconds.
        duration: How long the take is, seconds; to the video's end by default, and never beyond it.
        crop: What the take shows; "full" is everything, "auto" what the layout shows by default:
            the part with the hands, or everything where there is a body, too.
        size: Width and height of the take's frames; by default about 256 x 256 pixels in the crop's
            shape.
        layout: Name of the skeleton; see :data:`apvg.takes.prepare.layouts.LAYOUTS`.
        person: Where the performer is; who is elsewhere is ignored. By default the crop and some
            margin.
        offset: Video time minus sound (and MIDI) time, seconds; None to find it.
        corners: Corners of the surface that is played on (a keyboard), source pixels: x, y of top
            left, top right, bottom right, bottom left.
    """

    fps: int = FPS
    start: float = 0.0
    duration: float | None = None
    crop: Rectangle | Literal["auto", "full"] = "auto"
    size: tuple[int, int] | None = None
    layout: str = "hands"
    person: Rectangle | None = None
    offset: float | None = None
    corners: tuple[int, ...] | None = None

    @property
    def corners_42(self) -> np.ndarray | None:
        """The corners as points, source pixels."""
        return None if self.corners is None else np.reshape(self.corners, (4, 2))


def check(recording: Recording, info: VideoInfo, options: PrepareOptions) -> None:
    """Refuse options that do not fit the recording, and files that break off.

    Raises:
        ApvgError: With the names of the options that do not fit.
    """
    video = recording.video
    crop = None if isinstance(options.crop, str) else options.crop
    for what, rectangle in (("crop", crop), ("person", options.person)):
        if rectangle is None:
            continue
        x, y, width, height = rectangle
        if (
            min(x, y) < 0
            or min(width, height) < 1
            or x + width > info.width
            or y + height > info.height
        ):
            raise ApvgError(
                f"{what} {','.join(map(str, rectangle))} is not inside {video}, which is "
                f"{info.width}x{info.height} as shown",
                "make it fit",
                options=[what],
            )
    if options.fps < 1:
        raise ApvgError(
            f"{options.fps} is no frame rate for a take", "give 1 or more", options=["fps"]
        )
    if not (0 <= options.start < info.duration) or (options.duration or 1) * options.fps < 1:
        raise ApvgError(
            f"no frame of {video} lies there: start {options.start:g} s, duration "
            f"{options.duration}",
            f"choose a part of its {info.duration:.2f} s",
            options=["start", "duration"],
        )
    size = options.size
    if size is not None and (min(size) < 2 or size[0] % 2 or size[1] % 2):
        raise ApvgError(
            f"frames of {size[0]}x{size[1]} pixels cannot be written",
            "give even numbers of pixels",
            options=["size"],
        )
    if options.corners is not None:
        surface = find_instrument(recording.about.instrument).seen(options.corners_42).surface
        try:
            surface.place(options.corners_42)
        except ValueError as error:
            raise ApvgError(
                f"these corners cannot be: {error}", "give source pixels", options=["corners"]
            ) from None
    if is_silent(recording, info):
        warnings.warn(
            f"{video} has no sound, so the take is silent; give the sound's file as audio, or "
            "train with a recipe for silent footage (pianist-silent)",
            ApvgWarning,
            stacklevel=2,
        )
        return
    seconds = expected_frames(info, options) / options.fps
    until = None if options.offset is None else options.start + seconds - options.offset
    measure_sound(recording.audio, until)


def is_silent(recording: Recording, info: VideoInfo) -> bool:
    """Whether a recording has no sound, neither in its video nor in a file of its own."""
    return recording.audio == recording.video and not info.has_audio


def expected_frames(info: VideoInfo, options: PrepareOptions) -> int:
    """About how many frames the take will have; the video may turn out a little shorter or longer
    than it says."""
    rest = max(0.0, info.duration - options.start)
    seconds = rest if options.duration is None else min(options.duration, rest)
    return round(seconds * options.fps)
