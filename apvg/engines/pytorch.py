"""The stages as they were trained: PyTorch's modules, on any of its devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from apvg.models.cvg import CVGState
from apvg.models.khp import HearingState
from apvg.models.motion.hands import MovingState
from apvg.models.stu import Encoded

if TYPE_CHECKING:
    from apvg.performer import Performer


class PyTorchEngine:
    """The performer's own modules (see :class:`apvg.engines.protocol.Engine`).

    Args:
        performer: Whose.
        bfloat16: Whether CVG and the STU, which paint, multiply in bfloat16. KHP needs more digits to place a finger.
    """

    def __init__(self, performer: Performer, *, bfloat16: bool = False) -> None:
        self._performer = performer
        self._bfloat16 = bfloat16
        self.name = "PyTorch in bfloat16" if bfloat16 else "PyTorch"

    @property
    def device(self) -> torch.device:
        return self._performer.device

    @torch.inference_mode()
    def hear(self, features_RF: Tensor, state: HearingState | None) -> tuple[Tensor, HearingState]:
        heard, after = self._performer.khp.hear(features_RF[None], state)
        return heard.notes_B2TP[0], after

    @torch.inference_mode()
    def play(
        self, notes_2TP: Tensor, state: MovingState | None
    ) -> tuple[Tensor, Tensor, MovingState]:
        performer = self._performer
        motion, after = performer.khp.play(notes_2TP[None], state)
        keypoints_TKD = performer.space.to_pixels(motion.poses_BTKD[0])
        # Every point of a hand is as sure as the hand; points of no hand are taken as seen.
        confidence_TK = keypoints_TKD.new_ones(keypoints_TKD.shape[:2])
        for hand, ids in enumerate(performer.skeleton.hands.values()):
            confidence_TK[:, list(ids)] = motion.seen_BTH[0, :, hand, None].sigmoid()
        return keypoints_TKD, confidence_TK, after

    @torch.inference_mode()
    def cvg(self, features_RF: Tensor, state: CVGState | None) -> tuple[Tensor, CVGState]:
        performer = self._performer
        with self._precision():
            coarse, after = performer.cvg(features_RF[None], performer.coarse_plate_1Chw, state)
        return coarse.frames_BTChw[0], after

    @torch.inference_mode()
    def encode(self, keypoints_TKD: Tensor, confidence_TK: Tensor, coarse_TChw: Tensor) -> Encoded:
        performer = self._performer
        width, height = performer.config.size
        heatmaps_1TKhw = performer.dlt(keypoints_TKD[None], confidence_TK[None], (height, width))
        with self._precision():
            return performer.stu.encode(
                coarse_TChw[None], heatmaps_1TKhw, keypoints_TKD[None], performer.plate_1CHW
            )

    @torch.inference_mode()
    def remember(
        self, encoded: Encoded, state: Tensor | None
    ) -> tuple[tuple[Encoded, Tensor | None], Tensor | None]:
        stu = self._performer.stu
        with self._precision():
            remembered_NChw, after = stu.remember(encoded.at(stu.config.memory_at), 1, state)
        return (encoded, remembered_NChw), after

    @torch.inference_mode()
    def decode(self, remembered: tuple[Encoded, Tensor | None]) -> Tensor:
        with self._precision():
            painting = self._performer.stu.decode(*remembered, self._performer.plate_1CHW)
        return painting.frames_BTCHW[0]

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16)
