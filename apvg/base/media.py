"""What reading sound and reading pictures have in common: opening a file, and its one clock."""

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

#: Containers whose time stamps count from a zero of their own, so that a late start is meant (an empty edit, say). Where
#: others start late it is an accident of the format (an MP3 encoder's delay, a broadcast's running clock).
_FORMATS_WITH_ZERO = {"mov", "matroska"}
#: Where nothing at all comes for so long, seconds, the clock has jumped: as FFmpeg has it.
_JUMP_SECONDS = 10.0
#: Time stamps that fall behind by more than this, seconds, are of a clock that began anew; less is disorder.
_BEHIND_SECONDS = 0.1
#: Packets of one stream follow one another within this, seconds, unless something happened to the clock.
_NEAR_SECONDS = 1.0
#: The longest gap that anyone can mean, seconds.
LONGEST_GAP_SECONDS = 3600.0


def ffmpeg_name(path: str | Path) -> str:
    """A file's name as FFmpeg takes it for one: what stands before a colon, as in `Op. 10: 3.mp3`, would be a protocol."""
    return f"file:{os.path.abspath(path)}"


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """Open anything FFmpeg reads.

    Raises:
        ApvgError: The file is missing, empty, unreadable, or of no kind that FFmpeg knows.
    """
    path = Path(path)
    if not path.exists():
        raise ApvgError(f"cannot read {path}: there is no such file; check the name")
    if path.is_dir():
        raise ApvgError(f"cannot read {path}: it is a folder; name a file")
    if path.is_file() and path.stat().st_size == 0:
        raise ApvgError(f"cannot read {path}: it is empty (0 bytes); get the file again")
    try:
        container = av.open(ffmpeg_name(path))
    except PermissionError:
        raise ApvgError(f"cannot read {path}: permission denied; make it readable") from None
    except (FFmpegError, ValueError):
        raise ApvgError(
            f"cannot read {path}: it is damaged, cut off, or neither sound nor video; "
            "check that a media player plays it"
        ) from None
    with container:
        yield container


def time_zero(container: InputContainer) -> Fraction:
    """The time stamp, in seconds, that is second 0 of the file for its picture and its sound alike."""
    if container.start_time is None or _FORMATS_WITH_ZERO & set(container.format.name.split(",")):
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)


def may_jump(container: InputContainer) -> bool:
    """Whether the container is of a kind whose clock may begin anew midway, so that its stated lengths mean nothing."""
    return bool(Flags.ts_discont.value & container.format.flags)


def read_packets(
    container: InputContainer, stream: av.AudioStream | av.VideoStream
) -> Iterator[Packet]:
    """A stream's packets to the end of the file, or to where it breaks off, with time stamps of one clock.

    Recordings of broadcasts, and files that were joined, may hold several clocks one after the other. Where the clock jumps, for
    all streams alike, later time stamps are moved so that the file goes on without a gap.
    """
    clock = _Clock() if may_jump(container) else None
    pictures = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    streams = [stream] if clock is None else [*container.streams.audio, *pictures]
    packets = container.demux(streams)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return  # the caller compares the file's length with what it states
        if packet is None:
            return
        if clock is not None:
            clock.correct(packet)
        if packet.stream_index == stream.index:
            yield packet


class _Clock:
    """Brings the time stamps of all streams of a file onto one clock that never jumps."""

    def __init__(self) -> None:
        self._shift = 0.0  # of the newest of the file's clocks, seconds
        self._end: float | None = None  # of what has come so far, seconds
        self._shifts: dict[int, float] = {}  # by stream, for they reach a jump one after the other
        self._ends: dict[int, float] = {}

    def correct(self, packet: Packet) -> None:
        """Move the time stamps of the next packet."""
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
        """Whether a packet follows the one before in its stream."""
        return index in self._ends and -_BEHIND_SECONDS <= time - self._ends[index] <= _NEAR_SECONDS

    def _jumps(self, index: int, time: float, end: float) -> bool:
        """Whether a time is far from where the file has come to, or where its own stream has."""
        fell_behind = index in self._ends and time < self._ends[index] - _BEHIND_SECONDS
        return fell_behind or abs(time - end) > _JUMP_SECONDS
