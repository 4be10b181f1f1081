"""Clips of a scene cut around hands, with the errors and combinations that FPVG is to cope with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.base.conventions import STRIDE
from apvg.training.configs import FPVGTrainingConfig
from apvg.training.data.copy_paste import copy_paste
from apvg.training.data.sampling import StepRandom
from apvg.training.data.scene import Scene

#: Standard deviation of where a hand crop lies around its hand, pixels.
_CROP_JITTER = 4.0


@dataclass(frozen=True)
class Predictions:
    """What the other stages predict for a scene's frames.

    Attributes:
        keypoints_TKD: KHP's keypoints, pixels.
        coarse_TChw: CVG's coarse video, uint8.
    """

    keypoints_TKD: Tensor
    coarse_TChw: Tensor


class Clip(NamedTuple):
    """T frames cut around hands; in a :class:`FPVGBatch` with a leading axis B.

    Attributes:
        target_TCHW: True frames in 0..1.
        matte_THW: True mattes in 0..1.
        plate_CHW: The plate in 0..1.
        keypoints_TKD: Keypoints to paint, pixels of the crop.
        confidence_TK: 0 where a keypoint is not there.
        coarse_TChw: The coarse video in 0..1.
    """

    target_TCHW: Tensor
    matte_THW: Tensor
    plate_CHW: Tensor
    keypoints_TKD: Tensor
    confidence_TK: Tensor
    coarse_TChw: Tensor


class Views(NamedTuple):
    """What discriminators are shown of a batch.

    Attributes:
        frame: Number of the frame that is shown by itself.
        clip: First frame of the clip of hands.
        corners: Left and top edge of a square around one hand, per clip of the batch, pixels.
    """

    frame: int
    clip: int
    corners: tuple[tuple[int, int], ...]


class FPVGBatch(NamedTuple):
    """A step's clips; see :class:`Clip`. `views` is None in steps without discriminators."""

    target_BTCHW: Tensor
    matte_BTHW: Tensor
    plate_BCHW: Tensor
    keypoints_BTKD: Tensor
    confidence_BTK: Tensor
    coarse_BTChw: Tensor
    views: Views | None = None

    @classmethod
    def of(cls, *parts: Tensor) -> FPVGBatch:
        """Of the parts of clips, each with a leading axis B."""
        return cls._make((*parts, None))


