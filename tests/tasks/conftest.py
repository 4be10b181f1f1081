"""Progress that is kept, and music, takes and a recipe of a few seconds for every task."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile
import tiny

from apvg import tasks
from apvg.base.progress import Step


class Watcher:
    """A progress callback that keeps the steps, and may cancel at one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[Step] = []
        self.cancel = Event()
        self._stop_at = stop_at

    def __call__(self, step: Step) -> None:
        self.steps.append(step)
        if len(self.steps) == self._stop_at:
            self.cancel.set()

    def loop(self, description: str, subject: str = "") -> list[Step]:
        return [s for s in self.steps if (s.description, s.subject) == (description, subject)]


def raise_stopped(step: Step) -> None:
    """A callback that cancels by itself."""
    raise tasks.Stopped


def grows(steps: list[Step]) -> bool:
    """Whether a loop was reported from its first item to its end."""
    done = [step.done for step in steps]
    return len(done) > 1 and done == list(range(len(done))) and steps[-1].total == done[-1]


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.2 seconds of a tone."""
    path = tmp_path_factory.mktemp("music") / "song.wav"
    time_S = np.arange(round(1.2 * 16000)) / 16000
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 262 * time_S), 16000)
    return path


@pytest.fixture(scope="session")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("takes")
    tiny.take(seconds=8.0).save(folder / "tiny")
    return folder


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    # As figures need it: two seconds, and something left of the take to compare with.
    path.write_text(tiny.RECIPE.replace("[2.0, 2.4]", "[5.6, 7.8]"))
    return path


@pytest.fixture(scope="session")
def trained(takes: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A performer of the takes' scene."""
    out = tmp_path_factory.mktemp("trained") / "tiny"
    assert tasks.train(tasks.TrainOptions(takes, out, str(recipe))).performer == out
    return out
