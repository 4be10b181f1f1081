"""The moving half of KHP where there is no keyboard: from struck and held notes to the whole pose of a player.

The notes are read as :mod:`apvg.models.moving` reads them; then one memory follows them and says where every point is. What
cannot be heard in a moment, such as which way a bow goes, it has to keep in mind from the pose that the music began with
(own choice; the source only says that keypoints are predicted).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from apvg.bones import ANY_LENGTH, BONES, in_one_piece, longest_bones
from apvg.models.listening import PITCHES, CausalStack
from apvg.models.moving import Motion, Mover, MovingState
from apvg.skeleton import Skeleton


class PoseMover(Mover):
    """Notes in, motion out; causal, with its state carried across chunks."""

    def __init__(self, skeleton: Skeleton, channels: int, layers: int, hidden: int) -> None:
        super().__init__(skeleton)
        hands, points = len(self.hands_KJ), len(skeleton)
        self.enter = nn.Conv2d(2, channels, 1)
        self.stack = CausalStack(channels, layers)
        self.read = nn.Linear(channels * PITCHES, hidden)
        self.begin = nn.Linear(2 * points, hidden)
        self.remember = nn.GRU(hidden, hidden, batch_first=True)
        self.shape = nn.Sequential(
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2 * points)
        )
        self.seen = nn.Linear(hidden, hands)
        self.usual_KD: Tensor
        self.home_X: Tensor
        self.bone_HFB: Tensor
        # Told by the trainer: the mean pose, how the pose that players wait in differs from it, and the greatest lengths
        # of the fingers' bones.
        self.register_buffer("usual_KD", torch.zeros(points, 2))
        self.register_buffer("home_X", torch.zeros(2 * points))
        self.register_buffer("bone_HFB", torch.full((hands, *BONES), ANY_LENGTH))

    def settle(self, poses_TKD: Tensor, home_X: Tensor, real_TKD: Tensor) -> None:
        """Begin from the mean of these poses, wait at the start of music as these starts say, with bones of real ones."""
        for hand, ids in enumerate(self.hands_KJ):
            self.bone_HFB[hand] = longest_bones(real_TKD[:, ids])
        # Starts are told from the mean pose, which was none until now.
        usual_KD = poses_TKD.mean(dim=0)
        self.home_X.copy_(home_X + (self.usual_KD - usual_KD).flatten().to(home_X))
        self.usual_KD.copy_(usual_KD)

    def start(self, pose_KD: Tensor, seen_K: Tensor) -> Tensor:
        """What the memory begins with, [2 K]: a pose as it differs from the mean, home where a point is not seen."""
        off_KD = pose_KD - self.usual_KD.cpu()
        return torch.where(seen_K[:, None] > 0, off_KD, self.home_X.cpu().unflatten(0, (-1, 2))).flatten()  # fmt: skip

    def forward(
        self, notes_B2TP: Tensor, state: MovingState | None = None, start_BX: Tensor | None = None
    ) -> tuple[Motion, MovingState]:
        """
        Args:
            notes_B2TP: How surely each pitch is struck, and held, in 0..1.
            state: What the call for the frames before returned; None at the start.
            start_BX: What :meth:`start` says of the pose at the start; home by default.
        """
        x_BCTP, stack = self.stack(self.enter(notes_B2TP), state.stack if state else None)
        read_BTC = self.read(x_BCTP.permute(0, 2, 1, 3).flatten(2)).relu()
        # Places need more digits than half precision has.
        with torch.autocast(x_BCTP.device.type, enabled=False):
            if state is not None:
                memory_1BC = state.player
                assert isinstance(memory_1BC, Tensor)
            else:
                start = start_BX if start_BX is not None else self.home_X.expand(len(x_BCTP), -1)
                memory_1BC = self.begin(start.float()).tanh()[None]
            known_BTC, memory_1BC = self.remember(read_BTC.float(), memory_1BC)
            poses_BTKD = self.usual_KD + self.shape(known_BTC).unflatten(-1, (-1, 2))
            for hand, ids in enumerate(self.hands_KJ):
                poses_BTKD[:, :, ids] = in_one_piece(poses_BTKD[:, :, ids], self.bone_HFB[hand])
            motion = Motion(poses_BTKD, self.middles(poses_BTKD), self.seen(known_BTC))
        return motion, MovingState(stack, memory_1BC)
