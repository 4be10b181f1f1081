"""TensorBoard's event files hold the curves, the samples and the keypoints' figure; a run that is
resumed leaves no doubles."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import tiny

from apvg.cli.main import main

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def read(folder: Path):
    events = accumulator.EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    return events


@pytest.mark.slow
def test_what_is_seen_during_training(tmp_path: Path) -> None:
    takes, out, recipe = tmp_path / "takes", tmp_path / "out", tmp_path / "tiny.toml"
    for folder in (takes, out):
        folder.mkdir()
    tiny.take().save(takes / "tiny")
    recipe.write_text(tiny.RECIPE)
    command = ["train", str(takes), str(out), "--recipe", str(recipe), "--tensorboard"]
    assert main([*command, "--stage", "khp", "--until", "3"]) == 0
    assert main([*command, "--stage", "khp", "--resume"]) == 0
    board = out / "training/tensorboard"
    khp = read(board / "khp")
    with (out / "training/khp.curve.csv").open() as file:
        curve = [
            (row["name"], int(row["step"]), float(row["value"])) for row in csv.DictReader(file)
        ]
    assert len(curve) > 2
    for name in {name for name, _, _ in curve} - {"steps_per_second"}:
        shown = [(e.step, pytest.approx(e.value, rel=1e-4)) for e in khp.Scalars(name)]
        assert [(step, value) for other, step, value in curve if other == name] == shown
    (*_, last) = khp.Images("keypoints")
    assert last.step == max(step for _, step, _ in curve)
    assert last.width > 500  # the paper's figure, drawn
    assert main([*command, "--stage", "cvg", "--resume"]) == 0
    assert [image.step for image in read(board / "cvg").Images("sample")]


def test_without_it_there_is_no_event_file(tmp_path: Path) -> None:
    takes, out, recipe = tmp_path / "takes", tmp_path / "out", tmp_path / "tiny.toml"
    for folder in (takes, out):
        folder.mkdir()
    tiny.take().save(takes / "tiny")
    recipe.write_text(tiny.RECIPE)
    command = ["train", str(takes), str(out), "--recipe", str(recipe), "--stage", "khp"]
    assert main([*command, "--until", "1"]) == 0
    assert not (out / "training/tensorboard").exists()
