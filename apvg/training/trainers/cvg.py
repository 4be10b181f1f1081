"""Stage `cvg`: the coarse video from the music, first compared with the pixels, then also by
discriminators."""

from __future__ import annotations

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from apvg.base.errors import ApvgError
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.models.cvg import CoarseVideoGenerator
from apvg.models.discriminators import PatchDiscriminator, clip_channels
from apvg.stages import build_space
from apvg.training.configs import CVGTrainingConfig
from apvg.training.data.cvg import CLIP, CVGBatch, CVGDataset
from apvg.training.data.loader import Loader
from apvg.training.data.music import Music
from apvg.training.data.scene import Scene
from apvg.training.losses.notes import note_cross_entropy
from apvg.training.losses.pictures import matte_cross_entropy, weighted_l1
from apvg.training.material import Material
from apvg.training.trainers.step import Adversaries, Learner, StageTrainer, cosine, optimise
from apvg.video.images import contact_sheet

#: Notes are rare.
POSITIVE_WEIGHT = 4.0
#: The pitch where an octave is measured: B3, in the middle of a piano.
_MIDDLE = 59 - LOWEST_PITCH


class CVGTrainer(StageTrainer):
    """Trains a CoarseVideoGenerator on a scene and its music.

    Args:
        fabric: Places everything.
        cvg: What is trained.
        scene: The footage.
        music: Its music.
        octave_pixels: How far an octave moves the performer in the picture; 0 where motion does not
            shift with pitch.
        config: How it is trained.
        workers: See :class:`Loader`.
    """

    def __init__(
        self,
        fabric: Fabric,
        cvg: CoarseVideoGenerator,
        scene: Scene,
        music: Music,
        octave_pixels: int,
        config: CVGTrainingConfig,
        *,
        workers: int = 0,
    ) -> None:
        super().__init__("cvg", fabric, config.steps)
        self.config = config
        self.lookahead, self.delay = (
            cvg.config.lookahead_frames,
            cvg.config.encoder.delay,
        )
        self.learner = Learner(
            fabric,
            cvg,
            Adam(cvg.parameters(), lr=config.rate, betas=(0.9, 0.98)),
            rate=cosine(config.rate, config.steps),
            ema=config.ema,
        )
        self.adversaries = Adversaries(
            fabric,
            {
                "frames": PatchDiscriminator(3, (32, 64)),
                "clips": PatchDiscriminator(3 * CLIP, (32, 64)),
            },
            rate=config.discriminator_rate,
            adversarial_weight=config.adversarial_weight,
            feature_weight=config.feature_weight,
        )
        self.dataset = CVGDataset(
            scene, music, config, lookahead=self.lookahead, octave_pixels=octave_pixels
        )
        self.loader = Loader(
            self.dataset, config.seed, config.steps, rank=fabric.global_rank, workers=workers
        )

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the scene."""
        config = self.config
        batch: CVGBatch = self.fabric.to_device(self.loader.begin(step))
        coarse, _ = self.learner.network(
            batch.features_BRF, batch.plate_BChw, paint_from=self.lookahead + config.warm_up
        )
        painted_BTChw = coarse.over(batch.plate_BChw)
        weight_BT1hw = (1 + config.limb_weight * batch.matte_BThw)[:, :, None]
        frames = config.frames - config.warm_up
        logits_B2TP = coarse.notes_B2TP[:, :, config.warm_up + self.delay :][..., :frames, :]
        roll_B2TP = batch.roll_B2TP[:, :, config.warm_up :]
        losses = {
            "pixels": weighted_l1(painted_BTChw, batch.target_BTChw, weight_BT1hw),
            "matte": config.matte_weight
            * matte_cross_entropy(coarse.matte_logits_BThw, batch.matte_BThw),
            "notes": config.notes_weight
            * note_cross_entropy(logits_B2TP, roll_B2TP, POSITIVE_WEIGHT),
        }
        if step >= config.adversarial_from:
            losses |= self.adversaries(step, _views(painted_BTChw, batch))
        return optimise(losses, step, self.learner)

    @torch.no_grad()
    def picture_HWC(self) -> np.ndarray:
        """Coarse frames (averaged weights) above true ones, of one excerpt, enlarged."""
        excerpt = self.dataset.excerpt(np.random.default_rng(0))
        features_RF, _, target_TChw, _ = self.fabric.to_device(excerpt)
        plate_Chw = self.fabric.to_device(self.dataset.plate_Chw)
        coarse, _ = self.learner.average(features_RF[None], plate_Chw[None])
        painted_TChw = coarse.over(plate_Chw[None])[0, self.lookahead + self.config.warm_up :]
        rows = []
        for painted, target in zip(painted_TChw[::8], target_TChw[::8], strict=True):
            for picture_Chw in (painted, target):
                large = F.interpolate(picture_Chw[None], scale_factor=3.0)[0]
                rows.append([(large * 255).byte().permute(1, 2, 0).cpu().numpy()])
        return contact_sheet(rows)


def _views(fake_BTChw: Tensor, batch: CVGBatch) -> dict[str, tuple[Tensor, Tensor]]:
    """Frames by themselves and as a clip, in -1..1, painted and true."""
    clip = slice(batch.clip, batch.clip + CLIP)
    fake, real = (video[:, clip] for video in (fake_BTChw, batch.target_BTChw))
    return {
        "frames": (fake.flatten(0, 1) * 2 - 1, real.flatten(0, 1) * 2 - 1),
        "clips": (clip_channels(fake) * 2 - 1, clip_channels(real) * 2 - 1),
    }


def build(material: Material, stage: str, until: int | None) -> CVGTrainer:
    """The stage's trainer, on the scene and its sound."""
    plan, config = material.plan, material.plan.recipe.cvg
    silent = [take.name for take in plan.scene_takes if not take.samples_S.any()]
    if silent:
        raise ApvgError(
            f"the take {silent[0]} is silent, and CVG paints from sound",
            "prepare it with its sound, or set steps = 0 in the recipe's table cvg, as the recipe "
            "pianist-silent does",
            ("audio",),
        )
    cvg = material.weights.initial_cvg()
    octave_pixels = _octave_pixels(material) if config.shift_octaves else 0
    cache = material.cache
    return CVGTrainer(
        material.fabric,
        cvg,
        cache.scene,
        cache.scene_music,
        octave_pixels,
        config,
        workers=material.workers,
    )


def _octave_pixels(material: Material) -> int:
    """How far an octave is in the scene's picture; 0 where motion does not shift with pitch."""
    placement = material.plan.placement(material.plan.scene_takes[0])
    if not placement.octave:
        return 0
    space = build_space(material.plan.config)
    x, y = placement.pitches_P2()[_MIDDLE]
    ends = torch.tensor([[x, y], [x + placement.octave, y]]).float()
    here, there = space.to_pixels(ends)
    return round(float(there[0] - here[0]))
