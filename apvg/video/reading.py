"""Reads frames of any video, chosen by time stamp and not by index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace

from apvg.base.errors import ApvgError
from apvg.base.media import (
    LONGEST_GAP_SECONDS,
    may_jump,
    open_media,
    read_packets,
    time_zero,
)

#: A file that ends so much earlier than it states is truncated, seconds.
MISSING_SECONDS = 0.5
#: Seeking aims at a key frame at least so much before the wanted time, seconds.
_SEEK_MARGIN = 2
#: If seeking is not possible, frames are sampled from so much of the video, seconds.
_UNSEARCHABLE_SECONDS = 120.0
#: Between samples further apart than this, seeking is faster than decoding on, seconds.
_WORTH_A_JUMP = 8.0
#: Containers whose time stamps are as good after a seek as before.
_SEEKABLE_FORMATS = {"mov", "matroska"}


@dataclass(frozen=True)
class VideoInfo:
    """A file's video track."""

    width: int
    """Pixels, as shown: after the rotation that phones store."""
    height: int
    duration: float
    """Seconds from the first frame's start to the last one's end, as the file states."""
    start: float
    """The first frame's time on the file's clock, seconds."""
    average_rate: Fraction
    """Frames per second."""
    has_audio: bool
    seekable: bool
    """Whether reading can start in the middle; if not, everything before is decoded, too."""


def probe_video(path: str | Path) -> VideoInfo:
    """Size, duration and frame rate of a video.

    Raises:
        ApvgError: The file cannot be read or has no video.
    """
    with _open_picture(path) as picture:
        first, start = next(picture.frames(Fraction(0)), (None, Fraction(0)))
        if first is None:
            raise ApvgError(f"cannot read {path}: no frame can be decoded", "get the file again")
        width, height = first.width, first.height
        if _quarter_turns(first) % 2:
            width, height = height, width
        end = picture.stated_end
        if end is None and may_jump(picture.container):
            end = _measured_end(path)
        if end is None:
            end = Fraction(picture.container.duration or 0, av.time_base)
        return VideoInfo(
            width=width,
            height=height,
            duration=float(end - start),
            start=float(start),
            average_rate=picture.rate,
            has_audio=picture.container.streams.best("audio") is not None,
            seekable=picture.seekable,
        )


def read_frames(
    path: str | Path,
    fps: Fraction | int,
    *,
    start: float | Fraction = 0.0,
    duration: float | None = None,
    crop: tuple[int, int, int, int] | None = None,
) -> Iterator[np.ndarray]:
    """The frames of a video at `fps`, whatever its own frame rate, constant or not.

    Frame i is the one on screen at second ``start + i / fps`` of the file's clock; before the first
    source frame it is that one. There are round(seconds * fps) frames.

    Args:
        path: A video.
        fps: Frames per second of the result.
        start: Where to begin, seconds.
        duration: How much to read, seconds; to the end by default, and never beyond it.
        crop: x, y, width, height in pixels of the picture as shown.

    Yields:
        RGB uint8 [H, W, 3], rotated as a player shows it. Do not modify it: a source frame that is
        shown twice is the same array.

    Raises:
        ApvgError: The file cannot be read, is truncated or has no video; `start` lies after its
            end; the crop is not inside the frame.
    """
    begin = Fraction(start).limit_denominator(10**6)
    step = 1 / Fraction(fps)
    wanted = None if duration is None else round(duration * fps)
    shown: av.VideoFrame | None = None
    image_HWC: np.ndarray | None = None  # of `shown`, once it is needed
    # The last one picked is held back, because rounding at the end may drop it.
    picked_HWC: np.ndarray | None = None
    picked = 0
    with _open_picture(path) as picture:
        slack = picture.slack
        end = Fraction(0)
        for frame, time in picture.frames(begin):
            while shown is not None and begin + picked * step < time - slack:
                if picked_HWC is not None:
                    yield picked_HWC
                if picked == wanted:
                    return
                image_HWC = _image(shown, crop, path) if image_HWC is None else image_HWC
                picked_HWC = image_HWC
                picked += 1
            shown, image_HWC = frame, None
            end = time + (frame.duration * picture.tick or 1 / picture.rate)
        if shown is None:
            raise ApvgError(f"cannot read {path}: no frame can be decoded", "get the file again")
        total = round((end - begin) * fps)
        if total <= 0:
            raise ApvgError(
                f"cannot start at {float(begin):g} s: the video of {path} ends at {float(end):.2f} "
                "s",
                "start earlier",
                ["start"],
            )
        stated = picture.stated_end
        too_short = wanted is None or wanted > total
        if too_short and stated is not None and end < stated - MISSING_SECONDS:
            raise ApvgError(
                f"cannot read {path}: it is cut off at {float(end):.2f} s of {float(stated):.2f} s",
                "get the whole file",
            )
        total = total if wanted is None else min(wanted, total)
        if picked_HWC is not None and picked <= total:
            yield picked_HWC
        image_HWC = _image(shown, crop, path) if image_HWC is None else image_HWC
        for _ in range(picked, total):
            yield image_HWC


