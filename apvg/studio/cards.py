"""The performers that people can choose from, as the page shows them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import apvg
from apvg.base.errors import ApvgError
from apvg.bundle import CARD, SAMPLE, read_config
from apvg.installed import CONFIG, find_performer
from apvg.studio.folder import WorkFolder
from apvg.studio.project import read_project
from apvg.video.images import jpeg, read_image

#: Pixels and frame rates are no musician's business.
_TECHNICAL = re.compile(r",? \d+×\d+ pixels at \d+ frames/s")


@dataclass(frozen=True)
class Cards:
    """Performers to choose from."""

    performers: list[dict[str, str]]
    left_out: list[str]
    """A line for each performer of people's own that is damaged: it is not among them."""


def cards_of(folder: WorkFolder) -> Cards:
    """Installed performers, without those that are kept for measuring alone, and people's own."""
    cards, left_out = [], []
    for path in _performers(folder):
        try:
            cards.append(card_of(path, folder))
        except ApvgError as error:
            if not _own(path, folder):
                raise
            left_out.append(
                f"“{title_of(path.parent.name)}” is damaged and left out: {error}. If it cannot be "
                "repaired, delete it under “Make your own”, or remove the folder "
                f"performers/{path.parent.name}."
            )
    return Cards(cards, left_out)


def card_of(path: Path, folder: WorkFolder) -> dict[str, str]:
    """What the page shows of the performer at a path.

    Raises:
        ApvgError: It is damaged.
    """
    own = _own(path, folder)
    title = title_of(slug_of(str(path)))
    try:
        read_config(path)
        words = (path / CARD).read_text(encoding="utf-8").split("\n\n")
        picture = _picture(path / SAMPLE, (path / SAMPLE).stat().st_mtime_ns)
        if own and (path.parent / "project.json").exists():
            title = read_project(path.parent).title
    except (ApvgError, OSError, UnicodeDecodeError) as error:
        raise ApvgError(str(error).replace(f"{folder.root}/", "")) from None
    return {
        "name": _name(path, folder),
        "title": title,
        "words": _TECHNICAL.sub("", words[1].strip()) if len(words) > 1 and not own else "Yours",
        "picture": picture,
    }


def chosen(folder: WorkFolder, name: Any) -> str:
    """The argument of :meth:`apvg.Performer.from_pretrained` for a card's name.

    Raises:
        ApvgError: There is no such card.
    """
    for path in _performers(folder):
        if _name(path, folder) == name:
            return str(path) if _own(path, folder) else path.name
    raise ApvgError("choose a performer first")


def _performers(folder: WorkFolder) -> list[Path]:
    installed = [find_performer(performer.name) for performer in apvg.performers()]
    own = sorted(path.parent for path in folder.performers.glob(f"*/performer/{CONFIG}"))
    return [path for path in installed if not path.name.endswith("-eval")] + own


def _own(path: Path, folder: WorkFolder) -> bool:
    return path.is_relative_to(folder.root)


def _name(path: Path, folder: WorkFolder) -> str:
    return f"own/{path.parent.name}" if _own(path, folder) else path.name


@lru_cache(maxsize=100)
def _picture(path: Path, changed: int) -> str:
    """A picture as a data URL; what has not changed since is not decoded anew for every look at the
    page."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(read_image(path))).decode()}"


def slug_of(performer: str) -> str:
    path = Path(performer)
    return path.parent.name if path.name == "performer" else path.name


def title_of(name: str) -> str:
    return name.replace("-", " ").capitalize()
