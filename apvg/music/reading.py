"""Sound out of anything FFmpeg reads, on the file's own clock, with flat memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.media import LONGEST_GAP_SECONDS, open_media, read_packets, time_zero
from apvg.music.riff import missing_sound

#: Sound is handed on in pieces of about this many seconds.
CHUNK_SECONDS = 0.5
#: A time stamp further ahead than this is a gap in the sound, to be filled with silence; less is rounding.
GAP_SECONDS = 0.1
#: A file that ends so much earlier than it says is cut off.
MISSING_SECONDS = 0.5
#: No packet of sound lasts so long.
_LONGEST_PACKET_SECONDS = 60.0
#: Containers that state the length of their sound; others only guess it from their size.
_FORMATS_WITH_LENGTH = {"aiff", "flac", "mov"}


@dataclass(frozen=True)
class AudioInfo:
    """A file's sound track."""

    sample_rate: int
    """Hz."""
    channels: int


def probe_audio(path: str | Path) -> AudioInfo:
    """What the file says about its sound, without decoding it.

    Raises:
        ApvgError: The file cannot be read or has no sound.
    """
    with open_media(path) as container:
        stream = _sound_track(container, path)
        return AudioInfo(stream.rate, stream.channels)


def measure_audio(path: str | Path, until: float | None = None) -> float:
    """Where the sound really ends on the clock, seconds, from its packets' time stamps, without decoding it.

    Raises:
        ApvgError: The file cannot be read or has no sound; or it is cut off before second `until` (its stated end by
            default). What would else be found only after hours of work is found at once.
    """
    with open_media(path) as container:
        stream = _sound_track(container, path)
        zero = time_zero(container)
        end = 0.0
        for packet in read_packets(container, stream):
            if packet.pts is not None and packet.time_base is not None:
                begins = float(packet.pts * packet.time_base - zero)
                _refuse_jump(path, end, begins)
                seconds = float((packet.duration or 0) * packet.time_base)
                # The last packet of an Ogg file that another was joined to claims a day.
                end = max(end, begins + (seconds if seconds < _LONGEST_PACKET_SECONDS else 0.0))
        stated = _stated_end(container, stream, path, end)
        if stated is not None and (until is None or end < until):
            _refuse_cut_off(path, end, stated)
        return end


def read_audio(
    path: str | Path, sample_rate: int, *, start: float = 0.0, duration: float | None = None
) -> np.ndarray:
    """Mono samples [S], float32, at `sample_rate`; see :func:`stream_audio`."""
    return np.concatenate(list(stream_audio(path, sample_rate, start=start, duration=duration)))


def stream_audio(
    path: str | Path, sample_rate: int, *, start: float = 0.0, duration: float | None = None
) -> Iterator[np.ndarray]:
    """Mono sound in chunks of about half a second.

    The first sample is second `start` of the file's clock: the encoder's delay is taken off, and where the sound begins
    later than that clock, or has a gap, there is silence. Channels are averaged. NaN and infinite samples become 0, with
    one :class:`ApvgWarning`.

    Args:
        path: A sound file, or a video with sound.
        sample_rate: The wanted rate, Hz.
        start: Where to begin, seconds.
        duration: How much to read, seconds; to the end by default, and never beyond it.

    Yields:
        float32 [S], -1..1; in all round(seconds * sample_rate) samples.

    Raises:
        ApvgError: The file is missing, empty, cut off, no sound or video file, or without sound; or `start` lies after
            its end.
    """
    for chunk_CS in stream_channels(path, sample_rate, channels=1, start=start, duration=duration):
        yield chunk_CS[0]


