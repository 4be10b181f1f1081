"""A performer in the making, as it lies in the work folder: shared by the page and by the processes that make it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from apvg.config import from_dict
from apvg.errors import ApvgError


@dataclass(frozen=True)
class Project:
    """A performer in the making: `performers/SLUG/project.json`."""

    slug: str
    """Its folder's name."""
    title: str
    recipe: str
    layout: str
    footage: str
    """The video's name in the folder `footage`; the same holds of `sound` and `notes`."""
    sound: str | None = None
    notes: str | None = None
    corners: tuple[int, ...] | None = None
    """The keyboard's corners in the footage, pixels."""


def read_project(folder: Path) -> Project:
    """The project of a folder.

    Raises:
        ApvgError: It is not there, or damaged.
    """
    try:
        return from_dict(Project, json.loads((folder / "project.json").read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise ApvgError(
            f"{folder.name} cannot be read ({error}); bring the footage again"
        ) from None
