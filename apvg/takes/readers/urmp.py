"""Reader of URMP: chamber music, every player's sound and notes apart, all players in one picture.

The folders of the 44 pieces lie side by side, as the data set's own archive has them. The download
page states the licence.
"""

from __future__ import annotations

import re
from pathlib import Path

from apvg.base.errors import ApvgError
from apvg.takes.about import About
from apvg.takes.readers.reader import Reader, ReaderOptions
from apvg.takes.recording import Recording
from apvg.video.reading import probe_video

REMOTE = "https://labsites.rochester.edu/air/projects/URMP.html"
LICENCE = "as the download page of URMP states"
CREDIT = "Bochen Li, Xinzhao Liu, Karthik Dinesh, Zhiyao Duan, Gaurav Sharma (URMP)"
BIBTEX = """
@article{li2019urmp,
  author = {Li, Bochen and Liu, Xinzhao and Dinesh, Karthik and Duan, Zhiyao and Sharma, Gaurav},
  title = {Creating a Multitrack Classical Music Performance Dataset for Multimodal Music Analysis:
           Challenges, Insights, and Applications},
  journal = {IEEE Transactions on Multimedia},
  volume = {21},
  number = {2},
  pages = {522--535},
  year = {2019},
}
"""
INSTRUMENTS = {
    "vn": "violin",
    "va": "viola",
    "vc": "cello",
    "db": "double bass",
    "fl": "flute",
    "ob": "oboe",
    "cl": "clarinet",
    "sax": "saxophone",
    "bn": "bassoon",
    "tpt": "trumpet",
    "hn": "horn",
    "tbn": "trombone",
    "tba": "tuba",
}
#: Compositions kept out of training (own choice: a cellist in each). A composition is what its
#: pieces share in their name: arrangements of one reuse each other's takes, so they must never be
#: divided.
SPLIT = {
    "Pavane": "validation",
    "Surprise": "validation",
    "Rondeau": "test",
    "Nocturne": "test",
    "Chorale": "test",
}
_FOLDER = re.compile(rf"(\d\d)_([^_]+)((?:_(?:{'|'.join(INSTRUMENTS)}))+)")


def find_players(source: Path, instrument: str | None = None) -> list[Recording]:
    """Every player of every piece, in the order of the pieces and of the score.

    The players stand side by side in the order of the score; each has an equal column of the
    picture, which is the recording's crop. Where they stand otherwise, give crops of your own.

    Args:
        source: The folder of the pieces, or one piece's.
        instrument: Only who plays this, by its name or URMP's abbreviation.

    Raises:
        ApvgError: There are no such pieces or players, or one of a player's files is missing.
    """
    if not source.is_dir():
        raise ApvgError(f"cannot read {source}: there is no such folder", "name the one of URMP")
    folders = [source] if _FOLDER.fullmatch(source.name) else sorted(source.iterdir())
    pieces = [
        (folder, match)
        for folder in folders
        if folder.is_dir() and (match := _FOLDER.fullmatch(folder.name))
    ]
    if not pieces:
        raise ApvgError(
            f"no pieces of URMP in {source}",
            "name the folder that holds 01_Jupiter_vn_vc and the others",
        )
    found = [
        recording for folder, match in pieces for recording in _players(folder, match, instrument)
    ]
    if not found:
        raise ApvgError(
            f"nobody plays {instrument!r} in {source}",
            "URMP knows " + ", ".join(f"{name} ({code})" for code, name in INSTRUMENTS.items()),
            options=["instrument"],
        )
    return found


def _players(folder: Path, match: re.Match[str], instrument: str | None) -> list[Recording]:
    number, composition, codes = match[1], match[2], match[3][1:].split("_")
    # From the folder: the names of a player's own files are wrong in one piece.
    chosen = [
        k
        for k, code in enumerate(codes)
        if instrument is None or instrument.lower() in (code, INSTRUMENTS[code])
    ]
    if not chosen:
        return []
    video = _file(folder, "Vid_*.mp4", f"Vid_{folder.name}.mp4")
    info = probe_video(video)
    recordings = []
    for k in chosen:
        code = codes[k]
        stem = f"{k + 1}_{code}_{number}_{composition}"
        left, right = (round(edge * info.width / len(codes)) for edge in (k, k + 1))
        recordings.append(
            Recording(
                name=f"{number}_{composition}_{k + 1}_{code}",
                video=video,
                audio=_file(folder, f"AuSep_{k + 1}_*.wav", f"AuSep_{stem}.wav"),
                midi=_file(folder, f"Notes_{k + 1}_*.txt", f"Notes_{stem}.txt"),
                about=About(
                    piece=f"{number} {composition}",
                    instrument=INSTRUMENTS[code],
                    split=SPLIT.get(composition, "train"),
                    licence=LICENCE,
                    source=f"URMP, {REMOTE}: {folder.name}, player {k + 1}",
                    credit=CREDIT,
                ),
                crop=(left, 0, right - left, info.height),
                offset=0.0,
            )
        )
    return recordings


def _file(folder: Path, pattern: str, name: str) -> Path:
    """The one file of a pattern."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        if not found:
            raise ApvgError(f"{folder / name} is missing", "restore it from URMP")
        raise ApvgError(
            f"{folder} holds {len(found)} files {pattern}, but only one can be right",
            "remove the others",
        )
    return found[0]


def _read(source: Path, options: ReaderOptions) -> list[Recording]:
    return find_players(source, options.instrument)


READER = Reader(
    description=(
        "URMP: chamber music, every player's sound and notes apart, all players in one picture"
    ),
    read=_read,
    options=frozenset({"instrument"}),
    remote=REMOTE,
    licence=LICENCE,
    bibtex=BIBTEX,
)
