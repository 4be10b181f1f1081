"""Music as a user names it: a recording, or a MIDI file, which is rendered with a soundfont
first."""

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
    """Audio, and its notes if they are known."""

    audio: Path
    """A file with the audio; a rendered one is deleted when the music is closed."""
    notes: Notes | None
    """The notes on the clock of the audio, for a MIDI file; None for a recording."""


@contextmanager
def open_music(path: str | Path, soundfont: Path | None = None) -> Iterator[Music]:
    """Open a recording, or a MIDI file (recognised by its suffix) with its notes.

    Args:
        path: A recording that FFmpeg can read, or a Standard MIDI file.
        soundfont: Renders a MIDI file; the first one found by default.

    Raises:
        ApvgError: A MIDI file is damaged or has no notes; FluidSynth or the soundfont is missing. A
            recording is not checked here, but when it is read.
    """
    path = Path(path)
    if path.suffix.lower() not in MIDI_SUFFIXES:
        yield Music(path, None)
        return
    from apvg.music.midi import read_midi  # needs mido, which recordings do not need

    notes = read_midi(path)
    with tempfile.TemporaryDirectory(prefix="apvg-") as folder:
        audio = Path(folder) / f"{path.stem}.wav"
        render_midi_file(path, audio, soundfont)
        yield Music(audio, notes)
