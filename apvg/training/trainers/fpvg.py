"""Stage `fpvg`: the STU learns to paint the performer from heatmaps and the coarse video.

Three phases of one run (own choice):
1. reconstruction from tracked keypoints, with the plate as the coarse video;
2. from `predicted_from` on, the coarse video is CVG's in some clips, and some are painted from
   KHP's keypoints, so that the STU knows what it will be given;
3. from `adversarial_from` on, discriminators on frames, hand crops and clips sharpen what the mean
   has blurred.
"""

from __future__ import annotations

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from apvg.base.conventions import STRIDE
from apvg.base.errors import ApvgError
from apvg.models.discriminators import PatchDiscriminator, clip_channels
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.stu import Painting, StructuredTemporalUNet
from apvg.stages import build_dlt
from apvg.training.configs import FPVGTrainingConfig
from apvg.training.data.fpvg import FPVGBatch, FPVGDataset, Predictions
from apvg.training.data.loader import Loader
from apvg.training.data.scene import Scene
from apvg.training.losses.pictures import edges, matte_cross_entropy, weighted_l1
from apvg.training.material import Material
from apvg.training.trainers.step import Adversaries, Learner, StageTrainer, cosine, optimise
from apvg.video.images import contact_sheet

#: The DLT draws three maps of each group of bones, of which the first says how near they are.
_MAPS_PER_GROUP = 3


