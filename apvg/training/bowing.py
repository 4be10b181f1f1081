"""Training of what tells strokes of the bow: which of the events that trained ears suspect are strokes, of takes whose strokes are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW, Optimizer

from apvg.models.khp import KeypointPredictor
from apvg.models.transcription.strokes import StrokeClassifier
from apvg.training.loop import ExponentialMovingAverage, cosine_rate, descend, seed_step

#: An event so many frames from a stroke's beginning may be that stroke.
NEAR = 2


@dataclass(frozen=True)
class BowingTrainingConfig:
    """How it is trained.

    Attributes:
        steps: Steps in all; 0 leaves the stage out.
        excerpts: Excerpts per step.
        events: Length of an excerpt: so many consecutive events.
        rate: Peak learning rate of AdamW.
        decay: Its weight decay.
        dropout: Share of what is known and remembered that an event is told without.
        ema: Decay of the averaged weights, which later stages go on with.
        seed: Of everything random.
    """

    steps: int = 0
    excerpts: int = 32
    events: int = 60
    rate: float = 3e-3
    decay: float = 1e-3
    dropout: float = 0.2
    ema: float = 0.995
    seed: int = 0


@dataclass(frozen=True)
class BowedTake:
    """A take's events, in order.

    Attributes:
        known_NX: What is known of each, from the sound alone.
        stroke_N: 1 where one is the beginning of a stroke, else 0.
    """

    known_NX: Tensor
    stroke_N: Tensor


@torch.inference_mode()
def find_events(khp: KeypointPredictor, features_RF: Tensor) -> tuple[Tensor, Tensor]:
    """Events of whole music as KHP's ears suspect them: their frames [N], and what is known of each [N, X]."""
    tell = khp.transcriber.strokes
    assert tell is not None
    summaries, state = [tell.silent_X.expand(1, tell.window - 1, -1)], None
    for block_1RF in khp.transcriber.blocks(features_RF):
        _, logits_12TP, state = khp.transcriber.encoder(block_1RF, state)
        summaries.append(tell.summarise(block_1RF, logits_12TP))
    events = tell.events(torch.cat(summaries, dim=1))
    frames, known, since_13 = [], [], torch.zeros(1, 3)
    for frame in range(events.is_BT.shape[1]):
        since_13 = since_13 + since_13.new_tensor([1, 1, 0])
        if bool(events.is_BT[0, frame]) and float(since_13[0, 0]) > 1:
            frames.append(frame - khp.config.delay)
            known.append(torch.cat([events.seen_BTX[0, frame], tell.counted(since_13)[0]]))
            since_13 = tell.count(since_13, events.likely_BT[:, frame])
    known_NX = torch.stack(known) if known else events.seen_BTX.new_zeros(0, len(tell.mean_X))
    return torch.tensor(frames, dtype=torch.long), known_NX


def are_strokes(frame_N: Tensor, stroke_B: np.ndarray) -> Tensor:
    """Which events are strokes, 1 or 0: of each stroke, begun at these frames, the nearest event if one is near."""
    stroke_N = torch.zeros(len(frame_N))
    for stroke in stroke_B if len(frame_N) else ():
        away_N = (frame_N - int(stroke)).abs()
        nearest = int(away_N.argmin())
        if int(away_N[nearest]) <= NEAR:
            stroke_N[nearest] = 1.0
    return stroke_N


class BowingTrainer:
    """Trains the StrokeClassifier of a KeypointPredictor."""

    name = "bow"

    def __init__(
        self,
        fabric: Fabric,
        strokes: StrokeClassifier,
        average: StrokeClassifier,
        takes: Sequence[BowedTake],
        config: BowingTrainingConfig,
    ) -> None:
        self.fabric, self.config, self.steps = fabric, config, config.steps
        # Where all takes are shorter than an excerpt, the longest is one.
        self.events = min(config.events, max(len(take.stroke_N) for take in takes))
        self.takes = [take for take in takes if len(take.stroke_N) >= self.events]
        known_NX = torch.cat([take.known_NX for take in self.takes])
        spread_X = known_NX.std(dim=0, correction=0)
        strokes.mean_X.copy_(known_NX.mean(dim=0))
        strokes.scale_X.copy_(spread_X + 1e-2)
        strokes.drop.p = config.dropout
        optimizer = AdamW(strokes.parameters(), lr=config.rate, weight_decay=config.decay)
        self.strokes, self.optimizer = fabric.setup(strokes, optimizer)
        self.strokes.mark_forward_method("classify")
        self.average = fabric.to_device(average)
        self.ema = ExponentialMovingAverage(self.strokes.module, self.average, config.ema)
        self.modules: Mapping[str, nn.Module] = {
            "strokes": self.strokes.module,
            "ema": self.average,
        }
        self.optimizers: Mapping[str, Optimizer] = {"strokes": optimizer}
        length_N = np.array([len(take.stroke_N) for take in self.takes], float)
        self.take_share = length_N / length_N.sum()

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the takes."""
        config = self.config
        random = seed_step(config.seed, step, self.fabric.global_rank)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate * cosine_rate(step, config.steps)
        excerpts = [self._excerpt(random) for _ in range(config.excerpts)]
        known_BNX, stroke_BN = (
            self.fabric.to_device(torch.stack(part)) for part in zip(*excerpts, strict=True)
        )
        odds_BN = self.strokes.classify(known_BNX)
        loss = F.binary_cross_entropy_with_logits(odds_BN, stroke_BN)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        descend(self.fabric, self.strokes, self.optimizer)
        self.ema.update(step)
        right = float(((odds_BN > 0) == (stroke_BN > 0)).float().mean())
        return {"strokes": float(loss.detach()), "right": right}

    def _excerpt(self, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        take = self.takes[int(random.choice(len(self.takes), p=self.take_share))]
        start = int(random.integers(0, len(take.stroke_N) - self.events + 1))
        part = slice(start, start + self.events)
        return take.known_NX[part], take.stroke_N[part]

    def picture_HWC(self) -> np.ndarray | None:
        """Its curve is enough."""
        return None
