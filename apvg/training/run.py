"""From takes and a recipe to a performer: the stages one after the other, each from its newest
checkpoint.

KHP and CVG are trained first. FPVG begins with tracked keypoints alone and goes on with what the
two predict for the same music, so its first phase needs neither.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.fabric import Fabric

from apvg.base.errors import ApvgError
from apvg.bundle import NETWORKS
from apvg.takes.take import Take
from apvg.training.board import Board, keypoint_panels
from apvg.training.data.cache import Cache
from apvg.training.loop import Trainer, fit
from apvg.training.material import Material
from apvg.training.plan import make_plan
from apvg.training.recipe import Recipe
from apvg.training.trainers import TRAINERS
from apvg.training.weights import Weights
from apvg.training.writing import write_performer

Stage = Literal["transcription", "strokes", "motion", "khp", "cvg", "fpvg", "joint", "all"]
#: Threads that prepare batches for an accelerator, by default.
_WORKERS = 4


class Run:
    """One training in a folder: checkpoints and curves below `training`, the performer next to
    them.

    Args:
        recipe: What is trained, and how.
        takes: All takes that are there.
        folder: Of the training and of the performer.
        device: Where to compute: "auto", "cpu", "cuda" or "mps".
        start_from: A performer's folder, in place of the recipe's own `start_from`.
        precision: Of Fabric, as "32-true"; by default bfloat16 where the device computes in it,
            which makes training almost twice as fast, else float32.
        workers: Threads that prepare batches ahead; the result is the same for any number. By
            default 4 for an accelerator, none on a CPU.

    Raises:
        ApvgError: The takes are not what the recipe needs, or the device is not available.
    """

    def __init__(
        self,
        recipe: Recipe,
        takes: Sequence[Take],
        folder: Path,
        *,
        device: str = "auto",
        start_from: Path | None = None,
        precision: str | None = None,
        workers: int | None = None,
    ) -> None:
        self.folder, self.training = folder, folder / "training"
        self.plan = make_plan(recipe, takes, start_from)
        fabric = _fabric(device, precision)
        if workers is None:
            workers = 0 if fabric.device.type == "cpu" else _WORKERS
        self.weights = Weights(self.plan, self.training)
        cache = Cache(self.plan, self.training)
        self.material = Material(self.plan, self.weights, cache, fabric, workers)

    def train(self, stage: Stage, *, until: int | None = None, tensorboard: bool = False) -> None:
        """Train a stage, or all of them, and write the performer once every stage is done.

        Args:
            stage: Which one.
            until: The step to stop after; the stage's last, by default.
            tensorboard: Whether to write event files for TensorBoard as well.
        """
        for name in TRAINERS if stage == "all" else (stage,):
            if not self.weights.is_finished(name):
                board = self._board(name) if tensorboard else None
                fit(self.trainer(name, until), self.training, resume=True, until=until, board=board)
        if all(self.weights.is_finished(name) for name in NETWORKS):
            write_performer(self.material, self.folder)

    def trainer(self, stage: str, until: int | None = None) -> Trainer:
        """A stage's trainer with its initial weights."""
        return TRAINERS[stage](self.material, stage, until)

    def _board(self, stage: str) -> Board:
        """A stage's event files; of stages that train all of KHP with a figure of its keypoints."""
        panels = None
        if stage in ("khp", "joint"):
            panels = keypoint_panels(self.plan, self.weights, joint=stage == "joint")
        return Board(self.training / "tensorboard" / stage, panels)


def _fabric(device: str, precision: str | None) -> Fabric:
    """The device to train on.

    Raises:
        ApvgError: The device is not available.
    """
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    try:
        chosen: Any = precision or _precision(device)
        return Fabric(accelerator=device, devices=1, precision=chosen)
    except RuntimeError as error:
        raise ApvgError(
            f"the device {device!r} is not available here ({str(error).splitlines()[0]})",
            "train on the device cpu",
            ("device",),
        ) from None


def _precision(device: str) -> Any:
    """bfloat16 where the device computes in it, else float32."""
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bf16-mixed" if capable else "32-true"
