"""Excerpts of a scene with their sound, for KHP and the STU together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from apvg.models.fingering import Planned, agenda
from apvg.training.configs import JointTrainingConfig
from apvg.training.data.music import Music
from apvg.training.data.sampling import StepRandom
from apvg.training.data.scene import Scene


class JointBatch(NamedTuple):
    """A step's excerpt; pictures and keypoints of the T frames after the warm-up.

    Attributes:
        given: What KHP is given of warm-up, look-ahead and excerpt: feature rows [1, R, F], or
            where fingers are planned the agendas of warm-up and excerpt [1, T, 2, 5, 15].
        target_TCHW: True frames in 0..1.
        matte_THW: True mattes in 0..1.
        plate_1CHW: The plate in 0..1.
        keypoints_TKD: True keypoints, pixels.
    """

    given: Tensor
    target_TCHW: Tensor
    matte_THW: Tensor
    plate_1CHW: Tensor
    keypoints_TKD: Tensor


class JointDataset:
    """Excerpts of whole frames at random times.

    Args:
        scene: The footage.
        music: Its music.
        config: How it is sampled.
        lookahead: Frames of sound beyond the excerpt.
        planned: The music's notes with the fingers that play them, where fingers are planned.
    """

    def __init__(
        self,
        scene: Scene,
        music: Music,
        config: JointTrainingConfig,
        *,
        lookahead: int,
        planned: Planned | None = None,
    ) -> None:
        self.scene, self.music, self.config, self.lookahead = scene, music, config, lookahead
        self.planned = planned
        self.starts = scene.stretches(config.frames)

    def batch(self, step: int, random: StepRandom) -> JointBatch:
        """One excerpt; every step is sampled alike."""
        config, scene = self.config, self.scene
        first = int(random.numpy.choice(self.starts))
        span = slice(first, first + config.frames)
        return JointBatch(
            self._given(first)[None],
            scene.frames_TCHW[span].float() / 255,
            scene.mattes_THW[span].float() / 255,
            scene.plate_CHW[None],
            scene.keypoints_TKD[span],
        )

    def _given(self, first: int) -> Tensor:
        config = self.config
        if self.planned is None:
            length = config.warm_up + self.lookahead + config.frames
            return self.music.excerpt(first - config.warm_up, length)
        fps = self.music.config.fps
        seconds_T = np.arange(first - config.warm_up, first + config.frames) / fps
        return torch.from_numpy(agenda(self.planned, seconds_T, fps, self.lookahead / fps))
