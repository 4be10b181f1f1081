"""A performer in the making, as it lies in the work folder: shared by the page and by the processes
that make it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apvg.base.config import from_dict
from apvg.base.errors import ApvgError
from apvg.studio.limits import check_footage_length


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


def take_still(path: Path, minutes: float) -> dict[str, Any]:
    """A frame from the middle of a video, as the page needs it.

    For a process of its own: the file may be anything.
    """
    from apvg.video.images import jpeg
    from apvg.video.reading import probe_video, sample_frames

    check_footage_length(path, minutes)
    info = probe_video(path)
    _, frame_HWC = next(sample_frames(path, 1))
    return {
        "picture": f"data:image/jpeg;base64,{base64.b64encode(jpeg(frame_HWC)).decode()}",
        "width": info.width,
        "height": info.height,
        "has_sound": info.has_audio,
        "seconds": info.duration,
    }
