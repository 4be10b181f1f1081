"""``apvg evaluate``: evaluate a performer on takes, or compare reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from apvg.base.errors import ApvgError
from apvg.cli.arguments import Output
from apvg.cli.progress import progress_bars
from apvg.tasks import CompareOptions, EvaluateOptions, compare, evaluate

if TYPE_CHECKING:
    from apvg.evaluation.results import Report
    from apvg.measures.targets import TargetRow


@dataclass(frozen=True, kw_only=True)
class Evaluate(EvaluateOptions):
    """Evaluate a performer on takes, and write report.json, report.html and pictures; or compare
    reports (--compare)."""

    performer: tyro.conf.Positional[str] = ""
    takes: tyro.conf.Positional[Path | None] = None  # pyright: ignore[reportIncompatibleVariableOverride]
    compare: tuple[Path, ...] = ()
    """Folders of two or more reports on the same takes. The comparison has each report's
    differences from the first, with confidence intervals."""
    output: Output
    block: tyro.conf.UseAppendAction[tuple[tuple[str, float, float], ...]] = ()

    def run(self) -> None:
        """Write the report, and print its figures with their targets."""
        if self.compare:
            self._compare()
            return
        if not self.performer or self.takes is None:
            print(
                "apvg: error: nothing to evaluate; give a performer and takes, or reports to "
                "compare (--compare)",
                file=sys.stderr,
            )
            raise SystemExit(2)
        with progress_bars() as bars:
            result = evaluate(self, progress=bars)
        for line in _lines(result.report):
            print(line)
        print(f"wrote {result.page}")

    def _compare(self) -> None:
        if self.performer:
            raise ApvgError(
                "cannot evaluate a performer and compare reports in the same run",
                "leave out either the performer and the takes, or the reports",
                ["compare"],
            )
        result = compare(CompareOptions(self.compare, self.output, self.force))
        figures = len(result.comparison.figures)
        print(f"{figures} figures; significant differences: {result.certain}")
        print(f"wrote {result.page}")


def _lines(report: Report) -> Iterator[str]:
    """The report's figures with their targets."""
    for reason in report.left_out.values():
        yield f"left out: {reason}"
    for figures in report.blocks:
        yield f"{figures.setting.take}, {figures.setting.block.name}:"
        yield from map(_target, figures.targets)
    for name, row in report.learned.sets.items() if report.learned else ():
        for figure, value in (("FID", row.fid), ("FVD", row.fvd)):
            if value is not None:
                yield f"{figure} {name.replace('_', ' ')}: {_shown(value)}"
    for style, row in (item for styles in report.styles.values() for item in styles.items()):
        yield f"music, {style} ({row.pieces} pieces, {row.notes} notes):"
        yield from map(_target, row.targets)
    for name, row in report.comparison_mean.items():
        energy = [value for figure, value in row.items() if figure.startswith("motion_energy")]
        least, most = (_shown(bound(energy, default=None)) for bound in (min, max))
        error = _shown(row.get("pixel_error"))
        yield f"{name}: pixel error {error} px, motion energy {least} to {most}"


def _target(row: TargetRow) -> str:
    mark = "met" if row.met else "short"
    return f"  {row.figure}: {_shown(row.value)} (target {row.target}; {mark})"


def _shown(figure: float | None) -> str:
    """A figure as text. A missing or infinite value is not measurable."""
    return "not measurable" if figure is None or not isfinite(figure) else f"{figure:.3g}"
