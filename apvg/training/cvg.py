"""Training of CVG: the coarse video from the music, first against the pixels, then also against discriminators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from apvg.base.conventions import STRIDE
from apvg.models.cvg import CoarseVideoGenerator
from apvg.models.discriminators import PatchDiscriminator, clip_channels
from apvg.training.adversarial import AdversarialLoss
from apvg.training.loop import ExponentialMovingAverage, cosine_rate, descend, seed_step
from apvg.training.music import Music
from apvg.training.scene import Scene
from apvg.video.images import contact_sheet

CLIP = 4  # frames that the clip discriminator sees


@dataclass(frozen=True)
class CVGTrainingConfig:
    """How CVG is trained.

    Attributes:
        steps: Steps in all.
        adversarial_from: First step with discriminators.
        excerpts: Excerpts per step.
        frames: Length of an excerpt, frames.
        warm_up: First frames of an excerpt, which fill the memory and carry no loss.
        rate: Peak learning rate of Adam.
        gains_db: Least and greatest gain that the sound is heard at.
        shift_octaves: Whether the limbs and the music move along the keyboard together, by octaves.
        limb_weight: Weight of painted pixels over those of the plate.
        matte_weight, notes_weight: Weights of those losses.
        adversarial_weight, feature_weight: Weights of the discriminators' losses.
        discriminator_rate: Their learning rate.
        ema: Decay of the averaged weights, which ship.
        seed: Of everything random.
    """

    steps: int = 1300
    adversarial_from: int = 1000
    excerpts: int = 2
    frames: int = 80
    warm_up: int = 48
    rate: float = 1e-3
    gains_db: tuple[float, float] = (-18.0, 6.0)
    shift_octaves: bool = True
    limb_weight: float = 5.0
    matte_weight: float = 0.1
    notes_weight: float = 0.5
    adversarial_weight: float = 0.01
    feature_weight: float = 0.2
    discriminator_rate: float = 2e-4
    ema: float = 0.998
    seed: int = 0


class CVGTrainer:
    """Trains a CoarseVideoGenerator on a scene and its music."""

    name = "cvg"

    def __init__(
        self,
        fabric: Fabric,
        cvg: CoarseVideoGenerator,
        average: CoarseVideoGenerator,
        scene: Scene,
        music: Music,
        octave_pixels: int,
        config: CVGTrainingConfig,
    ) -> None:
        """`octave_pixels` is how far an octave moves the limbs in the picture; 0 where there is no keyboard."""
        self.fabric, self.scene, self.music, self.config = fabric, scene, music, config
        self.octave_pixels = octave_pixels
        self.lookahead, self.steps = cvg.config.lookahead_frames, config.steps
        self.delay = cvg.config.transcriber.encoder.delay
        optimizer = Adam(cvg.parameters(), lr=config.rate, betas=(0.9, 0.98))
        self.cvg, self.optimizer = fabric.setup(cvg, optimizer)
        self.average = fabric.to_device(average)
        self.ema = ExponentialMovingAverage(self.cvg.module, self.average, config.ema)
        rate = config.discriminator_rate
        self.adversaries = {
            "frames": AdversarialLoss(fabric, PatchDiscriminator(3, (32, 64)), rate),
            "clips": AdversarialLoss(fabric, PatchDiscriminator(3 * CLIP, (32, 64)), rate),
        }
        self.modules: Mapping[str, nn.Module] = {"cvg": self.cvg.module, "ema": self.average} | {
            name: adversary.discriminator.module for name, adversary in self.adversaries.items()
        }
        self.optimizers: Mapping[str, Optimizer] = {"cvg": optimizer} | {
            name: adversary.optimizer.optimizer for name, adversary in self.adversaries.items()
        }
        self.plate_Chw = F.avg_pool2d(scene.plate_CHW, STRIDE)
        self.starts = scene.stretches(config.frames - config.warm_up)

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the scene."""
        config = self.config
        random = seed_step(config.seed, step, self.fabric.global_rank)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate * cosine_rate(step, config.steps)
        excerpts = [self._excerpt(random) for _ in range(config.excerpts)]
        features_BRF, notes_B2TP, target_BTChw, matte_BThw = (
            self.fabric.to_device(torch.stack(parts)) for parts in zip(*excerpts, strict=True)
        )
        plate_BChw = self.fabric.to_device(self.plate_Chw).expand(config.excerpts, -1, -1, -1)
        warm_up = self.lookahead + config.warm_up
        coarse, _ = self.cvg(features_BRF, plate_BChw, paint_from=warm_up)
        used_frames = config.frames - config.warm_up
        frames_BTChw = coarse.frames_BTChw
        weight_BT1hw = (1 + config.limb_weight * matte_BThw)[:, :, None]
        matte = F.binary_cross_entropy_with_logits(coarse.matte_logits_BThw, matte_BThw)
        notes_logits = coarse.notes_B2TP[:, :, config.warm_up + self.delay :][..., :used_frames, :]
        notes = F.binary_cross_entropy_with_logits(
            notes_logits,
            notes_B2TP[:, :, config.warm_up :],
            pos_weight=notes_logits.new_tensor(4.0),
        )
        losses = {
            "pixels": ((frames_BTChw - target_BTChw).abs() * weight_BT1hw).mean(),
            "matte": config.matte_weight * matte,
            "notes": config.notes_weight * notes,
        }
        if step >= config.adversarial_from:
            losses |= self._adversarial(frames_BTChw, target_BTChw, random, step)
        total = torch.stack([v for k, v in losses.items() if not k.startswith("judge")]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        descend(self.fabric, self.cvg, self.optimizer)
        self.ema.update(step)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _adversarial(
        self, fake_BTChw: Tensor, real_BTChw: Tensor, random: np.random.Generator, step: int
    ) -> dict[str, Tensor]:
        first = int(random.integers(fake_BTChw.shape[1] - CLIP + 1))
        clip = slice(first, first + CLIP)
        views = {
            "frames": (fake_BTChw[:, clip].flatten(0, 1), real_BTChw[:, clip].flatten(0, 1)),
            "clips": (clip_channels(fake_BTChw[:, clip]), clip_channels(real_BTChw[:, clip])),
        }
        losses: dict[str, Tensor] = {}
        for name, (fake, real) in views.items():
            adversary = self.adversaries[name]
            if step % 2 == 0:
                losses[f"judge_{name}"] = adversary.train_discriminator(real * 2 - 1, fake * 2 - 1)
            convincing, matching = adversary(fake * 2 - 1, real * 2 - 1)
            losses[f"adversarial_{name}"] = self.config.adversarial_weight * convincing
            losses[f"matching_{name}"] = self.config.feature_weight * matching
        return losses

    def _excerpt(self, random: np.random.Generator) -> tuple[Tensor, ...]:
        """Features with warm-up and lookahead, notes, and the coarse frames and mattes after the warm-up."""
        config, scene = self.config, self.scene
        first = int(random.choice(self.starts))
        span = slice(first, first + config.frames - config.warm_up)
        frames_TCHW = scene.frames_TCHW[span].float() / 255
        matte_T1HW = scene.mattes_THW[span, None].float() / 255
        octave = 0
        if config.shift_octaves and self.octave_pixels:
            octave = int(random.choice(self.music.octaves))
            by = octave * self.octave_pixels
            matte_T1HW = F.pad(matte_T1HW, (by, -by))
            moved_TCHW = F.pad(frames_TCHW, (by, -by))
            frames_TCHW = scene.plate_CHW + matte_T1HW * (moved_TCHW - scene.plate_CHW)
        begin, gain_db = first - config.warm_up, float(random.uniform(*config.gains_db))
        features_RF = self.music.excerpt(
            begin, config.frames + self.lookahead, octave=octave, gain_db=gain_db
        )
        notes_2TP = self.music.roll(begin, config.frames, octave=octave)
        return (
            features_RF,
            notes_2TP,
            F.avg_pool2d(frames_TCHW, STRIDE),
            F.avg_pool2d(matte_T1HW, STRIDE)[:, 0],
        )

    @torch.no_grad()
    def picture_HWC(self) -> np.ndarray:
        """Coarse (averaged weights) above true frames of one excerpt, enlarged."""
        parts = self._excerpt(np.random.default_rng(0))
        features_RF, _, target_TChw, _ = self.fabric.to_device(parts)
        coarse, _ = self.average(features_RF[None], self.fabric.to_device(self.plate_Chw)[None])
        painted_TChw = coarse.frames_BTChw[0, self.lookahead + self.config.warm_up :]
        rows = []
        for painted, target in zip(painted_TChw[::8], target_TChw[::8], strict=True):
            for picture_Chw in (painted, target):
                large = F.interpolate(picture_Chw[None], scale_factor=3.0)[0]
                rows.append([(large * 255).byte().permute(1, 2, 0).cpu().numpy()])
        return contact_sheet(rows)
