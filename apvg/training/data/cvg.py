"""Excerpts of a scene with their sound, at the coarse video's size, for CVG."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.base.conventions import STRIDE
from apvg.training.configs import CVGTrainingConfig
from apvg.training.data.music import Music
from apvg.training.data.sampling import StepRandom
from apvg.training.data.scene import Scene

#: Frames that the clip discriminator is shown.
CLIP = 4


class CVGBatch(NamedTuple):
    """A step's excerpts; pictures of the frames after the warm-up.

    Attributes:
        features_BRF: Feature rows of warm-up, excerpt and look-ahead.
        roll_B2TP: Onset and sustained planes of warm-up and excerpt.
        target_BTChw: True coarse frames in 0..1.
        matte_BThw: True mattes in 0..1.
        plate_BChw: The plate in 0..1.
        clip: First frame that the discriminators are shown; -1 in steps without discriminators.
    """

    features_BRF: Tensor
    roll_B2TP: Tensor
    target_BTChw: Tensor
    matte_BThw: Tensor
    plate_BChw: Tensor
    clip: int


class CVGDataset:
    """Excerpts of a scene at random times, octaves and gains.

    Args:
        scene: The footage.
        music: Its music.
        config: How it is sampled.
        lookahead: Frames of sound beyond the excerpt.
        octave_pixels: How far an octave moves the performer in the picture; 0 where motion does not
            shift with pitch.
    """

    def __init__(
        self,
        scene: Scene,
        music: Music,
        config: CVGTrainingConfig,
        *,
        lookahead: int,
        octave_pixels: int = 0,
    ) -> None:
        self.scene, self.music, self.config = scene, music, config
        self.lookahead, self.octave_pixels = lookahead, octave_pixels
        self.plate_Chw = F.avg_pool2d(scene.plate_CHW, STRIDE)
        self.frames = config.frames - config.warm_up
        self.starts = scene.stretches(self.frames)

    def batch(self, step: int, random: StepRandom) -> CVGBatch:
        """Excerpts; every step is sampled alike."""
        count = self.config.excerpts
        excerpts = [self.excerpt(random.numpy) for _ in range(count)]
        clip = -1
        if step >= self.config.adversarial_from:
            clip = int(random.numpy.integers(self.frames - CLIP + 1))
        parts = [torch.stack(part) for part in zip(*excerpts, strict=True)]
        return CVGBatch._make((*parts, self.plate_Chw.expand(count, -1, -1, -1), clip))

    def excerpt(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features, notes, coarse frames and mattes of one excerpt."""
        config, scene = self.config, self.scene
        first = int(random.choice(self.starts))
        span = slice(first, first + self.frames)
        frames_TCHW = scene.frames_TCHW[span].float() / 255
        matte_T1HW = scene.mattes_THW[span, None].float() / 255
        octave = 0
        if config.shift_octaves and self.octave_pixels:
            octave = int(random.choice(self.music.playable_octaves))
            by = octave * self.octave_pixels
            matte_T1HW = F.pad(matte_T1HW, (by, -by))
            moved_TCHW = F.pad(frames_TCHW, (by, -by))
            frames_TCHW = scene.plate_CHW + matte_T1HW * (moved_TCHW - scene.plate_CHW)
        begin, gain_db = first - config.warm_up, float(random.uniform(*config.gains_db))
        features_RF = self.music.excerpt(
            begin, config.frames + self.lookahead, octave=octave, gain_db=gain_db
        )
        return (
            features_RF,
            self.music.roll(begin, config.frames, octave=octave),
            F.avg_pool2d(frames_TCHW, STRIDE),
            F.avg_pool2d(matte_T1HW, STRIDE)[:, 0],
        )