def stream_channels(
    path: str | Path,
    sample_rate: int,
    *,
    channels: int,
    start: float = 0.0,
    duration: float | None = None,
) -> Iterator[np.ndarray]:
    """Like :func:`stream_audio`, with so many channels: [C, S]. More are averaged to one, then repeated."""
    if not 0 <= start < float("inf") or (duration is not None and not 0 < duration < float("inf")):
        raise ApvgError(
            f"cannot read {path} from {start} s for {duration} s: "
            "start must not be negative and duration must be above 0"
        )
    source = _Source(path, channels)
    chunks = source.chunks(start)
    first_CS = next(chunks, None)
    if first_CS is None:
        raise ApvgError(
            f"cannot start at {start:g} s: the sound of {path} ends at {source.end:.2f} s; start earlier"
        )
    read = 0
    wanted = None if duration is None else round(duration * sample_rate)
    for chunk_CS in resample(first_CS, chunks, source.sample_rate, sample_rate):
        if wanted is not None and read + chunk_CS.shape[1] >= wanted:
            yield chunk_CS[:, : wanted - read]
            return
        read += chunk_CS.shape[1]
        yield chunk_CS


class _Source:
    """One pass over a file's sound at its own rate."""

    def __init__(self, path: str | Path, channels: int) -> None:
        self.path = path
        self.channels = channels
        self.sample_rate = 0
        self.end = 0.0
        self._warned = False

    def chunks(self, start: float) -> Iterator[np.ndarray]:
        """[C, S] pieces of half a second from second `start` of the clock."""
        pending: list[np.ndarray] = []
        size = 0
        for piece_CS in self._pieces(start):
            pending.append(piece_CS)
            size += piece_CS.shape[1]
            if size >= CHUNK_SECONDS * self.sample_rate:
                yield np.concatenate(pending, axis=1)
                pending, size = [], 0
        if size:
            yield np.concatenate(pending, axis=1)

    def _pieces(self, start: float) -> Iterator[np.ndarray]:
        """Gapless decoded pieces of any size. Time stamps say where each belongs."""
        with open_media(self.path) as container:
            stream = _sound_track(container, self.path)
            zero = time_zero(container)
            begin = position = 0  # the first sample wanted and the next one to come, on the clock
            for frame in _decode(container, stream):
                if self.sample_rate == 0:
                    # Not the header's rate, which is half of it for some kinds of AAC.
                    self.sample_rate = frame.sample_rate
                    begin = round(Fraction(start) * self.sample_rate)
                if frame.sample_rate != self.sample_rate:
                    raise ApvgError(
                        f"cannot read {self.path}: its sample rate changes midway; convert it to a WAV file"
                    )
                samples_CS = self._samples(frame)
                if frame.pts is not None and frame.time_base is not None:
                    stamp = round((frame.pts * frame.time_base - zero) * self.sample_rate)
                    if position == 0 and stamp < 0:
                        samples_CS = samples_CS[:, -stamp:]
                    elif stamp - position > (GAP_SECONDS * self.sample_rate if position else 0):
                        rate = self.sample_rate
                        _refuse_jump(self.path, position / rate, stamp / rate)
                        for silence_S in _silence(max(position, begin), stamp, self.sample_rate):
                            yield np.tile(silence_S, (self.channels, 1))
                        position = stamp
                skipped = max(begin - position, 0)
                position += samples_CS.shape[1]
                if skipped < samples_CS.shape[1]:
                    yield samples_CS[:, skipped:]
            if position == 0:
                raise ApvgError(
                    f"cannot read {self.path}: there is no sound in its sound track; "
                    "check that a media player plays it"
                )
            self.end = position / self.sample_rate
            stated = _stated_end(container, stream, self.path, self.end)
            if stated is not None:
                _refuse_cut_off(self.path, self.end, stated)

    def _samples(self, frame: av.AudioFrame) -> np.ndarray:
        """A frame's sound as float32 [C, S], -1..1, finite."""
        array = frame.to_ndarray()
        if not frame.format.is_planar:
            array = array.reshape(-1, frame.layout.nb_channels).T
        if array.dtype == np.uint8:
            samples_CS = (array.astype(np.float32) - 128) / 128
        elif array.dtype.kind == "i":
            samples_CS = array.astype(np.float32) / 2.0 ** (8 * array.itemsize - 1)
        else:
            samples_CS = array.astype(np.float32, copy=False)
        if not np.isfinite(samples_CS).all():
            samples_CS = np.nan_to_num(samples_CS, nan=0.0, posinf=0.0, neginf=0.0)
            if not self._warned:
                warnings.warn(
                    f"{self.path} holds samples that are not numbers (NaN or infinite); they are silence now",
                    ApvgWarning,
                    stacklevel=2,
                )
                self._warned = True
        if len(samples_CS) != self.channels:
            mono_1S = samples_CS.mean(axis=0, keepdims=True)
            samples_CS = np.repeat(mono_1S, self.channels, axis=0)
        return samples_CS


