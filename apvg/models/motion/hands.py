"""The motion decoder for hands on a keyboard: from notes to where the hands are.

A causal stack of convolutions reads the notes over the keyboard, some of them ahead of time: onsets
and sustained keys, or onsets alone (`held_frames`). Then, frame by frame, each hand attends over
the whole keyboard for where it is needed, moves part of the way there, reads the keys in a window
around it, and updates its recurrent state. Every hand sees the keys from its own position, so it
plays anywhere what it has learnt somewhere; and all its points are placed about one position, so it
stays in one piece (own choice; the paper only says that keypoints are predicted).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.instruments.keyboard import IS_BLACK, KEY_X, WHITE_KEY_COUNT
from apvg.instruments.skeleton import FINGERTIPS, Skeleton
from apvg.models.motion.bones import ANY_LENGTH, BONES, limit_bones, longest_bones
from apvg.models.motion.decoder import (
    MOTION_DECODERS,
    Motion,
    MotionConfig,
    MotionDecoder,
    MotionState,
)
from apvg.models.transcription.encoder import PITCHES, CausalStack, State

#: Samples of the keyboard per white key, and how far beyond both its ends they go, white keys.
_PER_KEY = 2
_MARGIN = 8.0
#: White keys of the window on each side of a hand's centroid.
_RADIUS = 6


class HandsState(NamedTuple):
    """Where the hands are, x of their centroids [B, H], and their recurrent state [B, H,
    hidden]."""

    centroid_BH: Tensor
    hidden_BHC: Tensor


class HandMotionDecoder(MotionDecoder):
    """See :class:`apvg.models.motion.decoder.MotionDecoder`; poses are in white keys.

    All limbs are hands of 21 points.
    """

    def __init__(self, skeleton: Skeleton, config: MotionConfig) -> None:
        super().__init__(skeleton, config)
        channels, hidden = config.channels, config.hidden
        in_hands = {k for ids in self.hands_HJ for k in ids}
        self.others_K = [k for k in range(len(skeleton)) if k not in in_hands]
        hands, points = len(self.hands_HJ), len(self.hands_HJ[0]) if self.hands_HJ else 0
        self.embed = nn.Conv2d(2 + 3, channels, 1)
        self.stack = CausalStack(channels, config.layers)
        self.query = nn.Linear(hidden, channels)
        self.distance_penalty_H = nn.Parameter(torch.full((hands,), -2.0))
        self.step_head = nn.Sequential(
            nn.Linear(hidden + channels + 2 + hands, 64), nn.ReLU(), nn.Linear(64, 2)
        )
        window = 2 * _RADIUS * _PER_KEY + 1
        self.window = nn.Linear(window * channels + 3 + hands, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.pose_heads = nn.ModuleList(
            nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2 * points))
            for _ in range(hands)
        )
        self.visible = nn.Linear(hidden, 1)
        self.others = (
            nn.Linear(hands * (hidden + 1), 2 * len(self.others_K)) if self.others_K else None
        )
        keys_3P = torch.stack(
            [
                torch.from_numpy(IS_BLACK.astype("float32")),
                torch.tensor(KEY_X, dtype=torch.float32) / 26 - 1,
                torch.ones(PITCHES),  # zero padding elsewhere: tells where the keyboard ends
            ]
        )
        grid_G = torch.arange(
            -_MARGIN, WHITE_KEY_COUNT + _MARGIN + 1e-3, 1 / _PER_KEY, dtype=torch.float32
        )
        # Triangles over the keys' centres: weights of the keys next to a point of the grid.
        away_PG = (torch.tensor(KEY_X, dtype=torch.float32)[:, None] - grid_G).abs()
        self.keys_3P: Tensor
        self.grid_G: Tensor
        self.to_grid_PG: Tensor
        self.mean_pose_KD: Tensor
        self.initial_H: Tensor
        self.bone_HFB: Tensor
        self.register_buffer("keys_3P", keys_3P, persistent=False)
        self.register_buffer("grid_G", grid_G, persistent=False)
        self.register_buffer("to_grid_PG", (1 - away_PG / 0.75).clamp(min=0), persistent=False)
        # Set from data: the mean pose (hands about their centroid), the greatest lengths of the
        # fingers' bones, and where the hands wait at the start.
        self.register_buffer("mean_pose_KD", torch.zeros(len(skeleton), 2))
        self.register_buffer("bone_HFB", torch.full((hands, *BONES), ANY_LENGTH))
        self.register_buffer(
            "initial_H", torch.linspace(20.0, 32.0, hands) if hands else torch.zeros(0)
        )

    def initialise_from(self, poses_TKD: Tensor, initial_X: Tensor, real_TKD: Tensor) -> None:
        mean_pose_KD = poses_TKD.mean(dim=0)
        for ids in self.hands_HJ:
            mean_pose_KD[ids, 0] -= mean_pose_KD[ids][list(FINGERTIPS), 0].mean()
        for hand, ids in enumerate(self.hands_HJ):
            self.bone_HFB[hand] = longest_bones(real_TKD[:, ids])
        self.mean_pose_KD.copy_(mean_pose_KD)
        self.initial_H.copy_(initial_X)

    @property
    def initialised(self) -> bool:
        return bool(self.mean_pose_KD.any())

    def initial_vector(self, pose_KD: Tensor, visible_K: Tensor, past_2TP: Tensor) -> Tensor:
        """Where the hands are, [H], or wait where one is not visible; the notes before do not
        matter to them."""
        visible_H = torch.stack([visible_K[ids].any() for ids in self.hands_HJ])
        return torch.where(visible_H, self.centroids(pose_KD), self.initial_H.cpu())

    def forward(
        self, notes_B2TP: Tensor, state: MotionState | None = None, initial_BX: Tensor | None = None
    ) -> tuple[Motion, MotionState]:
        batch, _, frames, _ = notes_B2TP.shape
        past = list(state.stack) if state else None
        kept: State = []
        if self.config.held_frames:
            notes_B2TP, kept_BFP = self._held(notes_B2TP[:, 0], past.pop(0) if past else None)
            kept.append(kept_BFP)
        keys_B3TP = self.keys_3P[None, :, None].expand(batch, -1, frames, -1)
        x_BCTP = self.embed(torch.cat([notes_B2TP, keys_B3TP], dim=1))
        x_BCTP, stack = self.stack(x_BCTP, past)
        # Positions along a keyboard need more digits than half precision has.
        with torch.autocast(x_BCTP.device.type, enabled=False):
            before = state.player if state else None
            assert before is None or isinstance(before, HandsState)
            motion, hands = self._decode(x_BCTP.float(), before, initial_BX)
        return motion, MotionState(kept + stack, hands)

    def _held(self, onset_BTP: Tensor, past_BFP: Tensor | None) -> tuple[Tensor, Tensor]:
        """Onsets, and keys sustained for `held_frames` from there on, [B, 2, T, 88]; and the last
        onsets, which are sustained further."""
        before = self.config.held_frames - 1
        if past_BFP is None:
            past_BFP = onset_BTP.new_zeros(len(onset_BTP), before, PITCHES)
        all_BRP = torch.cat([past_BFP, onset_BTP], dim=1)
        held_B1TP = F.max_pool2d(all_BRP[:, None], (self.config.held_frames, 1), stride=1)
        notes_B2TP = torch.cat([onset_BTP[:, None], held_B1TP], dim=1)
        return notes_B2TP, all_BRP[:, all_BRP.shape[1] - before :]

    def _decode(
        self, x_BCTP: Tensor, hands: HandsState | None, initial_BH: Tensor | None
    ) -> tuple[Motion, HandsState]:
        """The hands' motion over what the stack has read of the notes, [B, C, T, 88]."""
        batch = len(x_BCTP)
        keyboard_TBGC = torch.einsum("bctp,pg->tbgc", x_BCTP, self.to_grid_PG).contiguous()
        if hands is None:
            hands = self.initial_state(batch, initial_BH)
        centroids, hidden_states = [], []
        for keyboard_BGC in keyboard_TBGC.unbind(0):
            hands = self._step(keyboard_BGC, hands)
            centroids.append(hands.centroid_BH)
            hidden_states.append(hands.hidden_BHC)
        centroid_BTH, hidden_BTHC = torch.stack(centroids, dim=1), torch.stack(hidden_states, dim=1)
        return self._pose(centroid_BTH, hidden_BTHC), hands

    def initial_state(self, batch: int, initial_BX: Tensor | None = None) -> HandsState:
        """The hands at the start, where they are or else wait."""
        centroid_BH = initial_BX if initial_BX is not None else self.initial_H.expand(batch, -1)
        hidden_BHC = centroid_BH.new_zeros(*centroid_BH.shape, self.cell.hidden_size)
        return HandsState(centroid_BH, hidden_BHC)

    def _step(self, keyboard_BGC: Tensor, hands: HandsState) -> HandsState:
        """One frame: attend over the keyboard, move, read the keys around, update the state."""
        centroid_BH, hidden_BHC = hands
        which_BHH = torch.eye(centroid_BH.shape[1], device=centroid_BH.device).expand(
            len(centroid_BH), -1, -1
        )
        # Where is this hand needed? Near keys score higher.
        away_BHG = (self.grid_G - centroid_BH[..., None]).abs()
        score_BHG = self.query(hidden_BHC) @ keyboard_BGC.transpose(1, 2)
        penalty_H1 = F.softplus(self.distance_penalty_H)[:, None]
        attention_BHG = (score_BHG - penalty_H1 * away_BHG).softmax(dim=-1)
        offset_BH1 = ((attention_BHG @ self.grid_G) - centroid_BH)[..., None]
        attended_BHC = attention_BHG @ keyboard_BGC
        step_BH2 = self.step_head(
            torch.cat(
                [
                    hidden_BHC,
                    attended_BHC,
                    offset_BH1 / 8,
                    centroid_BH[..., None] / 26 - 1,
                    which_BHH,
                ],
                dim=-1,
            )
        )
        step_BH1 = step_BH2[..., :1].sigmoid() * offset_BH1 + step_BH2[..., 1:].tanh()
        centroid_BH = (centroid_BH + step_BH1[..., 0]).clamp(
            -_MARGIN / 2, WHITE_KEY_COUNT + _MARGIN / 2
        )
        apart_BH1 = (centroid_BH.flip(-1) - centroid_BH)[..., None]
        keys_BHX = self._window_around(keyboard_BGC, centroid_BH)
        place_BH1 = centroid_BH[..., None] / 26 - 1
        window_BHX = torch.cat(
            [keys_BHX, offset_BH1 / 8, place_BH1, (apart_BH1 / 16).clamp(-2, 2), which_BHH], dim=-1
        )
        input_BHC = F.relu(self.window(window_BHX))
        hidden_BHC = self.cell(input_BHC.flatten(0, 1), hidden_BHC.flatten(0, 1))
        return HandsState(centroid_BH, hidden_BHC.unflatten(0, centroid_BH.shape))

    def _window_around(self, keyboard_BGC: Tensor, centroid_BH: Tensor) -> Tensor:
        """The window around each hand's centroid: [B, H, window * channels], linear between the
        grid's points."""
        at_BH = (centroid_BH - self.grid_G[0]) * _PER_KEY
        first_BH = at_BH.floor()
        part_BH11 = (at_BH - first_BH)[..., None, None]
        reach = _RADIUS * _PER_KEY
        near_W = torch.arange(-reach, reach + 2, device=centroid_BH.device)
        index_BW = (first_BH.long()[..., None] + near_W).flatten(1)
        index_BW = index_BW.clamp(0, len(self.grid_G) - 1)
        near_BWC = keyboard_BGC.gather(
            1, index_BW[..., None].expand(-1, -1, keyboard_BGC.shape[-1])
        )
        near_BHWC = near_BWC.unflatten(1, (-1, len(near_W)))
        return near_BHWC[:, :, :-1].lerp(near_BHWC[:, :, 1:], part_BH11).flatten(2)

    def _pose(self, centroid_BTH: Tensor, hidden_BTHC: Tensor) -> Motion:
        """All points, those of the hands and the others, from the hands' positions and states."""
        batch, frames, _ = centroid_BTH.shape
        poses_BTKD = self.mean_pose_KD.expand(batch, frames, -1, -1).clone()
        for hand, ids in enumerate(self.hands_HJ):
            off_BTJD = self.pose_heads[hand](hidden_BTHC[:, :, hand]).unflatten(-1, (-1, 2))
            place_BT1D = F.pad(centroid_BTH[:, :, hand, None, None], (0, 1))
            points_BTJD = self.mean_pose_KD[ids] + off_BTJD + place_BT1D
            poses_BTKD[:, :, ids] = limit_bones(points_BTJD, self.bone_HFB[hand])
        if self.others is not None:
            both_BTC = torch.cat([hidden_BTHC.flatten(2), centroid_BTH / 26 - 1], dim=-1)
            off_BTKD = self.others(both_BTC).unflatten(-1, (-1, 2))
            poses_BTKD[:, :, self.others_K] = self.mean_pose_KD[self.others_K] + off_BTKD
        visible_BTH = self.visible(hidden_BTHC)[..., 0]
        nothing_BT0 = poses_BTKD.new_zeros(batch, frames, 0)
        return Motion(poses_BTKD, centroid_BTH, visible_BTH, nothing_BT0, nothing_BT0)


MOTION_DECODERS.register("hands on keys", HandMotionDecoder)
