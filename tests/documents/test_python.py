"""Every Python example of docs/python.md runs, one after the other, on what tests/desk.py makes."""

from __future__ import annotations

from pathlib import Path

import needs
import pytest
import tiny
from desk import Desk
from documented import ROOT, blocks

from apvg import tasks

DOCUMENT = ROOT / "docs" / "python.md"
#: What the examples name.
GIVEN = ("song.wav", "my-video.mp4", "report", "other-report", "tiny")
#: What takes minutes as it is written, and what stands for it here.
SMALLER = {
    'recipe="pianist"': 'recipe="tiny.toml"',
    'ExportOptions("piano"': 'ExportOptions("tiny"',
}


@pytest.mark.slow
def test_the_examples_run(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_performer: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs.mediapipe()
    desk = Desk(tmp_path_factory.mktemp("desk"), tiny_performer)
    for name in GIVEN:
        desk.lay(name, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("my-takes").mkdir()
    tiny.take(seconds=8.0).save(Path("my-takes", "tiny"))
    Path("tiny.toml").write_text(tiny.RECIPE.replace("[2.0, 2.4]", "[5.6, 7.8]"))
    names: dict[str, object] = {}
    for block in blocks(DOCUMENT, "python"):
        for written, run in SMALLER.items():
            block = block.replace(written, run)
        exec(compile(block, DOCUMENT.name, "exec"), names)
    for made in ("song.mp4", "edited.mp4", "my-report/report.html", "compared/compare.html"):
        assert Path(made).stat().st_size > 100
    for folder in ("prepared/my-video", "me", "onnx", "virtual"):
        assert any(Path(folder).iterdir())
    assert not Path("stopped.mp4").exists()


def test_every_task_has_an_example() -> None:
    text = "".join(blocks(DOCUMENT, "python"))
    for name in tasks.__all__:
        if getattr(tasks, name).__module__.startswith("apvg.tasks") and name[0].islower():
            assert f"tasks.{name}(" in text, name
    for written in SMALLER:
        assert written in text
