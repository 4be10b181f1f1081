"""What a reader is: it knows how a source of recordings is laid out on the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from apvg.takes.recording import Recording


@dataclass(frozen=True)
class ReaderOptions:
    """Options of readers, of which each takes some; None where an option is not given.

    Attributes:
        audio: The sound's file or folder.
        midi: The notes' file or folder.
        instrument: Only recordings of this.
        chunk_mark: What the time in the name of a chunk of sound marks.
    """

    audio: Path | None = None
    midi: Path | None = None
    instrument: str | None = None
    chunk_mark: Literal["start", "end"] | None = None


@dataclass(frozen=True)
class Reader:
    """A kind of source.

    Attributes:
        description: What it is, in one line.
        read: Finds the recordings in a source, in an order that depends on nothing but the files'
            names.
        options: Names of the :class:`ReaderOptions` that it takes.
        remote: Where the data is to be had; empty for what users bring themselves.
        licence: Of the data.
        bibtex: What to cite.
    """

    description: str
    read: Callable[[Path, ReaderOptions], list[Recording]]
    options: frozenset[str] = frozenset()
    remote: str = ""
    licence: str = ""
    bibtex: str = ""
