"""generate and render: typed results, progress, cancellation, and errors that name options."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from tasks.conftest import Watcher, grows, raise_stopped

from apvg import tasks
from apvg.instruments.skeleton import HANDS
from apvg.keypoint_files import KeypointTrack, write_keypoints
from apvg.tasks import Generated, GenerateOptions, Rendered, RenderOptions
from apvg.video.reading import probe_video, read_frames

Run = Callable[..., Any]


@pytest.fixture
def jobs(tmp_path: Path, song: Path, tiny_performer: Path) -> dict[str, tuple[Run, Any]]:
    """Each task with options that make 30 frames of `out/a.mp4`."""
    (tmp_path / "out").mkdir()
    out, performer = tmp_path / "out" / "a.mp4", str(tiny_performer)
    keypoints = tmp_path / "k.npz"
    keypoints_TKD = np.random.default_rng(0).uniform(0, 30, (30, 42, 2)).astype(np.float32)
    write_keypoints(keypoints, KeypointTrack(keypoints_TKD, np.ones((30, 42)), 25), HANDS)
    generating = GenerateOptions(song, out, performer, keypoints=tmp_path / "out" / "k.npz")
    return {
        "generate": (tasks.generate, generating),
        "render": (tasks.render, RenderOptions(keypoints, out, performer, audio=song)),
    }


@pytest.mark.parametrize(
    ("task", "kind", "words"),
    [("generate", Generated, "performing"), ("render", Rendered, "rendering")],
)
def test_a_typed_result_and_every_frame_reported(
    jobs: dict[str, tuple[Run, Any]],
    task: str,
    kind: type,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, options = jobs[task]
    watcher = Watcher()
    result = run(options, progress=watcher)
    assert type(result) is kind
    assert result.path == options.output
    assert (result.frames, result.fps, result.music_seconds) == (30, 25, 1.2)
    assert result.real_time_factor == pytest.approx(result.seconds / 1.2)
    assert "PyTorch" in result.engine
    assert len(list(read_frames(result.path, 25))) == 30
    steps = watcher.loop(words)
    assert grows(steps)
    assert all(step.item.shape == (32, 128, 3) for step in steps[:-1])
    assert steps[0].total == 30
    assert steps[-1].item is None
    assert capsys.readouterr() == ("", "")


def test_what_was_generated_is_told(jobs: dict[str, tuple[Run, Any]]) -> None:
    _, options = jobs["generate"]
    result = tasks.generate(replace(options, view="side-by-side"))
    assert result.keypoints == options.keypoints
    assert options.keypoints.exists()
    assert (probe_video(result.path).width, probe_video(result.path).height) == (128, 64)
    assert 0 == result.notes_moved <= result.notes
    assert result.remarks == ()


@pytest.mark.parametrize("task", ["generate", "render"])
@pytest.mark.parametrize("way", ["callback", "flag", "thread"])
def test_cancelling_leaves_nothing(jobs: dict[str, tuple[Run, Any]], task: str, way: str) -> None:
    run, options = jobs[task]
    watcher = Watcher(stop_at=5 if way == "flag" else None)
    if way == "thread":
        thread = Thread(target=watcher.cancel.set)
        thread.start()
        thread.join()
    with pytest.raises(tasks.Stopped):
        run(
            options,
            progress=raise_stopped if way == "callback" else watcher,
            cancel=watcher.cancel,
        )
    assert len(watcher.steps) == (5 if way == "flag" else 0)
    assert list(options.output.parent.iterdir()) == []


@pytest.mark.parametrize("task", ["generate", "render"])
@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({}, "force"),
        ({"output": Path("a.gif")}, "output"),
        ({"start": -1.0}, "start"),
        ({"transpose": 89}, "transpose"),
    ],
)
def test_errors_name_options(
    jobs: dict[str, tuple[Run, Any]], task: str, changes: dict[str, Any], option: str
) -> None:
    run, options = jobs[task]
    if not changes.keys() <= vars(options).keys():
        pytest.skip(f"{task} has no {option}")
    options.output.write_text("dear to me")
    with pytest.raises(tasks.ApvgError) as refusal:
        run(replace(options, **changes))
    assert refusal.value.options == (option,)
    assert refusal.value.cure
    assert "--" not in str(refusal.value)
    assert options.output.read_text() == "dear to me"
    if not changes:
        assert run(replace(options, force=True)).frames == 30


def test_importing_tasks_waits_for_nothing_heavy() -> None:
    """torch alone takes seconds to import."""
    code = (
        "import sys; from apvg import tasks; tasks.generate, tasks.GenerateOptions\n"
        "heavy = {'torch', 'numpy', 'av', 'rich', 'tyro', 'zarr', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_everything_that_is_promised_is_there() -> None:
    for name in tasks.__all__:
        assert getattr(tasks, name) is not None
    for name in ("generate", "render", "prepare", "train", "evaluate", "export", "virtual"):
        assert callable(getattr(tasks, name))  # not the module of that name
        assert f"{name.capitalize()}Options" in tasks.__all__
