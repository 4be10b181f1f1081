"""Inputs of live sound: a microphone, raw samples in a pipe, or a file in real time.

Each gives mono samples, float32 in -1..1, at the rate asked for, in pieces of about
:data:`PIECE_SECONDS`, not earlier than they would sound.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event
from time import perf_counter
from typing import Literal

import numpy as np

from apvg.base.errors import ApvgError
from apvg.live.statistics import Statistics
from apvg.music.resampling import resample_chunks

#: Length of a piece of sound, seconds: so short that waiting for it hardly matters.
PIECE_SECONDS = 0.01
#: A source that was late may catch up with this much sound at once, seconds; after longer pauses
#: the clock is shifted.
SLACK_SECONDS = 0.2
#: A pipe is read no faster than this multiple of real time. Not 1: if the clock of the program that
#: writes it runs a little faster than ours, its lead would accumulate in the pipe.
PIPE_PACE = 1.01
#: Kinds of samples in a pipe, by FFmpeg's names.
PipeFormat = Literal["s16le", "f32le"]
_DTYPES = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


def paced(
    chunks: Iterable[np.ndarray], rate: int, stop: Event, *, pace: float = 1.0, lead: float = 0.0
) -> Iterator[np.ndarray]:
    """Sound [S] in small pieces, each yielded when its last sample is due, until `stop` is set.

    Args:
        chunks: Mono sound.
        rate: Its rate, Hz.
        stop: Set to end it.
        pace: Largest multiple of real time.
        lead: Seconds of sound that may come early.
    """
    size = max(round(PIECE_SECONDS * rate), 1)
    begin = perf_counter() - lead
    seconds = 0.0
    for chunk_S in chunks:
        for first in range(0, len(chunk_S), size):
            piece_S = chunk_S[first : first + size]
            seconds += len(piece_S) / rate / pace
            now = perf_counter()
            begin = max(begin, now - seconds - SLACK_SECONDS)
            if stop.wait(max(begin + seconds - now, 0)):
                return
            yield piece_S


def pipe_sound(
    pipe: io.RawIOBase, rate: int, stop: Event, *, source_rate: int, channels: int, kind: PipeFormat
) -> Iterator[np.ndarray]:
    """Raw samples at `source_rate`, channels interleaved, as they arrive, to the end of the
    pipe."""
    if source_rate < 1 or channels < 1:
        raise ApvgError(
            f"there is no sound of {source_rate} Hz and {channels} channels",
            "give 1 or more of each",
            ["rate", "channels"],
        )
    sound = _at_rate(_read_samples(pipe, channels, kind), source_rate, rate)
    return paced(sound, rate, stop, pace=PIPE_PACE, lead=SLACK_SECONDS)


@contextmanager
def microphone_sound(
    rate: int, stop: Event, statistics: Statistics, name: str | None = None
) -> Iterator[Iterator[np.ndarray]]:
    """Sound from a microphone, until `stop` is set.

    Args:
        rate: The wanted rate, Hz.
        stop: Set to end it.
        statistics: Counts what the sound system lost.
        name: Number of a sound device, or part of its name; the system's choice by default.

    Raises:
        ApvgError: There is no such microphone, or no sound system.
    """
    try:
        import sounddevice
    except OSError as error:  # the Python package is there, the system's library is not
        raise ApvgError(
            f"cannot record from a microphone: {error}",
            "install PortAudio (apt install libportaudio2)",
        ) from None
    device = int(name) if name is not None and name.isdigit() else name
    try:
        source_rate = round(sounddevice.query_devices(device, "input")["default_samplerate"])
        stream = sounddevice.InputStream(
            samplerate=source_rate, device=device, channels=1, dtype="float32", latency="low"
        )
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        which = "microphone" if name is None else f"microphone {name!r}"
        raise ApvgError(
            f"there is no {which} here ({' '.join(str(error).split())})",
            "plug one in, choose another, or play a file",
            ["microphone"],
        ) from None

    def record() -> Iterator[np.ndarray]:
        try:
            while not stop.is_set():
                samples_SC, lost = stream.read(round(PIECE_SECONDS * source_rate))
                statistics.lost += lost
                yield samples_SC.T
        except sounddevice.PortAudioError as error:
            raise ApvgError(
                f"the microphone was disconnected ({error})", "plug it in and start again"
            ) from None

    with stream:
        yield _at_rate(record(), source_rate, rate)


def first_seconds(pieces: Iterable[np.ndarray], rate: int, seconds: float) -> Iterator[np.ndarray]:
    """The first seconds of a sound."""
    left = round(seconds * rate)
    for piece_S in pieces:
        yield piece_S[:left]
        left -= len(piece_S)
        if left <= 0:
            return


def _read_samples(pipe: io.RawIOBase, channels: int, kind: PipeFormat) -> Iterator[np.ndarray]:
    """Mono sound [1, S] as it arrives."""
    dtype = _DTYPES[kind]
    width = channels * dtype.itemsize
    rest = b""
    while data := pipe.read(io.DEFAULT_BUFFER_SIZE):
        data = rest + data
        whole = len(data) - len(data) % width
        samples_SC = np.frombuffer(data[:whole], dtype).reshape(-1, channels).astype(np.float32)
        if dtype.kind == "i":
            samples_SC /= 2 ** (8 * dtype.itemsize - 1)
        rest = data[whole:]
        if whole:
            # NaN would stay in the resampler for good.
            mono_S = np.nan_to_num(samples_SC.mean(axis=1), nan=0.0, posinf=0.0, neginf=0.0)
            yield mono_S[None]


def _at_rate(chunks: Iterator[np.ndarray], source_rate: int, rate: int) -> Iterator[np.ndarray]:
    """Resample: [1, S] at one rate to [S] at another."""
    first_1S = next(chunks, None)
    if first_1S is not None:
        for chunk_1S in resample_chunks(first_1S, chunks, source_rate, rate):
            yield chunk_1S[0]
