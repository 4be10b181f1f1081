"""Reads audio from any file that FFmpeg can read, on the file's own clock, in constant memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.media import LONGEST_GAP_SECONDS, open_media, read_packets, time_zero
from apvg.music.resampling import resample_chunks
from apvg.music.riff import missing_sound

#: Approximate length of the chunks, seconds.
CHUNK_SECONDS = 0.5
#: A time stamp further ahead than this is a gap, which is filled with silence; less is rounding.
GAP_SECONDS = 0.1
#: A file that ends so much earlier than it states is truncated.
MISSING_SECONDS = 0.5
#: No audio packet lasts so long.
_LONGEST_PACKET_SECONDS = 60.0
#: Containers that state the length of their audio; for others FFmpeg estimates it from the file
#: size.
_FORMATS_WITH_LENGTH = {"aiff", "flac", "mov"}


@dataclass(frozen=True)
class AudioInfo:
    """A file's audio track."""

    sample_rate: int
    """Hz."""
    channels: int


def probe_audio(path: str | Path) -> AudioInfo:
    """The audio format that the file states, without decoding it.

    Raises:
        ApvgError: The file cannot be read or has no audio.
    """
    with open_media(path) as container:
        stream = _sound_track(container, path)
        return AudioInfo(stream.rate, stream.channels)


def measure_audio(path: str | Path, until: float | None = None) -> float:
    """Where the audio really ends on the clock, seconds, from the time stamps of its packets,
    without decoding it.

    Raises:
        ApvgError: The file cannot be read or has no audio; or it is truncated before second `until`
            (its stated end by default). Checking this first saves finding out after hours of work.
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
                # Where Ogg files were joined, the last packet of the first one claims a day.
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
    """Mono audio in chunks of about half a second.

    The first sample is second `start` of the file's clock: the encoder's delay is removed, and a
    late start or a gap is filled with silence. Channels are averaged. NaN and infinite samples
    become 0, with one :class:`ApvgWarning`.

    Args:
        path: An audio file, or a video with audio.
        sample_rate: Sample rate of the result, Hz.
        start: Where to begin, seconds.
        duration: How much to read, seconds; to the end by default, and never beyond it.

    Yields:
        float32 [S], -1..1; round(seconds * sample_rate) samples in total.

    Raises:
        ApvgError: The file is missing, empty, truncated, not an audio or video file, or has no
            audio; or `start` lies after its end.
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
    """Like :func:`stream_audio`, with `channels` channels: [C, S].

    A file with another number is averaged to mono, then repeated.
    """
    if not 0 <= start < float("inf") or (duration is not None and not 0 < duration < float("inf")):
        raise ApvgError(
            f"cannot read {path} from {start} s for {duration} s",
            "start at 0 s or later, and give a duration above 0",
            ["start", "duration"],
        )
    source = _Source(path, channels)
    chunks = source.chunks(start)
    first_CS = next(chunks, None)
    if first_CS is None:
        raise ApvgError(
            f"cannot start at {start:g} s: the audio of {path} ends at {source.end:.2f} s",
            "start earlier",
            ["start"],
        )
    read = 0
    wanted = None if duration is None else round(duration * sample_rate)
    for chunk_CS in resample_chunks(first_CS, chunks, source.sample_rate, sample_rate):
        if wanted is not None and read + chunk_CS.shape[1] >= wanted:
            yield chunk_CS[:, : wanted - read]
            return
        read += chunk_CS.shape[1]
        yield chunk_CS


class _Source:
    """One pass over a file's audio at its own rate."""

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
        """Decoded pieces of any size, placed by their time stamps, without gaps."""
        with open_media(self.path) as container:
            stream = _sound_track(container, self.path)
            zero = time_zero(container)
            begin = position = 0  # on the clock: the first sample wanted, and the next one
            for frame in _decode(container, stream):
                if self.sample_rate == 0:
                    # The header of some kinds of AAC states half the rate.
                    self.sample_rate = frame.sample_rate
                    begin = round(Fraction(start) * self.sample_rate)
                if frame.sample_rate != self.sample_rate:
                    raise ApvgError(
                        f"cannot read {self.path}: its sample rate changes midway",
                        "convert it to a WAV file",
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
                    f"cannot read {self.path}: its audio track is empty",
                    "check that a media player plays it",
                )
            self.end = position / self.sample_rate
            stated = _stated_end(container, stream, self.path, self.end)
            if stated is not None:
                _refuse_cut_off(self.path, self.end, stated)

    def _samples(self, frame: av.AudioFrame) -> np.ndarray:
        """A frame's samples as float32 [C, S], -1..1, finite."""
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
                    f"{self.path} has samples that are NaN or infinite; they are replaced by "
                    "silence",
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
        raise ApvgError(f"cannot read {path}: it has no audio track", "choose a file with audio")
    assert isinstance(stream, av.AudioStream)
    if not stream.rate or not stream.channels:
        raise ApvgError(
            f"cannot read {path}: its audio track is damaged or of an unknown format",
            "convert it to a WAV file",
        )
    return stream


def _stated_end(
    container: InputContainer, stream: av.AudioStream, path: str | Path, end: float
) -> float | None:
    """Where audio that was read to second `end` ends on the clock according to the file, seconds;
    None if it does not say."""
    formats = set(container.format.name.split(","))
    if "matroska" in formats and len(container.streams) == 1 and container.duration is not None:
        return container.duration / av.time_base
    if "wav" in formats:
        return end + missing_sound(Path(path), end)
    # An MP3 whose header states the encoder's delay also states its length.
    stated = _FORMATS_WITH_LENGTH & formats or ("mp3" in formats and stream.start_time)
    if not stated or stream.duration is None or stream.time_base is None:
        return None
    ticks = (stream.start_time or 0) + stream.duration
    return float(ticks * stream.time_base - time_zero(container))


def _refuse_cut_off(path: str | Path, end: float, stated: float) -> None:
    if end < stated - MISSING_SECONDS:
        raise ApvgError(
            f"cannot read {path}: it is cut off at {end:.2f} s of {stated:.2f} s",
            "get the whole file, or read only a part of it",
            ["duration"],
        )


def _refuse_jump(path: str | Path, end: float, begin: float) -> None:
    if begin - end > LONGEST_GAP_SECONDS:
        raise ApvgError(
            f"cannot read {path}: its clock jumps from {end:.2f} s to {begin:.2f} s",
            "cut the file there, or convert it to a WAV file",
        )


def _decode(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Every frame that can be decoded.

    A damaged packet, such as a stray tag in an MP3, leaves a gap, as in any player.
    """
    for packet in read_packets(container, stream):
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            assert isinstance(frame, av.AudioFrame)
            yield frame


def _silence(first: int, stop: int, sample_rate: int) -> Iterator[np.ndarray]:
    """Zeros for samples `first` to `stop`, in chunks of a second."""
    for begin in range(first, stop, sample_rate):
        yield np.zeros(min(sample_rate, stop - begin), np.float32)
