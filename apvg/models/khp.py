"""KHP: keypoint prediction from the music (with the DLT, the paper's keypoint and heatmap prediction).

The encoder hears which pitches are struck and held; nothing but these notes goes on, so that motion can be learnt from
notes of any origin. A causal stack with a memory of seconds looks at them over the keyboard, and every keypoint attends
over the pitches: the position it attends to, plus an offset that a GRU knows from all that went before, is where it
wants to be. Each hand follows at a pace that the GRU sets, which smooths what the attention is not sure of.
Attending to keys, rather than regressing a number, lets a hand play where no training pose was (own choice; the source
only says that keypoints are predicted from the music).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.keyboard import IS_BLACK, KEY_X
from apvg.models.blocks import CausalConv2d
from apvg.models.listening import PITCHES, AudioEncoder, CausalStack, ListeningConfig, State
from apvg.skeleton import Skeleton

#: Slowest pace of a hand, as the share of its way that it goes in a frame. Left to itself the training slows hands to a
#: twentieth, which is smooth and always late.
SLOWEST = 0.25


@dataclass(frozen=True)
class KHPConfig:
    """Shape of KHP.

    Attributes:
        listening: The audio encoder.
        channels: Channels per pitch in the causal stack.
        layers: Depth of the causal stack; its memory is 2^(layers + 1) frames.
        hidden: Size of the GRU.
        dropout: Share of the stack's channels that a training step does without.
        lookahead_frames: Frames of music heard beyond the frame that is predicted, the encoder's own among them.
    """

    listening: ListeningConfig = field(default_factory=ListeningConfig)
    channels: int = 32
    layers: int = 5
    hidden: int = 96
    dropout: float = 0.05
    lookahead_frames: int = 8


class KHPState(NamedTuple):
    """What KHP remembers between chunks."""

    listening: State
    entered: Tensor
    stack: State
    hidden_1BC: Tensor
    pose_BKD: Tensor


class Motion(NamedTuple):
    """KHP's prediction for the frames that lie `lookahead_frames` before its input's.

    Attributes:
        poses_BTKD: Keypoints in the performer's pose space (see PoseSpace).
        seen_BTH: Logit, per hand, of its being in the picture.
        notes_B2TP: Logits of keys being struck and held, as late as the encoder tells them; the auxiliary task.
    """

    poses_BTKD: Tensor
    seen_BTH: Tensor
    notes_B2TP: Tensor


class KeypointPredictor(nn.Module):
    """KHP: feature rows in, poses out; causal, with its state carried across chunks."""

    def __init__(self, config: KHPConfig, skeleton: Skeleton) -> None:
        super().__init__()
        self.config, self.skeleton = config, skeleton
        self.listen = AudioEncoder(config.listening)
        keys_3P = torch.stack(
            [
                torch.from_numpy(IS_BLACK.astype("float32")),
                torch.tensor(KEY_X, dtype=torch.float32) / 26 - 1,
                torch.ones(PITCHES),  # zero padding elsewhere: tells where the keyboard ends
            ]
        )
        self.keys_3P: Tensor
        self.anchor_P: Tensor
        self.register_buffer("keys_3P", keys_3P, persistent=False)
        self.register_buffer("anchor_P", torch.tensor(KEY_X, dtype=torch.float32), persistent=False)
        self.enter = CausalConv2d(2 + 3, config.channels, (3, 9))
        self.stack = CausalStack(config.channels, config.layers, (3, 7))
        self.attend = nn.Conv2d(config.channels, len(skeleton), 1)
        # Each hand looks at the music through its wrist's attention.
        self.hand_K = [ids[0] for ids in skeleton.hands.values()]
        self.gru = nn.GRU(len(self.hand_K) * (config.channels + 1), config.hidden, batch_first=True)
        self.offset = nn.Linear(config.hidden + len(self.hand_K), 2 * len(skeleton))
        self.seen = nn.Linear(config.hidden, len(self.hand_K))
        self.follow = nn.Linear(config.hidden, len(self.hand_K))
        # Points of no hand follow as the first hand does.
        hand_of_K = torch.zeros(len(skeleton), dtype=torch.long)
        for hand, ids in enumerate(skeleton.hands.values()):
            hand_of_K[list(ids)] = hand
        self.hand_of_K: Tensor
        self.register_buffer("hand_of_K", hand_of_K, persistent=False)

    def forward(
        self,
        features_BRF: Tensor,
        state: KHPState | None = None,
        rolls_N2TP: Tensor | None = None,
    ) -> tuple[Motion, KHPState]:
        """
        Args:
            features_BRF: Feature rows of whole frames, [B, T * rows_per_frame, F].
            state: What the call for the rows before returned; None at the music's start.
            rolls_N2TP: In training, more excerpts of T frames, given as notes (0..1, struck and held) instead of sound
                and as late as the encoder tells them; their poses follow those of the features along the batch.
        """
        _, heard_B2TP, listening = self.listen(features_BRF, state.listening if state else None)
        notes_B2TP = heard_B2TP.sigmoid()
        if rolls_N2TP is not None:
            notes_B2TP = torch.cat([notes_B2TP, rolls_N2TP.to(notes_B2TP.dtype)])
        batch, _, frames, _ = notes_B2TP.shape
        keys_B3TP = self.keys_3P[None, :, None].expand(batch, -1, frames, -1)
        x_BCTP, entered = self.enter(
            torch.cat([notes_B2TP, keys_B3TP], dim=1), state.entered if state else None
        )
        x_BCTP = F.dropout2d(x_BCTP, self.config.dropout, self.training)
        x_BCTP, stack = self.stack(x_BCTP, state.stack if state else None)

        attention_BKTP = self.attend(x_BCTP).float().softmax(dim=-1)
        attended_BTK = (attention_BKTP @ self.anchor_P).transpose(1, 2)
        hands_BTH = attended_BTK[..., self.hand_K] / 26 - 1
        looked_BTHC = torch.einsum(
            "bhtp,bctp->bthc", attention_BKTP[:, self.hand_K].to(x_BCTP.dtype), x_BCTP
        )
        known_BTC, hidden_1BC = self.gru(
            torch.cat([looked_BTHC.flatten(2), hands_BTH], dim=-1).float(),
            state.hidden_1BC if state else None,
        )
        offset_BTKD = self.offset(torch.cat([known_BTC, hands_BTH], dim=-1)).unflatten(-1, (-1, 2))
        x_BTK = attended_BTK + offset_BTKD[..., 0]
        wanted_BTKD = torch.stack([x_BTK, offset_BTKD[..., 1]], dim=-1).float()
        pace_BTH = SLOWEST + (1 - SLOWEST) * self.follow(known_BTC).float().sigmoid()
        pace_BTK = pace_BTH[..., self.hand_of_K]
        poses_BTKD = _follow(wanted_BTKD, pace_BTK, state.pose_BKD if state else wanted_BTKD[:, 0])
        motion = Motion(poses_BTKD, self.seen(known_BTC).float(), heard_B2TP.float())
        return motion, KHPState(listening, entered, stack, hidden_1BC, poses_BTKD[:, -1])


def _follow(wanted_BTKD: Tensor, pace_BTK: Tensor, pose_BKD: Tensor) -> Tensor:
    """Go a share `pace` of the way to where every point wants to be, frame by frame."""
    poses = []
    for wanted_BKD, pace_BK in zip(wanted_BTKD.unbind(1), pace_BTK.unbind(1), strict=True):
        pose_BKD = torch.lerp(pose_BKD, wanted_BKD, pace_BK[..., None])
        poses.append(pose_BKD)
    return torch.stack(poses, dim=1)
