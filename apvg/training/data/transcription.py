"""Excerpts of sound with their notes, for the transcriber."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from apvg.training.configs import TranscriptionTrainingConfig
from apvg.training.data.music import Music, octave_mixing
from apvg.training.data.sampling import StepRandom, sampling_weights


@dataclass(frozen=True)
class TranscribedTake:
    """A take whose notes are known.

    Attributes:
        music: Its music, with features and notes.
        training_T: bool; the frames that may be trained on.
        filmed: Whether it is real footage, not a generated take.
    """

    music: Music
    training_T: np.ndarray
    filmed: bool


class TranscriptionBatch(NamedTuple):
    """A step's excerpts.

    Attributes:
        features_BRF: Feature rows of T frames.
        roll_B2TP: Onset and sustained planes, `delay` frames late as the transcriber predicts them.
        valid_BT: 1 in frames that carry a loss.
    """

    features_BRF: Tensor
    roll_B2TP: Tensor
    valid_BT: Tensor


class TranscriptionDataset:
    """Excerpts of takes at random times, speeds, octaves and gains.

    Args:
        takes: What is sampled from.
        config: How.
        delay: How many frames late the transcriber predicts notes.
    """

    def __init__(
        self, takes: Sequence[TranscribedTake], config: TranscriptionTrainingConfig, delay: int
    ) -> None:
        self.takes, self.config, self.delay = takes, config, delay
        self.weights_N = sampling_weights(
            [float(take.training_T.sum()) for take in takes],
            [take.filmed for take in takes],
            config.filmed_share,
        )

    def batch(self, step: int, random: StepRandom) -> TranscriptionBatch:
        """Excerpts; every step is sampled alike."""
        excerpts = [self.excerpt(random.numpy) for _ in range(self.config.excerpts)]
        return TranscriptionBatch(*(torch.stack(part) for part in zip(*excerpts, strict=True)))

    def excerpt(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The parts of a :class:`TranscriptionBatch` for one excerpt."""
        config = self.config
        take = self.takes[int(random.choice(len(self.takes), p=self.weights_N))]
        speed = float(random.uniform(*config.speeds))
        octave = int(random.choice(take.music.octaves)) if take.filmed else 0
        start = float(random.uniform(0, max(1.0, len(take.music) - config.frames * speed)))
        gain_db = float(random.uniform(*config.gains_db))
        features_RF = take.music.excerpt(start, config.frames, speed, octave, gain_db)
        octaves = [octave]
        share, may_mix = config.octave_mixing_share, octave - 1 in take.music.octaves
        if share and may_mix and random.random() < share:
            features_RF = octave_mixing(
                features_RF, float(random.uniform(*config.octave_mixing_db))
            )
            octaves.append(octave - 1)
        late = start - self.delay * speed
        rolls = [take.music.roll(late, config.frames, speed, each) for each in octaves]
        roll_2TP = torch.stack(rolls).amax(dim=0)
        times_T = start + np.arange(config.frames) * speed
        index_T = times_T.round().astype(int).clip(0, len(take.music) - 1)
        valid_T = torch.from_numpy(take.training_T[index_T]).float()
        valid_T[: self.delay] = 0.0  # the sound of what is predicted there lies before the excerpt
        return features_RF, roll_2TP, valid_T
