"""Training of KHP's motion, in pose space: first from true notes, then from what is heard.

The stage `move` trains the moving half alone by the true notes, with mistakes as a listener makes them; it needs no sound.
The stage `khp` goes on with both halves: some of the excerpts are listened to, and moved to by what was heard, end to end.
A plain regressor answers the mean of all plausible poses and its hands hardly move; velocities have a loss of their own, and
a motion discriminator sees to it that hands move as the true ones do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from apvg.instruments.keyboard import KEY_COUNT, KEY_X
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.strings import STRING_INSTRUMENTS
from apvg.models.discriminators import MotionDiscriminator
from apvg.models.khp import KeypointPredictor
from apvg.models.motion.body import STOP_LOGITS, STOPS
from apvg.models.motion.hands import Motion
from apvg.takes.take import Take
from apvg.training.adversarial import AdversarialLoss
from apvg.training.hearing import draw_shares, notes_loss
from apvg.training.loop import ExponentialMovingAverage, cosine_rate, descend, seed_step
from apvg.training.music import OCTAVE_IN_WHITE_KEYS, Music, interpolate, retimed


@dataclass(frozen=True)
class KHPTrainingConfig:
    """How KHP is trained.

    Attributes:
        steps: Steps in all.
        adversarial_from: First step with the motion discriminator.
        excerpts: Excerpts per step.
        heard: How many of them are listened to, and train KHP's ears; 0 leaves those alone.
        by_ear: How many of the others are played from what the ears make of the sound, which `hear` has trained.
        frames: Length of an excerpt, frames.
        warm_up: First frames of an excerpt, which fill the memory and carry no loss.
        rate: Peak learning rate of Adam.
        gains_db: Least and greatest gain that the sound is heard at.
        speeds: Slowest and fastest speed that excerpts are played at.
        shift_octaves: Whether excerpts move along the keyboard by octaves; never where there is no keyboard.
        filmed_share: Share of the excerpts that come from filmed takes, where there are generated ones as well.
        missed, imagined: Share of struck keys that the listener is taken to miss, and of keys that it imagines struck.
        tip_weight: Weight of fingertips, and of an instrument's points, beside other points.
        strike_weight: Added weight of frames in which a key is struck.
        touch_weight: Weight of the distance from struck keys to the nearest fingertip: another fingering can be right, but
            some finger must be there. Of a string's stop, the distance to the finger that stops it.
        stop_weight: Weight of the decision which finger stops which string where, where that is known.
        middle_weight, velocity_weight, notes_weight, seen_weight: Weights of those losses.
        adversarial_weight, feature_weight: Weights of the discriminator's losses.
        discriminator_rate: Its learning rate.
        window: Frames that the discriminator sees at a time.
        ema: Decay of the averaged weights, which ship.
        seed: Of everything random.
    """

    steps: int = 3000
    adversarial_from: int = 2600
    excerpts: int = 12
    heard: int = 4
    by_ear: int = 0
    frames: int = 200
    warm_up: int = 24
    rate: float = 1e-3
    gains_db: tuple[float, float] = (-18.0, 6.0)
    speeds: tuple[float, float] = (0.85, 1.2)
    shift_octaves: bool = True
    filmed_share: float = 0.2
    missed: float = 0.03
    imagined: float = 0.0002
    tip_weight: float = 2.0
    strike_weight: float = 2.0
    touch_weight: float = 3.0
    stop_weight: float = 0.3
    middle_weight: float = 1.0
    velocity_weight: float = 2.0
    notes_weight: float = 20.0
    seen_weight: float = 0.1
    adversarial_weight: float = 0.02
    feature_weight: float = 0.5
    discriminator_rate: float = 2e-4
    window: int = 48
    ema: float = 0.998
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.heard, self.by_ear) < 0 or self.heard + self.by_ear > self.excerpts:
            raise ValueError(
                f"heard and by_ear must be 0 to {self.excerpts} together, the excerpts of a step"
            )


@dataclass(frozen=True)
class MotionTake:
    """One take as KHP trains on it.

    Attributes:
        music: Its music.
        poses_TKD: Keypoints in pose space.
        confidence_TK: 0 where a keypoint was not seen.
        training_T: 1 in frames that may be trained on.
        filmed: Whether it is real footage, not a generated take.
        told_2TP: Keys struck and held as trained ears tell them, bool; None where nobody has listened.
        stops_T2: How a string is stopped (see :func:`stops_of`); None where that is not known.
    """

    music: Music
    poses_TKD: Tensor
    confidence_TK: Tensor
    training_T: Tensor
    filmed: bool
    told_2TP: Tensor | None = None
    stops_T2: Tensor | None = None


class Excerpts(NamedTuple):
    """A step's excerpts, as a batch; `length` is `frames` and the look-ahead.

    Attributes:
        features_BRF: Feature rows, [heard, length * rows_per_frame, F].
        notes_B2TP: Keys struck and held from `delay` frames before the excerpt on, [B, 2, length, 88].
        told_B2TP: The same as the hands are told of them, where the excerpt is not listened to.
        known_BT: 1 where the notes are known, [B, length].
        poses_BTKD: True poses.
        weight_BTK: 1 for points that were seen in frames that may be learnt from.
        seen_BTH: 1 where a hand was in the picture.
        heard_BT: 1 in frames that may be learnt from.
        start_BX: What the mover begins with (see its `start`).
        stops_BT2: How a string is stopped; -1 where it is not, or not known, or nothing may be learnt.
    """

    features_BRF: Tensor
    notes_B2TP: Tensor
    told_B2TP: Tensor
    known_BT: Tensor
    poses_BTKD: Tensor
    weight_BTK: Tensor
    seen_BTH: Tensor
    heard_BT: Tensor
    start_BX: Tensor
    stops_BT2: Tensor


class KHPTrainer:
    """Trains a KeypointPredictor on takes: its moving half, and its ears where the config says so."""

    def __init__(
        self,
        fabric: Fabric,
        khp: KeypointPredictor,
        average: KeypointPredictor,
        takes: Sequence[MotionTake],
        config: KHPTrainingConfig,
        name: str = "khp",
        *,
        on_keys: bool = True,
    ) -> None:
        self.name, self.on_keys = name, on_keys
        self.fabric, self.takes, self.config = fabric, takes, config
        self.skeleton: Skeleton = khp.skeleton
        self.lookahead = khp.config.lookahead_frames
        self.delay = khp.config.delay
        self.steps = config.steps
        optimizer = Adam(khp.parameters(), lr=config.rate, betas=(0.9, 0.98))
        self.khp, self.optimizer = fabric.setup(khp, optimizer)
        for method in ("hear", "play"):
            self.khp.mark_forward_method(method)
        self.average = fabric.to_device(average)
        if not khp.motion.mean_pose_KD.any():
            self._settle(khp)
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
        for tips in (*self.skeleton.limbs.values(), self.skeleton.part("instrument")):
            self.point_weight_K[list(tips)] = config.tip_weight
        self.point_weight_K = fabric.to_device(self.point_weight_K / self.point_weight_K.mean())
        self.tips_F = [tip for tips in self.skeleton.limbs.values() for tip in tips]
        self.stopping_K = list(self.skeleton.limbs.get("left_hand", ())[1:])
        self.key_x_P = fabric.to_device(torch.from_numpy(KEY_X).float())
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
        batch = self._excerpts(random)
        told_B2TP, logits_H2TP = batch.told_B2TP, None
        if config.heard:
            heard, _ = self.khp.transcriber(batch.features_BRF)
            logits_H2TP = heard.logits_B2TP
            told_B2TP = torch.cat([heard.notes_B2TP, told_B2TP[config.heard :]])
        motion, _ = self.khp.motion(told_B2TP, initial_BX=batch.start_BX)
        losses = self._losses(batch, logits_H2TP, motion)
        if step >= config.adversarial_from:
            predicted_BTKD = motion.poses_BTKD[:, self.lookahead :]
            losses |= self._adversarial(
                predicted_BTKD, batch.poses_BTKD, batch.weight_BTK, random, step
            )
        total = torch.stack([v for k, v in losses.items() if not k.startswith("judge")]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        descend(self.fabric, self.khp, self.optimizer)
        self.ema.update(step)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _settle(self, khp: KeypointPredictor) -> None:
        """Tell a fresh network what poses look like, and where the hands wait."""
        seen = [
            take.poses_TKD[(take.confidence_TK > 0).all(dim=1) & (take.training_T > 0)]
            for take in self.takes
        ]
        whole_K, nothing_2TP = torch.ones(len(self.skeleton)), torch.zeros(2, 0, KEY_COUNT)
        first = [
            (take.filmed, khp.motion.initial_vector(poses_TKD[0], whole_K, nothing_2TP))
            for take, poses_TKD in zip(self.takes, seen, strict=True)
            if len(poses_TKD)
        ]
        # Generated players all wait at the same place; those of footage come in where they come in.
        generated = [start_X for filmed, start_X in first if not filmed]
        home_X = torch.stack(generated or [start_X for _, start_X in first]).median(dim=0).values
        real = [poses_TKD for take, poses_TKD in zip(self.takes, seen, strict=True) if take.filmed]
        khp.motion.initialise_from(
            torch.cat([poses_TKD[::5] for poses_TKD in seen]), home_X, torch.cat(real or seen)
        )

    def _excerpts(self, random: np.random.Generator) -> Excerpts:
        config = self.config
        drawn = [
            self._excerpt(
                random, heard=i < config.heard, by_ear=0 <= i - config.heard < config.by_ear
            )
            for i in range(config.excerpts)
        ]
        features, *others = zip(*drawn, strict=True)
        listened = torch.stack(features[: config.heard]) if config.heard else torch.zeros(0)
        parts = [listened, *(torch.stack(part) for part in others)]
        return Excerpts(*map(self.fabric.to_device, parts))

    def _with_mistakes(self, notes_2TP: Tensor) -> Tensor:
        """Notes as a listener might have told them."""
        struck_TP, held_TP = notes_2TP
        kept_TP = (torch.rand_like(struck_TP) >= self.config.missed).float()
        imagined_TP = (torch.rand_like(struck_TP) < self.config.imagined).float()
        struck_TP = torch.maximum(struck_TP * kept_TP, imagined_TP)
        return torch.stack([struck_TP, torch.maximum(held_TP, imagined_TP)])

    def _losses(
        self, batch: Excerpts, logits_H2TP: Tensor | None, motion: Motion
    ) -> dict[str, Tensor]:
        config, frames = self.config, self.config.frames
        # What comes out at frame t + lookahead is the prediction for frame t.
        predicted_BTKD = motion.poses_BTKD[:, self.lookahead :]
        late = self.delay  # the roll begins `delay` frames before the excerpt
        struck_BT1 = batch.notes_B2TP[:, 0, late : late + frames].amax(dim=-1)[..., None]
        weight_BTK = batch.weight_BTK * self.point_weight_K
        error_BTKD = predicted_BTKD - batch.poses_BTKD
        middle_BTH = motion.centroid_BTL[:, self.lookahead :]
        middle_error_BTH = middle_BTH - self.khp.motion.centroids(batch.poses_BTKD)
        seen_error_BTH = F.binary_cross_entropy_with_logits(
            motion.visible_BTL[:, self.lookahead :], batch.seen_BTH, reduction="none"
        )
        losses = {
            "position": _mean(
                error_BTKD.abs().sum(-1), weight_BTK * (1 + config.strike_weight * struck_BT1)
            ),
            "middle": config.middle_weight
            * _mean(middle_error_BTH.abs(), batch.seen_BTH * batch.heard_BT[..., None]),
            "velocity": config.velocity_weight
            * _mean(
                error_BTKD.diff(dim=1).abs().sum(-1), weight_BTK[:, 1:] * batch.weight_BTK[:, :-1]
            ),
            "seen": config.seen_weight * _mean(seen_error_BTH.mean(-1), batch.heard_BT),
        }
        if self.on_keys:
            losses["touch"] = config.touch_weight * self._touch(
                predicted_BTKD, batch.notes_B2TP[:, 0, late : late + frames], batch.heard_BT
            )
        stopped_BT = batch.stops_BT2[..., 0] >= 0
        if motion.decisions_BTX is not None and bool(stopped_BT.any()):
            losses |= self._stopping(
                motion.decisions_BTX[:, self.lookahead :], predicted_BTKD, batch
            )
        if logits_H2TP is not None:
            heard = slice(0, config.heard)
            losses["notes"] = config.notes_weight * notes_loss(
                logits_H2TP, batch.notes_B2TP[heard], batch.known_BT[heard]
            )
        return losses

    def _touch(self, poses_BTKD: Tensor, struck_BTP: Tensor, heard_BT: Tensor) -> Tensor:
        """Mean distance from struck keys to the nearest fingertip, white keys; a tenth of a key is near enough."""
        batch_N, frame_N, key_N = torch.nonzero(struck_BTP * heard_BT[..., None], as_tuple=True)
        if not len(key_N):
            return poses_BTKD.new_zeros(())
        tips_NF = poses_BTKD[batch_N, frame_N][:, self.tips_F, 0]
        away_N = (tips_NF - self.key_x_P[key_N, None]).abs().amin(dim=1)
        # A key at the other end of the keyboard is a mistake of the notes' rather than of the hand's.
        return (away_N - 0.1).clamp(0, 6).mean()

    def _stopping(
        self, stops_BTX: Tensor, poses_BTKD: Tensor, batch: Excerpts
    ) -> dict[str, Tensor]:
        """Is the right stop decided on, and is the finger where it is?"""
        config = self.config
        stopped_BT = batch.stops_BT2[..., 0] >= 0
        stops_N2 = batch.stops_BT2[stopped_BT]
        decided = [
            F.cross_entropy(logits_NX, stops_N)
            for logits_NX, stops_N in zip(
                stops_BTX[stopped_BT].split(STOP_LOGITS, dim=-1), stops_N2.T, strict=True
            )
        ]
        away_NK = (poses_BTKD - batch.poses_BTKD)[stopped_BT].abs().sum(-1)
        finger_N1 = stops_N2[:, 1:]
        tips_N4 = away_NK[:, self.stopping_K]
        away_N1 = F.pad(tips_N4, (1, 0)).gather(1, finger_N1)  # an open string asks for no finger
        return {
            "stop": config.stop_weight * torch.stack(decided).sum(),
            "touch": config.touch_weight * _mean(away_N1, (finger_N1 > 0).float()),
        }

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

    def _excerpt(
        self, random: np.random.Generator, *, heard: bool, by_ear: bool
    ) -> tuple[Tensor, ...]:
        """The parts of Excerpts for one excerpt; without features where it is not listened to."""
        config = self.config
        take = self.takes[int(random.choice(len(self.takes), p=self.take_share))]
        speed = float(random.uniform(*config.speeds))
        shifts = take.music.octaves if config.shift_octaves and take.filmed else (0,)
        octave = int(random.choice(shifts))
        gain_db = float(random.uniform(*config.gains_db))
        # Starts before the take teach the state at a piece's beginning.
        # Of a take that is shorter than an excerpt, all of it.
        latest = max(0.0, len(take.music) - config.frames * speed)
        start = float(random.uniform(-config.warm_up, latest))
        length = config.frames + self.lookahead
        features_RF = torch.zeros(1)
        if heard:
            features_RF = take.music.excerpt(start, length, speed, octave, gain_db)
        late = start - self.delay * speed
        notes_2TP = take.music.roll(late, length, speed, octave)
        # How a player stands there tells of all that was played before, from the take's beginning on.
        past = max(0, math.ceil(late / speed))
        before = late - past * speed, past, speed, octave
        if by_ear and take.told_2TP is not None:
            told_2TP = retimed(take.told_2TP, late, length, speed, octave)
            past_2TP = retimed(take.told_2TP, *before)
        else:
            told_2TP = self._with_mistakes(notes_2TP)
            past_2TP = take.music.roll(*before)
        times = torch.arange(config.frames) * speed + start
        poses_TKD = interpolate(take.poses_TKD, times)
        poses_TKD[..., 0] += octave * OCTAVE_IN_WHITE_KEYS
        index = times.round().long().clamp(0, len(take.music) - 1)
        seen_TK = take.confidence_TK[index] > 0
        heard_T = take.training_T[index].float()
        heard_T[: config.warm_up] = 0.0
        heard_T[(times < 0) | (times > len(take.music) - 1)] = 0.0
        seen_TH = torch.stack(
            [seen_TK[:, list(ids)].any(dim=1) for ids in self.skeleton.hands.values()], dim=1
        )
        # Hands that are not in the picture yet come from home.
        start_X = self.khp.motion.initial_vector(poses_TKD[0], seen_TK[0], past_2TP)
        known_T = torch.full((length,), float(take.music.notes is not None))
        weight_TK = seen_TK * heard_T[:, None]
        stops_T2 = torch.full((config.frames, 2), -1)
        if take.stops_T2 is not None:
            stops_T2 = take.stops_T2[index].masked_fill(heard_T[:, None] == 0, -1)
        return (
            features_RF, notes_2TP, told_2TP, known_T, poses_TKD, weight_TK, seen_TH.float(), heard_T, start_X, stops_T2,
        )  # fmt: skip

    def picture_HWC(self) -> np.ndarray | None:
        """KHP's motion is looked at in the evaluation; its curve is enough here."""
        return None


def stops_of(take: Take) -> Tensor | None:
    """Where a string is stopped at every frame, int [T, 2]: string * STOPS + semitone, and finger; -1 in silence.

    None where the take does not say (see :func:`apvg.virtual.strings.performance.truth`).
    """
    truth, notes = take.metadata.get("strings"), take.notes
    if truth is None or notes is None:
        return None
    string_N, finger_N = np.array(truth["string"]), np.array(truth["finger"])
    semitone_N = (
        notes.pitch_N - np.array(STRING_INSTRUMENTS[take.about.instrument].open_pitches)[string_N]
    )
    stop_N2 = np.stack([string_N * STOPS + semitone_N, finger_N], axis=1)
    time_T = np.arange(len(take)) / take.fps
    note_T = np.searchsorted(notes.onset_N, time_T, side="right") - 1
    sounds_T = (note_T >= 0) & (time_T < notes.offset_N[note_T.clip(0)])
    return torch.from_numpy(np.where(sounds_T[:, None], stop_N2[note_T.clip(0)], -1))


def _mean(error: Tensor, weight: Tensor) -> Tensor:
    return (error * weight).sum() / weight.sum().clamp(min=1.0)
