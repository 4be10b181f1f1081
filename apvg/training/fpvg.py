"""Training of FPVG: the STU learns to paint the performer from heatmaps and the coarse video.

Three phases of one run (own choice):
1. reconstruction from tracked keypoints, with the plate for a coarse video;
2. from `predicted_from` on, the coarse video is CVG's and a share of the clips is painted from KHP's keypoints, so that
   the STU knows what it will be given;
3. from `adversarial_from` on, discriminators on frames, hand crops and clips sharpen what the mean has blurred.
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
from apvg.models.discriminators import PatchDiscriminator, clip_channels
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.stu import Painting, StructuredTemporalUNet
from apvg.training.adversarial import AdversarialLoss
from apvg.training.copy_paste import free_hands
from apvg.training.loop import ExponentialMovingAverage, cosine_rate, descend, seed_step
from apvg.training.scene import Scene
from apvg.video.images import contact_sheet


@dataclass(frozen=True)
class FPVGTrainingConfig:
    """How FPVG is trained.

    Attributes:
        steps: Steps in all phases together.
        predicted_from: First step with CVG's coarse video and KHP's keypoints among the inputs.
        adversarial_from: First step with discriminators.
        frames_per_step: Frames in a step's batch; shared out to clips of one of `clip_lengths` frames.
        clip_lengths: Lengths of clips, drawn anew each step, so that the ConvGRU sees short and long pasts.
        crop_width: Width of the crop around the hands, pixels; crops are as high as the frame.
        rate: Peak learning rate of Adam.
        adversarial_rate: Its learning rate in phase 3, where the cosine of the phases before has run out.
        limb_weight: Weight of painted pixels over those of the plate, in the reconstruction loss.
        near_weight: Weight of pixels near the hands' bones and an instrument's over others: of a whole player, hands are few.
        edge_weight: Weight of the loss on differences between neighbouring pixels.
        matte_weight: Weight of the matte's own loss.
        empty_share: Share of clips that show the plate alone, without any keypoint.
        paste_share: Share of clips whose hands are both moved elsewhere along the picture's width.
        free_share: Share of clips whose hands are each put anywhere over the keyboard, turned and sized a little.
        jitter: Standard deviation of the error added to keypoints in half the clips, the same throughout a clip, pixels: of
            each point's own, and of one that all share.
        tremble: The same of an error that is another in each of their frames: what the ConvGRU can learn to smooth.
        predicted_share: Share of clips painted from KHP's keypoints in phase 2 and 3.
        coarse_share: Share of clips with CVG's coarse video in phase 2 and 3; the rest get the plate.
        adversarial_weight, feature_weight: Weights of the discriminators' losses.
        discriminator_rate: Learning rate of the discriminators.
        hand_crop: Side of the hand crops that their discriminator sees, pixels.
        ema: Decay of the averaged weights, which ship.
        seed: Of everything random.
    """

    steps: int = 20000
    predicted_from: int = 12000
    adversarial_from: int = 16000
    frames_per_step: int = 16
    clip_lengths: tuple[int, ...] = (4, 4, 8, 16)
    crop_width: int = 192
    rate: float = 6e-4
    adversarial_rate: float = 1.5e-4
    limb_weight: float = 5.0
    near_weight: float = 0.0
    edge_weight: float = 1.0
    matte_weight: float = 0.1
    empty_share: float = 0.03
    paste_share: float = 0.2
    free_share: float = 0.5
    jitter: float = 0.6
    tremble: float = 1.0
    predicted_share: float = 0.3
    coarse_share: float = 0.5
    adversarial_weight: float = 0.1
    feature_weight: float = 0.5
    discriminator_rate: float = 2e-4
    hand_crop: int = 64
    ema: float = 0.999
    seed: int = 0


@dataclass(frozen=True)
class Predictions:
    """What the other stages predict for a scene's frames.

    Attributes:
        keypoints_TKD: KHP's keypoints, pixels.
        coarse_TChw: CVG's coarse video, uint8.
    """

    keypoints_TKD: Tensor
    coarse_TChw: Tensor


class Clips:
    """A batch of clips cut around hands; tensors [B, T, ...] on the training's device."""

    def __init__(
        self,
        target_BTCHW: Tensor,
        matte_BTHW: Tensor,
        plate_BCHW: Tensor,
        keypoints_BTKD: Tensor,
        confidence_BTK: Tensor,
        coarse_BTChw: Tensor,
    ) -> None:
        self.target_BTCHW = target_BTCHW
        self.matte_BTHW = matte_BTHW
        self.plate_BCHW = plate_BCHW
        self.keypoints_BTKD = keypoints_BTKD
        self.confidence_BTK = confidence_BTK
        self.coarse_BTChw = coarse_BTChw