def sample_frames(
    path: str | Path, count: int, *, start: float = 0.0, duration: float | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Frames spread evenly over a stretch of a video, without decoding all of it.

    If the container does not allow seeking, the samples lie in the first two minutes of the
    stretch.

    Args:
        path: A video.
        count: Number of frames; a video with fewer frames gives fewer.
        start: Where the stretch begins, seconds.
        duration: How long it is, seconds; to the end by default.

    Yields:
        Time on the file's clock, seconds, and RGB uint8 [H, W, 3], in order of time.

    Raises:
        ApvgError: The file cannot be read or has no video.
    """
    with _open_picture(path) as picture:
        end = picture.stated_end
        if end is None and may_jump(picture.container):
            end = _measured_end(path)
        rest = float(end) - start if end is not None else _UNSEARCHABLE_SECONDS
        seconds = rest if duration is None else min(duration, rest)
        if not picture.seekable:
            seconds = min(seconds, _UNSEARCHABLE_SECONDS)
        step = max(seconds, 0.0) / count
        latest = Fraction(-1)
        frames = picture.frames(Fraction(start).limit_denominator(10**6))
        for i in range(count):
            wanted = Fraction(start + (i + 0.5) * step).limit_denominator(10**6)
            if picture.seekable and step > _WORTH_A_JUMP:
                frames = picture.frames(wanted)
            for frame, time in frames:
                if time >= wanted and time > latest:
                    latest = time
                    yield float(time), _image(frame, None, path)
                    break


def frame_times(path: str | Path) -> np.ndarray:
    """The second on the file's clock from which :func:`read_frames` gives each source frame:
    float64 [N], ascending.

    All frames are decoded, because a file may have packets that are never shown.

    Raises:
        ApvgError: The file cannot be read or has no video.
    """
    with _open_picture(path) as picture:
        return np.array(
            [float(time - picture.slack) for _, time in picture.frames(Fraction(0))], np.float64
        )


@dataclass(frozen=True)
class _Picture:
    """An open file's video track."""

    container: InputContainer
    stream: av.VideoStream
    zero: Fraction
    """The time stamp that is second 0."""
    tick: Fraction
    """The unit of its time stamps, seconds."""

    @property
    def slack(self) -> Fraction:
        """Rounding error of time stamps (to the container's ticks) and of wanted times (to a
        float), seconds."""
        return self.tick / 2 + Fraction(1, 10**6)

    @property
    def rate(self) -> Fraction:
        return self.stream.average_rate or self.stream.guessed_rate or Fraction(25)

    @property
    def stated_end(self) -> Fraction | None:
        """Where the video ends on the clock according to the file, seconds; None if it does not
        say."""
        if self.stream.duration is None or may_jump(self.container):
            return None
        return ((self.stream.start_time or 0) + self.stream.duration) * self.tick - self.zero

    @property
    def seekable(self) -> bool:
        """Whether time stamps can be trusted after seeking."""
        return bool(set(self.container.format.name.split(",")) & _SEEKABLE_FORMATS)

    def frames(self, begin: Fraction) -> Iterator[tuple[av.VideoFrame, Fraction]]:
        """Frames in presentation order with their time on the clock; those well before `begin` may
        be left out."""
        # Key frames are found by decoding time; the margin ensures that the frame on screen at
        # `begin` is included.
        if begin > _SEEK_MARGIN and self.seekable:
            target = begin - _SEEK_MARGIN + self.zero
            self.container.seek(int(target / self.tick), stream=self.stream, backward=True)
        latest = None
        for frame in self._decode():
            if frame.pts is None:
                continue
            time = frame.pts * self.tick - self.zero
            if latest is not None and time - latest > LONGEST_GAP_SECONDS:
                raise ApvgError(
                    f"cannot read {self.container.name.removeprefix('file:')}: its clock jumps "
                    f"from {float(latest):.2f} s to {float(time):.2f} s",
                    "cut the file there",
                )
            if latest is None or time > latest:
                latest = time
                yield frame, time

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Every frame that can be decoded."""
        for packet in read_packets(self.container, self.stream):
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                yield frame


def _measured_end(path: str | Path) -> Fraction | None:
    """Where the video really ends on the clock, seconds, from the time stamps of its packets,
    without decoding it."""
    with _open_picture(path) as picture:
        ends = (
            (packet.pts + (packet.duration or 0)) * picture.tick - picture.zero
            for packet in read_packets(picture.container, picture.stream)
            if packet.pts is not None
        )
        return max(ends, default=None)


@contextmanager
def _open_picture(path: str | Path) -> Iterator[_Picture]:
    with open_media(path) as container:
        for stream in container.streams.video:
            # The cover of an album is a "video" with one still image.
            if not stream.disposition & Disposition.attached_pic and stream.time_base is not None:
                stream.thread_type = "AUTO"
                yield _Picture(container, stream, time_zero(container), stream.time_base)
                return
    raise ApvgError(f"cannot read {path}: it has no picture", "choose a video")


def _quarter_turns(frame: av.VideoFrame) -> int:
    """Quarter turns, counter-clockwise, from the stored frame to the shown one."""
    return round(frame.rotation / 90) % 4


def _image(
    frame: av.VideoFrame, crop: tuple[int, int, int, int] | None, path: str | Path
) -> np.ndarray:
    colorspace = frame.colorspace
    if colorspace == 2:  # unspecified: players assume BT.709 for high definition, else BT.601
        colorspace = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    rgb = frame.reformat(format="rgb24", src_colorspace=colorspace, dst_color_range=ColorRange.JPEG)
    image_HWC = np.rot90(rgb.to_ndarray(), _quarter_turns(frame))
    if crop is not None:
        x, y, width, height = crop
        if min(x, y) < 0 or min(width, height) < 1:
            raise ApvgError(
                f"the crop {crop} is not x, y, width, height in pixels",
                "give four whole numbers",
                ["crop"],
            )
        if x + width > image_HWC.shape[1] or y + height > image_HWC.shape[0]:
            raise ApvgError(
                f"the crop {crop} reaches beyond the picture of {path}, which is "
                f"{image_HWC.shape[1]}x{image_HWC.shape[0]}",
                "make it smaller",
                ["crop"],
            )
        image_HWC = image_HWC[y : y + height, x : x + width]
    return np.ascontiguousarray(image_HWC)
