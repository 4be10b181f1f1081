"""Reports compared: intervals against scipy's bootstrap, and what cannot be compared is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap

from apvg.base.errors import ApvgError
from apvg.cli.main import main
from apvg.evaluation.compare_reports import LEVEL, compare_reports, paired_interval

#: Reports of this module hold one figure only.
ABRIDGED = True


def report(value_P: np.ndarray, take: str = "piece", **more: float) -> dict[str, Any]:
    """A report of so many pieces with one figure, and others in which they are all alike."""
    return {
        "blocks": [],
        "bowing": [
            {
                "setting": {"take": f"{take}-{p}", "seconds": 60.0},
                "from_sound": {"string": float(value), **more},
            }
            for p, value in enumerate(value_P)
        ],
        "music": [],
    }


def test_the_interval_is_that_of_a_paired_bootstrap() -> None:
    random = np.random.default_rng(1)
    difference_P = random.normal(0.2, 1.0, 40)
    low, high = paired_interval(difference_P)
    reference = bootstrap(
        (difference_P,),
        np.mean,
        confidence_level=LEVEL,
        method="percentile",
        n_resamples=20_000,
        rng=random,
    )
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.02)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.02)


def test_what_all_find_hard_counts_on_no_side() -> None:
    """Pieces differ by much more than performers do: paired, the small difference is certain all
    the same."""
    hard_P = np.linspace(0.1, 0.9, 12)
    random = np.random.default_rng(0)
    better = report(hard_P + 0.02 + random.normal(0, 0.005, 12))
    alike = report(hard_P + random.normal(0, 0.005, 12))
    comparison = compare_reports(["a", "b", "c"], [report(hard_P), better, alike])
    (row,) = comparison.figures.values()
    better_by, alike_by = row
    assert better_by is not None
    assert alike_by is not None
    assert better_by.certain
    assert not alike_by.certain
    assert better_by.mean - better_by.first == pytest.approx(0.02, abs=0.005)
    assert better_by.pieces == 12


def test_only_pieces_that_both_judged_count() -> None:
    first, other = report(np.array([0.0, 1.0])), report(np.array([0.5, 1.0, 9.0]))
    (row,) = compare_reports(["a", "b"], [first, other]).figures.values()
    assert row[0] is not None
    assert (row[0].mean, row[0].first, row[0].pieces) == (0.75, 0.5, 2)
    with pytest.raises(ApvgError, match="same takes"):
        compare_reports(["a", "b"], [first, report(np.ones(2), "another")])


def test_one_piece_has_no_interval() -> None:
    (row,) = compare_reports(["a", "b"], [report(np.zeros(1)), report(np.ones(1))]).figures.values()
    assert row[0] is not None
    assert row[0].low is None
    assert not row[0].certain


def test_the_command_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in (("old", 0.5), ("new", 0.75)):
        (tmp_path / name).mkdir()
        pieces = value + np.array([0.0, 0.01, 0.02])
        (tmp_path / name / "report.json").write_text(json.dumps(report(pieces)))
    old, new, out = (str(tmp_path / name) for name in ("old", "new", "out"))
    assert main(["evaluate", "--compare", old, new, "-o", out]) == 0
    assert "significant differences: 1" in capsys.readouterr().out
    page = (tmp_path / "out/compare.html").read_text()
    assert "0.76" in page
    assert "<td" in page
    written = json.loads((tmp_path / "out/compare.json").read_text())
    assert written["figures"]["bowing.from_sound.string"][0]["low"] == pytest.approx(0.25)


def test_what_is_no_report_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    command = ["evaluate", "--compare", str(tmp_path / "empty"), str(tmp_path / "empty")]
    assert main([*command, "-o", str(tmp_path / "out")]) == 1
    assert "no report.json" in capsys.readouterr().err
    (tmp_path / "empty/report.json").write_text("{}")
    assert main([*command, "-o", str(tmp_path / "out")]) == 1
    assert "not a report" in capsys.readouterr().err
    old = {"blocks": [], "beside": [], "bowing": [], "music": [], "styles": {}}
    (tmp_path / "empty/report.json").write_text(json.dumps(old))
    assert main([*command, "-o", str(tmp_path / "out")]) == 1
    assert "earlier version of apvg" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "-o", str(tmp_path / "out")])
    assert stopped.value.code == 2
