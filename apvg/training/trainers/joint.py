"""Stage `joint`, optional: the error of the final frames reaches KHP through the STU and the DLT.

KHP goes on from what its own training made, and the STU where it has a rate. KHP's poses are drawn
as heatmaps, painted, and compared with the true frames; its own position loss keeps a pose from
drifting to wherever the STU would paint it best. By default the STU is frozen: it was trained
against discriminators, and without them it would go back to blurring.
"""

from __future__ import annotations

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from apvg.base.conventions import STRIDE
from apvg.models.fingering import Planned
from apvg.stages import Stages
from apvg.training.configs import JointTrainingConfig
from apvg.training.data.fingering import planned_music
from apvg.training.data.joint import JointBatch, JointDataset
from apvg.training.data.loader import Loader
from apvg.training.data.music import Music
from apvg.training.data.scene import Scene
from apvg.training.losses.pictures import weighted_l1
from apvg.training.material import Material
from apvg.training.trainers.step import Learner, StageTrainer, cosine, optimise


class JointTrainer(StageTrainer):
    """Trains the KHP of a performer, and its STU if asked, end to end on a scene and its music.

    Args:
        fabric: Places everything.
        stages: KHP and the STU of these are trained.
        scene: The footage.
        music: Its music.
        config: How it is trained.
        planned: The music's notes with the fingers that play them, where KHP plans fingers.
        workers: See :class:`Loader`.
    """

    def __init__(
        self,
        fabric: Fabric,
        stages: Stages,
        scene: Scene,
        music: Music,
        config: JointTrainingConfig,
        *,
        planned: Planned | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__("joint", fabric, config.steps)
        self.config = config
        self.dlt, self.space = stages.dlt, stages.space.to(fabric.device)
        self.lookahead = stages.khp.config.lookahead_frames
        self.khp, self.stu = (
            Learner(
                fabric,
                network.train().requires_grad_(rate > 0),
                Adam(network.parameters()),
                rate=cosine(rate, config.steps, warmup=20),
                ema=config.ema,
                methods=methods,
            )
            for network, rate, methods in (
                (stages.khp, config.rate, ("pose",)),
                (stages.stu, config.stu_rate, ()),
            )
        )
        self.learners = [self.khp, self.stu] if config.stu_rate > 0 else [self.khp]
        self.planned = planned is not None
        dataset = JointDataset(scene, music, config, lookahead=self.lookahead, planned=planned)
        self.loader = Loader(
            dataset, config.seed, config.steps, rank=fabric.global_rank, workers=workers
        )

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Both networks and their averages, which ship."""
        khp, stu = self.khp, self.stu
        return {
            "khp": khp.module,
            "stu": stu.module,
            "khp_ema": khp.average,
            "fpvg_ema": stu.average,
        }

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """Of both networks."""
        return {"khp": self.khp.optimizer, "stu": self.stu.optimizer}

    def training_step(self, step: int) -> dict[str, float]:
        """One step on one excerpt, whole frames."""
        config = self.config
        batch: JointBatch = self.fabric.to_device(self.loader.begin(step))
        if self.planned:  # what is planned ahead comes on time
            motion, _ = self.khp.network.pose(batch.given)
            poses_TKD = motion.poses_BTKD[0, config.warm_up :]
        else:
            motion, _ = self.khp.network(batch.given)
            poses_TKD = motion.poses_BTKD[0, self.lookahead + config.warm_up :]
        painted_TCHW = self._paint(poses_TKD, batch.plate_1CHW)
        weight_T1HW = (1 + config.limb_weight * batch.matte_THW)[:, None]
        true_TKD = self.space.to_poses(batch.keypoints_TKD)
        losses = {
            "pixels": weighted_l1(painted_TCHW, batch.target_TCHW, weight_T1HW),
            "position": config.position_weight * (poses_TKD - true_TKD).abs().mean(),
        }
        return optimise(losses, step, *self.learners)

    def _paint(self, poses_TKD: Tensor, plate_1CHW: Tensor) -> Tensor:
        """Poses to frames [T, 3, H, W], with the plate as the coarse video; differentiable
        throughout."""
        keypoints_1TKD = self.space.to_pixels(poses_TKD)[None]
        confidence_1TK = torch.ones_like(keypoints_1TKD[..., 0])
        heatmaps_1TKhw = self.dlt(keypoints_1TKD, confidence_1TK, plate_1CHW.shape[-2:])
        coarse_1TChw = F.avg_pool2d(plate_1CHW, STRIDE)[:, None].expand(
            -1, len(poses_TKD), -1, -1, -1
        )
        painting, _ = self.stu.network(coarse_1TChw, heatmaps_1TKhw, keypoints_1TKD, plate_1CHW)
        return painting.over(plate_1CHW)[0].float()


def build(material: Material, stage: str, until: int | None) -> JointTrainer:
    """The stage's trainer, from the averaged weights of the stages before."""
    stages = material.weights.stages(material.cache.plate_HWC)
    return JointTrainer(
        material.fabric,
        stages,
        material.cache.scene,
        material.cache.scene_music,
        material.plan.recipe.joint,
        planned=planned_music(material.plan) if stages.khp.motion.planned else None,
        workers=material.workers,
    )