def _sound_track(container: InputContainer, path: str | Path) -> av.AudioStream:
    stream = container.streams.best("audio")
    if stream is None:
        raise ApvgError(f"cannot read {path}: it has no sound track; name a file with sound")
    assert isinstance(stream, av.AudioStream)
    if not stream.rate or not stream.channels:
        raise ApvgError(f"cannot read {path}: its sound track is damaged or of an unknown kind")
    return stream


def _stated_end(
    container: InputContainer, stream: av.AudioStream, path: str | Path, end: float
) -> float | None:
    """Where sound that was read to second `end` ends on the clock, seconds, where the file itself says so."""
    formats = set(container.format.name.split(","))
    if "matroska" in formats and len(container.streams) == 1 and container.duration is not None:
        return container.duration / av.time_base
    if "wav" in formats:
        return end + missing_sound(Path(path), end)
    # An MP3 whose header tells the encoder's delay tells its length, too.
    stated = _FORMATS_WITH_LENGTH & formats or ("mp3" in formats and stream.start_time)
    if not stated or stream.duration is None or stream.time_base is None:
        return None
    ticks = (stream.start_time or 0) + stream.duration
    return float(ticks * stream.time_base - time_zero(container))


def _refuse_cut_off(path: str | Path, end: float, stated: float) -> None:
    if end < stated - MISSING_SECONDS:
        raise ApvgError(
            f"cannot read {path}: it is cut off at {end:.2f} s of {stated:.2f} s; "
            "get the whole file, or end earlier with --duration"
        )


def _refuse_jump(path: str | Path, end: float, begin: float) -> None:
    if begin - end > LONGEST_GAP_SECONDS:
        raise ApvgError(
            f"cannot read {path}: its clock jumps from {end:.2f} s to {begin:.2f} s; "
            "cut the file there, or convert it to a WAV file"
        )


def _decode(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Every frame that can be decoded. A damaged packet (a stray tag in an MP3, say) leaves a gap, as in any player."""
    for packet in read_packets(container, stream):
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            assert isinstance(frame, av.AudioFrame)
            yield frame


def _silence(first: int, stop: int, sample_rate: int) -> Iterator[np.ndarray]:
    """Zeros for samples `first` to `stop`, in pieces of a second."""
    for begin in range(first, stop, sample_rate):
        yield np.zeros(min(sample_rate, stop - begin), np.float32)


def resample(
    first_CS: np.ndarray, rest: Iterable[np.ndarray], source_rate: int, rate: int
) -> Iterator[np.ndarray]:
    """Pieces [C, S] of one sound at another rate, float32; in all round(S * rate / source_rate) samples.

    Args:
        first_CS: The first piece, of one or two channels.
        rest: Those that follow.
        source_rate: Their rate, Hz.
        rate: The wanted rate, Hz.
    """
    if source_rate == rate:
        yield first_CS
        yield from rest
        return
    layout = "mono" if len(first_CS) == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    taken = given = 0

    def push(samples_CS: np.ndarray | None) -> list[np.ndarray]:
        frame = None
        if samples_CS is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples_CS), "fltp", layout)
            frame.sample_rate = source_rate
        return [out.to_ndarray() for out in resampler.resample(frame)]

    for chunk_CS in chain([first_CS], rest):
        taken += chunk_CS.shape[1]
        for out_CS in push(chunk_CS):
            given += out_CS.shape[1]
            yield out_CS
    left = round(Fraction(taken * rate, source_rate)) - given
    tail_CS = np.concatenate([*push(None), np.zeros((len(first_CS), max(left, 0)), np.float32)], 1)
    if left > 0:
        yield tail_CS[:, :left]
