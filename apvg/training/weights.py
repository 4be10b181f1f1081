"""Where the weights of each stage come from: chance, another performer, or the stages trained
before.

This is the one place in training that knows how the parts of networks are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from apvg.base.errors import ApvgError
from apvg.bundle import NETWORKS, load_network, read_config
from apvg.models.cvg import CoarseVideoGenerator
from apvg.models.khp import KeypointPredictor
from apvg.stages import BUILDERS, Stages
from apvg.training.checkpoint import load_checkpoint
from apvg.training.plan import Plan

#: Stages that train a part of KHP, and the name of that part in it.
PARTS = {
    "transcription": "transcriber.encoder",
    "strokes": "transcriber.strokes",
    "motion": "motion",
}
#: The audio encoders of KHP and of CVG, by their names there.
KHP_ENCODER, CVG_ENCODER = "transcriber.encoder", "encoder"
#: What the stage `joint` trains further.
JOINT = ("khp", "fpvg")


class Weights:
    """The weights of a training.

    Args:
        plan: The training.
        folder: Of its checkpoints.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder

    def checkpoint(self, stage: str) -> Path:
        """A stage's newest checkpoint, which may not be there yet."""
        return self.folder / f"{stage}.ckpt.safetensors"

    def is_finished(self, stage: str) -> bool:
        """Whether a stage has been trained for all of its steps."""
        steps, path = self.plan.recipe.steps(stage), self.checkpoint(stage)
        return not steps or (path.exists() and load_checkpoint(path, {}, {}) >= steps)

    def initial(self, stage: str) -> Any:
        """A stage's network with the weights that its training starts from; what is random in them
        and after them, from its seed."""
        plan, recipe = self.plan, self.plan.recipe
        torch.manual_seed(getattr(recipe, stage).seed)
        network = BUILDERS[stage](plan.config)
        if plan.start_from is None:
            return network
        config = read_config(plan.start_from)
        if stage in recipe.start_stages:
            load_network(plan.start_from, config, stage, network)
        elif stage == "khp":
            for trained_by, part in PARTS.items():
                if trained_by in recipe.start_stages and part in dict(network.named_modules()):
                    module = network.get_submodule(part)
                    load_network(plan.start_from, config, stage, module, part)
        return network

    def initial_khp(self) -> KeypointPredictor:
        """KHP put together from the averaged weights of the stages that train its parts, as far as
        they have been trained."""
        khp = self.initial("khp")
        for stage, part in PARTS.items():
            checkpoint = self.checkpoint(stage)
            if not checkpoint.exists():
                continue
            if stage != "motion":
                load_checkpoint(checkpoint, {"ema": khp.get_submodule(part)}, {})
                continue
            # Its checkpoint holds all of KHP; the other parts in it are not trained.
            others = {
                key: value.clone()
                for key, value in khp.state_dict().items()
                if not key.startswith(f"{part}.")
            }
            load_checkpoint(checkpoint, {"ema": khp}, {})
            khp.load_state_dict(others, strict=False)
        return khp

    def initial_cvg(self) -> CoarseVideoGenerator:
        """CVG with the audio encoder of KHP, or else of the CVG that the training starts from,
        whichever has its shape."""
        plan, cvg = self.plan, self.initial("cvg")
        if plan.start_from is not None and "cvg" in plan.recipe.start_stages:
            return cvg
        encoder: nn.Module = cvg.get_submodule(CVG_ENCODER)
        shape = plan.config.cvg.encoder
        if shape == plan.config.khp.transcriber.encoder:
            khp = self.averaged("khp")
            encoder.load_state_dict(khp.get_submodule(KHP_ENCODER).state_dict())
        elif plan.start_from is not None:
            start = read_config(plan.start_from)
            if start.cvg.encoder == shape:
                load_network(plan.start_from, start, "cvg", encoder, CVG_ENCODER)
        return cvg

    def averaged(self, stage: str, *, joint: bool = False) -> Any:
        """A stage's network with its averaged weights, on the CPU; its initial ones where the
        recipe gives it no steps.

        Args:
            stage: "khp", "cvg" or "fpvg".
            joint: Whether the stage `joint`, where it has been trained, has the last word on KHP
                and FPVG.

        Raises:
            ApvgError: It has not been trained yet.
        """
        # A trainer that asks for another stage's network keeps its own random numbers.
        with torch.random.fork_rng(devices=[]):
            if self.plan.recipe.steps(stage):
                network = self._trained(stage)
            else:
                network = self.initial_khp() if stage == "khp" else self.initial(stage)
        if joint and stage in JOINT and self.checkpoint("joint").exists():
            load_checkpoint(self.checkpoint("joint"), {f"{stage}_ema": network}, {})
        return network

    def _trained(self, stage: str) -> Any:
        """A stage's network with the averaged weights of its checkpoint."""
        if not self.checkpoint(stage).exists():
            raise ApvgError(
                f"the stage {stage} has not been trained in {self.folder.parent}",
                "train it first",
                ("stage",),
            )
        network = BUILDERS[stage](self.plan.config)
        load_checkpoint(self.checkpoint(stage), {"ema": network}, {})
        return network

    def stages(
        self, plate_HWC: np.ndarray, trained: Sequence[str] = NETWORKS, *, joint: bool = False
    ) -> Stages:
        """All stages before a plate, on the CPU, with the averaged weights of some of them; the
        others are random.

        Args:
            plate_HWC: The performer's plate.
            trained: Those that are wanted, as for :meth:`averaged`.
            joint: As there.

        Raises:
            ApvgError: One of them has not been trained yet.
        """
        with torch.random.fork_rng(devices=[]):
            stages = Stages(self.plan.config, plate_HWC)
        for stage in trained:
            stages.networks[stage].load_state_dict(self.averaged(stage, joint=joint).state_dict())
        return stages.to("cpu")
