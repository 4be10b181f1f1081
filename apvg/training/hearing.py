"""Training of KHP's ears: which keys are struck and held, told from the sound of many pianos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from apvg.models.khp import KeypointPredictor
from apvg.training.loop import ExponentialMovingAverage, cosine_rate, descend, seed_step
from apvg.training.music import Music, doubled


@dataclass(frozen=True)
class HearingTrainingConfig:
    """How KHP's ears are trained.

    Attributes:
        steps: Steps in all; 0 leaves the stage out, and the ears are trained in the stage `khp` alone.
        excerpts: Excerpts per step.
        frames: Length of an excerpt, frames.
        rate: Peak learning rate of Adam.
        gains_db: Least and greatest gain that the sound is heard at.
        speeds: Slowest and fastest speed that excerpts are played at.
        filmed_share: Share of the excerpts that come from filmed takes, where there are generated ones as well.
        doubled_share: Share of the excerpts whose notes are all doubled an octave lower: a note an octave above another is the
            one that is missed, for all its partials are the other's.
        doubled_db: Least and greatest gain of the lower notes.
        ema: Decay of the averaged weights, which later stages go on with.
        seed: Of everything random.
    """

    steps: int = 0
    excerpts: int = 8
    frames: int = 80
    rate: float = 2e-3
    gains_db: tuple[float, float] = (-18.0, 6.0)
    speeds: tuple[float, float] = (0.85, 1.2)
    filmed_share: float = 0.05
    doubled_share: float = 0.0
    doubled_db: tuple[float, float] = (-8.0, 4.0)
    ema: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class HeardTake:
    """One take as the ears train on it.

    Attributes:
        music: Its music, with notes.
        training_T: bool; which of its frames may be trained on.
        filmed: Whether it is real footage, not a generated take.
    """

    music: Music
    training_T: np.ndarray
    filmed: bool


class HearingTrainer:
    """Trains the listening half of a KeypointPredictor."""

    name = "hear"

    def __init__(
        self,
        fabric: Fabric,
        khp: KeypointPredictor,
        average: KeypointPredictor,
        takes: Sequence[HeardTake],
        config: HearingTrainingConfig,
    ) -> None:
        self.fabric, self.takes, self.config = fabric, takes, config
        self.delay, self.steps = khp.config.transcriber.encoder.delay, config.steps
        for ears in (khp.transcriber.encoder, average.listen):  # half as fast again on a processor
            ears.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        optimizer = Adam(khp.transcriber.encoder.parameters(), lr=config.rate, betas=(0.9, 0.98))
        self.listen, self.optimizer = fabric.setup(khp.transcriber.encoder, optimizer)
        self.average = fabric.to_device(average.listen)
        self.ema = ExponentialMovingAverage(self.listen.module, self.average, config.ema)
        self.modules: Mapping[str, nn.Module] = {"listen": self.listen.module, "ema": self.average}
        self.optimizers: Mapping[str, Optimizer] = {"listen": optimizer}
        self.take_share = draw_shares(
            [float(take.training_T.sum()) for take in takes],
            [take.filmed for take in takes],
            config.filmed_share,
        )

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the takes."""
        config = self.config
        random = seed_step(config.seed, step, self.fabric.global_rank)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate * cosine_rate(step, config.steps)
        excerpts = [self._excerpt(random) for _ in range(config.excerpts)]
        features_BRF, notes_B2TP, known_BT = (
            self.fabric.to_device(torch.stack(part)) for part in zip(*excerpts, strict=True)
        )
        _, logits_B2TP, _ = self.listen(features_BRF, None)
        loss = notes_loss(logits_B2TP, notes_B2TP, known_BT)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        descend(self.fabric, self.listen, self.optimizer, max_norm=0.1)
        self.ema.update(step)
        with torch.no_grad():
            told_BTP = logits_B2TP[:, 0, self.delay :] > 0
            struck_BTP = notes_B2TP[:, 0, self.delay :] > 0
            right = float((told_BTP & struck_BTP).sum())
            both = float(told_BTP.sum() + struck_BTP.sum())
        return {"notes": float(loss), "struck_f1": 2 * right / max(both, 1.0)}

    def _excerpt(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Feature rows, notes as late as the ears tell them, and which frames may be learnt from."""
        config = self.config
        take = self.takes[int(random.choice(len(self.takes), p=self.take_share))]
        speed = float(random.uniform(*config.speeds))
        octave = int(random.choice(take.music.octaves)) if take.filmed else 0
        start = float(random.uniform(0, max(1.0, len(take.music) - config.frames * speed)))
        features_RF = take.music.excerpt(
            start, config.frames, speed, octave, float(random.uniform(*config.gains_db))
        )
        octaves = [octave]
        may_double = octave - 1 in take.music.octaves
        if config.doubled_share and may_double and random.random() < config.doubled_share:
            features_RF = doubled(features_RF, float(random.uniform(*config.doubled_db)))
            octaves.append(octave - 1)
        heard_from = start - self.delay * speed
        rolls = [take.music.roll(heard_from, config.frames, speed, each) for each in octaves]
        notes_2TP = torch.stack(rolls).amax(dim=0)
        times_T = start + np.arange(config.frames) * speed
        index_T = times_T.round().astype(int).clip(0, len(take.music) - 1)
        known_T = torch.from_numpy(take.training_T[index_T]).float()
        known_T[: self.delay] = 0.0  # what is told there was heard before the excerpt
        return features_RF, notes_2TP, known_T

    def picture_HWC(self) -> np.ndarray | None:
        """Its curve is enough."""
        return None


def notes_loss(logits_B2TP: Tensor, notes_B2TP: Tensor, known_BT: Tensor) -> Tensor:
    """Mean cross entropy of keys struck and held; struck ones are rare, and count twice."""
    logits_B2TP = logits_B2TP.float()
    error_B2TP = F.binary_cross_entropy_with_logits(
        logits_B2TP, notes_B2TP, reduction="none", pos_weight=logits_B2TP.new_tensor(2.0)
    )
    return (error_B2TP.mean(dim=(1, 3)) * known_BT).sum() / known_BT.sum().clamp(min=1.0)


def draw_shares(
    seconds: Sequence[float], filmed: Sequence[bool], filmed_share: float
) -> np.ndarray:
    """How often each take is drawn: longer ones more often, filmed ones as often as they are to be together."""
    seconds_N, filmed_N = np.array(seconds), np.array(filmed)
    if filmed_N.all() or not filmed_N.any():
        return seconds_N / seconds_N.sum()
    filmed_share_N = filmed_share * seconds_N * filmed_N / seconds_N[filmed_N].sum()
    return filmed_share_N + (1 - filmed_share) * seconds_N * ~filmed_N / seconds_N[~filmed_N].sum()