class FPVGTrainer:
    """Trains a StructuredTemporalUNet on a scene; see the module's first lines for the phases."""

    name = "fpvg"

    def __init__(
        self,
        fabric: Fabric,
        stu: StructuredTemporalUNet,
        average: StructuredTemporalUNet,
        dlt: DifferentiableLandmarkTransformer,
        scene: Scene,
        predictions: Predictions | None,
        config: FPVGTrainingConfig,
    ) -> None:
        self.fabric, self.dlt, self.scene, self.config = fabric, dlt, scene, config
        self.predictions, self.steps = predictions, config.steps
        self.crop_width = min(config.crop_width, scene.frames_TCHW.shape[-1])
        body = scene.skeleton.parts.get("body", ())
        held = [bones for bones in scene.skeleton.bones if bones[0][0] not in body]
        self.nearness = DifferentiableLandmarkTransformer(stride=STRIDE, bones=held)
        # The layout in which convolutions are fastest on processors: a sixth of the step.
        stu = stu.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        optimizer = Adam(stu.parameters(), lr=config.rate, betas=(0.9, 0.99))
        self.stu, self.optimizer = fabric.setup(stu, optimizer)
        self.average = fabric.to_device(average)
        self.ema = ExponentialMovingAverage(self.stu.module, self.average, config.ema)
        hands = len(scene.skeleton.hands)
        rate = config.discriminator_rate
        self.on_frames = AdversarialLoss(fabric, PatchDiscriminator(3 + hands), rate)
        self.on_hands = AdversarialLoss(fabric, PatchDiscriminator(3), rate)
        self.on_clips = AdversarialLoss(
            fabric, PatchDiscriminator(3 + 3 * (min(config.clip_lengths) - 1)), rate
        )
        self.adversaries = {
            "frames": self.on_frames,
            "hands": self.on_hands,
            "clips": self.on_clips,
        }
        self.modules: Mapping[str, nn.Module] = {"stu": self.stu.module, "ema": self.average} | {
            name: adversary.discriminator.module for name, adversary in self.adversaries.items()
        }
        self.optimizers: Mapping[str, Optimizer] = {"stu": optimizer} | {
            name: adversary.optimizer.optimizer for name, adversary in self.adversaries.items()
        }
        self.starts_by_length = {length: scene.stretches(length) for length in config.clip_lengths}

    def training_step(self, step: int) -> dict[str, float]:
        """One step: paint, compare, and from `adversarial_from` on convince the discriminators."""
        config = self.config
        random = seed_step(config.seed, step, self.fabric.global_rank)
        for group in self.optimizer.param_groups:
            group["lr"] = (
                config.rate * cosine_rate(step, config.steps)
                if step < config.adversarial_from
                else config.adversarial_rate
            )
        clips = self.sample(random, predicted=step >= config.predicted_from)
        painting = self.paint(clips)
        losses = self.reconstruction(painting, clips)
        if step >= config.adversarial_from:
            losses |= self.adversarial(painting, clips, random, judges_learn=step % 2 == 0)
        total = torch.stack([v for k, v in losses.items() if not k.startswith("judge")]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        descend(self.fabric, self.stu, self.optimizer)
        self.ema.update(step)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def paint(self, clips: Clips) -> Painting:
        """Forward pass on a batch of clips, from an empty ConvGRU state."""
        heatmaps_BTKhw = self.dlt(
            clips.keypoints_BTKD, clips.confidence_BTK, clips.target_BTCHW.shape[-2:]
        )
        painting, _ = self.stu(
            clips.coarse_BTChw, heatmaps_BTKhw, clips.keypoints_BTKD, clips.plate_BCHW
        )
        return Painting(*(tensor.float() for tensor in painting))

    def reconstruction(self, painting: Painting, clips: Clips) -> dict[str, Tensor]:
        """Weighted L1 of pixels and of their differences, and the matte's cross-entropy."""
        config = self.config
        weight_BT1HW = (1 + config.limb_weight * clips.matte_BTHW)[:, :, None]
        if config.near_weight:
            weight_BT1HW = weight_BT1HW + config.near_weight * self._near(clips)
        error_BTCHW = painting.frames_BTCHW - clips.target_BTCHW
        across, down = error_BTCHW.diff(dim=-1).abs(), error_BTCHW.diff(dim=-2).abs()
        edges = (across * weight_BT1HW[..., 1:]).mean() + (down * weight_BT1HW[..., 1:, :]).mean()
        matte = F.binary_cross_entropy_with_logits(painting.matte_logits_BTHW, clips.matte_BTHW)
        return {
            "pixels": (error_BTCHW.abs() * weight_BT1HW).mean(),
            "edges": config.edge_weight * edges,
            "matte": config.matte_weight * matte,
        }

    def _near(self, clips: Clips) -> Tensor:
        """How near every pixel is to a bone of a hand or an instrument, [B, T, 1, H, W] in 0..1."""
        maps_BTMhw = self.nearness(
            clips.keypoints_BTKD, clips.confidence_BTK, clips.target_BTCHW.shape[-2:]
        )
        first = len(self.scene.skeleton)
        near_BT1hw = maps_BTMhw[:, :, first::3].amax(
            dim=2, keepdim=True
        )  # of three maps a group, the first
        near_N1HW = F.interpolate(near_BT1hw.flatten(0, 1), scale_factor=STRIDE, mode="bilinear")
        return near_N1HW.unflatten(0, near_BT1hw.shape[:2])

    def adversarial(
        self, painting: Painting, clips: Clips, random: np.random.Generator, *, judges_learn: bool
    ) -> dict[str, Tensor]:
        """Losses against the three discriminators, which learn every second step."""
        views = self._views(painting.frames_BTCHW, clips, random)
        losses: dict[str, Tensor] = {}
        for name, (fake, real) in views.items():
            adversary = self.adversaries[name]
            if judges_learn:
                losses[f"judge_{name}"] = adversary.train_discriminator(real, fake)
            convincing, matching = adversary(fake, real)
            losses[f"adversarial_{name}"] = self.config.adversarial_weight * convincing
            losses[f"matching_{name}"] = self.config.feature_weight * matching
        return losses

    def _views(
        self, painted_BTCHW: Tensor, clips: Clips, random: np.random.Generator
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """What each discriminator is shown, painted and true, cut at the same places."""
        heatmaps_BTKhw = self.dlt(
            clips.keypoints_BTKD, clips.confidence_BTK, painted_BTCHW.shape[-2:]
        )
        hands_BTPhw = torch.stack(
            [
                heatmaps_BTKhw[:, :, list(ids)].amax(dim=2)
                for ids in self.scene.skeleton.hands.values()
            ],
            dim=2,
        )
        frame = int(random.integers(painted_BTCHW.shape[1]))
        hands_BPHW = F.interpolate(hands_BTPhw[:, frame], scale_factor=STRIDE, mode="bilinear")
        first = int(random.integers(painted_BTCHW.shape[1] - min(self.config.clip_lengths) + 1))
        clip = slice(first, first + min(self.config.clip_lengths))
        boxes = self._hand_boxes(clips, random)

        def crop(frames_BTCHW: Tensor) -> Tensor:
            side = self.config.hand_crop
            return torch.stack(
                [
                    frames_BTCHW[b, :, :, y : y + side, x : x + side]
                    for b, (x, y) in enumerate(boxes)
                ]
            )

        def view(frames_BTCHW: Tensor) -> dict[str, Tensor]:
            hand_BTCHW = crop(frames_BTCHW)
            return {
                "frames": torch.cat([frames_BTCHW[:, frame], hands_BPHW], dim=1),
                "hands": hand_BTCHW.flatten(0, 1),
                "clips": clip_channels(hand_BTCHW[:, clip]),
            }

        fake, real = view(painted_BTCHW), view(clips.target_BTCHW)
        return {name: (fake[name] * 2 - 1, real[name] * 2 - 1) for name in fake}

    def _hand_boxes(self, clips: Clips, random: np.random.Generator) -> list[tuple[int, int]]:
        """Top left corners (x, y) of one square around one hand, per clip of the batch."""
        height, width = clips.target_BTCHW.shape[-2:]
        side = self.config.hand_crop
        hands = list(self.scene.skeleton.hands.values())
        boxes = []
        for keypoints_TKD in clips.keypoints_BTKD.float().cpu().numpy():
            centre = keypoints_TKD[:, list(hands[random.integers(len(hands))])].mean(axis=(0, 1))
            corner = centre + random.normal(0, 4, size=2) - side / 2
            x, y = corner.clip(0, (width - side, height - side)).astype(int)
            boxes.append((int(x), int(y)))
        return boxes

    def sample(self, random: np.random.Generator, *, predicted: bool) -> Clips:
        """A batch of clips cut around the hands, some with their hands moved along the picture."""
        config = self.config
        length = int(random.choice(config.clip_lengths))
        cuts = [
            self._cut(random, length, predicted=predicted)
            for _ in range(max(1, config.frames_per_step // length))
        ]
        batch = [torch.stack(parts) for parts in zip(*cuts, strict=True)]
        return Clips(*self.fabric.to_device(batch))

    def _cut(
        self, random: np.random.Generator, length: int, *, predicted: bool
    ) -> tuple[Tensor, ...]:
        config, scene, predictions = self.config, self.scene, self.predictions
        start = int(random.choice(self.starts_by_length[length]))
        span = slice(start, start + length)
        if random.random() < config.free_share:
            freed = self._cut_free(random, span, predicted=predicted)
            if freed is not None:
                return freed
        keypoints_TKD = scene.keypoints_TKD[span]
        confidence_TK = scene.confidence_TK[span]

        left = self._crop_left(random, keypoints_TKD, confidence_TK)
        columns = slice(left, left + self.crop_width)
        target_TCHW = scene.frames_TCHW[span, :, :, columns].float() / 255
        matte_THW = scene.mattes_THW[span, :, columns].float() / 255
        plate_CHW = scene.plate_CHW[:, :, columns]
        coarse_TChw = _coarse(plate_CHW)[None].expand(length, -1, -1, -1)

        if predicted and predictions is not None:
            if random.random() < config.coarse_share:
                cells = slice(left // STRIDE, (left + self.crop_width) // STRIDE)
                coarse_TChw = predictions.coarse_TChw[span, :, :, cells].float() / 255
            if random.random() < config.predicted_share:
                keypoints_TKD = predictions.keypoints_TKD[span]
        keypoints_TKD = keypoints_TKD - torch.tensor([float(left), 0.0])

        if random.random() < config.paste_share:
            last = scene.plate_CHW.shape[-1] - self.crop_width
            place = int(random.integers(last // STRIDE + 1)) * STRIDE
            elsewhere_CHW = scene.plate_CHW[:, :, place : place + self.crop_width]
            # What moves behind the hands stays behind.
            matte_THW = scene.hands_THW[span, :, columns].float() / 255
            opacity_T1HW = matte_THW[:, None]
            target_TCHW = elsewhere_CHW + opacity_T1HW * (target_TCHW - elsewhere_CHW)
            opacity_T1hw = F.avg_pool2d(opacity_T1HW, STRIDE)
            there_Chw = _coarse(elsewhere_CHW)
            coarse_TChw = there_Chw + opacity_T1hw * (coarse_TChw - there_Chw)
            plate_CHW = elsewhere_CHW
        if random.random() < config.empty_share:
            target_TCHW = plate_CHW.expand_as(target_TCHW)
            matte_THW, confidence_TK = torch.zeros_like(matte_THW), torch.zeros_like(confidence_TK)
            coarse_TChw = _coarse(plate_CHW)[None].expand_as(coarse_TChw)
        if random.random() < 0.5:
            keypoints_TKD = keypoints_TKD + self._tracking_error(random, keypoints_TKD)
        return target_TCHW, matte_THW, plate_CHW, keypoints_TKD, confidence_TK, coarse_TChw

    def _cut_free(
        self, random: np.random.Generator, span: slice, *, predicted: bool
    ) -> tuple[Tensor, ...] | None:
        """A clip with each hand where the footage never showed it; None where the hands are too close to be told apart.

        Half of these clips get a coarse video that shows other hands elsewhere, as CVG's does where it is wrong: where
        hands are, the heatmaps say.
        """
        scene, predictions = self.scene, self.predictions
        width = self.crop_width
        last = scene.plate_CHW.shape[-1] - width
        left = int(random.integers(last // STRIDE + 1)) * STRIDE
        plate_CHW = scene.plate_CHW[:, :, left : left + width]
        layers = free_hands(random, scene, span, width)
        if layers is None:
            return None
        target_TCHW = plate_CHW.expand(span.stop - span.start, -1, -1, -1)
        matte_THW = torch.zeros_like(target_TCHW[:, 0])
        for colour_TCHW, opacity_THW in layers.pictures:
            target_TCHW = target_TCHW.lerp(colour_TCHW, opacity_THW[:, None])
            matte_THW = torch.maximum(matte_THW, opacity_THW)
        keypoints_TKD, confidence_TK = layers.keypoints_TKD, scene.confidence_TK[span]
        kind = random.random()
        if kind < 0.25:
            coarse_TChw = _coarse(target_TCHW)
        elif kind < 0.75:
            # Other hands elsewhere: from another moment, as CVG or the camera saw it.
            cells = slice(left // STRIDE, (left + width) // STRIDE)
            start = int(random.choice(self.starts_by_length[len(target_TCHW)]))
            other = slice(start, start + len(target_TCHW))
            if predicted and predictions is not None:
                coarse_TChw = predictions.coarse_TChw[other, :, :, cells].float() / 255
            else:
                columns = slice(left, left + width)
                coarse_TChw = _coarse(scene.frames_TCHW[other, :, :, columns].float() / 255)
        else:
            coarse_TChw = _coarse(plate_CHW)[None].expand(len(target_TCHW), -1, -1, -1)
        if random.random() < 0.5:
            keypoints_TKD = keypoints_TKD + self._tracking_error(random, keypoints_TKD)
        return target_TCHW, matte_THW, plate_CHW, keypoints_TKD, confidence_TK, coarse_TChw

    def _crop_left(
        self, random: np.random.Generator, keypoints_TKD: Tensor, confidence_TK: Tensor
    ) -> int:
        """Left edge of a crop around a hand that is seen, on the stem's grid."""
        hands = [
            ids
            for ids in map(list, self.scene.skeleton.hands.values())
            if bool((confidence_TK[:, ids] > 0).any())
        ]
        width = self.scene.frames_TCHW.shape[-1]
        if hands:
            centre = float(keypoints_TKD[:, hands[random.integers(len(hands))], 0].mean())
        else:
            centre = random.uniform(0, width)
        left = centre + random.uniform(-0.3, 0.3) * self.crop_width - self.crop_width / 2
        return int(np.clip(left, 0, width - self.crop_width)) // STRIDE * STRIDE

    def _tracking_error(self, random: np.random.Generator, keypoints_TKD: Tensor) -> Tensor:
        """An error as trackers and predictions make it: partly the same for all points, partly all through the clip."""
        frames, points, _ = keypoints_TKD.shape

        def error(size: float, moments: int) -> np.ndarray:
            own_TKD, shared_T1D = (random.normal(0, size, (moments, n, 2)) for n in (points, 1))
            return own_TKD + shared_T1D

        error_TKD = error(self.config.jitter, 1)
        # Where nothing trembles nothing is drawn: such a training is what it was before this was added.
        if self.config.tremble:
            error_TKD = error_TKD + error(self.config.tremble, frames)
        return torch.from_numpy(error_TKD).float()

    @torch.no_grad()
    def picture_HWC(self) -> np.ndarray:
        """Painted (averaged weights) above true clips, from the same four draws each time."""
        random, shown = np.random.default_rng(0), min(self.config.clip_lengths)
        rows = []
        for _ in range(4):
            parts = self._cut(random, shown, predicted=self.predictions is not None)
            clips = Clips(*self.fabric.to_device([part[None] for part in parts]))
            heatmaps = self.dlt(clips.keypoints_BTKD, clips.confidence_BTK,
                                clips.target_BTCHW.shape[-2:])  # fmt: skip
            painting, _ = self.average(
                clips.coarse_BTChw, heatmaps, clips.keypoints_BTKD, clips.plate_BCHW
            )
            for frames_TCHW in (painting.frames_BTCHW[0], clips.target_BTCHW[0]):
                pictures = (frames_TCHW.float().cpu() * 255).round().to(torch.uint8)
                rows.append([p.permute(1, 2, 0).numpy() for p in pictures[1:]])
        return contact_sheet(rows)


def _coarse(plate_CHW: Tensor) -> Tensor:
    """A picture at the coarse video's size."""
    return F.avg_pool2d(plate_CHW, STRIDE)
