"""report.html: one file with all its pictures, for a desk, a phone, the dark, and paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from apvg.evaluation.glossary import ANSWERS, FIGURES, about
from apvg.video.images import jpeg, read_image

if TYPE_CHECKING:
    from apvg.evaluation.drawing import Picture

#: Figures of the tables, in order; those that a block lacks are left out.
_PICTURE_ROWS = ("hand_psnr", "hand_ssim", "sharpness", "flicker", "psnr", "ssim", "lpips")
_MOTION_ROWS = (
    "pixel_error",
    "pck@0.05",
    "pck@0.1",
    "pck@0.2",
    "velocity_error",
    "jerk_error",
    "component_correlation",
    "lag",
    "key_hit.rate",
    "key_hit.skill",
)


@dataclass(frozen=True)
class Section:
    """What was judged: its figures as plain data, and its pictures."""

    figures: Mapping[str, Any]
    pictures: Sequence[Picture]


def write_page(
    report: Mapping[str, Any], blocks: Sequence[Section], pieces: Sequence[Section], folder: Path
) -> None:
    """Write report.html.

    Args:
        report: What report.json holds.
        blocks: Judged on pictures.
        pieces: Of music alone.
        folder: Where the pictures lie, and the page goes.
    """
    page = page_environment().get_template("report.html.jinja")
    text = page.render(
        report=report,
        blocks=[_block(section, folder) for section in blocks],
        pieces=[(section.figures, _images(section, folder)) for section in pieces],
        glossary=FIGURES,
        answers=ANSWERS,
    )
    (folder / "report.html").write_text(text)


def page_environment() -> jinja2.Environment:
    """Templates of this package, with the filters `number` and `figure_name`."""
    here = files("apvg.evaluation")
    loader = jinja2.FunctionLoader(lambda name: (here / name).read_text())
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "figure_name": figure_name, "words": words}
    return environment


def number(value: Any) -> str:
    """A figure for people; a dash for one that nobody knows."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def words(name: str) -> str:
    """A key of a report as words."""
    return name.replace("_", " ").replace(".", ", ")


def figure_name(name: str) -> str:
    """A figure's label and unit by its dotted name, with the part of the body or the threshold where it has one."""
    known = about(name)
    if known is None:
        return words(name)
    label, last = known.label, name.rsplit(".", 1)[-1]
    if "@" in name:
        label += f" at {name.split('@', 1)[1]}"
    elif "_by_part." in name or "motion_energy." in name:
        label += f" of the {words(last)}"
    elif last.startswith("motion_energy_"):
        label += f" of the {words(last.removeprefix('motion_energy_'))}"
    return f"{label}, {known.unit}" if known.unit else label


def _block(section: Section, folder: Path) -> dict[str, Any]:
    """What the template needs of a block."""
    figures = section.figures
    answers = {
        "from keypoints": figures["from_keypoints"],
        "from trembling keypoints": figures["from_trembling_keypoints"],
        "from sound": figures["from_sound"],
        **figures.get("baselines", {}),
        **figures["still_answers"],
    }
    motion = {"from sound": figures["from_sound"], "real": figures["real"]}
    sound = figures["from_sound"]
    parts = {
        part: {"A2B pixel error, px": error, "motion energy": sound["motion_energy"].get(part)}
        for part, error in sound["pixel_error_by_part"].items()
    }
    return {
        "figures": figures,
        "pictures": _table(_PICTURE_ROWS, answers),
        "motion": _table(_MOTION_ROWS, motion),
        "parts": parts,
        "read_back": figures.get("read_back"),
        "images": _images(section, folder),
    }


def _table(rows: Sequence[str], columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Figures by row and by column, without rows that no column knows and columns that know no row."""
    values = {
        row: {name: _value(figures, row) for name, figures in columns.items()} for row in rows
    }
    known = {
        row: cells for row, cells in values.items() if any(v is not None for v in cells.values())
    }
    names = [name for name in columns if any(cells[name] is not None for cells in known.values())]
    return {"columns": names, "rows": {row: [known[row][name] for name in names] for row in known}}


def _value(figures: Mapping[str, Any], dotted: str) -> Any:
    value: Any = figures
    for key in dotted.split(".") if dotted not in figures else [dotted]:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _images(section: Section, folder: Path) -> list[dict[str, Any]]:
    """Pictures as they go into the page: frames as JPEG, which is a fifth of their PNG; curves as they are."""
    images = []
    for picture in section.pictures:
        path = folder / picture.name
        kind, data = "png", path.read_bytes()
        if picture.frames:
            kind, data = "jpeg", jpeg(read_image(path))
        images.append(
            {
                "source": f"data:image/{kind};base64,{base64.b64encode(data).decode()}",
                "caption": picture.caption,
                "frames": picture.frames,
                "worst": "-worst-" in picture.name or "-moment-" in picture.name,
            }
        )
    return images
