"""Training keeps to takes of its own split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny

from apvg.errors import ApvgError
from apvg.takes.about import About
from apvg.takes.take import Take
from apvg.training.recipe import Recipe, load_recipe
from apvg.training.run import Run


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "tiny.toml").write_text(tiny.RECIPE)
    return replace(load_recipe(tmp_path / "tiny.toml"), scene="")


def take(name: str, split: str, seconds: float) -> Take:
    return replace(tiny.take(seconds, name), about=About(split=split))


def test_only_takes_of_the_split_train_are_trained_on(tmp_path, recipe):
    takes = [take("a", "train", 1.0), take("b", "validation", 2.0), take("c", "test", 2.0)]
    run = Run(recipe, takes, tmp_path, device="cpu")
    assert [one.name for one in run.takes] == ["a"]
    assert [one.name for one in run.scene_takes] == ["a"]


def test_a_take_of_another_split_is_refused(tmp_path, recipe):
    takes = [take("a", "train", 1.0), take("b", "test", 2.0)]
    for named in (replace(recipe, scene="b"), replace(recipe, takes=("a", "b"))):
        with pytest.raises(ApvgError, match="the take 'b', whose split is test"):
            Run(named, takes, tmp_path)
    with pytest.raises(ApvgError, match=r"nothing to train on: the split of b is test"):
        Run(recipe, takes[1:], tmp_path)
