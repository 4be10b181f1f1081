"""Readers of sources: how the files of each kind are laid out, by the name that ``--reader`` takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apvg.base.errors import ApvgError
from apvg.takes.footage import find_recordings
from apvg.takes.recording import Recording
from apvg.takes.suburmp import find_songs
from apvg.takes.urmp import find_players


@dataclass(frozen=True)
class Asked:
    """What was asked of a reader; None where nothing was.

    Attributes:
        audio: The sound's file or folder; for footage.
        midi: The notes' file or folder; for footage.
        instrument: Only recordings of this; for data sets.
        chunk_mark: What the time in the name of a chunk of sound marks; for Sub-URMP.
    """

    audio: Path | None = None
    midi: Path | None = None
    instrument: str | None = None
    chunk_mark: Literal["start", "end"] | None = None


def _footage(source: Path, asked: Asked) -> list[Recording]:
    return find_recordings(source, asked.audio, asked.midi)


def _urmp(source: Path, asked: Asked) -> list[Recording]:
    return find_players(source, asked.instrument)


def _suburmp(source: Path, asked: Asked) -> list[Recording]:
    return find_songs(source, asked.instrument, asked.chunk_mark or "end")


READERS: dict[str, Callable[[Path, Asked], list[Recording]]] = {
    "footage": _footage,
    "urmp": _urmp,
    "suburmp": _suburmp,
}
#: What can be asked of each.
_ANSWERS = {
    "footage": {"audio", "midi"},
    "urmp": {"instrument"},
    "suburmp": {"instrument", "chunk_mark"},
}


def read_source(reader: str, source: Path, asked: Asked) -> list[Recording]:
    """The recordings in a source.

    Raises:
        ApvgError: What was asked is not for this reader; or as the reader says.
    """
    for name, value in vars(asked).items():
        if value is not None and name not in _ANSWERS[reader]:
            raise ApvgError(
                f"--{name.replace('_', '-')} is not for --reader {reader}, which finds that itself; leave it out"
            )
    return READERS[reader](source, asked)
