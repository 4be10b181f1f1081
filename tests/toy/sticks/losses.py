"""What its motion decoder is trained by: at an onset some head is on the bar."""

from __future__ import annotations

import torch
from torch import Tensor

from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.takes.take import Take
from apvg.training.configs import MotionTrainingConfig
from apvg.training.losses.playing import Played
from sticks.instrument import BARS, LOWEST


class HeadsOnBars:
    """See :class:`apvg.training.losses.playing.PlayingLoss`."""

    def target(self, take: Take) -> Tensor:
        return torch.zeros(len(take), 0)

    def __call__(self, played: Played, config: MotionTrainingConfig) -> dict[str, Tensor]:
        first = LOWEST - LOWEST_PITCH
        onset_BTP = played.onset_BTP[..., first : first + BARS] * played.valid_BT[..., None]
        batch_N, frame_N, bar_N = torch.nonzero(onset_BTP, as_tuple=True)
        heads = [head for heads in played.skeleton.limbs.values() for head in heads]
        heads_NH = played.motion.poses_BTKD[batch_N, frame_N][:, heads, 0]
        away_N = (heads_NH - (bar_N[:, None] + 0.5)).abs().amin(dim=1)
        return {"heads": config.touch_weight * away_N.mean()} if len(away_N) else {}


HEADS_ON_BARS = HeadsOnBars()
