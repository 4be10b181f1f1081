"""Batches prepared ahead are those that are prepared when they are asked for: losses and resumption
do not depend on workers."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from apvg.training.data.loader import Loader
from apvg.training.data.sampling import StepRandom, sampling_weights, step_random
from apvg.training.recipe import load_recipe
from apvg.training.run import Run, Stage


class Numbers:
    """Random numbers of both kinds; says which threads asked for them."""

    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at = fails_at
        self.drawn: list[tuple[int, str]] = []

    def batch(self, step: int, random: StepRandom) -> torch.Tensor:
        self.drawn.append((step, threading.current_thread().name))
        if step == self.fails_at:
            raise ValueError("no such excerpt")
        first = torch.from_numpy(random.numpy.random(3))
        return torch.cat([first, torch.rand(3, generator=random.torch)])


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_batches_do_not_depend_on_workers_nor_on_the_steps_before(workers: int) -> None:
    alone, ahead = Loader(Numbers(), 7, 20), Loader(Numbers(), 7, 20, workers=workers)
    for step in (0, 1, 2, 9, 10, 4, 19):
        torch.testing.assert_close(ahead.begin(step), alone.begin(step), atol=0, rtol=0)
    ahead.close()
    torch.testing.assert_close(ahead.begin(3), alone.begin(3), atol=0, rtol=0)
    other = Loader(Numbers(), 7, 20, rank=1)
    assert not torch.equal(other.begin(3), alone.begin(3))


def test_workers_prepare_what_comes_and_nothing_beyond_the_end() -> None:
    numbers = Numbers()
    loader = Loader(numbers, 0, 6, workers=2)
    for step in range(6):
        loader.begin(step)
    loader.close()
    assert sorted(step for step, _ in numbers.drawn) == list(range(6))
    assert threading.current_thread().name not in {name for _, name in numbers.drawn}


def test_torch_is_seeded_by_the_step_alone() -> None:
    loader = Loader(Numbers(), 3, 9, workers=1)
    loader.begin(5)
    first = torch.rand(4)
    loader.begin(6)
    torch.rand(11)
    loader.begin(5)
    torch.testing.assert_close(torch.rand(4), first, atol=0, rtol=0)
    loader.close()


def test_a_mistake_in_a_worker_is_raised_at_its_step() -> None:
    loader = Loader(Numbers(fails_at=2), 0, 9, workers=2)
    loader.begin(0)
    loader.begin(1)
    with pytest.raises(ValueError, match="no such excerpt"):
        loader.begin(2)
    loader.close()


def test_steps_have_random_numbers_of_their_own() -> None:
    drawn = {
        (
            float(step_random(*key).numpy.random()),
            float(torch.rand(1, generator=step_random(*key).torch)),
        )
        for key in [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1)]
    }
    assert len(drawn) == 4


def test_takes_are_sampled_by_length_and_kind() -> None:
    np.testing.assert_allclose(sampling_weights([1, 3], [True, True], 0.2), [0.25, 0.75])
    weights_N = sampling_weights([1, 3, 4, 12], [True, True, False, False], 0.2)
    np.testing.assert_allclose(weights_N, [0.05, 0.15, 0.2, 0.6])


@pytest.mark.parametrize("stage", ["transcription", "motion", "fpvg"])
def test_trainings_end_alike_with_any_number_of_workers(stage: Stage, tmp_path: Path) -> None:
    """To the last bit of every weight and optimiser state, stopped and resumed or not."""
    (tmp_path / "recipe.toml").write_text(tiny.RECIPE)
    recipe = load_recipe(tmp_path / "recipe.toml")
    fpvg = replace(recipe.fpvg, predicted_from=6)  # so that it needs no other stage
    recipe = replace(recipe, fpvg=fpvg)
    ends: list[dict[str, Any]] = []
    curves: list[list[str]] = []
    for workers, stops in ((0, (6,)), (1, (6,)), (2, (3, 6))):
        folder = tmp_path / str(workers)
        for stop in stops:
            run = Run(recipe, [tiny.take()], folder, device="cpu", workers=workers)
            run.train(stage, until=stop)
        ends.append(load_file(folder / f"training/{stage}.ckpt.safetensors"))
        lines = (folder / f"training/{stage}.curve.csv").read_text().splitlines()
        curves.append([line for line in lines if "steps_per_second" not in line])
    assert curves[0] == curves[1]
    for other in ends[1:]:
        assert other.keys() == ends[0].keys()
        for key, value in ends[0].items():
            torch.testing.assert_close(other[key], value, atol=0, rtol=0, msg=key)
