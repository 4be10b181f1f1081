"""How big, how long and how many files the studio accepts.

Each refusal says the limit and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from apvg.base.errors import ApvgError
from apvg.base.options import Within

Megabytes = Annotated[int, Within(1, 10**7)]
Minutes = Annotated[float, Within(0.1, 10**6)]
Count = Annotated[int, Within(1, 10**6)]


@dataclass(frozen=True)
class Limits:
    """Bounds that keep one visitor from filling the disk or the day."""

    music_megabytes: Megabytes = 200
    """Size of a file of music, at most."""
    music_minutes: Minutes = 20.0
    """How long a performance is, at most."""
    footage_megabytes: Megabytes = 4000
    """Size of a file of footage, and of the sound and notes that come with it, at most."""
    footage_minutes: Minutes = 60.0
    """How long footage is, at most."""
    waiting: Count = 4
    """Pieces of work that may wait while one is worked on."""
    kept: Count = 100
    """Finished performances that are kept; the oldest are deleted first."""


def check_size(path: Path, megabytes: int) -> None:
    """Refuse a file that is too big.

    Raises:
        ApvgError: It is, or it is empty.
    """
    size = path.stat().st_size
    if size == 0:
        raise ApvgError(f"{path.name} is empty", "choose another file")
    if size > megabytes * 1_000_000:
        raise ApvgError(
            f"{path.name} has {size / 1e6:.0f} MB, and the studio takes files up to {megabytes} MB",
            "a compressed file (mp3, m4a, mp4) of the same is smaller",
        )


def check_music_length(path: Path, minutes: float, start: float, duration: float | None) -> None:
    """Refuse music that would be played for too long.

    Args:
        path: A recording or a MIDI file.
        minutes: The limit.
        start: Where playing begins, seconds.
        duration: How long it is played, seconds; to its end by default.

    Raises:
        ApvgError: It is too long, there is nothing after `start`, or the file cannot be read.
    """
    from apvg.music.reading import measure_audio
    from apvg.music.source import MIDI_SUFFIXES

    if path.suffix.lower() in MIDI_SUFFIXES:
        from apvg.music.midi import read_midi

        end = float(read_midi(path).offset_N.max(initial=0.0))
    else:
        end = measure_audio(path, until=None if duration is None else start + duration)
    if start >= end:
        raise ApvgError(
            f"{path.name} ends after {_clock(end)}", f"begin earlier than {_clock(start)}"
        )
    played = end - start if duration is None else min(duration, end - start)
    if played > 60 * minutes:
        raise ApvgError(
            f"{path.name} would play for {_clock(played)}, and the studio plays up to "
            f"{_clock(60 * minutes)} at a time",
            "choose a part of it under “Only a part”",
        )


def check_footage_length(path: Path, minutes: float) -> None:
    """Refuse footage that is too long.

    Raises:
        ApvgError: It is, or it cannot be read.
    """
    from apvg.video.reading import probe_video

    seconds = probe_video(path).duration
    if seconds > 60 * minutes:
        raise ApvgError(
            f"{path.name} lasts {_clock(seconds)}, and the studio takes footage up to "
            f"{_clock(60 * minutes)}",
            "choose the best part of it",
        )


def _clock(seconds: float) -> str:
    """Minutes and seconds, as on a player."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d} min"
