"""Comparison of reports: which performer is better, and is that more than chance?

Reports are compared piece by piece: the difference of a figure is taken on every block or piece of
music that both reports have, and its interval is bootstrapped over those (percentile interval of a
paired bootstrap: Efron & Tibshirani, 1993). So pieces that are hard for all performers count for
none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.evaluation.figures.registry import FIGURES
from apvg.evaluation.glossary import about
from apvg.evaluation.page import page_environment, words

#: Share of the bootstrapped differences that lie within the interval, and how many are drawn.
LEVEL, DRAWS = 0.95, 5000
#: Figures of these groups are not the performer's; and the retrieval baselines of both reports are
#: the same, so that the gain over them differs as the PSNR itself does.
_OTHERS = ("setting", "real", "retrieval_baselines", "baselines", "targets", "hand_psnr_gain")


@dataclass(frozen=True)
class Difference:
    """One figure of one report and of the first one.

    Attributes:
        mean: Over the pieces that both have.
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
        """Whether the interval does not contain zero."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Comparison:
    """Reports compared.

    Attributes:
        names: Of the reports; the others are compared with the first.
        figures: A figure's dotted name to one Difference for each other report; None where it lacks
            the figure.
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


def compare_reports(names: Sequence[str], reports: Sequence[Mapping[str, Any]]) -> Comparison:
    """Compare every figure of each report with that of the first one, on the pieces that both have.

    Raises:
        ApvgError: Fewer than two reports, or one that shares no piece with the first.
    """
    if len(reports) < 2:
        raise ApvgError("there is one report", "give two or more to compare", options=["compare"])
    first, *others = (_figures_by_piece(report) for report in reports)
    for name, other in zip(names[1:], others, strict=True):
        if not first.keys() & other.keys():
            raise ApvgError(
                f"the reports {names[0]} and {name} have no piece in common",
                "evaluate both performers on the same takes",
            )
    labels = dict.fromkeys(label for piece in first.values() for label in piece)
    figures = {label: [_difference(label, first, other) for other in others] for label in labels}
    return Comparison(names, {name: row for name, row in figures.items() if any(row)})


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """compare.json and compare.html."""
    (folder / "compare.json").write_text(json.dumps(comparison.to_dict(), indent=2) + "\n")
    titles = {"blocks": "Pictures"} | {c.section: c.title for c in FIGURES.values()}
    sections: dict[str, dict[str, Sequence[Difference | None]]] = {}
    for name, row in comparison.figures.items():
        section, source, *_ = [*name.split("."), ""]
        title = f"{titles[section]}, {words(source)}"
        sections.setdefault(title, {})[name] = row
    page = page_environment().get_template("compare.html.jinja")
    text = page.render(comparison=comparison, sections=sections, level=LEVEL, verdicts=verdict)
    (folder / "compare.html").write_text(text)


def verdict(name: str, difference: Difference | None) -> str:
    """The words "better" or "worse" than the first report where that is certain and it is known
    which values are good; else empty."""
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
    """Percentile interval of the mean of paired differences [P], at :data:`LEVEL`; the same for the
    same differences."""
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
    for section in ("blocks", *(c.section for c in FIGURES.values() if c.section)):
        for entry in report.get(section, ()):
            setting = entry["setting"]
            block = setting.get("block", {}).get("name", "")
            pieces[section, setting["take"], block] = dict(_numbers(entry, section + "."))
    return pieces


def _numbers(figures: Mapping[str, Any], prefix: str) -> list[tuple[str, float]]:
    rows: list[tuple[str, float]] = []
    for name, value in figures.items():
        if name in _OTHERS:
            continue
        if isinstance(value, Mapping):
            rows += _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            rows.append((prefix + name, float(value)))
    return rows
