"""The stages as they were trained: PyTorch's modules, on any of its devices."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from apvg.engines.protocol import Pose
from apvg.models.cvg import CVGState
from apvg.models.motion import MotionState
from apvg.models.stu import Encoded
from apvg.models.transcription import TranscriberState
from apvg.stages import Stages
from apvg.video.compositing import Layer


class PyTorchEngine:
    """The modules themselves (see :class:`apvg.engines.protocol.Engine`).

    Args:
        stages: Of the performer.
        bfloat16: Whether CVG and the STU, which paint, multiply in bfloat16. KHP needs more digits
            to place a finger.
    """

    def __init__(self, stages: Stages, *, bfloat16: bool = False) -> None:
        self._stages = stages
        self._bfloat16 = bfloat16
        self.name = "PyTorch in bfloat16" if bfloat16 else "PyTorch"

    @property
    def device(self) -> torch.device:
        return self._stages.device

    @torch.inference_mode()
    def transcribe(
        self, features_RF: Tensor, state: TranscriberState | None
    ) -> tuple[Tensor, TranscriberState]:
        transcription, after = self._stages.khp.transcribe(features_RF[None], state)
        return transcription.notes_B2TP[0], after

    @torch.inference_mode()
    def pose(self, played: Tensor, state: MotionState | None) -> tuple[Pose, MotionState]:
        stages = self._stages
        motion, after = stages.khp.pose(played[None], state)
        keypoints_TKD = stages.space.to_pixels(motion.poses_BTKD[0])
        # All points of a limb are as visible as the limb; the others always are.
        confidence_TK = keypoints_TKD.new_ones(keypoints_TKD.shape[:2])
        for limb, ids in enumerate(stages.config.skeleton.players.values()):
            confidence_TK[:, list(ids)] = motion.visible_BTL[0, :, limb, None].sigmoid()
        return Pose(keypoints_TKD, confidence_TK, motion.heights_BTK[0]), after

    @torch.inference_mode()
    def coarse(self, features_RF: Tensor, state: CVGState | None) -> tuple[Tensor, CVGState]:
        plate_1Chw = self._stages.coarse_plate_1Chw
        with self._precision():
            coarse, after = self._stages.cvg(features_RF[None], plate_1Chw, state)
        return coarse.over(plate_1Chw)[0], after

    @torch.inference_mode()
    def encode(self, keypoints_TKD: Tensor, confidence_TK: Tensor, coarse_TChw: Tensor) -> Encoded:
        stages = self._stages
        width, height = stages.config.size
        heatmaps_1TKhw = stages.dlt(keypoints_TKD[None], confidence_TK[None], (height, width))
        with self._precision():
            return stages.stu.encode(
                coarse_TChw[None], heatmaps_1TKhw, keypoints_TKD[None], stages.plate_1CHW
            )

    @torch.inference_mode()
    def recur(
        self, encoded: Encoded, state: Tensor | None
    ) -> tuple[tuple[Encoded, Tensor | None], Tensor | None]:
        stu = self._stages.stu
        with self._precision():
            hidden_NChw, after = stu.recur(encoded.at(stu.config.recurrent_level), 1, state)
        return (encoded, hidden_NChw), after

    @torch.inference_mode()
    def paint(self, recurred: tuple[Encoded, Tensor | None]) -> Layer:
        with self._precision():
            painting = self._stages.stu.decode(*recurred, 1)
        return Layer(painting.colour_BTCHW[0], painting.matte_BTHW[0, :, None])

    def _precision(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16)
