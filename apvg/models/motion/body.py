"""The motion decoder for a whole player: from notes to the pose of body, hands and bow.

Convolutions along time read what sounds, and the bow's direction by the parity of strokes; then one
recurrent state follows them, which starts from the pose at the start of the music. Half of what a
bow does is that parity since the last rest, which a recurrent network learns to count very slowly;
so it is counted. Which finger stops which string where is a decision, and the mean of two decisions
is none; so probabilities of decisions come first, and points are placed given them. (Own choice;
the paper only says that keypoints are predicted.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.instruments.skeleton import Skeleton
from apvg.models.blocks import CausalConv2d
from apvg.models.motion.bones import ANY_LENGTH, BONES, limit_bones, longest_bones
from apvg.models.motion.decoder import (
    MOTION_DECODERS,
    Motion,
    MotionConfig,
    MotionDecoder,
    MotionState,
)
from apvg.models.transcription.encoder import PITCHES, State
from apvg.models.transcription.strokes import REST


class PlayerState(NamedTuple):
    """A player's state.

    Attributes:
        direction_B: Bow direction by the parity of strokes: 1, -1, or 0 in rests.
        silent_B: For how many frames nothing has sounded.
        hidden_1BC: Recurrent state, [1, B, hidden].
    """

    direction_B: Tensor
    silent_B: Tensor
    hidden_1BC: Tensor


def count_strokes(
    notes_B2TP: Tensor, direction_B: Tensor, silent_B: Tensor
) -> tuple[Tensor, Tensor]:
    """Bow direction by the parity of strokes, and for how many frames nothing has sounded; both int
    [B, T].

    A direction is 1 for the first stroke after a rest, -1 for the second, 1 for the third, and 0 in
    rests. Sound after a rest was begun by a stroke, even if none was transcribed: soft ones are
    missed.

    Args:
        notes_B2TP: Onset (a new stroke) and sustained of each pitch, 0..1.
        direction_B, silent_B: Both in the frame before.
    """
    stroke_BT = (notes_B2TP[:, 0] > 0.5).any(dim=-1)
    sounds_BT = (notes_B2TP > 0.5).any(dim=3).any(dim=1)
    time_T = torch.arange(notes_B2TP.shape[2], device=notes_B2TP.device)
    sounding_BT = torch.where(sounds_BT, time_T, -1 - silent_B[:, None])
    silent_BT = time_T - _latest(sounding_BT)
    before_BT = torch.cat([silent_B[:, None], silent_BT[:, :-1]], dim=1)
    stroke_BT = stroke_BT | (sounds_BT & (before_BT >= REST))
    # 0, 1 or 2 strokes before, as far as their parity tells.
    count_BT = stroke_BT.long().cumsum(dim=1) + (direction_B % 3)[:, None]
    rests_BT = _latest(torch.where(silent_BT >= REST, count_BT, 0))
    since_BT = count_BT - rests_BT
    direction_BT = torch.where(since_BT > 0, 2 * (since_BT % 2) - 1, 0)
    return direction_BT, silent_BT


def _latest(numbers_BT: Tensor) -> Tensor:
    """The largest so far; of one frame without the operation for it, which ONNX has not."""
    return numbers_BT.cummax(dim=1).values if numbers_BT.shape[1] > 1 else numbers_BT


class BodyMotionDecoder(MotionDecoder):
    """See :class:`apvg.models.motion.decoder.MotionDecoder`; poses are in the picture, 52 units
    wide."""

    def __init__(self, skeleton: Skeleton, config: MotionConfig) -> None:
        super().__init__(skeleton, config)
        limbs, hands, points = len(skeleton.limbs), len(self.hands_HJ), len(skeleton)
        hidden, self.decisions = config.hidden, list(config.decisions or ())
        decisions = sum(self.decisions)
        self.embed = nn.Linear(2 * PITCHES + 3, hidden)
        self.layers = nn.ModuleList(
            CausalConv2d(hidden, hidden, (3, 1), dilation=(2**i, 1)) for i in range(config.layers)
        )
        self.initial = nn.Linear(2 * points, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.decision_head = _Linear(2 * hidden, decisions)
        self.pose_head = nn.Sequential(
            nn.Linear(2 * hidden + decisions, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * points),
        )
        self.visible = nn.Linear(hidden, limbs)
        self.mean_pose_KD: Tensor
        self.initial_KD: Tensor
        self.bone_HFB: Tensor
        # Set from data: the mean pose, how the pose that players wait in differs from it, and the
        # greatest lengths of the fingers' bones.
        self.register_buffer("mean_pose_KD", torch.zeros(points, 2))
        self.register_buffer("initial_KD", torch.zeros(points, 2))
        self.register_buffer("bone_HFB", torch.full((hands, *BONES), ANY_LENGTH))

    def initialise_from(self, poses_TKD: Tensor, initial_X: Tensor, real_TKD: Tensor) -> None:
        for hand, ids in enumerate(self.hands_HJ):
            self.bone_HFB[hand] = longest_bones(real_TKD[:, ids])
        # Initial vectors are relative to the mean pose, which was none until now.
        mean_pose_KD = poses_TKD.mean(dim=0)
        initial_KD = initial_X[:-1].unflatten(0, (-1, 2)).to(mean_pose_KD)
        self.initial_KD.copy_(initial_KD + self.mean_pose_KD.cpu() - mean_pose_KD)
        self.mean_pose_KD.copy_(mean_pose_KD)

    @property
    def initialised(self) -> bool:
        return bool(self.mean_pose_KD.any())

    def initial_vector(self, pose_KD: Tensor, visible_K: Tensor, past_2TP: Tensor) -> Tensor:
        """[2 K + 1]: a pose relative to the mean, waiting where a point is not visible; and the bow
        direction, by the notes of all the music before."""
        off_KD = pose_KD - self.mean_pose_KD.cpu()
        off_KD = torch.where(visible_K[:, None] > 0, off_KD, self.initial_KD.cpu())
        none_1 = torch.zeros(1, dtype=torch.long)
        direction_1T, _ = count_strokes(past_2TP[None], none_1, none_1)
        direction_1 = F.pad(direction_1T[0], (1, 0))[-1:]
        return torch.cat([off_KD.flatten(), direction_1.to(off_KD)])

    def forward(
        self, notes_B2TP: Tensor, state: MotionState | None = None, initial_BX: Tensor | None = None
    ) -> tuple[Motion, MotionState]:
        if state is not None:
            player = state.player
            assert isinstance(player, PlayerState)
        else:
            player = self.initial_state(len(notes_B2TP), initial_BX)
        direction_BT, silent_BT = count_strokes(notes_B2TP, player.direction_B, player.silent_B)
        read_BTC, stack = self._read(notes_B2TP, direction_BT, state.stack if state else None)
        # Positions need more digits than half precision has.
        with torch.autocast(read_BTC.device.type, enabled=False):
            read_BTC = read_BTC.float()
            hidden_BTC, hidden_1BC = self.gru(read_BTC, player.hidden_1BC)
            state_BTX = torch.cat([read_BTC, hidden_BTC], dim=-1)
            decisions_BTX = self.decision_head(state_BTX)
            probabilities = [
                logits.softmax(dim=-1) for logits in decisions_BTX.split(self.decisions, dim=-1)
            ]
            off_BTX = self.pose_head(torch.cat([state_BTX, *probabilities], dim=-1))
            poses_BTKD = self.mean_pose_KD + off_BTX.unflatten(-1, (-1, 2))
            for hand, ids in enumerate(self.hands_HJ):
                poses_BTKD[:, :, ids] = limit_bones(poses_BTKD[:, :, ids], self.bone_HFB[hand])
            centroid_BTL = self.centroids(poses_BTKD)
            motion = Motion(
                poses_BTKD,
                centroid_BTL,
                self.visible(hidden_BTC),
                decisions_BTX,
                poses_BTKD.new_zeros(*poses_BTKD.shape[:2], 0),
            )
        after = PlayerState(direction_BT[:, -1], silent_BT[:, -1], hidden_1BC)
        return motion, MotionState(stack, after)

    def initial_state(self, batch: int, initial_BX: Tensor | None = None) -> PlayerState:
        """The player at the start, in the pose that is given or else waiting."""
        if initial_BX is None:
            # Before the music there is no stroke.
            initial_BX = F.pad(self.initial_KD.flatten(), (0, 1)).expand(batch, -1)
        hidden_1BC = self.initial(initial_BX[:, :-1]).tanh()[None].float()
        direction_B = initial_BX[:, -1].long()
        silent_B = REST * (direction_B == 0).long()  # without a stroke there was a rest
        return PlayerState(direction_B, silent_B, hidden_1BC)

    def _read(
        self, notes_B2TP: Tensor, direction_BT: Tensor, past: State | None
    ) -> tuple[Tensor, State]:
        """Features of the notes of the last seconds, [B, T, hidden]."""
        any_BT2 = notes_B2TP.amax(dim=3).transpose(1, 2)
        notes_BTX = torch.cat(
            [notes_B2TP.transpose(1, 2).flatten(2), any_BT2, direction_BT[..., None].to(any_BT2)],
            dim=-1,
        )
        x_BCT1 = self.embed(notes_BTX).transpose(1, 2)[..., None]
        after: State = []
        for layer, before in zip(self.layers, past or [None] * len(self.layers), strict=True):
            residual_BCT1, kept = layer(F.relu(x_BCT1), before)
            x_BCT1 = x_BCT1 + residual_BCT1
            after.append(kept)
        return F.relu(x_BCT1)[..., 0].transpose(1, 2), after


class _Linear(nn.Linear):
    """A linear layer that may have no outputs."""

    def reset_parameters(self) -> None:
        if self.out_features:
            super().reset_parameters()


MOTION_DECODERS.register("body", BodyMotionDecoder)