class FPVGDataset:
    """Clips of a scene.

    Args:
        scene: The footage.
        predictions: What the other stages predict for it; None where they are not trained yet.
        config: How it is sampled.
    """

    def __init__(
        self, scene: Scene, predictions: Predictions | None, config: FPVGTrainingConfig
    ) -> None:
        self.scene, self.predictions, self.config = scene, predictions, config
        self.players = [list(ids) for ids in scene.skeleton.players.values()]
        self.crop_width = min(config.crop_width, scene.frames_TCHW.shape[-1])
        self.shortest = min(config.clip_lengths)
        self.starts_by_length = {length: scene.stretches(length) for length in config.clip_lengths}

    def batch(self, step: int, random: StepRandom) -> FPVGBatch:
        """Clips of one length, with predictions among their inputs from `predicted_from` on."""
        config, predicted = self.config, step >= self.config.predicted_from
        length = int(random.numpy.choice(config.clip_lengths))
        clips = [
            self.clip(random.numpy, length, predicted=predicted)
            for _ in range(max(1, config.frames_per_step // length))
        ]
        batch = FPVGBatch.of(*(torch.stack(part) for part in zip(*clips, strict=True)))
        if step < config.adversarial_from:
            return batch
        return batch._replace(views=self._views(random.numpy, batch))

    def clip(self, random: np.random.Generator, length: int, *, predicted: bool) -> Clip:
        """A clip of so many frames; `predicted` says whether predictions may be among its
        inputs."""
        start = int(random.choice(self.starts_by_length[length]))
        span = slice(start, start + length)
        clip = None
        if random.random() < self.config.copy_paste_share:
            clip = self._copy_pasted(random, span, predicted=predicted)
        if clip is None:
            clip = self._cut(random, span, predicted=predicted)
        if random.random() < 0.5:
            error_TKD = self.tracking_error(random, clip.keypoints_TKD)
            clip = clip._replace(keypoints_TKD=clip.keypoints_TKD + error_TKD)
        return clip

    def _cut(self, random: np.random.Generator, span: slice, *, predicted: bool) -> Clip:
        """A clip as it was filmed, pasted onto another part of the plate, or of the empty plate."""
        config, scene, predictions = self.config, self.scene, self.predictions
        keypoints_TKD, confidence_TK = scene.keypoints_TKD[span], scene.confidence_TK[span]
        left = self._crop_left(random, keypoints_TKD, confidence_TK)
        columns = slice(left, left + self.crop_width)
        target_TCHW = scene.frames_TCHW[span, :, :, columns].float() / 255
        matte_THW = scene.mattes_THW[span, :, columns].float() / 255
        plate_CHW = scene.plate_CHW[:, :, columns]
        coarse_TChw = _coarse(plate_CHW)[None].expand(len(target_TCHW), -1, -1, -1)

        if predicted and predictions is not None:
            if random.random() < config.coarse_share:
                cells = slice(left // STRIDE, (left + self.crop_width) // STRIDE)
                coarse_TChw = predictions.coarse_TChw[span, :, :, cells].float() / 255
            if random.random() < config.predicted_share:
                keypoints_TKD = predictions.keypoints_TKD[span]
        keypoints_TKD = keypoints_TKD - torch.tensor([float(left), 0.0])

        if random.random() < config.background_share:
            elsewhere_CHW = scene.plate_CHW[:, :, self._anywhere(random)]
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
        return Clip(target_TCHW, matte_THW, plate_CHW, keypoints_TKD, confidence_TK, coarse_TChw)

    def _copy_pasted(
        self, random: np.random.Generator, span: slice, *, predicted: bool
    ) -> Clip | None:
        """A clip with each hand where the footage never showed it; None where hands are too close.

        Half of these clips get a coarse video that shows other hands elsewhere, as CVG's does where
        it is wrong: where hands are, the heatmaps decide.
        """
        scene, predictions = self.scene, self.predictions
        columns = self._anywhere(random)
        plate_CHW = scene.plate_CHW[:, :, columns]
        pasted = copy_paste(random, scene, span, self.crop_width)
        if pasted is None:
            return None
        length = span.stop - span.start
        target_TCHW = plate_CHW.expand(length, -1, -1, -1)
        matte_THW = torch.zeros_like(target_TCHW[:, 0])
        for colour_TCHW, opacity_THW in pasted.layers:
            target_TCHW = target_TCHW.lerp(colour_TCHW, opacity_THW[:, None])
            matte_THW = torch.maximum(matte_THW, opacity_THW)
        kind = random.random()
        if kind < 0.25:
            coarse_TChw = _coarse(target_TCHW)
        elif kind < 0.75:
            # Other hands elsewhere: from another moment, as CVG or the camera saw it.
            start = int(random.choice(self.starts_by_length[length]))
            other = slice(start, start + length)
            if predicted and predictions is not None:
                cells = slice(columns.start // STRIDE, columns.stop // STRIDE)
                coarse_TChw = predictions.coarse_TChw[other, :, :, cells].float() / 255
            else:
                coarse_TChw = _coarse(scene.frames_TCHW[other, :, :, columns].float() / 255)
        else:
            coarse_TChw = _coarse(plate_CHW)[None].expand(length, -1, -1, -1)
        return Clip(
            target_TCHW,
            matte_THW,
            plate_CHW,
            pasted.keypoints_TKD,
            scene.confidence_TK[span],
            coarse_TChw,
        )

    def _anywhere(self, random: np.random.Generator) -> slice:
        """Columns of a crop anywhere in the picture, on the coarse video's grid."""
        last = self.scene.plate_CHW.shape[-1] - self.crop_width
        left = int(random.integers(last // STRIDE + 1)) * STRIDE
        return slice(left, left + self.crop_width)

    def _crop_left(
        self, random: np.random.Generator, keypoints_TKD: Tensor, confidence_TK: Tensor
    ) -> int:
        """Left edge of a crop around a hand that is seen, on the coarse video's grid."""
        seen = [ids for ids in self.players if bool((confidence_TK[:, ids] > 0).any())]
        width = self.scene.frames_TCHW.shape[-1]
        if seen:
            centre = float(keypoints_TKD[:, seen[random.integers(len(seen))], 0].mean())
        else:
            centre = random.uniform(0, width)
        left = centre + random.uniform(-0.3, 0.3) * self.crop_width - self.crop_width / 2
        return int(np.clip(left, 0, width - self.crop_width)) // STRIDE * STRIDE

    def tracking_error(self, random: np.random.Generator, keypoints_TKD: Tensor) -> Tensor:
        """An error such as trackers make, [T or 1, K, 2] pixels: partly shared by all points,
        partly by all frames."""
        frames, points, _ = keypoints_TKD.shape

        def error(size: float, moments: int) -> np.ndarray:
            own_TKD, shared_T1D = (random.normal(0, size, (moments, n, 2)) for n in (points, 1))
            return own_TKD + shared_T1D

        error_TKD = error(self.config.clip_jitter, 1)
        # Nothing is drawn where there is none: trainings from before it was added stay as they
        # were.
        if self.config.frame_jitter:
            error_TKD = error_TKD + error(self.config.frame_jitter, frames)
        return torch.from_numpy(error_TKD).float()

    def _views(self, random: np.random.Generator, batch: FPVGBatch) -> Views:
        frames = batch.target_BTCHW.shape[1]
        frame = int(random.integers(frames))
        clip = int(random.integers(frames - self.shortest + 1))
        height, width = batch.target_BTCHW.shape[-2:]
        side = self.config.hand_crop
        corners = []
        for keypoints_TKD in batch.keypoints_BTKD.numpy():
            hand = self.players[random.integers(len(self.players))]
            centre = keypoints_TKD[:, hand].mean(axis=(0, 1))
            corner = centre + random.normal(0, _CROP_JITTER, size=2) - side / 2
            x, y = corner.clip(0, (width - side, height - side)).astype(int)
            corners.append((int(x), int(y)))
        return Views(frame, clip, tuple(corners))


def _coarse(pictures: Tensor) -> Tensor:
    """Pictures [..., C, H, W] at the coarse video's size."""
    return F.avg_pool2d(pictures, STRIDE)
