"""The notes of a recording: MIDI, or the tables that data sets of other instruments come with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apvg.base.errors import ApvgError
from apvg.music.midi import read_midi
from apvg.music.notes import Notes

#: A table has no loudness; the middle of MIDI's range (own choice).
_VELOCITY = 64


def read_notes(path: Path) -> Notes:
    """Notes of a MIDI file, or of a text file (``.txt``) with a line for each: onset s, frequency
    Hz, duration s.

    A table's frequencies are as played; each note gets the nearest MIDI pitch.

    Raises:
        ApvgError: The file is missing, damaged, or holds no note.
    """
    if path.suffix.lower() != ".txt":
        return read_midi(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ApvgError(f"cannot read the notes {path}", "check that the file is there") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            onset, frequency, duration = map(float, line.split())
            if not (np.isfinite([onset, frequency, duration]).all() and frequency > 0 <= duration):
                raise ValueError
        except ValueError:
            raise ApvgError(
                f"line {number} of {path} is no note: {line.strip()[:40]!r}",
                "it must be onset s, frequency Hz, duration s",
            ) from None
        rows.append((onset, round(69 + 12 * np.log2(frequency / 440)), onset + duration))
    if not rows:
        raise ApvgError(f"{path} holds no notes", "restore the file")
    onset_N, pitch_N, offset_N = np.array(sorted(rows), np.float64).T
    return Notes(
        onset_N=onset_N,
        offset_N=offset_N,
        sounding_N=offset_N,
        pitch_N=pitch_N.clip(0, 127),
        velocity_N=np.full(len(rows), _VELOCITY),
    )
