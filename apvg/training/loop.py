"""The loop that every stage's trainer runs in: steps, curves, checkpoints, pictures, resumption."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from apvg.base.errors import ApvgError
from apvg.base.progress import Stopped, track
from apvg.training.board import Board
from apvg.training.checkpoint import load_checkpoint, save_checkpoint


class Trainer(Protocol):
    """What the loop needs of a stage.

    `training_step` must draw every random number from (its seed, step), so that a run that was stopped and resumed is
    the run that was not.
    """

    name: str
    steps: int
    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]

    def training_step(self, step: int) -> dict[str, float]: ...

    def picture_HWC(self) -> np.ndarray | None: ...


class ExponentialMovingAverage:
    """A slowly following copy of a module's weights, which is what ships."""

    def __init__(self, module: nn.Module, average: nn.Module, decay: float) -> None:
        self.module, self.average, self.decay = module, average, decay
        average.load_state_dict(module.state_dict())
        average.requires_grad_(False)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the module; quickly at first, when its weights are still far from anything."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, values = self.average.state_dict(), self.module.state_dict()
        for name, average in averages.items():
            if average.is_floating_point():
                average.lerp_(values[name].to(average.dtype), 1 - decay)
            else:
                average.copy_(values[name])


def seed_step(seed: int, step: int, rank: int = 0) -> np.random.Generator:
    """Random numbers of one step, for numpy (returned) and torch (set), whatever steps went before."""
    generator = np.random.default_rng((seed, step, rank))
    torch.manual_seed(int(generator.integers(2**31)))
    return generator


def descend(fabric: Fabric, module: nn.Module, optimizer: Optimizer, max_norm: float = 1.0) -> None:
    """One step down clipped gradients; none where they are not finite, which would spoil every weight for good."""
    norm = fabric.clip_gradients(module, optimizer, max_norm=max_norm, error_if_nonfinite=False)
    assert norm is not None
    if bool(norm.isfinite()):
        optimizer.step()


def cosine_rate(step: int, steps: int, *, warmup: int = 200, floor: float = 0.05) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then half a cosine down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return floor + (1 - floor) * 0.5 * (1 + float(np.cos(np.pi * progress)))


def fit(
    trainer: Trainer,
    run_dir: Path,
    *,
    resume: bool,
    until: int | None = None,
    log_every: int = 50,
    checkpoint_seconds: float = 120.0,
    board: Board | None = None,
) -> int:
    """Train a stage to its last step (or `until`), from its newest checkpoint when `resume`.

    Leaves in `run_dir`: `NAME.ckpt.safetensors` (newest state), `NAME.curve.csv` (mean losses every `log_every` steps)
    and `NAME.png` (what it makes at present); the same on a `board`, where there is one. Cancelling
    it (:func:`apvg.base.progress.reporting`) loses no step. Returns the step reached.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    checkpoint = run_dir / f"{trainer.name}.ckpt.safetensors"
    curve = run_dir / f"{trainer.name}.curve.csv"
    first = 0
    if resume and checkpoint.exists():
        first = load_checkpoint(checkpoint, trainer.modules, trainer.optimizers)
    last = trainer.steps if until is None else min(until, trainer.steps)
    _truncate_curve(curve, first)
    if board is not None:
        board.begin(first)

    def keep(step: int) -> None:
        save_checkpoint(checkpoint, step, trainer.modules, trainer.optimizers)
        picture_HWC = trainer.picture_HWC()
        if picture_HWC is not None:
            from apvg.video.images import save_png

            save_png(run_dir / f"{trainer.name}.png", picture_HWC)
        if board is not None:
            board.pictures(step, picture_HWC)

    sums: dict[str, list[float]] = {}
    kept_at = began_at = time.monotonic()
    reached = first
    try:
        for step in track(range(first, last), "training", subject=trainer.name):
            for key, value in trainer.training_step(step).items():
                sums.setdefault(key, []).append(value)
            if (step + 1) % log_every == 0 or step + 1 == last:
                row = {key: float(np.mean(values)) for key, values in sums.items()}
                if not any(np.isfinite(value) for value in sums[next(iter(sums))]):
                    raise ApvgError(
                        f"training {trainer.name} has lost its way at step {step + 1}: its losses are no numbers any more; "
                        f"delete {checkpoint} and begin again with a lower rate in the recipe"
                    )
                row["steps_per_second"] = (step + 1 - first) / (time.monotonic() - began_at)
                _append_curve(curve, step + 1, row)
                if board is not None:
                    board.curve(step + 1, row)
                sums.clear()
            if time.monotonic() - kept_at > checkpoint_seconds:
                keep(step + 1)
                kept_at = time.monotonic()
            reached = step + 1
    except Stopped:
        if reached > first:
            keep(reached)
        raise
    if last > first:
        keep(last)
    if board is not None:
        board.close()
    return max(first, last)


def _append_curve(path: Path, step: int, row: Mapping[str, float]) -> None:
    """One line per value, so that losses may come and go in the course of a training."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "name", "value"])
        for name, value in row.items():
            writer.writerow([step, name, f"{value:.6g}"])


def _truncate_curve(path: Path, step: int) -> None:
    """Drop what a run wrote after the checkpoint that is now gone on from."""
    if not path.exists():
        return
    header, *lines = path.read_text().splitlines()
    kept = [line for line in lines if int(line.split(",", 1)[0]) <= step]
    path.write_text("\n".join([header, *kept]) + "\n")
