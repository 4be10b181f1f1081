"""Music as a user names it: a recording, or a MIDI file that is played with a soundfont first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apvg.music.soundfonts import render_midi_file

if TYPE_CHECKING:
    from apvg.music.notes import Notes

MIDI_SUFFIXES = {".mid", ".midi"}


@dataclass(frozen=True)
class Music:
    """Something to play to."""

    audio: Path
    """A file with its sound, there for as long as the music is open."""
    notes: Notes | None
    """What is played, on the sound's clock, where that is known: for a MIDI file."""


@contextmanager
def open_music(path: str | Path, soundfont: Path | None = None) -> Iterator[Music]:
    """The sound of a file and, for a MIDI file (by its suffix), its notes.

    Args:
        path: A recording, anything FFmpeg reads, or a Standard MIDI file.
        soundfont: What a MIDI file is played with; the first that is found by default.

    Raises:
        ApvgError: A MIDI file is damaged or has no notes; FluidSynth or the soundfont is missing. A recording is only
            looked at by those who read it.
    """
    path = Path(path)
    if path.suffix.lower() not in MIDI_SUFFIXES:
        yield Music(path, None)
        return
    from apvg.music.midi import read_midi  # needs mido, which a recording does without

    notes = read_midi(path)
    with tempfile.TemporaryDirectory(prefix="apvg-") as folder:
        audio = Path(folder) / f"{path.stem}.wav"
        render_midi_file(path, audio, soundfont)
        yield Music(audio, notes)
