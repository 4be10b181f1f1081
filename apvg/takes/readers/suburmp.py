"""Reader of Sub-URMP: single players of URMP as still pictures, ten a second, each with half a
second of sound."""

from __future__ import annotations

import re
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Literal

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.takes.about import About
from apvg.takes.readers.reader import Reader, ReaderOptions
from apvg.takes.recording import Recording
from apvg.takes.sequences import ImageSequence, SoundChunks

REMOTE = "https://www.cs.rochester.edu/~cxu22/d/vagan/"
LICENCE = "as the download page of Sub-URMP states"
CREDIT = "Lele Chen, Sudhanshu Srivastava, Zhiyao Duan, Chenliang Xu (Sub-URMP, from URMP)"
BIBTEX = """
@inproceedings{chen2017deep,
  author = {Chen, Lele and Srivastava, Sudhanshu and Duan, Zhiyao and Xu, Chenliang},
  title = {Deep Cross-Modal Audio-Visual Generation},
  booktitle = {Proceedings of the Thematic Workshops of ACM Multimedia},
  pages = {349--357},
  year = {2017},
}
"""
#: Milliseconds from one picture to the next, and that a chunk of sound lasts.
STEP_MS = 100
CHUNK_MS = 500
#: What is left of a song between two gaps, if it is shorter, makes no take. Pictures.
LEAST_PICTURES = 10
_NAME = re.compile(r".*?(\d\d)_(\d+)")
_SPLITS = ("train", "validation")


def find_songs(
    source: Path, instrument: str | None = None, chunk_mark: Literal["start", "end"] = "end"
) -> list[Recording]:
    """Every song of every instrument, by split, instrument and number; one with gaps as several
    recordings.

    Args:
        source: The folder that holds ``img`` and ``chunk``.
        instrument: Only this one; its folder's name.
        chunk_mark: Whether the milliseconds in a chunk's name say when it starts or when it ends,
            which the data set does not tell. (A picture's are its own time.)

    Raises:
        ApvgError: There are no such folders, or a picture has no sound or the reverse.
    """
    folders = [
        folder
        for split in _SPLITS
        for folder in sorted((source / "img" / split).glob("*/"))
        if folder.is_dir() and instrument in (None, folder.name, folder.name.replace("_", " "))
    ]
    if not folders:
        what = "pictures" if instrument is None else f"pictures of {instrument!r}"
        raise ApvgError(
            f"no {what} in {source / 'img'}/train or validation", "name the folder of Sub-URMP"
        )
    return [
        recording
        for folder in folders
        for song in _songs(folder, source / "chunk" / folder.parent.name / folder.name)
        for recording in _segments(source, folder, song, chunk_mark)
    ]


def _songs(*folders: Path) -> list[str]:
    paths = (path for folder in folders for path in folder.glob("*"))
    return sorted({match[1] for path in paths if (match := _match(path))})


def _segments(
    source: Path, folder: Path, song: str, chunk_mark: Literal["start", "end"]
) -> list[Recording]:
    """One song's recordings: the stretches without a gap."""
    instrument, split = folder.name, folder.parent.name
    images = _by_time(folder, ".jpg", song)
    chunks = _by_time(source / "chunk" / split / instrument, ".wav", song)
    if lonely := sorted(images.keys() ^ chunks.keys()):
        have, lack = (images, "chunk") if lonely[0] in images else (chunks, "img")
        path = source / lack / split / instrument / have[lonely[0]].name
        raise ApvgError(
            f"{path.with_suffix('.wav' if lack == 'chunk' else '.jpg')} is missing "
            f"({len(lonely)} of {len(images | chunks)} files are without their other half)",
            "restore it from Sub-URMP",
        )
    stretches: list[list[int]] = []
    for ms in sorted(images):
        if stretches and ms == stretches[-1][-1] + STEP_MS:
            stretches[-1].append(ms)
        else:
            stretches.append([ms])
    kept = [stretch for stretch in stretches if len(stretch) >= LEAST_PICTURES]
    name = f"{instrument}{song}" if split == "train" else f"{instrument}{song}_{split}"
    if len(stretches) > 1 or not kept:
        lost = sum(map(len, stretches)) - sum(map(len, kept))
        warnings.warn(
            f"{folder}: song {song} has {len(stretches) - 1} gaps, the first after "
            f"{stretches[0][-1]} ms; it makes {len(kept)} takes, and {lost} pictures in stretches "
            f"of under {LEAST_PICTURES} are left out",
            ApvgWarning,
            stacklevel=2,
        )
    return [
        Recording(
            name=name if len(stretches) == 1 else f"{name}_from_{stretch[0]}",
            video=ImageSequence(name, tuple(images[ms] for ms in stretch), Fraction(1000, STEP_MS)),
            audio=SoundChunks(
                name,
                tuple(chunks[ms] for ms in stretch),
                Fraction(STEP_MS, 1000),
                lead=Fraction(CHUNK_MS if chunk_mark == "end" else 0, 1000),
            ),
            midi=None,
            about=About(
                piece=f"song {song}",
                instrument=instrument.replace("_", " "),
                split=split,
                licence=LICENCE,
                source=(
                    f"Sub-URMP, {REMOTE}: {split}, {instrument}{song}, "
                    f"{stretch[0]} to {stretch[-1]} ms"
                ),
                credit=CREDIT,
            ),
            fps=1000 // STEP_MS,
            offset=0.0,
        )
        for stretch in kept
    ]


def _by_time(folder: Path, suffix: str, song: str) -> dict[int, Path]:
    """A song's files by their milliseconds: numbers, for as text 1000 comes before 500."""
    return {
        int(match[2]): path
        for path in folder.glob(f"*{suffix}")
        if (match := _match(path)) and match[1] == song
    }


def _match(path: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(path.stem)


def _read(source: Path, options: ReaderOptions) -> list[Recording]:
    return find_songs(source, options.instrument, options.chunk_mark or "end")


READER = Reader(
    description=(
        "Sub-URMP: single players of URMP as still pictures, ten a second, "
        "each with half a second of sound"
    ),
    read=_read,
    options=frozenset({"instrument", "chunk_mark"}),
    remote=REMOTE,
    licence=LICENCE,
    bibtex=BIBTEX,
)
