"""Events of takes whose bowing is known, for the bow-stroke classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from apvg.models.transcription.transcriber import BowedNoteTranscriber
from apvg.takes.take import Take
from apvg.training.configs import StrokeTrainingConfig
from apvg.training.data.sampling import StepRandom

#: An event so many frames from the beginning of a stroke may be that stroke.
NEAR = 2


@dataclass(frozen=True)
class StrokeTake:
    """A take's events, in order.

    Attributes:
        known_NX: The classifier's inputs for each event, from the sound alone.
        stroke_N: 1 where an event is the beginning of a stroke, else 0.
    """

    known_NX: Tensor
    stroke_N: Tensor


class StrokeBatch(NamedTuple):
    """A step's excerpts of consecutive events: inputs, and 1 where an event is a stroke."""

    known_BNX: Tensor
    stroke_BN: Tensor


class StrokeDataset:
    """Excerpts of consecutive events.

    Args:
        takes: What is sampled from.
        config: How. Where all takes are shorter than an excerpt, excerpts are as long as the
            longest take.
    """

    def __init__(self, takes: Sequence[StrokeTake], config: StrokeTrainingConfig) -> None:
        self.config = config
        self.events = min(config.events, max(len(take.stroke_N) for take in takes))
        self.takes = [take for take in takes if len(take.stroke_N) >= self.events]
        length_N = np.array([len(take.stroke_N) for take in self.takes], float)
        self.weights_N = length_N / length_N.sum()

    @property
    def known_NX(self) -> Tensor:
        """The inputs of all events."""
        return torch.cat([take.known_NX for take in self.takes])

    def batch(self, step: int, random: StepRandom) -> StrokeBatch:
        """Excerpts; every step is sampled alike."""
        excerpts = [self._excerpt(random.numpy) for _ in range(self.config.excerpts)]
        return StrokeBatch(*(torch.stack(part) for part in zip(*excerpts, strict=True)))

    def _excerpt(self, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        take = self.takes[int(random.choice(len(self.takes), p=self.weights_N))]
        start = int(random.integers(0, len(take.stroke_N) - self.events + 1))
        part = slice(start, start + self.events)
        return take.known_NX[part], take.stroke_N[part]


def is_bowing_known(take: Take) -> bool:
    """Whether a take says which of its notes are bowed anew; only generated ones of string players
    do."""
    return take.notes is not None and "strings" in take.metadata


@torch.inference_mode()
def find_events(transcriber: BowedNoteTranscriber, features_RF: Tensor) -> tuple[Tensor, Tensor]:
    """Possible beginnings of strokes in whole music: their frames [N], and the classifier's inputs
    for them [N, X]."""
    strokes = transcriber.strokes
    summaries, state = [strokes.silent_X.expand(1, strokes.window - 1, -1)], None
    for block_1RF in transcriber.blocks(features_RF):
        _, logits_12TP, state = transcriber.encoder(block_1RF, state)
        summaries.append(strokes.summarise(block_1RF, logits_12TP))
    events = strokes.events(torch.cat(summaries, dim=1))
    frames, known, since_13 = [], [], torch.zeros(1, 3)
    for frame in range(events.is_BT.shape[1]):
        since_13 = since_13 + since_13.new_tensor([1, 1, 0])
        if bool(events.is_BT[0, frame]) and float(since_13[0, 0]) > 1:
            frames.append(frame - transcriber.config.delay)
            known.append(torch.cat([events.observed_BTX[0, frame], strokes.counted(since_13)[0]]))
            since_13 = strokes.count(since_13, events.probable_BT[:, frame])
    known_NX = (
        torch.stack(known) if known else events.observed_BTX.new_zeros(0, len(strokes.mean_X))
    )
    return torch.tensor(frames, dtype=torch.long), known_NX


def label_strokes(frame_N: Tensor, stroke_B: np.ndarray) -> Tensor:
    """1 for each event that is the nearest to the beginning of a stroke (frames) and within `NEAR`
    frames of it, else 0."""
    stroke_N = torch.zeros(len(frame_N))
    for stroke in stroke_B if len(frame_N) else ():
        away_N = (frame_N - int(stroke)).abs()
        nearest = int(away_N.argmin())
        if int(away_N[nearest]) <= NEAR:
            stroke_N[nearest] = 1.0
    return stroke_N
