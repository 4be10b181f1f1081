"""Baselines for pictures: CVG alone, and a per-frame image translation.

Both have the same inputs as the stages of the performer: the coarse video of CVG comes from the
music, and Pix2Pix translates the keypoints that FPVG is given. The clean plate is a retrieval
baseline (:mod:`apvg.evaluation.retrieval`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.base.progress import track
from apvg.instruments.skeleton import Skeleton
from apvg.models.discriminators import PatchDiscriminator
from apvg.video.drawing import draw_skeleton

_LEVELS = 5  # halvings of the picture


def enlarged(coarse_ThwC: np.ndarray, size_HW: tuple[int, int]) -> np.ndarray:
    """CVG alone: its coarse video, uint8, at the frame's size [T, H, W, 3] by bilinear
    interpolation."""
    coarse_TChw = torch.from_numpy(coarse_ThwC).permute(0, 3, 1, 2).float()
    frames_TCHW = F.interpolate(coarse_TChw, size_HW, mode="bilinear", align_corners=False)
    return _to_uint8(frames_TCHW / 255)


@dataclass(frozen=True)
class Pix2PixConfig:
    """As published (Isola et al., CVPR 2017), except where noted.

    Attributes:
        steps: Of one batch each; enough for a few minutes of footage.
        batch: Frames in a batch.
        width: Channels of either network at half the frame's size: half of the published ones.
        rate: Adam's learning rate.
        pixel_weight: Of the absolute error; the adversarial loss has weight 1.
        seed: Of everything random.
    """

    steps: int = 2000
    batch: int = 4
    width: int = 32
    rate: float = 2e-4
    pixel_weight: float = 100.0
    seed: int = 0


class TranslationUNet(nn.Module):
    """A drawn pose to a picture: strided 4×4 convolutions down, transposed ones up, skip
    connections at every level.

    Pictures [N, 3, H, W] in -1..1. Instance normalisation is equal to the published batch
    normalisation with batches of one.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(_LEVELS)]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for level, channels in enumerate(widths):
            before = widths[level - 1] if level else 3
            norm = 0 < level < _LEVELS - 1  # neither outermost nor innermost
            down.append(_step(nn.Conv2d(before, channels, 4, 2, 1), channels if norm else 0))
            double = channels if level == _LEVELS - 1 else 2 * channels
            after = nn.ConvTranspose2d(double, before, 4, 2, 1)
            up.append(_step(after, before if level else 0))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up[::-1])
        self.drop = nn.Dropout(0.5)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        height, width = x_NCHW.shape[-2:]
        unit = 2**_LEVELS
        x_NCHW = F.pad(x_NCHW, (0, -width % unit, 0, -height % unit), mode="replicate")
        kept: list[Tensor] = []
        for level, step in enumerate(self.down):
            x_NCHW = step(F.leaky_relu(x_NCHW, 0.2) if level else x_NCHW)
            kept.append(x_NCHW)
        for level, step in enumerate(self.up):
            x_NCHW = x_NCHW if level == 0 else torch.cat([x_NCHW, kept[-1 - level]], dim=1)
            x_NCHW = step(F.relu(x_NCHW))
            x_NCHW = self.drop(x_NCHW) if level < 2 else x_NCHW
        return torch.tanh(x_NCHW[..., :height, :width])


class Pix2Pix:
    """Frame by frame from the drawn pose to the picture, with a patch discriminator; it has no
    memory and no plate."""

    name = "pix2pix"

    def __init__(
        self,
        frame_of: Callable[[int], np.ndarray],
        poses_NKD: np.ndarray,
        skeleton: Skeleton,
        config: Pix2PixConfig | None = None,
    ) -> None:
        """Train on the N frames of a scene.

        Args:
            frame_of: The true frame of a pose, RGB uint8 [H, W, 3].
            poses_NKD: Pixels; NaN where a point was not seen.
            skeleton: The poses' layout.
            config: How to train.
        """
        self.skeleton, self.config = skeleton, config or Pix2PixConfig()
        height, width = frame_of(0).shape[:2]
        self.size_HW = height, width
        torch.manual_seed(self.config.seed)
        self.network = TranslationUNet(self.config.width)
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._train(frame_of, poses_NKD)

    @torch.inference_mode()
    def paint(self, poses_TKD: np.ndarray) -> np.ndarray:
        """Frames [T, H, W, 3], RGB uint8, of poses in pixels; NaN where a point was not seen."""
        self.network.eval()
        painted = [
            _to_uint8(self.network(self._drawn(pose_KD[None])) / 2 + 0.5) for pose_KD in poses_TKD
        ]
        return np.concatenate([np.zeros((0, *self.size_HW, 3), np.uint8), *painted])

    def _train(self, frame_of: Callable[[int], np.ndarray], poses_NKD: np.ndarray) -> None:
        config, network = self.config, self.network.train()
        discriminator = PatchDiscriminator(6, (config.width, 2 * config.width, 4 * config.width))
        discriminator.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        random = np.random.default_rng(config.seed)
        optimizer, discriminator_optimizer = (
            torch.optim.Adam(module.parameters(), lr=config.rate, betas=(0.5, 0.999))
            for module in (network, discriminator)
        )
        for _ in track(range(config.steps), self.name):
            drawn_N = random.integers(len(poses_NKD), size=config.batch)
            pose_NCHW = self._drawn(poses_NKD[drawn_N])
            true_NCHW = _to_network(np.stack([frame_of(int(n)) for n in drawn_N]))
            painted_NCHW = network(pose_NCHW)

            real, _ = discriminator(torch.cat([pose_NCHW, true_NCHW], dim=1))
            fake, _ = discriminator(torch.cat([pose_NCHW, painted_NCHW.detach()], dim=1))
            discriminator_optimizer.zero_grad(set_to_none=True)
            (0.5 * (_adversarial_loss(real, True) + _adversarial_loss(fake, False))).backward()
            discriminator_optimizer.step()

            discriminator.requires_grad_(False)
            fake, _ = discriminator(torch.cat([pose_NCHW, painted_NCHW], dim=1))
            loss = _adversarial_loss(fake, True) + config.pixel_weight * F.l1_loss(
                painted_NCHW, true_NCHW
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            discriminator.requires_grad_(True)

    def _drawn(self, poses_NKD: np.ndarray) -> Tensor:
        """The poses' skeletons on black, as the network takes pictures."""
        black_HWC = np.zeros((*self.size_HW, 3), np.uint8)
        seen_NK = np.isfinite(poses_NKD).all(axis=-1).astype(np.float32)
        pictures = [
            draw_skeleton(black_HWC, pose_KD, seen_K, self.skeleton)
            for pose_KD, seen_K in zip(poses_NKD, seen_NK, strict=True)
        ]
        return _to_network(np.stack(pictures))


def _step(layer: nn.Module, normed: int) -> nn.Module:
    return nn.Sequential(layer, nn.InstanceNorm2d(normed, affine=True)) if normed else layer


def _adversarial_loss(score_N1hw: Tensor, real: bool) -> Tensor:
    """Cross-entropy of a discriminator's scores with their label."""
    wanted = torch.full_like(score_N1hw, float(real))
    return F.binary_cross_entropy_with_logits(score_N1hw, wanted)


def _to_network(frames_NHWC: np.ndarray) -> Tensor:
    return torch.from_numpy(frames_NHWC).permute(0, 3, 1, 2).float() / 127.5 - 1


def _to_uint8(frames_NCHW: Tensor) -> np.ndarray:
    return (frames_NCHW * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
