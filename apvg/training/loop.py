"""The loop that every stage is trained in: steps, curves, checkpoints, pictures, resumption."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import nn
from torch.optim import Optimizer

from apvg.base.errors import ApvgError
from apvg.base.progress import Stopped, track
from apvg.training.board import Board
from apvg.training.checkpoint import load_checkpoint, save_checkpoint
from apvg.training.data.loader import Loader


class Trainer(Protocol):
    """What the loop needs of a stage.

    Attributes:
        name: Of the stage.
        steps: In all.
        loader: Where batches come from.
        modules, optimizers: All that a checkpoint must hold, by name.
    """

    name: str
    steps: int

    @property
    def loader(self) -> Loader[Any]: ...

    @property
    def modules(self) -> Mapping[str, nn.Module]: ...

    @property
    def optimizers(self) -> Mapping[str, Optimizer]: ...

    def training_step(self, step: int) -> dict[str, float]:
        """Train on a step's batch; returns its losses.

        Every random number depends on (seed, step) alone, so that a training that was stopped and
        resumed ends as one that was not.
        """
        ...

    def picture_HWC(self) -> np.ndarray | None:
        """What the averaged weights make at present, RGB uint8; None where losses say enough."""
        ...


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

    Leaves in `run_dir`: `NAME.ckpt.safetensors` (newest state), `NAME.curve.csv` (mean losses every
    `log_every` steps) and `NAME.png` (what it makes at present); the same on a `board`, where there
    is one. Cancelling it (:func:`apvg.base.progress.reporting`) loses no step. Returns the step
    reached.
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
                        f"the training of the stage {trainer.name} diverged before step "
                        f"{step + 1}: its losses are not finite",
                        f"delete {checkpoint} and start again with a lower rate in the recipe",
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
    finally:
        trainer.loader.close()
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
    """Drop what was written after the checkpoint that is resumed from."""
    if not path.exists():
        return
    header, *lines = path.read_text().splitlines()
    kept = [line for line in lines if int(line.split(",", 1)[0]) <= step]
    path.write_text("\n".join([header, *kept]) + "\n")