class FPVGTrainer(StageTrainer):
    """Trains a StructuredTemporalUNet on a scene; see the module's first lines for the phases.

    Args:
        fabric: Places everything.
        stu: What is trained.
        dlt: Draws its heatmaps.
        scene: The footage.
        predictions: What the other stages predict for it; None where only the first phase is
            trained.
        config: How it is trained.
        workers: See :class:`Loader`.
    """

    def __init__(
        self,
        fabric: Fabric,
        stu: StructuredTemporalUNet,
        dlt: DifferentiableLandmarkTransformer,
        scene: Scene,
        predictions: Predictions | None,
        config: FPVGTrainingConfig,
        *,
        workers: int = 0,
    ) -> None:
        super().__init__("fpvg", fabric, config.steps)
        self.dlt, self.config, self.skeleton = dlt, config, scene.skeleton
        body = set(self.skeleton.part("body"))
        near = [bones for bones in self.skeleton.bones if bones[0][0] not in body]
        self.nearness = DifferentiableLandmarkTransformer(stride=STRIDE, bones=near)
        # The layout in which convolutions are fastest on CPUs: a sixth of the step.
        stu = stu.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        falling = cosine(config.rate, config.steps)
        self.learner = Learner(
            fabric,
            stu,
            Adam(stu.parameters(), lr=config.rate, betas=(0.9, 0.99)),
            rate=lambda step: (
                falling(step) if step < config.adversarial_from else config.adversarial_rate
            ),
            ema=config.ema,
        )
        self.dataset = FPVGDataset(scene, predictions, config)
        self.adversaries = Adversaries(
            fabric,
            {
                "frames": PatchDiscriminator(3 + len(self.skeleton.players)),
                "hands": PatchDiscriminator(3),
                "clips": PatchDiscriminator(3 + 3 * (self.dataset.shortest - 1)),
            },
            rate=config.discriminator_rate,
            adversarial_weight=config.adversarial_weight,
            feature_weight=config.feature_weight,
        )
        self.loader = Loader(
            self.dataset, config.seed, config.steps, rank=fabric.global_rank, workers=workers
        )

    def training_step(self, step: int) -> dict[str, float]:
        """One step on a batch of clips."""
        batch: FPVGBatch = self.fabric.to_device(self.loader.begin(step))
        painting = self.paint(batch)
        painted_BTCHW = painting.over(batch.plate_BCHW)
        losses = self.reconstruction(painted_BTCHW, painting.matte_logits_BTHW, batch)
        if step >= self.config.adversarial_from:
            losses |= self.adversaries(step, self._views(painted_BTCHW, batch))
        return optimise(losses, step, self.learner)

    def paint(self, batch: FPVGBatch, network: torch.nn.Module | None = None) -> Painting:
        """Forward pass on a batch of clips, from an empty ConvGRU state."""
        stu = network or self.learner.network
        painting, _ = stu(
            batch.coarse_BTChw, self._heatmaps(batch), batch.keypoints_BTKD, batch.plate_BCHW
        )
        return Painting(*(tensor.float() for tensor in painting))

    def reconstruction(
        self, painted_BTCHW: Tensor, matte_logits_BTHW: Tensor, batch: FPVGBatch
    ) -> dict[str, Tensor]:
        """Weighted losses on pixels, on their differences, and on the matte."""
        config = self.config
        weight_BT1HW = (1 + config.limb_weight * batch.matte_BTHW)[:, :, None]
        if config.near_weight:
            weight_BT1HW = weight_BT1HW + config.near_weight * self._near(batch)
        target_BTCHW = batch.target_BTCHW
        return {
            "pixels": weighted_l1(painted_BTCHW, target_BTCHW, weight_BT1HW),
            "edges": config.edge_weight * edges(painted_BTCHW, target_BTCHW, weight_BT1HW),
            "matte": config.matte_weight * matte_cross_entropy(matte_logits_BTHW, batch.matte_BTHW),
        }

    def _heatmaps(self, batch: FPVGBatch) -> Tensor:
        size_HW = batch.target_BTCHW.shape[-2:]
        return self.dlt(batch.keypoints_BTKD, batch.confidence_BTK, size_HW)

    def _near(self, batch: FPVGBatch) -> Tensor:
        """How near every pixel is to a bone of a hand or of the instrument, [B, T, 1, H, W] in
        0..1."""
        maps_BTMhw = self.nearness(
            batch.keypoints_BTKD, batch.confidence_BTK, batch.target_BTCHW.shape[-2:]
        )
        of_groups_BTGhw = maps_BTMhw[:, :, len(self.skeleton) :: _MAPS_PER_GROUP]
        near_BT1hw = of_groups_BTGhw.amax(dim=2, keepdim=True)
        near_N1HW = F.interpolate(near_BT1hw.flatten(0, 1), scale_factor=STRIDE, mode="bilinear")
        return near_N1HW.unflatten(0, near_BT1hw.shape[:2])

    def _views(self, painted_BTCHW: Tensor, batch: FPVGBatch) -> dict[str, tuple[Tensor, Tensor]]:
        """What each discriminator is shown, painted and true, cut at the same places, in -1..1."""
        assert batch.views is not None
        frame, first, corners = batch.views
        heatmaps_BTKhw = self._heatmaps(batch)
        players = [heatmaps_BTKhw[:, frame, list(ids)] for ids in self.skeleton.players.values()]
        players_BPhw = torch.stack([maps_BKhw.amax(dim=1) for maps_BKhw in players], dim=1)
        players_BPHW = F.interpolate(players_BPhw, scale_factor=STRIDE, mode="bilinear")
        side = self.config.hand_crop

        def view(frames_BTCHW: Tensor) -> dict[str, Tensor]:
            hand_BTCHW = torch.stack(
                [
                    frames_TCHW[:, :, y : y + side, x : x + side]
                    for frames_TCHW, (x, y) in zip(frames_BTCHW, corners, strict=True)
                ]
            )
            return {
                "frames": torch.cat([frames_BTCHW[:, frame], players_BPHW], dim=1),
                "hands": hand_BTCHW.flatten(0, 1),
                "clips": clip_channels(hand_BTCHW[:, first : first + self.dataset.shortest]),
            }

        fake, real = view(painted_BTCHW), view(batch.target_BTCHW)
        return {name: (fake[name] * 2 - 1, real[name] * 2 - 1) for name in fake}

    @torch.no_grad()
    def picture_HWC(self) -> np.ndarray:
        """Frames painted by the averaged weights above true ones, of the same four clips each
        time."""
        random, rows = np.random.default_rng(0), []
        predicted = self.dataset.predictions is not None
        for _ in range(4):
            clip = self.dataset.clip(random, self.dataset.shortest, predicted=predicted)
            batch = FPVGBatch.of(*self.fabric.to_device([part[None] for part in clip]))
            painting = self.paint(batch, self.learner.average)
            for frames_TCHW in (painting.over(batch.plate_BCHW)[0], batch.target_BTCHW[0]):
                pictures = (frames_TCHW.cpu() * 255).round().to(torch.uint8)
                rows.append([p.permute(1, 2, 0).numpy() for p in pictures[1:]])
        return contact_sheet(rows)


def build(material: Material, stage: str, until: int | None) -> FPVGTrainer:
    """The stage's trainer, on the scene; with predictions of KHP and CVG where the training goes on
    to the second phase."""
    weights, cache, config = material.weights, material.cache, material.plan.recipe.fpvg
    stu, predictions = weights.initial("fpvg"), None
    if until is None or until > config.predicted_from:
        if not (weights.is_finished("khp") and weights.is_finished("cvg")):
            raise ApvgError(
                f"from step {config.predicted_from} on, FPVG trains on predictions of KHP and CVG, "
                "which are not trained yet",
                "train the stages khp and cvg first",
                ("stage",),
            )
        predictions = cache.predictions(weights.stages(cache.plate_HWC, ("khp", "cvg")))
    dlt = build_dlt(material.plan.config)
    return FPVGTrainer(
        material.fabric, stu, dlt, cache.scene, predictions, config, workers=material.workers
    )
