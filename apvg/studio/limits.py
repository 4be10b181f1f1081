"""What the studio takes: how big, how long, how many. Each refusal says the limit and the way out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from apvg.base.errors import ApvgError


@dataclass(frozen=True)
class Limits:
    """Bounds that keep one visitor from filling the disk or the day."""

    music_megabytes: int = 200
    """Size of a file of music, at most."""
    music_minutes: float = 20.0
    """How long a performance is, at most."""
    footage_megabytes: int = 4000
    """Size of a file of footage, and of the sound and notes that come with it, at most."""
    footage_minutes: float = 60.0
    """How long footage is, at most."""
    waiting: int = 4
    """Pieces of work that may wait while one is worked on."""
    kept: int = 100
    """Finished performances that are kept; older ones make room."""

    def checked(self) -> Limits:
        """These bounds.

        Raises:
            ApvgError: With one of them nothing could be done at all.
        """
        for name, bound in asdict(self).items():
            least = 1 if isinstance(bound, int) else 0.1
            if not bound >= least:
                raise ApvgError(f"--{name.replace('_', '-')} must be at least {least}, not {bound}")
        return self


def check_size(path: Path, megabytes: int) -> None:
    """Refuse a file that is too big.

    Raises:
        ApvgError: It is, or it is empty.
    """
    size = path.stat().st_size
    if size == 0:
        raise ApvgError(f"{path.name} is empty; choose another file")
    if size > megabytes * 1_000_000:
        raise ApvgError(
            f"{path.name} has {size / 1e6:.0f} MB, and the studio takes files up to {megabytes} MB; "
            "a compressed file (mp3, m4a, mp4) of the same is smaller"
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
        raise ApvgError(f"{path.name} ends after {_clock(end)}; begin earlier than {_clock(start)}")
    played = end - start if duration is None else min(duration, end - start)
    if played > 60 * minutes:
        raise ApvgError(
            f"{path.name} would play for {_clock(played)}, and the studio plays up to {_clock(60 * minutes)} "
            "at a time; choose a part of it under “Only a part”"
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
            f"{path.name} lasts {_clock(seconds)}, and the studio takes footage up to {_clock(60 * minutes)}; "
            "choose the best part of it"
        )


def _clock(seconds: float) -> str:
    """Minutes and seconds, as on a player."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d} min"
