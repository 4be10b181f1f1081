"""prepare: one result for each recording."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import needs
import numpy as np
import pytest
from filmed import SOUND, astronaut, film
from tasks.conftest import Watcher, grows

from apvg import tasks
from apvg.takes.found import Found
from apvg.takes.take import Take
from apvg.tasks import Prepared, PrepareOptions

needs.mediapipe()


@pytest.fixture
def options(tmp_path: Path) -> PrepareOptions:
    """A film of eight frames."""
    video = film(tmp_path / "me.mp4", astronaut, np.arange(0, 0.8, 0.1))
    return PrepareOptions(
        video, tmp_path / "takes", audio=SOUND, layout="body+hands", size=(160, 128), fps=10
    )


def test_a_typed_result(options: PrepareOptions, capfd: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher()
    told: list[Prepared] = []
    results = tasks.prepare(options, progress=watcher, finished=told.append)
    assert list(results) == told
    (result,) = results
    assert (result.name, result.take, result.error) == ("me", options.out_dir / "me", None)
    assert result.verdict == "poor"  # her hands are hidden
    assert result.reasons
    assert isinstance(result.found["crop"], Found)
    assert result.found["crop"].value == [0, 0, 640, 512]
    assert result.found["size"].word == "given"
    assert len(Take.load(options.out_dir / "me")) == len(watcher.loop("tracking", "me.mp4")) - 1
    assert grows(watcher.loop("tracking", "me.mp4"))
    assert capfd.readouterr().out == ""


def test_cancelled_and_continued(options: PrepareOptions) -> None:
    watcher = Watcher(stop_at=4)
    with pytest.raises(tasks.Stopped, match=r"\.me\.partial"):
        tasks.prepare(options, progress=watcher, cancel=watcher.cancel)
    left = {path.name for path in options.out_dir.iterdir()}
    assert left == {".me.partial"}
    (result,) = tasks.prepare(options)
    assert result.take is not None
    assert [path.name for path in options.out_dir.iterdir()] == ["me"]


@pytest.mark.slow
def test_side_by_side_one_that_fails_does_not_stop_the_others(
    options: PrepareOptions, tmp_path: Path
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    options.footage.rename(films / "a.mp4")
    (films / "b.mp4").write_bytes(b"no video")
    (tmp_path / "sounds").mkdir()
    for name in "ab":
        (tmp_path / "sounds" / f"{name}.ogg").symlink_to(SOUND)
    options = replace(options, footage=films, audio=tmp_path / "sounds", jobs=2)
    watcher = Watcher()
    results = {result.name: result for result in tasks.prepare(options, progress=watcher)}
    assert results["a"].take == options.out_dir / "a"
    assert results["b"].take is None
    assert isinstance(results["b"].error, tasks.ApvgError)
    assert "b.mp4" in str(results["b"].error)
    assert grows(watcher.loop("preparing"))


@pytest.mark.slow
def test_workers_are_cancelled_too(options: PrepareOptions, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for name in "ab":
        film(films / f"{name}.mp4", lambda _: astronaut(0), np.arange(0, 60, 1.0))
    options = replace(options, footage=films, jobs=2, audio=None, fps=25)

    class TakesAreBegun:
        def is_set(self) -> bool:
            return len(list(options.out_dir.glob(".*.partial"))) == 2

    begin = time.monotonic()
    with pytest.raises(tasks.Stopped):
        tasks.prepare(options, cancel=TakesAreBegun())
    assert time.monotonic() - begin < 60
    assert not [path for path in options.out_dir.iterdir() if not path.name.startswith(".")]


def test_errors_name_options(options: PrepareOptions, tmp_path: Path) -> None:
    crops = tmp_path / "crops.toml"
    crops.write_text("me = 3")
    for changes, option in (
        ({"name": "../me"}, "name"),
        ({"crops": crops}, "crops"),
        ({"crops": tmp_path / "none.toml"}, "crops"),
        ({"fps": 0}, "fps"),
        ({"duration": 0.0}, "duration"),
    ):
        with pytest.raises(tasks.ApvgError) as refusal:
            tasks.prepare(replace(options, **changes))
        assert refusal.value.options == (option,)
        assert "--" not in str(refusal.value)
    assert not options.out_dir.exists()
