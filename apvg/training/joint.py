"""Joint fine-tuning: the error of the final frames reaches KHP through the STU and the DLT (optional last stage).

KHP goes on from what its own training made, and the STU where it has a rate. KHP's poses are drawn as heatmaps, painted, and
compared with the true frames; its own position loss keeps a pose from drifting to wherever the STU would paint it best.
By default the STU stands still: it was trained against discriminators, and without them it would go back to blurring.
"""

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
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.khp import KeypointPredictor
from apvg.models.pose_space import PoseSpace
from apvg.models.stu import StructuredTemporalUNet
from apvg.training.loop import ExponentialMovingAverage, cosine_rate, descend, seed_step
from apvg.training.music import Music
from apvg.training.scene import Scene


@dataclass(frozen=True)
class JointTrainingConfig:
    """How KHP and the STU are trained together.

    Attributes:
        steps: Steps in all; 0 leaves the stage out.
        frames: Frames painted per step, after the warm-up.
        warm_up: Frames before them, which fill KHP's memory.
        rate: Peak learning rate of Adam for KHP.
        stu_rate: The same for the STU; at 0 it only hands the error on.
        position_weight: Weight of KHP's own position loss, white keys against colours in 0..1.
        limb_weight: Weight of painted pixels over those of the plate.
        ema: Decay of the averaged weights, which ship.
        seed: Of everything random.
    """

    steps: int = 0
    frames: int = 4
    warm_up: int = 60
    rate: float = 5e-5
    stu_rate: float = 0.0
    position_weight: float = 0.05
    limb_weight: float = 5.0
    ema: float = 0.99
    seed: int = 0


class JointTrainer:
    """Trains a KeypointPredictor, and a StructuredTemporalUNet if asked, end to end on a scene and its music."""

    name = "joint"

    def __init__(
        self,
        fabric: Fabric,
        networks: tuple[KeypointPredictor, StructuredTemporalUNet],
        averages: tuple[KeypointPredictor, StructuredTemporalUNet],
        dlt: DifferentiableLandmarkTransformer,
        space: PoseSpace,
        scene: Scene,
        music: Music,
        config: JointTrainingConfig,
    ) -> None:
        self.fabric, self.dlt, self.scene, self.music, self.config = (
            fabric, dlt, scene, music, config,
        )  # fmt: skip
        self.space: PoseSpace = space.to(fabric.device)
        self.steps, self.lookahead = config.steps, networks[0].config.lookahead_frames
        khp_optimizer, stu_optimizer = (Adam(network.parameters()) for network in networks)
        self.khp, khp_setup = fabric.setup(networks[0], khp_optimizer)
        self.stu, stu_setup = fabric.setup(networks[1], stu_optimizer)
        self.stu.requires_grad_(config.stu_rate > 0)
        #: What learns: network, its optimizer, its peak rate.
        self.learners = [(self.khp, khp_setup, config.rate)]
        if config.stu_rate > 0:
            self.learners.append((self.stu, stu_setup, config.stu_rate))
        self.averages = [
            ExponentialMovingAverage(network.module, fabric.to_device(average), config.ema)
            for network, average in zip((self.khp, self.stu), averages, strict=True)
        ]
        self.modules: Mapping[str, nn.Module] = {
            "khp": self.khp.module,
            "stu": self.stu.module,
            "khp_ema": averages[0],
            "fpvg_ema": averages[1],
        }
        self.optimizers: Mapping[str, Optimizer] = {"khp": khp_optimizer, "stu": stu_optimizer}
        self.starts = scene.stretches(config.frames)

    def training_step(self, step: int) -> dict[str, float]:
        """One step on one excerpt, whole frames."""
        config, scene = self.config, self.scene
        random = seed_step(config.seed, step, self.fabric.global_rank)
        for _, optimizer, rate in self.learners:
            for group in optimizer.param_groups:
                group["lr"] = rate * cosine_rate(step, config.steps, warmup=20)
        first = int(random.choice(self.starts))
        span = slice(first, first + config.frames)
        before = config.warm_up + self.lookahead
        features_RF = self.music.excerpt(first - config.warm_up, before + config.frames)
        to_device = self.fabric.to_device
        target_TCHW = to_device(scene.frames_TCHW[span].float() / 255)
        matte_THW = to_device(scene.mattes_THW[span].float() / 255)
        plate_1CHW = to_device(scene.plate_CHW)[None]
        motion, _ = self.khp(to_device(features_RF)[None])
        poses_TKD = motion.poses_BTKD[0, before:]
        painted_TCHW = self._paint(poses_TKD, plate_1CHW)

        weight_T1HW = (1 + config.limb_weight * matte_THW)[:, None]
        true_TKD = self.space.to_poses(to_device(scene.keypoints_TKD[span]))
        losses = {
            "pixels": ((painted_TCHW - target_TCHW).abs() * weight_T1HW).mean(),
            "position": config.position_weight * (poses_TKD - true_TKD).abs().mean(),
        }
        for _, optimizer, _ in self.learners:
            optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(torch.stack(list(losses.values())).sum())
        for network, optimizer, _ in self.learners:
            descend(self.fabric, network, optimizer)
        for average in self.averages:
            average.update(step)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _paint(self, poses_TKD: Tensor, plate_1CHW: Tensor) -> Tensor:
        """Poses to frames [T, 3, H, W], from the plate for a coarse video; differentiable all the way."""
        keypoints_1TKD = self.space.to_pixels(poses_TKD)[None]
        seen_1TK = torch.ones_like(keypoints_1TKD[..., 0])
        heatmaps_1TKhw = self.dlt(keypoints_1TKD, seen_1TK, plate_1CHW.shape[-2:])
        coarse_1TChw = F.avg_pool2d(plate_1CHW, STRIDE)[:, None].expand(
            -1, len(poses_TKD), -1, -1, -1
        )
        painting, _ = self.stu(coarse_1TChw, heatmaps_1TKhw, keypoints_1TKD, plate_1CHW)
        return painting.frames_BTCHW[0].float()

    def picture_HWC(self) -> np.ndarray | None:
        """FPVG's own pictures show what there is to see."""
        return None
