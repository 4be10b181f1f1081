"""KHP: keypoint prediction from the music (with the DLT, the paper's keypoint and heatmap prediction).

The encoder hears which pitches are struck and held. A causal stack with a memory of seconds looks at them over the
keyboard, and every keypoint attends over the pitches: the position it attends to, plus an offset that a GRU knows from
all that went before, is where it goes. Attending to keys, rather than regressing a number, is what lets a hand play
where no training pose was (own choice; the source only says that keypoints are predicted from the music).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from apvg.keyboard import IS_BLACK, KEY_X
from apvg.models.listening import PITCHES, AudioEncoder, CausalStack, ListeningConfig, State
from apvg.skeleton import Skeleton


@dataclass(frozen=True)
class KHPConfig:
    """Shape of KHP.

    Attributes:
        listening: The audio encoder.
        channels: Channels per pitch in the causal stack.
        layers: Depth of the causal stack; its memory is 2^(layers + 1) frames.
        hidden: Size of the GRU.
        lookahead_frames: Frames of music heard beyond the frame that is predicted.
    """

    listening: ListeningConfig = field(default_factory=lambda: ListeningConfig(delay=8))
    channels: int = 32
    layers: int = 5
    hidden: int = 128
    lookahead_frames: int = 8


class KHPState(NamedTuple):
    """What KHP remembers between chunks."""

    listening: State
    stack: State
    hidden_1BC: Tensor


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
        self.enter = nn.Conv2d(config.listening.channels + 2 + 3, config.channels, 1)
        self.stack = CausalStack(config.channels, config.layers, (3, 7))
        self.attend = nn.Conv2d(config.channels, len(skeleton), 1)
        # Each hand looks at the music through its wrist's attention.
        self.hand_K = [ids[0] for ids in skeleton.hands.values()]
        self.gru = nn.GRU(len(self.hand_K) * (config.channels + 1), config.hidden, batch_first=True)
        self.offset = nn.Linear(config.hidden + len(self.hand_K), 2 * len(skeleton))
        self.seen = nn.Linear(config.hidden, len(self.hand_K))

    def forward(
        self, features_BRF: Tensor, state: KHPState | None = None
    ) -> tuple[Motion, KHPState]:
        """
        Args:
            features_BRF: Feature rows of whole frames, [B, T * rows_per_frame, F].
            state: What the call for the rows before returned; None at the music's start.
        """
        heard_BCTP, notes_B2TP, listening = self.listen(
            features_BRF, state.listening if state else None
        )
        batch, _, frames, _ = heard_BCTP.shape
        keys_B3TP = self.keys_3P[None, :, None].expand(batch, -1, frames, -1)
        x_BCTP = self.enter(torch.cat([heard_BCTP, notes_B2TP.sigmoid(), keys_B3TP], dim=1))
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
        poses_BTKD = torch.stack([x_BTK, offset_BTKD[..., 1]], dim=-1)
        motion = Motion(poses_BTKD.float(), self.seen(known_BTC).float(), notes_B2TP.float())
        return motion, KHPState(listening, stack, hidden_1BC)
