"""Training keeps to takes of its own split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny

from apvg.base.errors import ApvgError
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
    assert [one.name for one in run.plan.takes] == ["a"]
    assert [one.name for one in run.plan.scene_takes] == ["a"]


def test_a_take_of_another_split_is_refused(tmp_path, recipe):
    takes = [take("a", "train", 1.0), take("b", "test", 2.0)]
    for named in (replace(recipe, scene="b"), replace(recipe, takes=("a", "b"))):
        with pytest.raises(ApvgError, match="the take 'b', whose split is test"):
            Run(named, takes, tmp_path)
    with pytest.raises(ApvgError, match=r"nothing to train on: the split of b is test"):
        Run(recipe, takes[1:], tmp_path)


def test_a_scene_may_be_of_several_takes(tmp_path, recipe):
    takes = [
        take("hall-1", "train", 1.04),
        take("hall-2", "train", 1.4),
        take("yard", "train", 2.0),
    ]
    run = Run(replace(recipe, scene="hall-*"), takes, tmp_path, device="cpu")
    assert [one.name for one in run.plan.scene_takes] == ["hall-1", "hall-2"]
    scene, music = run.material.cache.scene, run.material.cache.scene_music
    assert len(scene.frames_TCHW) == len(scene.keypoints_TKD) == len(music) == 61
    np.testing.assert_array_equal(
        scene.frames_TCHW[26:].numpy().transpose(0, 2, 3, 1), takes[1].frames_THWC
    )
    assert 25 not in scene.training_T  # no clip goes on from one take to the next
    assert {24, 26, 60} <= set(scene.training_T.tolist())
    first, second = (run.material.cache.music(one) for one in run.plan.scene_takes)
    np.testing.assert_array_equal(music.excerpt(26, 30), second.excerpt(0, 30))
    assert music.notes is not None
    assert first.notes is not None
    assert second.notes is not None
    onsets_N = np.append(first.notes.onset_N, second.notes.onset_N + 26 / 25)
    np.testing.assert_allclose(music.notes.onset_N, onsets_N)


def test_takes_of_two_cameras_make_no_scene(tmp_path, recipe):
    one = take("hall-1", "train", 1.0)
    wide = replace(one, name="hall-2", frames_THWC=np.tile(one.frames_THWC, (1, 1, 2, 1)))
    with pytest.raises(ApvgError, match="size of hall-2"):
        Run(replace(recipe, scene="hall-*"), [one, wide], tmp_path)
    moved = replace(one, name="hall-2", corners_42=np.array(one.corners_42) + 5)
    with pytest.raises(ApvgError, match="the piano of hall-2 is not in the place"):
        Run(replace(recipe, scene="hall-*"), [one, moved], tmp_path)
    with pytest.raises(ApvgError, match=r"needs a take 'attic-\*'"):
        Run(replace(recipe, scene="attic-*"), [one], tmp_path)
