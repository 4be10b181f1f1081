"""Reports side by side: which performer is better, and is that more than chance?

Reports are compared piece by piece: a figure's difference is taken on every block or piece of music that both reports judged,
and its interval is bootstrapped over those (percentile interval of a paired bootstrap: Efron & Tibshirani, 1993). So what all
performers find hard counts on no side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.evaluation.glossary import about
from apvg.evaluation.page import page_environment, words

#: Share of the bootstrapped differences that lie within the interval, and how many are drawn.
LEVEL, DRAWS = 0.95, 5000
#: What a piece's figures are listed under in report.json.
_SECTIONS = ("blocks", "bowing", "music")
_TITLES = {"blocks": "Pictures", "bowing": "Bowing and fingering", "music": "Music alone"}
#: Figures of these groups are not the performer's; and of both reports the still answers are the same, so that the gain over
#: them differs as the PSNR itself does.
_NOT_OURS = ("setting", "real", "still_answers", "baselines", "targets", "hand_psnr_gain")


@dataclass(frozen=True)
class Difference:
    """One figure of one report beside the first report's.

    Attributes:
        mean: Over the pieces that both judged.
        first: The first report's mean over the same pieces.
        low, high: Interval of the mean difference; None for fewer than two pieces.
        pieces: How many.
    """

    mean: float
    first: float
    low: float | None
    high: float | None
    pieces: int

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out no difference."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Comparison:
    """Reports side by side.

    Attributes:
        names: Of the reports; the first is what the others are compared with.
        figures: A figure's dotted name to one Difference for each other report; None where it lacks the figure.
    """

    names: Sequence[str]
    figures: Mapping[str, Sequence[Difference | None]]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "first": self.names[0],
            "others": list(self.names[1:]),
            "level": LEVEL,
            "figures": {
                name: [None if d is None else asdict(d) for d in row]
                for name, row in self.figures.items()
            },
        }


def read_report(folder: Path) -> dict[str, Any]:
    """What `apvg evaluate` wrote.

    Raises:
        ApvgError: There is no report, or it is not one.
    """
    path = folder / "report.json" if folder.is_dir() else folder
    try:
        report = json.loads(path.read_text())
        if not all(isinstance(report[section], list) for section in _SECTIONS):
            raise ValueError("not a report")
    except OSError:
        raise ApvgError(
            f"{folder} holds no report.json; give folders that apvg evaluate wrote"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise ApvgError(f"{path} is not a report of this version; write it again") from None
    return report


def compare_reports(names: Sequence[str], reports: Sequence[Mapping[str, Any]]) -> Comparison:
    """Every figure of each report beside the first one's, on the pieces that both judged.

    Raises:
        ApvgError: Fewer than two reports, or one that shares no piece with the first.
    """
    if len(reports) < 2:
        raise ApvgError("comparing needs two reports or more")
    first, *others = (_figures_by_piece(report) for report in reports)
    for name, other in zip(names[1:], others, strict=True):
        if not first.keys() & other.keys():
            raise ApvgError(
                f"{names[0]} and {name} judged no piece that is the same; evaluate both on the same takes"
            )
    labels = dict.fromkeys(label for piece in first.values() for label in piece)
    figures = {label: [_difference(label, first, other) for other in others] for label in labels}
    return Comparison(names, {name: row for name, row in figures.items() if any(row)})


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """compare.json and compare.html."""
    (folder / "compare.json").write_text(json.dumps(comparison.to_dict(), indent=2) + "\n")
    sections: dict[str, dict[str, Sequence[Difference | None]]] = {}
    for name, row in comparison.figures.items():
        section, way, *_ = [*name.split("."), ""]
        title = f"{_TITLES[section]}, {words(way)}"
        sections.setdefault(title, {})[name] = row
    page = page_environment().get_template("compare.html.jinja")
    text = page.render(comparison=comparison, sections=sections, level=LEVEL, verdicts=verdict)
    (folder / "compare.html").write_text(text)


def verdict(name: str, difference: Difference | None) -> str:
    """Whether it is "better" or "worse" than the first report where that is certain and the figure says which way is good; else empty."""
    known = about(name)
    if difference is None or not difference.certain or known is None:
        return ""
    mine, first = difference.mean, difference.first
    if known.best in ("one", "zero"):
        best = float(known.best == "one")
        better = abs(mine - best) < abs(first - best)
    else:
        better = (mine > first) == (known.best == "high")
    return "better" if better else "worse"


def paired_interval(difference_P: np.ndarray) -> tuple[float, float]:
    """Percentile interval of the mean of paired differences [P], at :data:`LEVEL`; the same for the same differences."""
    random = np.random.default_rng(0)
    drawn_DP = random.integers(len(difference_P), size=(DRAWS, len(difference_P)))
    rim = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(difference_P[drawn_DP].mean(axis=1), (rim, 100 - rim))
    return float(low), float(high)


def _difference(
    label: str,
    first: Mapping[tuple[str, ...], Mapping[str, float]],
    other: Mapping[tuple[str, ...], Mapping[str, float]],
) -> Difference | None:
    shared = [piece for piece in first if label in first[piece] and label in other.get(piece, {})]
    if not shared:
        return None
    mine_P, theirs_P = (
        np.array([side[piece][label] for piece in shared]) for side in (other, first)
    )
    low, high = paired_interval(mine_P - theirs_P) if len(shared) > 1 else (None, None)
    return Difference(float(mine_P.mean()), float(theirs_P.mean()), low, high, len(shared))


def _figures_by_piece(report: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, float]]:
    """Section, take and block of every piece to its figures by their dotted names."""
    pieces = {}
    for section in _SECTIONS:
        for entry in report[section]:
            setting = entry["setting"]
            block = setting.get("block", {}).get("name", "")
            pieces[section, setting["take"], block] = dict(_numbers(entry, section + "."))
    return pieces


def _numbers(figures: Mapping[str, Any], prefix: str) -> list[tuple[str, float]]:
    rows: list[tuple[str, float]] = []
    for name, value in figures.items():
        if name in _NOT_OURS:
            continue
        if isinstance(value, Mapping):
            rows += _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            rows.append((prefix + name, float(value)))
    return rows
