"""report.html: one file with all its pictures, for a desk, a phone, the dark, and paper."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from apvg.base.plain import to_plain
from apvg.evaluation.figures.registry import FIGURES
from apvg.evaluation.glossary import ANSWERS, GLOSSARY, about
from apvg.video.images import jpeg, read_image

if TYPE_CHECKING:
    from apvg.evaluation.drawing import Picture
    from apvg.evaluation.results import BlockFigures, Report
    from apvg.measures.targets import TargetRow

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
)


@dataclass(frozen=True)
class Section:
    """What was evaluated.

    Attributes:
        figures: Of a block or a piece.
        pictures: Their files.
    """

    figures: Any
    pictures: Sequence[Picture]


def write_page(
    report: Report,
    blocks: Sequence[Section],
    pieces: Mapping[str, Sequence[Section]],
    folder: Path,
) -> None:
    """Write report.html.

    Args:
        report: What report.json holds.
        blocks: Evaluated on pictures.
        pieces: Of music alone, by section.
        folder: Of the pictures and the page.
    """
    shown = [_block(section, folder) for section in blocks]
    music = [_music(name, report, sections, folder) for name, sections in pieces.items()]
    targets: list[TargetRow] = [row for block in report.blocks for row in block.targets]
    page = page_environment().get_template("report.html.jinja")
    text = page.render(
        report=report,
        blocks=shown,
        music=music,
        targets=targets + [row for section in music for row in section["targets"]],
        comparison=_comparison(report),
        glossary=GLOSSARY,
        answers=ANSWERS,
    )
    (folder / "report.html").write_text(text)


def page_environment() -> jinja2.Environment:
    """Templates of this package, with the filters `number`, `numbers`, `figure_name` and
    `words`."""
    here = files("apvg.evaluation")
    loader = jinja2.FunctionLoader(lambda name: (here / name).read_text())
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "numbers": numbers,
        "figure_name": figure_name,
        "words": words,
    }
    return environment


def number(value: Any) -> str:
    """A figure for people; a dash for one that is not known."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def numbers(cell: Any) -> str:
    """A cell of a :class:`apvg.evaluation.figures.base.Table`: of several numbers, all but the
    first one in brackets."""
    if not isinstance(cell, tuple):
        return number(cell)
    first, *others = map(number, cell)
    return f"{first} ({', '.join(others)})"


def words(name: str) -> str:
    """A key of a report as words."""
    return name.replace("_", " ").replace(".", ", ")


def figure_name(name: str) -> str:
    """A figure's label and unit by its dotted name, with the part of the body or the threshold
    where it has one."""
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
    figures: BlockFigures = section.figures
    answers = {
        "from keypoints": figures.from_keypoints,
        "from jittered keypoints": figures.from_jittered_keypoints,
        "from sound": figures.from_sound,
        **(figures.baselines or {}),
        **figures.retrieval_baselines,
    }
    motion = figures.from_sound.motion
    return {
        "figures": figures,
        "pictures": _table(_PICTURE_ROWS, answers),
        "motion": _table(
            (*_MOTION_ROWS, *(row for component in FIGURES.values() for row in component.rows)),
            {"from sound": figures.from_sound, "real": figures.real},
        ),
        "parts": {
            part: {"A2B pixel error, px": error, "motion energy": motion.motion_energy.get(part)}
            for part, error in motion.pixel_error_by_part.items()
        },
        "read_back": {name: to_plain(back) for name, back in (figures.read_back or {}).items()},
        "images": _images(section, folder),
    }


def _music(name: str, report: Report, sections: Sequence[Section], folder: Path) -> dict[str, Any]:
    """What the template needs of pieces of music."""
    component = next(component for component in FIGURES.values() if component.section == name)
    styles = report.styles[name]
    last = list(styles)[-1]
    return {
        "name": name,
        "title": component.title,
        "note": component.note,
        "style": last,
        "targets": styles[last].targets,
        "tables": component.tables(styles),
        "pieces": [(section.figures.setting, _images(section, folder)) for section in sections],
    }


def _comparison(report: Report) -> dict[str, Any]:
    """Rows of all figures that the performer has, a column for each name."""
    means = report.comparison_mean
    figures = means.get("apvg", {})
    rows = {figure: [row.get(figure) for row in means.values()] for figure in figures}
    return {"columns": list(means), "rows": rows}


def _table(rows: Sequence[str], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Figures by row and by column, without rows and columns in which nothing is known."""
    plain = {name: to_plain(figures) for name, figures in columns.items()}
    values = {row: {name: _value(plain[name], row) for name in plain} for row in rows}
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
    """Pictures as they go into the page: frames as JPEG, which is a fifth of their PNG; curves as
    they are."""
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
                "failure": picture.failure,
            }
        )
    return images
