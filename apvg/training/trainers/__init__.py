"""Trainers by stage, in the order in which the stages are trained."""

from __future__ import annotations

from typing import Protocol

from apvg.base.registry import Registry
from apvg.training.loop import Trainer
from apvg.training.material import Material
from apvg.training.trainers import cvg, fpvg, joint, motion, strokes, transcription


class Builder(Protocol):
    """Makes a stage's trainer, which begins with the stage's initial weights."""

    def __call__(self, material: Material, stage: str, until: int | None) -> Trainer:
        """
        Args:
            material: What it is made from.
            stage: The stage's name.
            until: The step that will be trained to; None for all.

        Raises:
            ApvgError: Something that the stage needs is not there.
        """
        ...


TRAINERS: Registry[Builder] = Registry("stage")
TRAINERS.register("transcription", transcription.build)
TRAINERS.register("strokes", strokes.build)
TRAINERS.register("motion", motion.build)
TRAINERS.register("khp", motion.build)
TRAINERS.register("cvg", cvg.build)
TRAINERS.register("fpvg", fpvg.build)
TRAINERS.register("joint", joint.build)
