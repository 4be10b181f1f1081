"""Opening media files, and the one clock that their audio and video share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet
from av.stream import Disposition

from apvg.base.errors import ApvgError

#: Containers whose time stamps count from a defined zero, so that a late start is intended (for
#: example an empty edit). In other containers a late start is an accident of the format (an MP3
#: encoder's delay, a broadcast's running clock).
_FORMATS_WITH_ZERO = {"mov", "matroska"}
#: After a gap of so many seconds in all streams the clock has jumped, as in FFmpeg.
_JUMP_SECONDS = 10.0
#: Time stamps that go back by more than this, seconds, belong to a clock that restarted; less is
#: disorder.
_BEHIND_SECONDS = 0.1
#: Packets of one stream follow each other within this, seconds, unless the clock has jumped.
_NEAR_SECONDS = 1.0
#: The longest gap that is taken as intended, seconds.
LONGEST_GAP_SECONDS = 3600.0


def ffmpeg_name(path: str | Path) -> str:
    """A file name for FFmpeg, which takes text before a colon, as in `Op. 10: 3.mp3`, for a
    protocol."""
    return f"file:{os.path.abspath(path)}"


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """Open any file that FFmpeg can read.

    Raises:
        ApvgError: The file is missing, empty, unreadable, or of a format that FFmpeg does not know.
    """
    path = Path(path)
    if not path.exists():
        raise ApvgError(f"cannot read {path}: there is no such file", "check the name")
    if path.is_dir():
        raise ApvgError(f"cannot read {path}: it is a folder", "name a file")
    if path.is_file() and path.stat().st_size == 0:
        raise ApvgError(f"cannot read {path}: it is empty (0 bytes)", "get the file again")
    try:
        container = av.open(ffmpeg_name(path))
    except PermissionError:
        raise ApvgError(f"cannot read {path}: permission denied", "make it readable") from None
    except (FFmpegError, ValueError):
        raise ApvgError(
            f"cannot read {path}: it is damaged, cut off, or neither audio nor video",
            "check that a media player plays it",
        ) from None
    with container:
        yield container


def time_zero(container: InputContainer) -> Fraction:
    """The time stamp, in seconds, that is second 0 of the file, for video and audio alike."""
    if container.start_time is None or _FORMATS_WITH_ZERO & set(container.format.name.split(",")):
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)


def may_jump(container: InputContainer) -> bool:
    """Whether the container's clock may restart midway, which makes its stated lengths
    meaningless."""
    return bool(Flags.ts_discont.value & container.format.flags)


def read_packets(
    container: InputContainer, stream: av.AudioStream | av.VideoStream
) -> Iterator[Packet]:
    """A stream's packets up to the end of the file, or to where it breaks off, with time stamps on
    one clock.

    Recordings of broadcasts, and joined files, may have several clocks one after the other. Where
    the clock of all streams jumps, later time stamps are shifted so that the file continues without
    a gap.
    """
    clock = _Clock() if may_jump(container) else None
    pictures = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    streams = [stream] if clock is None else [*container.streams.audio, *pictures]
    packets = container.demux(streams)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return  # the caller compares the length with the stated one
        if packet is None:
            return
        if clock is not None:
            clock.correct(packet)
        if packet.stream_index == stream.index:
            yield packet


class _Clock:
    """Maps the time stamps of all streams of a file onto one clock without jumps."""

    def __init__(self) -> None:
        self._shift = 0.0  # of the latest of the file's clocks, seconds
        self._end: float | None = None  # of all packets so far, seconds
        self._shifts: dict[
            int, float
        ] = {}  # by stream, because they reach a jump one after the other
        self._ends: dict[int, float] = {}

    def correct(self, packet: Packet) -> None:
        """Shift the time stamps of the next packet."""
        if packet.dts is None or packet.time_base is None:
            return
        index, tick = packet.stream_index, float(packet.time_base)
        stamp = packet.dts * tick
        shift = self._shifts.get(index, self._shift)
        if self._end is not None and not self._goes_on(index, stamp + shift):
            shift = self._shift
            if self._jumps(index, stamp + shift, self._end):
                shift = self._shift = self._end - stamp
        self._shifts[index] = shift
        self._ends[index] = end = stamp + shift + (packet.duration or 0) * tick
        self._end = end if self._end is None else max(self._end, end)
        if shift:
            ticks = round(shift / tick)
            packet.dts += ticks
            if packet.pts is not None:
                packet.pts += ticks

    def _goes_on(self, index: int, time: float) -> bool:
        """Whether a packet directly follows the one before in its stream."""
        return index in self._ends and -_BEHIND_SECONDS <= time - self._ends[index] <= _NEAR_SECONDS

    def _jumps(self, index: int, time: float, end: float) -> bool:
        """Whether a time is far from the end of the file so far, or before the end of its own
        stream."""
        fell_behind = index in self._ends and time < self._ends[index] - _BEHIND_SECONDS
        return fell_behind or abs(time - end) > _JUMP_SECONDS
