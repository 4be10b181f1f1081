"""The moving half of KHP where there is no keyboard: from struck and held notes to the whole pose of a player.

Convolutions along time read what sounds and which way the strokes go by turns; then one memory follows them, begun with
the pose that the music begins in. Half of what a bow does is the parity of the strokes since the last rest, which a memory
learns to keep count of very slowly; so it is counted. Which finger stops which string where is a decision, and the mean of
two decisions is none; so it is decided first, in likelihoods, and then all points are placed. (Own choice; the source only
says that keypoints are predicted.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.instruments.skeleton import Skeleton
from apvg.models.blocks import CausalConv2d
from apvg.models.motion.bones import ANY_LENGTH, BONES, in_one_piece, longest_bones
from apvg.models.motion.hands import Motion, Mover, MovingState, PlayerState
from apvg.models.transcription.encoder import PITCHES, State

#: Frames without a sound after which strokes are counted anew.
REST = 5
#: Where a string can be stopped: on each of so many strings, at so many semitones from the open string on.
STRINGS, STOPS = 4, 32
#: And by what: nothing, where the string is open, or one of four fingers.
FINGERS = 5
#: How the logits of a motion's `stops_BTX` split: string * STOPS + semitone, then finger.
STOP_LOGITS = [STRINGS * STOPS, FINGERS]


def count_strokes(notes_B2TP: Tensor, way_B: Tensor, silent_B: Tensor) -> tuple[Tensor, Tensor]:
    """Which way strokes go when they go to and fro, and for how many frames nothing has sounded; both int [B, T].

    A way is 1 for the first stroke after a rest, -1 for the second, 1 for the third, and 0 in rests. What sounds after a
    rest was begun by a stroke, whether or not one was told: ears miss the soft ones.

    Args:
        notes_B2TP: How surely each pitch is struck, and held, in 0..1.
        way_B, silent_B: Both in the frame before.
    """
    struck_BT = (notes_B2TP[:, 0] > 0.5).any(dim=-1)
    sounds_BT = (notes_B2TP > 0.5).any(dim=3).any(dim=1)
    time_T = torch.arange(notes_B2TP.shape[2], device=notes_B2TP.device)
    heard_BT = torch.where(sounds_BT, time_T, -1 - silent_B[:, None])
    silent_BT = time_T - _latest(heard_BT)
    before_BT = torch.cat([silent_B[:, None], silent_BT[:, :-1]], dim=1)
    struck_BT = struck_BT | (sounds_BT & (before_BT >= REST))
    # 0, 1 or 2 strokes before, as far as their parity tells.
    count_BT = struck_BT.long().cumsum(dim=1) + (way_B % 3)[:, None]
    rests_BT = _latest(torch.where(silent_BT >= REST, count_BT, 0))
    since_BT = count_BT - rests_BT
    way_BT = torch.where(since_BT > 0, 2 * (since_BT % 2) - 1, 0)
    return way_BT, silent_BT


def _latest(numbers_BT: Tensor) -> Tensor:
    """The largest so far; of one frame without the operation for it, which ONNX has not."""
    return numbers_BT.cummax(dim=1).values if numbers_BT.shape[1] > 1 else numbers_BT


class PoseMover(Mover):
    """Notes in, motion out; causal, with its state carried across chunks."""

    def __init__(self, skeleton: Skeleton, layers: int, hidden: int) -> None:
        super().__init__(skeleton)
        hands, points = len(self.hands_KJ), len(skeleton)
        self.enter = nn.Linear(2 * PITCHES + 3, hidden)
        self.layers = nn.ModuleList(
            CausalConv2d(hidden, hidden, (3, 1), dilation=(2**i, 1)) for i in range(layers)
        )
        self.begin = nn.Linear(2 * points, hidden)
        self.remember = nn.GRU(hidden, hidden, batch_first=True)
        self.stop = nn.Linear(2 * hidden, sum(STOP_LOGITS))
        self.shape = nn.Sequential(
            nn.Linear(2 * hidden + sum(STOP_LOGITS), hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * points),
        )
        self.seen = nn.Linear(hidden, hands)
        self.usual_KD: Tensor
        self.home_KD: Tensor
        self.bone_HFB: Tensor
        # Told by the trainer: the mean pose, how the pose that players wait in differs from it, and the greatest lengths
        # of the fingers' bones.
        self.register_buffer("usual_KD", torch.zeros(points, 2))
        self.register_buffer("home_KD", torch.zeros(points, 2))
        self.register_buffer("bone_HFB", torch.full((hands, *BONES), ANY_LENGTH))

    def settle(self, poses_TKD: Tensor, home_X: Tensor, real_TKD: Tensor) -> None:
        """Begin from the mean of these poses, wait at the start of music as these starts say, with bones of real ones."""
        for hand, ids in enumerate(self.hands_KJ):
            self.bone_HFB[hand] = longest_bones(real_TKD[:, ids])
        # Starts are told from the mean pose, which was none until now.
        usual_KD = poses_TKD.mean(dim=0)
        home_KD = home_X[:-1].unflatten(0, (-1, 2)).to(usual_KD)
        self.home_KD.copy_(home_KD + self.usual_KD.cpu() - usual_KD)
        self.usual_KD.copy_(usual_KD)

    def start(self, pose_KD: Tensor, seen_K: Tensor, past_2TP: Tensor) -> Tensor:
        """What the memory begins with, [2 K + 1]: a pose as it differs from the mean, home where a point is not seen; and
        which way the stroke goes, by the notes of all the music before."""
        off_KD = pose_KD - self.usual_KD.cpu()
        off_KD = torch.where(seen_K[:, None] > 0, off_KD, self.home_KD.cpu())
        none_1 = torch.zeros(1, dtype=torch.long)
        way_1T, _ = count_strokes(past_2TP[None], none_1, none_1)
        way_1 = F.pad(way_1T[0], (1, 0))[-1:]
        return torch.cat([off_KD.flatten(), way_1.to(off_KD)])

    def forward(
        self, notes_B2TP: Tensor, state: MovingState | None = None, start_BX: Tensor | None = None
    ) -> tuple[Motion, MovingState]:
        """
        Args:
            notes_B2TP: How surely each pitch is struck, and held, in 0..1.
            state: What the call for the frames before returned; None at the start.
            start_BX: What :meth:`start` says of the pose at the start; home by default.
        """
        if state is not None:
            player = state.player
            assert isinstance(player, PlayerState)
        else:
            player = self.at_rest(len(notes_B2TP), start_BX)
        way_BT, silent_BT = count_strokes(notes_B2TP, player.way_B, player.silent_B)
        read_BTC, stack = self._read(notes_B2TP, way_BT, state.stack if state else None)
        # Places need more digits than half precision has.
        with torch.autocast(read_BTC.device.type, enabled=False):
            read_BTC = read_BTC.float()
            known_BTC, memory_1BC = self.remember(read_BTC, player.memory_1BC)
            known_BTX = torch.cat([read_BTC, known_BTC], dim=-1)
            stops_BTX = self.stop(known_BTX)
            likely = [logits.softmax(dim=-1) for logits in stops_BTX.split(STOP_LOGITS, dim=-1)]
            off_BTX = self.shape(torch.cat([known_BTX, *likely], dim=-1))
            poses_BTKD = self.usual_KD + off_BTX.unflatten(-1, (-1, 2))
            for hand, ids in enumerate(self.hands_KJ):
                poses_BTKD[:, :, ids] = in_one_piece(poses_BTKD[:, :, ids], self.bone_HFB[hand])
            middle_BTH = self.middles(poses_BTKD)
            motion = Motion(poses_BTKD, middle_BTH, self.seen(known_BTC), stops_BTX)
        after = PlayerState(way_BT[:, -1], silent_BT[:, -1], memory_1BC)
        return motion, MovingState(stack, after)

    def at_rest(self, batch: int, start_BX: Tensor | None = None) -> PlayerState:
        """What the player knows before the music, in the pose that is told or else at home."""
        if start_BX is None:
            # Before the music there is no stroke.
            start_BX = F.pad(self.home_KD.flatten(), (0, 1)).expand(batch, -1)
        memory_1BC = self.begin(start_BX[:, :-1]).tanh()[None].float()
        way_B = start_BX[:, -1].long()
        silent_B = REST * (way_B == 0).long()  # who plays no stroke has rested
        return PlayerState(way_B, silent_B, memory_1BC)

    def _read(self, notes_B2TP: Tensor, way_BT: Tensor, past: State | None) -> tuple[Tensor, State]:
        """What the notes of the last seconds say, [B, T, hidden]."""
        any_BT2 = notes_B2TP.amax(dim=3).transpose(1, 2)
        told_BTX = torch.cat(
            [notes_B2TP.transpose(1, 2).flatten(2), any_BT2, way_BT[..., None].to(any_BT2)], dim=-1
        )
        x_BCT1 = self.enter(told_BTX).transpose(1, 2)[..., None]
        after: State = []
        for layer, before in zip(self.layers, past or [None] * len(self.layers), strict=True):
            residual_BCT1, kept = layer(F.relu(x_BCT1), before)
            x_BCT1 = x_BCT1 + residual_BCT1
            after.append(kept)
        return F.relu(x_BCT1)[..., 0].transpose(1, 2), after
