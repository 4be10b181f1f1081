"""Stages `motion` and `khp`: KHP learns how its player moves, in pose space.

The stage `motion` trains the motion decoder alone, on true notes with mistakes such as transcribers
make; it needs no sound. The stage `khp` goes on with all of KHP: some of the excerpts are
transcribed and played end to end. A plain regressor predicts the mean of all plausible poses, and
its hands hardly move; so velocities have a loss of their own, and a motion discriminator compares
how points move with how real ones do.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from apvg.base.progress import track
from apvg.instruments.pitch_grid import PITCHES
from apvg.models.discriminators import MotionDiscriminator
from apvg.models.khp import KeypointPredictor
from apvg.models.motion import Motion
from apvg.models.pose_space import PoseSpace
from apvg.takes.take import Take
from apvg.training.configs import MotionTrainingConfig
from apvg.training.data.fingering import planned_notes
from apvg.training.data.loader import Loader
from apvg.training.data.motion import MotionBatch, MotionDataset, MotionTake
from apvg.training.data.music import Music
from apvg.training.losses.keypoints import centroid, heights, position, velocity, visibility
from apvg.training.losses.notes import note_cross_entropy
from apvg.training.losses.playing import LOSSES, Played
from apvg.training.material import Material
from apvg.training.trainers.step import Adversaries, Learner, StageTrainer, cosine, optimise
from apvg.training.trainers.transcription import POSITIVE_WEIGHT

#: Of poses, one in so many makes the mean pose.
_EVERY = 5


class MotionTrainer(StageTrainer):
    """Trains a KeypointPredictor: its motion decoder, and its transcriber where the config says so.

    Args:
        fabric: Places everything.
        khp: What is trained.
        takes: What it is trained on.
        config: How.
        stage: The stage's name.
        losses: Names of the instrument's own losses.
        workers: See :class:`Loader`.
    """

    def __init__(
        self,
        fabric: Fabric,
        khp: KeypointPredictor,
        takes: Sequence[MotionTake],
        config: MotionTrainingConfig,
        stage: str = "khp",
        *,
        losses: Sequence[str] = (),
        workers: int = 0,
    ) -> None:
        super().__init__(stage, fabric, config.steps)
        self.takes, self.config, self.workers = takes, config, workers
        self.skeleton, self.delay = khp.skeleton, khp.config.delay
        self.planned = khp.motion.planned
        # What is planned ahead comes on time.
        self.lookahead = 0 if self.planned else khp.config.lookahead_frames
        if not khp.motion.initialised:
            initialise_from(khp, takes)
        self.learner = Learner(
            fabric,
            khp,
            Adam(khp.parameters(), lr=config.rate, betas=(0.9, 0.98)),
            rate=cosine(config.rate, config.steps),
            ema=config.ema,
            methods=("transcribe", "pose"),
        )
        self.adversaries = Adversaries(
            fabric,
            {"motion": MotionDiscriminator(4 * len(self.skeleton))},
            rate=config.discriminator_rate,
            adversarial_weight=config.adversarial_weight,
            feature_weight=config.feature_weight,
        )
        self._loader: Loader[MotionBatch] | None = None
        self.playing = {name: LOSSES[name] for name in losses}
        weight_K = torch.ones(len(self.skeleton))
        for ids in (*self.skeleton.limbs.values(), self.skeleton.part("instrument")):
            weight_K[list(ids)] = config.tip_weight
        self.point_weight_K = fabric.to_device(weight_K / weight_K.mean())

    @property
    def loader(self) -> Loader[MotionBatch]:
        """Made after a checkpoint has been loaded, for initial states depend on the decoder's
        statistics."""
        if self._loader is None:
            self._loader = self._make_loader()
        return self._loader

    def _make_loader(self) -> Loader[MotionBatch]:
        decoder = copy.deepcopy(self.learner.module.motion).cpu()
        dataset = MotionDataset(
            self.takes,
            self.config,
            self.skeleton,
            decoder.initial_vector,
            delay=self.delay,
            lookahead=self.lookahead,
        )
        config, rank = self.config, self.fabric.global_rank
        return Loader(dataset, config.seed, config.steps, rank=rank, workers=self.workers)

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the takes."""
        batch: MotionBatch = self.fabric.to_device(self.loader.begin(step))
        motion, logits_X2TP = self._predict(batch)
        losses = self._losses(batch, motion, logits_X2TP)
        if step >= self.config.adversarial_from:
            losses |= self.adversaries(step, self._views(motion.poses_BTKD, batch))
        return optimise(losses, step, self.learner)

    def _predict(self, batch: MotionBatch) -> tuple[Motion, Tensor | None]:
        """Motion of the excerpts' frames, and the note logits of those that are transcribed."""
        played, logits_X2TP = batch.played, None
        if self.config.transcribed:
            transcription, _ = self.learner.network.transcribe(batch.features_XRF)
            logits_X2TP = transcription.logits_B2TP
            if not self.planned:  # decisions on fingers hand on no gradient
                rest = played[self.config.transcribed :]
                played = torch.cat([transcription.notes_B2TP, rest])
        motion, _ = self.learner.network.pose(played, initial_BX=batch.initial_BX)
        # What comes out at frame t + lookahead is the prediction for frame t.
        return Motion._make(output[:, self.lookahead :] for output in motion), logits_X2TP

    def _losses(
        self, batch: MotionBatch, motion: Motion, logits_X2TP: Tensor | None
    ) -> dict[str, Tensor]:
        """Weighted losses on keypoints, on playing, and on the notes of excerpts that are
        transcribed."""
        config, poses_BTKD, valid_BT = self.config, batch.poses_BTKD, batch.valid_BT
        # The roll begins `delay` frames before the excerpt.
        onset_BTP = batch.roll_B2TP[:, 0, self.delay : self.delay + config.frames]
        strike_BT1 = 1 + config.strike_weight * onset_BTP.amax(dim=-1, keepdim=True)
        weight_BTK = batch.weight_BTK * self.point_weight_K
        centroid_BTH = self.learner.module.motion.centroids(poses_BTKD)
        losses = {
            "position": position(motion.poses_BTKD, poses_BTKD, weight_BTK * strike_BT1),
            "centroid": config.centroid_weight
            * centroid(motion.centroid_BTL, centroid_BTH, batch.visible_BTH * valid_BT[..., None]),
            "velocity": config.velocity_weight
            * velocity(motion.poses_BTKD, poses_BTKD, weight_BTK[:, 1:] * batch.weight_BTK[:, :-1]),
            "visible": config.visible_weight
            * visibility(motion.visible_BTL, batch.visible_BTH, valid_BT),
        }
        if motion.heights_BTK.shape[-1]:
            losses["heights"] = config.heights_weight * heights(
                motion.heights_BTK, batch.heights_BTK, weight_BTK * strike_BT1
            )
        for name, loss in self.playing.items():
            target_BTX = batch.targets[name]
            played = Played(
                motion, poses_BTKD, onset_BTP, valid_BT, target_BTX, self.skeleton, batch.played
            )
            losses |= loss(played, config)
        if logits_X2TP is not None:
            first = slice(0, config.transcribed)
            losses["notes"] = config.notes_weight * note_cross_entropy(
                logits_X2TP, batch.roll_B2TP[first], POSITIVE_WEIGHT, batch.known_BT[first]
            )
        return losses

    def _views(
        self, predicted_BTKD: Tensor, batch: MotionBatch
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """A window of motion, predicted and true, of the excerpts in which every true point of it
        was seen."""
        window = slice(batch.window, batch.window + self.config.window)
        whole_B = batch.weight_BTK[:, window].amin(dim=(1, 2)) > 0
        if not bool(whole_B.any()):
            return {}
        fake, real = (
            self._channels(poses_BTKD[whole_B, window])
            for poses_BTKD in (predicted_BTKD, batch.poses_BTKD)
        )
        return {"motion": (fake, real)}

    def _channels(self, poses_NTKD: Tensor) -> Tensor:
        """Shape of each limb that plays (points relative to its first) and velocities, as channels
        [N, 4 K, T]."""
        shape_NTKD = poses_NTKD.clone()
        for ids in self.skeleton.players.values():
            shape_NTKD[:, :, list(ids)] = poses_NTKD[:, :, list(ids)] - poses_NTKD[:, :, ids[:1]]
        velocity_NTKD = F.pad(poses_NTKD.diff(dim=1), (0, 0, 0, 0, 1, 0))
        both_NTC = torch.cat([shape_NTKD.flatten(2) / 4, velocity_NTKD.flatten(2) * 2], dim=-1)
        return both_NTC.transpose(1, 2)


def initialise_from(khp: KeypointPredictor, takes: Sequence[MotionTake]) -> None:
    """Give a new motion decoder the statistics of takes: their mean pose, and where limbs are when
    music begins."""
    seen = [
        take.poses_TKD[(take.confidence_TK > 0).all(dim=1) & (take.training_T > 0)]
        for take in takes
    ]
    whole_K, nothing_2TP = torch.ones(len(khp.skeleton)), torch.zeros(2, 0, PITCHES)
    first = [
        (take.filmed, khp.motion.initial_vector(poses_TKD[0], whole_K, nothing_2TP))
        for take, poses_TKD in zip(takes, seen, strict=True)
        if len(poses_TKD)
    ]
    # Generated players all wait at the same place; filmed ones are wherever the recording begins.
    generated = [initial_X for filmed, initial_X in first if not filmed]
    initial = generated or [initial_X for _, initial_X in first]
    real = [poses_TKD for take, poses_TKD in zip(takes, seen, strict=True) if take.filmed]
    khp.motion.initialise_from(
        torch.cat([poses_TKD[::_EVERY] for poses_TKD in seen]),
        torch.stack(initial).median(dim=0).values,
        torch.cat(real or seen),
    )


def build(material: Material, stage: str, until: int | None) -> MotionTrainer:
    """The trainer of either stage.

    In `khp`, KHP begins as the stages before have trained its parts.
    """
    plan = material.plan
    config: MotionTrainingConfig = getattr(plan.recipe, stage)
    weights = material.weights
    khp = weights.initial_khp() if stage == "khp" else weights.initial("khp")
    takes = [
        _motion_take(material, take, config, khp)
        for take in track(plan.takes, "reading takes", len(plan.takes))
    ]
    return MotionTrainer(
        material.fabric, khp, takes, config, stage, losses=plan.losses, workers=material.workers
    )


def _motion_take(
    material: Material, take: Take, config: MotionTrainingConfig, khp: KeypointPredictor
) -> MotionTake:
    plan, cache = material.plan, material.cache
    placement = plan.placement(take)
    space = PoseSpace(take.size[0], placement)
    features = plan.config.features
    return MotionTake(
        cache.music(take)
        if config.transcribed
        else Music(len(take), None, take.notes, features, plan.config.pitch_range),
        space.to_poses(torch.from_numpy(take.keypoints_TKD).float()),
        torch.from_numpy(take.confidence_TK).float(),
        torch.from_numpy(plan.training_mask(take)),
        take.filmed,
        placement.octave,
        cache.predicted_notes(take, khp) if config.on_predicted_notes else None,
        {name: LOSSES[name].target(take) for name in plan.losses},
        planned=planned_notes(take, placement) if khp.motion.planned else None,
        heights_TK=None if take.heights_TK is None else torch.from_numpy(take.heights_TK),
    )
