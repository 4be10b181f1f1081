"""The performers that people can choose from, as the page shows them."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import apvg
from apvg.bundle import CARD, SAMPLE
from apvg.errors import ApvgError
from apvg.performer import find_performer
from apvg.studio.folder import WorkFolder
from apvg.studio.project import read_project
from apvg.video.images import jpeg, read_image

#: Pixels and frame rates are no musician's business.
_TECHNICAL = re.compile(r",? \d+×\d+ pixels at \d+ frames/s")


def cards_of(folder: WorkFolder) -> list[dict[str, str]]:
    """Installed performers, without those that are kept for measuring alone, and people's own."""
    found = [find_performer(installed.name) for installed in apvg.performers()]
    found = [path for path in found if not path.name.endswith("-eval")]
    found += sorted(path.parent for path in folder.performers.glob("*/performer/config.json"))
    return [_card(path, folder) for path in found]


def chosen(folder: WorkFolder, name: Any) -> str:
    """What :meth:`apvg.Performer.from_pretrained` is told for a card's name.

    Raises:
        ApvgError: There is no such card.
    """
    for card in cards_of(folder):
        if card["name"] == name:
            return card["path"]
    raise ApvgError("choose a performer first")


def _card(path: Path, folder: WorkFolder) -> dict[str, str]:
    """What the page shows of a performer."""
    own = path.is_relative_to(folder.root)
    name = path.parent.name if own else path.name
    title = title_of(name)
    if own and (path.parent / "project.json").exists():
        title = read_project(path.parent).title
    words = (path / CARD).read_text(encoding="utf-8").split("\n\n")
    picture = base64.b64encode(jpeg(read_image(path / SAMPLE))).decode()
    return {
        "name": f"own/{name}" if own else name,
        "title": title,
        "words": _TECHNICAL.sub("", words[1].strip()) if len(words) > 1 and not own else "Yours",
        "picture": f"data:image/jpeg;base64,{picture}",
        "path": str(path) if own else name,
    }


def slug_of(performer: str) -> str:
    path = Path(performer)
    return path.parent.name if path.name == "performer" else path.name


def title_of(name: str) -> str:
    return name.replace("-", " ").capitalize()
