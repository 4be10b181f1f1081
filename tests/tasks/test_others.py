"""evaluate, compare, export and virtual: typed results, progress, cancellation, and errors that
name options."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tasks.conftest import Watcher, grows, raise_stopped

from apvg import tasks
from apvg.base.plain import to_plain
from apvg.takes.take import load_takes
from apvg.tasks import CompareOptions, EvaluateOptions, ExportOptions, VirtualOptions


@pytest.mark.slow
def test_evaluate(trained: Path, takes: Path, tmp_path: Path) -> None:
    options = EvaluateOptions(
        str(trained),
        takes,
        tmp_path / "report",
        block=(("end", 5.6, 7.8),),
        no_read_back=True,
        jobs=1,
    )
    with pytest.raises(tasks.Stopped):
        tasks.evaluate(options, progress=raise_stopped)
    assert list(tmp_path.iterdir()) == []
    watcher = Watcher()
    result = tasks.evaluate(options, progress=watcher)
    assert result.folder == tmp_path / "report"
    assert result.page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert to_plain(result.report) == json.loads((result.folder / "report.json").read_text())
    assert [block.setting.block.name for block in result.report.blocks] == ["end"]
    assert grows(watcher.loop("evaluating", "tiny"))
    with pytest.raises(tasks.ApvgError) as refusal:
        tasks.evaluate(options)
    assert refusal.value.options == ("force",)
    with pytest.raises(tasks.ApvgError, match="is empty or starts before 0 s") as refusal:
        tasks.evaluate(replace(options, block=(("none", 2.0, 2.0),)))
    assert refusal.value.options == ("block",)


def test_compare(tmp_path: Path) -> None:
    for name, share in (("a", 0.8), ("b", 0.9), ("c", 0.8)):
        rows = [
            {
                "setting": {"take": f"take-{n}", "seconds": 60.0},
                "from_sound": {"string": share + n / 1000},
            }
            for n in range(4)
        ]
        (tmp_path / name).mkdir()
        report = json.dumps({"blocks": [], "bowing": rows, "music": []})
        (tmp_path / name / "report.json").write_text(report)
    folders = tuple(tmp_path / name for name in "abc")
    result = tasks.compare(CompareOptions(folders, tmp_path / "out"))
    assert result.comparison.names == ["a", "b", "c"]
    assert len(result.comparison.figures) == 1
    assert result.certain == 1  # of b's, and not of c's
    assert result.page.is_file()
    with pytest.raises(tasks.ApvgError):
        tasks.compare(CompareOptions(folders[:1], tmp_path / "other"))


@pytest.mark.slow
def test_export(tiny_performer: Path, tmp_path: Path) -> None:
    options = ExportOptions(str(tiny_performer), tmp_path / "onnx")
    watcher = Watcher(stop_at=2)
    with pytest.raises(tasks.Stopped):
        tasks.export(options, progress=watcher, cancel=watcher.cancel)
    assert list(tmp_path.iterdir()) == []
    watcher = Watcher()
    result = tasks.export(options, progress=watcher)
    assert (result.folder, result.performer) == (options.output, "tiny")
    assert {path.stem for path in result.folder.glob("*.onnx")} == set(result.differences)
    assert all(0 <= difference < 1e-3 for difference in result.differences.values())
    assert grows(watcher.loop("exporting"))
    with pytest.raises(tasks.ApvgError) as refusal:
        tasks.export(options)
    assert refusal.value.options == ("force",)


def test_virtual(tmp_path: Path) -> None:
    out = tmp_path / "takes"
    options = VirtualOptions(
        out, instrument="piano", minutes=0.5, seconds=10, drawn=1.0, jobs=1, seed=3
    )
    watcher = Watcher(stop_at=2)
    with pytest.raises(tasks.Stopped):
        tasks.virtual(options, progress=watcher, cancel=watcher.cancel)
    kept = sorted(out.iterdir())
    assert {step.item for step in watcher.steps} <= set(kept)
    assert sorted(take.name for take in load_takes(out)) == [path.name for path in kept]  # whole
    kept[-1].rename(tmp_path / "aside")
    watcher = Watcher()
    result = tasks.virtual(options, progress=watcher)
    assert result.folder == out
    assert (len(result.made), result.kept) == (4 - len(kept), len(kept) - 1)
    assert len(load_takes(out)) == 3
    steps = watcher.loop("generating")
    assert [step.done for step in steps] == list(range(len(result.made) + 1))
    assert steps[-1].done == steps[-1].total
    with pytest.raises(tasks.ApvgError) as refusal:
        tasks.virtual(replace(options, drawn=1.5))
    assert refusal.value.options == ("drawn",)
