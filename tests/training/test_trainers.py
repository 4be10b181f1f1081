"""Every registered trainer, by the same test: it trains, resumes to the bit, averages, and leaves
alone what is not its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from bowed import golden_string_take
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam

from apvg.base.errors import ApvgError
from apvg.takes.take import Take
from apvg.training.checkpoint import load_checkpoint, save_checkpoint
from apvg.training.loop import Trainer
from apvg.training.recipe import Recipe, load_recipe
from apvg.training.run import Run, Stage
from apvg.training.trainers import TRAINERS
from apvg.training.trainers.step import Adversaries, cosine

#: Of KHP, what each of its stages trains.
TRAINED = {
    "motion": ("motion.",),
    "khp": ("transcriber.encoder.", "motion."),
    "joint": ("transcriber.encoder.", "motion."),
}


def small(stage: str, folder: Path) -> tuple[Recipe, Take]:
    """A recipe in which a stage needs as few others as it can, and a take; a cellist's for its
    strokes."""
    text = tiny.RECIPE
    if stage == "strokes":
        text = text.replace(
            "transcriber = {", 'transcriber = { kind = "bowed notes", strokes = { hidden = 4 },'
        )
        text = text.replace("lookahead_frames = 3", "lookahead_frames = 5", 1)
        text = text.replace('"piano"', '"cello"').replace('scene = "tiny"', "")
        text += "[strokes]\nsteps = 6\nexcerpts = 2\nevents = 4\n"
    (folder / "recipe.toml").write_text(text)
    recipe = load_recipe(folder / "recipe.toml")
    idle = {
        name: replace(getattr(recipe, name), steps=0)
        for name in TRAINERS
        if name != stage and not (stage == "joint" and name == "fpvg")
    }
    return replace(recipe, **idle), golden_string_take() if stage == "strokes" else tiny.take()


@pytest.fixture(params=list(TRAINERS), scope="module")
def stage(request: pytest.FixtureRequest) -> Stage:
    return request.param


@pytest.fixture(scope="module")
def run(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp(stage)
    recipe, take = small(stage, folder)
    run = Run(recipe, [take], folder, device="cpu")
    if stage == "joint":
        run.train("fpvg", until=1)
    return run


def state(trainer: Trainer) -> dict[str, Tensor]:
    return {
        f"{name}/{key}": value.clone()
        for name, module in trainer.modules.items()
        for key, value in module.state_dict().items()
    }


def test_a_trainer_does_what_trainers_do(stage: Stage, run: Run, tmp_path: Path) -> None:
    trainer, checkpoint = run.trainer(stage), tmp_path / "checkpoint.safetensors"
    assert (trainer.name, trainer.steps) == (stage, 6)
    before = state(trainer)
    for step in range(3):
        losses = trainer.training_step(step)
        assert losses
        assert all(np.isfinite(value) for value in losses.values())
    middle = state(trainer)
    save_checkpoint(checkpoint, 3, trainer.modules, trainer.optimizers)
    for step in range(3, 6):
        trainer.training_step(step)

    # The averaged weights move, and follow.
    averages = {key for key in before if key.partition("/")[0].endswith("ema")}
    floating = {key for key in averages if before[key].is_floating_point()}
    assert any(not torch.equal(before[key], middle[key]) for key in floating)
    assert averages < before.keys()

    # Stopped and resumed it is where it would have been.
    resumed = run.trainer(stage)
    assert load_checkpoint(checkpoint, resumed.modules, resumed.optimizers) == 3
    for step in range(3, 6):
        resumed.training_step(step)
    after, again = state(trainer), state(resumed)
    for key, value in after.items():
        torch.testing.assert_close(again[key], value, atol=0, rtol=0, msg=key)

    # What a stage does not train is as it was.
    for key in before:
        module, name = key.split("/", 1)
        if module in ("network", "khp") and stage in TRAINED:
            frozen = not name.startswith(TRAINED[stage])
            assert not frozen or torch.equal(before[key], after[key]), key
        if module == "stu":
            assert torch.equal(before[key], after[key]), key  # it has no rate
    picture_HWC = trainer.picture_HWC()
    assert picture_HWC is None or (picture_HWC.dtype == np.uint8 and picture_HWC.shape[2] == 3)
    trainer.loader.close()


def test_a_stage_that_is_not_there_is_named(tmp_path: Path) -> None:
    recipe, take = small("cvg", tmp_path)
    with pytest.raises(
        ApvgError, match="no stage 'hear'; choose one of: cvg, fpvg, joint, khp, motion"
    ):
        Run(recipe, [take], tmp_path, device="cpu").trainer("hear")


def test_discriminators_learn_every_second_step_and_move_nothing_else() -> None:
    """Their own losses are detached; the generator's leave them as they are."""
    fabric = Fabric(accelerator="cpu", devices=1)

    class Judge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
            return self.score(x), [self.score(x).tanh()]

    adversaries = Adversaries(
        fabric, {"x": Judge()}, rate=0.1, adversarial_weight=2.0, feature_weight=3.0
    )
    fake, real = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3)
    weights = next(iter(adversaries.modules.values())).state_dict()

    def losses_and_move(step: int) -> tuple[dict[str, Tensor], bool]:
        before = {key: value.clone() for key, value in weights.items()}
        losses = adversaries(step, {"x": (fake, real)})
        return losses, any(not torch.equal(before[key], weights[key]) for key in weights)

    losses, moved = losses_and_move(1)
    assert set(losses) == {"adversarial_x", "feature_matching_x"}
    assert not moved
    torch.stack(list(losses.values())).sum().backward()
    assert fake.grad is not None
    assert all(p.grad is None for p in adversaries.modules["x"].parameters())
    losses, moved = losses_and_move(2)
    assert set(losses) == {"discriminator_x", "adversarial_x", "feature_matching_x"}
    assert moved
    assert not losses["discriminator_x"].requires_grad


def test_a_rate_rises_and_falls_along_a_cosine() -> None:
    rate = cosine(2.0, 1200)
    assert rate(0) == pytest.approx(2.0 / 200)
    assert rate(99) == pytest.approx(1.0)
    assert rate(200) == pytest.approx(2.0)
    assert rate(700) == pytest.approx(2.0 * (0.05 + 0.95 / 2))
    assert rate(1200) == rate(5000) == pytest.approx(0.1)
    assert isinstance(Adam([torch.zeros(1)], lr=rate(3)).param_groups[0]["lr"], float)
