"""Pictures and sounds that come in pieces, read as a video and a sound file are: by time.

A data set may keep a film as numbered still pictures, and its sound as chunks that overlap. Both
have a clock of their own here, and :func:`probe_picture`, :func:`read_picture` and
:func:`read_sound` take either kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np

from apvg.base.errors import ApvgError
from apvg.music.reading import measure_audio, probe_audio, read_audio, stream_audio
from apvg.music.resampling import resample
from apvg.video.images import read_image
from apvg.video.reading import VideoInfo, frame_times, probe_video, read_frames

#: What a time stated as a float may lack, seconds.
_SLACK = Fraction(1, 10**6)


@dataclass(frozen=True)
class ImageSequence:
    """Still pictures, one every ``1 / fps`` seconds, the first at second 0.

    Attributes:
        name: What messages call it.
        paths: The pictures, all of one size, in order.
        fps: Pictures per second.
    """

    name: str
    paths: tuple[Path, ...]
    fps: Fraction

    def __str__(self) -> str:
        return f"{self.paths[0]} … {self.paths[-1].name}"


@dataclass(frozen=True)
class SoundChunks:
    """Sound in chunks that begin every `step` seconds and last longer than that: what overlaps is
    the same.

    Attributes:
        name: What messages call it.
        paths: Sound files of one kind, in order.
        step: Seconds from one chunk's begin to the next one's.
        lead: Second 0 of the clock lies so many seconds after the first chunk's begin.
    """

    name: str
    paths: tuple[Path, ...]
    step: Fraction
    lead: Fraction = Fraction(0)

    def __str__(self) -> str:
        return f"{self.paths[0]} … {self.paths[-1].name}"


Picture: TypeAlias = Path | ImageSequence
Sound: TypeAlias = Path | SoundChunks


def probe_picture(picture: Picture) -> VideoInfo:
    """What a video or a sequence of pictures is like; see
    :func:`apvg.video.reading.probe_video`."""
    if isinstance(picture, Path):
        return probe_video(picture)
    height, width = read_image(picture.paths[0]).shape[:2]
    return VideoInfo(
        width=width,
        height=height,
        duration=float(len(picture.paths) / picture.fps),
        start=0.0,
        average_rate=picture.fps,
        has_audio=False,
        seekable=True,
    )


def picture_times(picture: Picture) -> np.ndarray:
    """When each source frame comes on the screen, seconds [N]; see
    :func:`apvg.video.reading.frame_times`."""
    if isinstance(picture, Path):
        return frame_times(picture)
    return np.array([float(i / picture.fps - _SLACK) for i in range(len(picture.paths))])


def read_picture(
    picture: Picture,
    fps: int,
    *,
    start: float | Fraction = 0.0,
    duration: float | None = None,
) -> Iterator[np.ndarray]:
    """The frames on screen at `fps`, RGB uint8 [H, W, 3]; see
    :func:`apvg.video.reading.read_frames`.

    Raises:
        ApvgError: As there; or a picture of a sequence is damaged or has another size than the
            first.
    """
    if isinstance(picture, Path):
        yield from read_frames(picture, fps, start=start, duration=duration)
        return
    begin = Fraction(start).limit_denominator(10**6)
    rest = len(picture.paths) / picture.fps - begin
    total = round(rest * fps)
    if duration is not None:
        total = min(total, round(duration * fps))
    shown, image_HWC, size = -1, np.empty(0), None
    for i in range(total):
        index = math.floor((begin + Fraction(i, fps) + _SLACK) * picture.fps)
        if index != shown:
            path = picture.paths[min(index, len(picture.paths) - 1)]
            shown, image_HWC = index, read_image(path)
            size = size or image_HWC.shape
            if image_HWC.shape != size:
                raise ApvgError(
                    f"{path} is {image_HWC.shape[1]}x{image_HWC.shape[0]}, but the pictures before "
                    f"it are {size[1]}x{size[0]}",
                    "restore the file",
                )
        yield image_HWC


def read_sound(
    sound: Sound, sample_rate: int, *, start: float = 0.0, duration: float | None = None
) -> np.ndarray:
    """Mono samples [S], float32, at `sample_rate`; see :func:`apvg.music.reading.read_audio`.

    Chunks are joined at their own rate, each sample taken from one chunk that has it, so that the
    seams are inaudible.

    Raises:
        ApvgError: As there; or the chunks leave a gap, or have different rates.
    """
    if isinstance(sound, Path):
        return read_audio(sound, sample_rate, start=start, duration=duration)
    own_rate = probe_audio(sound.paths[0]).sample_rate
    joined_S = _join(sound, own_rate)[round((sound.lead + Fraction(start)) * own_rate) :]
    if not len(joined_S):
        raise ApvgError(
            f"cannot start at {start:g} s: the sound of {sound} ends earlier", "start earlier"
        )
    samples_S = resample(joined_S, own_rate, sample_rate)
    return samples_S if duration is None else samples_S[: round(duration * sample_rate)]


def stream_sound(
    sound: Sound, sample_rate: int, *, start: float = 0.0, duration: float | None = None
) -> Iterator[np.ndarray]:
    """What :func:`read_sound` gives, in pieces; chunks, which are short, in one.

    See :func:`apvg.music.reading.stream_audio`.
    """
    if isinstance(sound, Path):
        yield from stream_audio(sound, sample_rate, start=start, duration=duration)
    else:
        yield read_sound(sound, sample_rate, start=start, duration=duration)


def measure_sound(sound: Sound, until: float | None = None) -> float:
    """Where the sound really ends on its clock, seconds; see
    :func:`apvg.music.reading.measure_audio`.

    Raises:
        ApvgError: As there; or the chunks cannot be joined.
    """
    if isinstance(sound, Path):
        return measure_audio(sound, until)
    rate = probe_audio(sound.paths[0]).sample_rate
    return len(_join(sound, rate)) / rate - float(sound.lead)


def _join(sound: SoundChunks, rate: int) -> np.ndarray:
    """The whole sound [S] at its own rate.

    Of the chunks that reach back to where it is known so far, the last is read.
    """
    firsts = [round(i * sound.step * rate) for i in range(len(sound.paths))]
    parts: list[np.ndarray] = []
    known = following = 0
    while following < len(firsts):
        reaching = following
        while reaching + 1 < len(firsts) and firsts[reaching + 1] <= known:
            reaching += 1
        path = sound.paths[reaching]
        if firsts[reaching] > known or probe_audio(path).sample_rate != rate:
            raise ApvgError(
                f"{path} does not go on where the sound before it ends, or has another sample rate",
                "restore the files",
            )
        chunk_S = read_audio(path, rate)[known - firsts[reaching] :]
        parts.append(chunk_S)
        known += len(chunk_S)
        following = reaching + 1
    return np.concatenate(parts)


def fingerprint(files: Picture | Sound) -> list[str | int]:
    """What tells these files from others, without reading them: name, bytes; of several also how
    many, and their clock."""
    if isinstance(files, Path) and not files.is_dir():
        return [files.name, files.stat().st_size]
    paths = sorted(files.iterdir()) if isinstance(files, Path) else files.paths
    clock = [str(files.lead)] if isinstance(files, SoundChunks) else []
    return [files.name, sum(path.stat().st_size for path in paths), len(paths), *clock]
