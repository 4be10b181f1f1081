"""Training of KHP: motion from music, in pose space.

A plain regressor answers the mean of all plausible poses and its hands hardly move; velocities have a loss of their own
and a motion discriminator sees to it that they move as real ones do. Recognising the notes is an auxiliary task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from apvg.models.discriminators import MotionDiscriminator
from apvg.models.khp import KeypointPredictor
from apvg.skeleton import Skeleton
from apvg.training.adversarial import AdversarialLoss
from apvg.training.loop import ExponentialMovingAverage, cosine_rate, seed_step
from apvg.training.music import OCTAVE_IN_WHITE_KEYS, Music, interpolate


@dataclass(frozen=True)
class KHPTrainingConfig:
    """How KHP is trained.

    Attributes:
        steps: Steps in all.
        adversarial_from: First step with the motion discriminator.
        excerpts: Excerpts per step.
        frames: Length of an excerpt, frames.
        warm_up: First frames of an excerpt, which fill the memory and carry no loss.
        rate: Peak learning rate of Adam.
        gains_db: Loudnesses that the sound is heard at.
        speeds: Slowest and fastest speed that excerpts are played at.
        shift_octaves: Whether excerpts move along the keyboard by octaves; never where there is no keyboard.
        tip_weight: Weight of fingertips beside other points.
        strike_weight: Added weight of frames in which a key is struck.
        velocity_weight, notes_weight, seen_weight: Weights of those losses.
        adversarial_weight, feature_weight: Weights of the discriminator's losses.
        discriminator_rate: Its learning rate.
        window: Frames that the discriminator sees at a time.
        ema: Decay of the averaged weights, which ship.
        seed: Of everything random.
    """

    steps: int = 2600
    adversarial_from: int = 1700
    excerpts: int = 3
    frames: int = 160
    warm_up: int = 40
    rate: float = 1e-3
    gains_db: tuple[float, ...] = (-12.0, -6.0, 0.0, 6.0)
    speeds: tuple[float, float] = (0.85, 1.2)
    shift_octaves: bool = True
    tip_weight: float = 2.0
    strike_weight: float = 2.0
    velocity_weight: float = 2.0
    notes_weight: float = 0.5
    seen_weight: float = 0.1
    adversarial_weight: float = 0.02
    feature_weight: float = 0.5
    discriminator_rate: float = 2e-4
    window: int = 48
    ema: float = 0.998
    seed: int = 0


@dataclass(frozen=True)
class MotionTake:
    """One take as KHP trains on it.

    Attributes:
        music: Its music.
        poses_TKD: Keypoints in pose space.
        confidence_TK: 0 where a keypoint was not seen.
        training_T: 1 in frames that may be trained on.
    """

    music: Music
    poses_TKD: Tensor
    confidence_TK: Tensor
    training_T: Tensor


class KHPTrainer:
    """Trains a KeypointPredictor on takes."""

    name = "khp"

    def __init__(
        self,
        fabric: Fabric,
        khp: KeypointPredictor,
        average: KeypointPredictor,
        takes: Sequence[MotionTake],
        config: KHPTrainingConfig,
    ) -> None:
        self.fabric, self.takes, self.config = fabric, takes, config
        self.skeleton: Skeleton = khp.skeleton
        self.lookahead = khp.config.lookahead_frames
        self.delay = khp.config.listening.delay
        self.steps = config.steps
        optimizer = Adam(khp.parameters(), lr=config.rate, betas=(0.9, 0.98))
        self.khp, self.optimizer = fabric.setup(khp, optimizer)
        self.average = fabric.to_device(average)
        self.ema = ExponentialMovingAverage(self.khp.module, self.average, config.ema)
        self.on_motion = AdversarialLoss(
            fabric, MotionDiscriminator(4 * len(self.skeleton)), config.discriminator_rate
        )
        self.modules: Mapping[str, nn.Module] = {
            "khp": self.khp.module,
            "ema": self.average,
            "motion": self.on_motion.discriminator.module,
        }
        self.optimizers: Mapping[str, Optimizer] = {
            "khp": optimizer,
            "motion": self.on_motion.optimizer.optimizer,
        }
        self.point_weight_K = torch.ones(len(self.skeleton))
        for hand in self.skeleton.hands:
            self.point_weight_K[list(self.skeleton.fingertips(hand))] = config.tip_weight
        self.point_weight_K = fabric.to_device(self.point_weight_K / self.point_weight_K.mean())
        # Longer takes are drawn more often.
        seconds = np.array([float(take.training_T.sum()) for take in takes])
        self.take_share = seconds / seconds.sum()

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the takes."""
        config = self.config
        random = seed_step(config.seed, step, self.fabric.global_rank)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate * cosine_rate(step, config.steps)
        excerpts = [self._excerpt(random) for _ in range(config.excerpts)]
        features_BRF, notes_B2TP, known_BT, poses_BTKD, weight_BTK, seen_BTH, heard_BT = (
            self.fabric.to_device(torch.stack(parts)) for parts in zip(*excerpts, strict=True)
        )
        motion, _ = self.khp(features_BRF)
        # What comes out at frame t + lookahead is the prediction for frame t.
        predicted_BTKD = motion.poses_BTKD[:, self.lookahead :]
        struck_BT1 = notes_B2TP[:, 0].amax(dim=-1)[..., None]
        emphasis_BTK = weight_BTK * self.point_weight_K * (1 + config.strike_weight * struck_BT1)
        error_BTKD = predicted_BTKD - poses_BTKD
        moving_BTK = weight_BTK[:, 1:] * weight_BTK[:, :-1] * self.point_weight_K
        notes_logits = motion.notes_B2TP[:, :, self.delay : self.delay + config.frames]
        notes_error = F.binary_cross_entropy_with_logits(
            notes_logits, notes_B2TP, reduction="none", pos_weight=notes_logits.new_tensor(4.0)
        )
        seen_error = F.binary_cross_entropy_with_logits(
            motion.seen_BTH[:, self.lookahead :], seen_BTH, reduction="none"
        )
        losses = {
            "position": _mean(error_BTKD.abs().sum(-1), emphasis_BTK),
            "velocity": config.velocity_weight
            * _mean(error_BTKD.diff(dim=1).abs().sum(-1), moving_BTK),
            "notes": config.notes_weight
            * 10
            * _mean(notes_error.mean(dim=(1, 3)), known_BT * heard_BT),
            "seen": config.seen_weight * _mean(seen_error.mean(-1), heard_BT),
        }
        if step >= config.adversarial_from:
            losses |= self._adversarial(predicted_BTKD, poses_BTKD, weight_BTK, random, step)
        total = torch.stack([v for k, v in losses.items() if not k.startswith("judge")]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        self.fabric.clip_gradients(self.khp, self.optimizer, max_norm=1.0, error_if_nonfinite=False)
        self.optimizer.step()
        self.ema.update(step)
        return {name: float(loss) for name, loss in losses.items()}

    def _adversarial(
        self,
        predicted_BTKD: Tensor,
        poses_BTKD: Tensor,
        weight_BTK: Tensor,
        random: np.random.Generator,
        step: int,
    ) -> dict[str, Tensor]:
        """Does a window move like real hands? Windows in which a true point is missing show no motion on either side."""
        config = self.config
        span = poses_BTKD.shape[1] - config.warm_up - config.window
        first = config.warm_up + int(random.integers(span + 1))
        window = slice(first, first + config.window)
        present_B = weight_BTK[:, window].amin(dim=(1, 2)) > 0
        if not bool(present_B.any()):
            return {}
        fake = self._motion_channels(predicted_BTKD[present_B, window])
        real = self._motion_channels(poses_BTKD[present_B, window])
        losses: dict[str, Tensor] = {}
        if step % 2 == 0:
            losses["judge_motion"] = self.on_motion.train_discriminator(real, fake)
        convincing, matching = self.on_motion(fake, real)
        losses["adversarial_motion"] = config.adversarial_weight * convincing
        losses["matching_motion"] = config.feature_weight * matching
        return losses

    def _motion_channels(self, poses_NTKD: Tensor) -> Tensor:
        """Shape of each hand (points about their wrist) and velocities, as channels [N, 4 K, T]."""
        shape_NTKD = poses_NTKD.clone()
        for ids in self.skeleton.hands.values():
            shape_NTKD[:, :, list(ids)] = poses_NTKD[:, :, list(ids)] - poses_NTKD[:, :, ids[:1]]
        velocity_NTKD = F.pad(poses_NTKD.diff(dim=1), (0, 0, 0, 0, 1, 0))
        both_NTC = torch.cat([shape_NTKD.flatten(2) / 4, velocity_NTKD.flatten(2) * 2], dim=-1)
        return both_NTC.transpose(1, 2)

    def _excerpt(self, random: np.random.Generator) -> tuple[Tensor, ...]:
        """Features with their lookahead, and for the excerpt's own frames: notes, poses, weights, hands seen."""
        config = self.config
        take = self.takes[int(random.choice(len(self.takes), p=self.take_share))]
        speed = float(random.uniform(*config.speeds))
        octave = int(random.choice(take.music.octaves)) if config.shift_octaves else 0
        # Starts before the take teach the state at a piece's beginning.
        start = float(random.uniform(-config.warm_up, len(take.music) - config.frames * speed))
        features_RF, notes_2TP = take.music.excerpt(
            random, start, config.frames + self.lookahead, speed, octave
        )
        times = torch.arange(config.frames) * speed + start
        poses_TKD = interpolate(take.poses_TKD, times)
        poses_TKD[..., 0] += octave * OCTAVE_IN_WHITE_KEYS
        index = times.round().long().clamp(0, len(take.music) - 1)
        seen_TK = take.confidence_TK[index] > 0
        heard_T = take.training_T[index].float()
        heard_T[: config.warm_up] = 0.0
        heard_T[(times < 0) | (times > len(take.music) - 1)] = 0.0
        weight_TK = seen_TK * heard_T[:, None]
        seen_TH = torch.stack(
            [seen_TK[:, list(ids)].any(dim=1) for ids in self.skeleton.hands.values()], dim=1
        )
        notes_2TP = notes_2TP[:, : config.frames]
        known_T = torch.full_like(heard_T, float(take.music.notes is not None))
        return features_RF, notes_2TP, known_T, poses_TKD, weight_TK, seen_TH.float(), heard_T

    def picture_HWC(self) -> np.ndarray | None:
        """KHP's motion is looked at in the evaluation; its curve is enough here."""
        return None


def _mean(error: Tensor, weight: Tensor) -> Tensor:
    return (error * weight).sum() / weight.sum().clamp(min=1.0)
