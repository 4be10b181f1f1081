"""Excerpts of a scene with their sound, for KHP and the STU together."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from apvg.training.configs import JointTrainingConfig
from apvg.training.data.music import Music
from apvg.training.data.sampling import StepRandom
from apvg.training.data.scene import Scene


class JointBatch(NamedTuple):
    """A step's excerpt; pictures and keypoints of the T frames after the warm-up.

    Attributes:
        features_1RF: Feature rows of warm-up, look-ahead and excerpt.
        target_TCHW: True frames in 0..1.
        matte_THW: True mattes in 0..1.
        plate_1CHW: The plate in 0..1.
        keypoints_TKD: True keypoints, pixels.
    """

    features_1RF: Tensor
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
    """

    def __init__(
        self, scene: Scene, music: Music, config: JointTrainingConfig, *, lookahead: int
    ) -> None:
        self.scene, self.music, self.config, self.lookahead = scene, music, config, lookahead
        self.starts = scene.stretches(config.frames)

    def batch(self, step: int, random: StepRandom) -> JointBatch:
        """One excerpt; every step is sampled alike."""
        config, scene = self.config, self.scene
        first = int(random.numpy.choice(self.starts))
        span = slice(first, first + config.frames)
        length = config.warm_up + self.lookahead + config.frames
        return JointBatch(
            self.music.excerpt(first - config.warm_up, length)[None],
            scene.frames_TCHW[span].float() / 255,
            scene.mattes_THW[span].float() / 255,
            scene.plate_CHW[None],
            scene.keypoints_TKD[span],
        )
