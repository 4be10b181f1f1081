"""train: what is done is known, kept when it is cancelled, and resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tasks.conftest import Watcher, grows

from apvg import tasks
from apvg.performer import Performer
from apvg.tasks import Trained, TrainOptions
from apvg.training.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow


def test_cancelled_resumed_and_done(takes: Path, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "me"
    watcher = Watcher()

    def stop_in_the_third_step(step: tasks.Step) -> None:
        watcher(step)
        if (step.subject, step.done) == ("khp", 2):
            watcher.cancel.set()

    options = TrainOptions(takes, out, str(recipe), stage="khp")
    with pytest.raises(tasks.Stopped):
        tasks.train(options, progress=stop_in_the_third_step, cancel=watcher.cancel)
    checkpoint = out / "training" / "khp.ckpt.safetensors"
    assert load_checkpoint(checkpoint, {}, {}) == 3  # the step that it was at was finished

    with pytest.raises(tasks.ApvgError, match="already has a training run of khp") as refusal:
        tasks.train(options)
    assert refusal.value.options == ("resume",)

    watcher = Watcher()
    result = tasks.train(
        TrainOptions(takes, out, str(recipe), stage="khp", resume=True), progress=watcher
    )
    assert result == Trained(out / "training", None)  # the other stages are missing
    assert [step.total for step in watcher.loop("training", "khp")] == [3, 3, 3, 3]
    assert grows(watcher.loop("training", "khp"))
    assert load_checkpoint(checkpoint, {}, {}) == 6


def test_a_whole_training_is_a_performer(trained: Path) -> None:
    assert Performer.from_pretrained(trained).name == "tiny"


def test_errors_name_options(takes: Path, tmp_path: Path) -> None:
    with pytest.raises(tasks.ApvgError) as refusal:
        tasks.train(TrainOptions(takes, tmp_path / "me", "pianist", until=0))
    assert refusal.value.options == ("until",)
