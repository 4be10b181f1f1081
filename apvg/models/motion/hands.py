"""The moving half of KHP at a keyboard: from struck and held keys to where the hands go.

A causal stack of convolutions reads the notes over the keyboard, some of them yet to sound: which keys are struck, and which
are held, unless hands are to go by strokes alone (`held_frames`). Then, frame by frame, each hand looks over the whole
keyboard for where it is wanted, goes a share of the way there, looks at the keys under it, and remembers. Because every hand sees the
keys from where it is, it plays anywhere what it has learnt somewhere, and because its points hang on one place, it cannot be
torn (own choice; the source only says that keypoints are predicted).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.instruments.keyboard import IS_BLACK, KEY_X, WHITE_KEY_COUNT
from apvg.instruments.skeleton import FINGERTIPS, Skeleton
from apvg.models.motion.bones import ANY_LENGTH, BONES, in_one_piece, longest_bones
from apvg.models.transcription.encoder import PITCHES, CausalStack, State

#: Samples of the keyboard per white key, and how far beyond both its ends they go, white keys.
_PER_KEY = 2
_MARGIN = 8.0
#: White keys that a hand sees on each side of its middle.
_SIGHT = 6


class HandsState(NamedTuple):
    """Where the hands are and what they remember: x of their middles [B, H], memory [B, H, hidden]."""

    middle_BH: Tensor
    memory_BHC: Tensor


class PlayerState(NamedTuple):
    """What a player without a keyboard remembers.

    Attributes:
        way_B: Which way the stroke goes by turns: 1, -1, or 0 in rests.
        silent_B: For how many frames nothing has sounded.
        memory_1BC: All else, [1, B, hidden].
    """

    way_B: Tensor
    silent_B: Tensor
    memory_1BC: Tensor


class MovingState(NamedTuple):
    """What the moving half remembers between chunks: of the notes (first the last strokes, where those are all that it goes by),
    and of the player."""

    stack: State
    player: HandsState | PlayerState


class Motion(NamedTuple):
    """Hands for the frames that lie the look-ahead before the notes given.

    Attributes:
        poses_BTKD: Keypoints in the performer's pose space (see PoseSpace).
        middle_BTH: x of each hand's middle, the mean of its fingertips.
        seen_BTH: Logit, per hand, of its being in the picture.
        stops_BTX: Logits of where a string is stopped, and by which finger (see STOP_LOGITS); None at a keyboard.
    """

    poses_BTKD: Tensor
    middle_BTH: Tensor
    seen_BTH: Tensor
    stops_BTX: Tensor | None = None


class Mover(nn.Module):
    """What all movers know of their player: where its hands are."""

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.hands_KJ = [list(ids) for ids in skeleton.hands.values()]

    def middles(self, poses: Tensor) -> Tensor:
        """x of each hand's middle, [..., H], in poses [..., K, 2]."""
        tips_HF = [[ids[tip] for tip in FINGERTIPS] for ids in self.hands_KJ]
        return poses[..., tips_HF, 0].mean(dim=-1)


class HandMover(Mover):
    """Notes in, motion out; causal, with its state carried across chunks."""

    def __init__(
        self, skeleton: Skeleton, channels: int, layers: int, hidden: int, held_frames: int = 0
    ) -> None:
        super().__init__(skeleton)
        self.held_frames = held_frames
        in_hands = {k for ids in self.hands_KJ for k in ids}
        self.others_K = [k for k in range(len(skeleton)) if k not in in_hands]
        hands, points = len(self.hands_KJ), len(self.hands_KJ[0]) if self.hands_KJ else 0
        self.enter = nn.Conv2d(2 + 3, channels, 1)
        self.stack = CausalStack(channels, layers)
        self.ask = nn.Linear(hidden, channels)
        self.patience_H = nn.Parameter(torch.full((hands,), -2.0))
        self.decide = nn.Sequential(
            nn.Linear(hidden + channels + 2 + hands, 64), nn.ReLU(), nn.Linear(64, 2)
        )
        sight = 2 * _SIGHT * _PER_KEY + 1
        self.look = nn.Linear(sight * channels + 3 + hands, hidden)
        self.remember = nn.GRUCell(hidden, hidden)
        self.shape = nn.ModuleList(
            nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2 * points))
            for _ in range(hands)
        )
        self.seen = nn.Linear(hidden, 1)
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
        # Triangles over the keys' centres: what a point of the grid sees of the keys beside it.
        away_PG = (torch.tensor(KEY_X, dtype=torch.float32)[:, None] - grid_G).abs()
        self.keys_3P: Tensor
        self.grid_G: Tensor
        self.to_grid_PG: Tensor
        self.usual_KD: Tensor
        self.home_H: Tensor
        self.bone_HFB: Tensor
        self.register_buffer("keys_3P", keys_3P, persistent=False)
        self.register_buffer("grid_G", grid_G, persistent=False)
        self.register_buffer("to_grid_PG", (1 - away_PG / 0.75).clamp(min=0), persistent=False)
        # Told by the trainer: the mean pose (hands about their middle), the greatest lengths of the
        # fingers' bones, and where the hands wait at the start.
        self.register_buffer("usual_KD", torch.zeros(len(skeleton), 2))
        self.register_buffer("bone_HFB", torch.full((hands, *BONES), ANY_LENGTH))
        self.register_buffer(
            "home_H", torch.linspace(20.0, 32.0, hands) if hands else torch.zeros(0)
        )

    def settle(self, poses_TKD: Tensor, home_H: Tensor, real_TKD: Tensor) -> None:
        """Begin from the mean of these poses, and from these middles at the start of music, with bones of real ones.

        Deviations from a mean pose are quickly learnt; the mean pose itself would take a rate of its own.
        """
        usual_KD = poses_TKD.mean(dim=0)
        for ids in self.hands_KJ:
            usual_KD[ids, 0] -= usual_KD[ids][list(FINGERTIPS), 0].mean()
        for hand, ids in enumerate(self.hands_KJ):
            self.bone_HFB[hand] = longest_bones(real_TKD[:, ids])
        self.usual_KD.copy_(usual_KD)
        self.home_H.copy_(home_H)

    def start(self, pose_KD: Tensor, seen_K: Tensor, past_2TP: Tensor) -> Tensor:
        """What the memory begins with, [H]: where the hands are, home where a hand is not seen.

        The notes before do not matter to hands that are where they are.
        """
        seen_H = torch.stack([seen_K[ids].any() for ids in self.hands_KJ])
        return torch.where(seen_H, self.middles(pose_KD), self.home_H.cpu())

    def forward(
        self, notes_B2TP: Tensor, state: MovingState | None = None, start_BX: Tensor | None = None
    ) -> tuple[Motion, MovingState]:
        """
        Args:
            notes_B2TP: How surely each key is struck, and held, in 0..1.
            state: What the call for the frames before returned; None at the start.
            start_BX: Where the hands are at the start (see :meth:`start`); home by default.
        """
        batch, _, frames, _ = notes_B2TP.shape
        past = list(state.stack) if state else None
        strokes: State = []
        if self.held_frames:
            notes_B2TP, kept_BFP = self._by_strokes(notes_B2TP[:, 0], past.pop(0) if past else None)
            strokes.append(kept_BFP)
        keys_B3TP = self.keys_3P[None, :, None].expand(batch, -1, frames, -1)
        x_BCTP = self.enter(torch.cat([notes_B2TP, keys_B3TP], dim=1))
        x_BCTP, stack = self.stack(x_BCTP, past)
        # Places along a keyboard need more digits than half precision has.
        with torch.autocast(x_BCTP.device.type, enabled=False):
            before = state.player if state else None
            assert before is None or isinstance(before, HandsState)
            motion, hands = self._follow(x_BCTP.float(), before, start_BX)
        return motion, MovingState(strokes + stack, hands)

    def _by_strokes(self, struck_BTP: Tensor, past_BFP: Tensor | None) -> tuple[Tensor, Tensor]:
        """Keys struck, and held for `held_frames` from there on [B, 2, T, 88]; and the last strokes, which go on being held."""
        before = self.held_frames - 1
        if past_BFP is None:
            past_BFP = struck_BTP.new_zeros(len(struck_BTP), before, PITCHES)
        all_BRP = torch.cat([past_BFP, struck_BTP], dim=1)
        held_B1TP = F.max_pool2d(all_BRP[:, None], (self.held_frames, 1), stride=1)
        notes_B2TP = torch.cat([struck_BTP[:, None], held_B1TP], dim=1)
        return notes_B2TP, all_BRP[:, all_BRP.shape[1] - before :]

    def _follow(
        self, x_BCTP: Tensor, hands: HandsState | None, start_BH: Tensor | None
    ) -> tuple[Motion, HandsState]:
        """The hands' way through what the stack has read of the notes."""
        batch = len(x_BCTP)
        seen_TBGC = torch.einsum("bctp,pg->tbgc", x_BCTP, self.to_grid_PG).contiguous()
        if hands is None:
            hands = self.at_rest(batch, start_BH)
        middles, memories = [], []
        for seen_BGC in seen_TBGC.unbind(0):
            hands = self._step(seen_BGC, hands)
            middles.append(hands.middle_BH)
            memories.append(hands.memory_BHC)
        middle_BTH, memory_BTHC = torch.stack(middles, dim=1), torch.stack(memories, dim=1)
        return self._pose(middle_BTH, memory_BTHC), hands

    def at_rest(self, batch: int, start_BH: Tensor | None = None) -> HandsState:
        """What the hands know before the music, where they are said to be or else at home."""
        middle_BH = start_BH if start_BH is not None else self.home_H.expand(batch, -1)
        memory_BHC = middle_BH.new_zeros(*middle_BH.shape, self.remember.hidden_size)
        return HandsState(middle_BH, memory_BHC)

    def _step(self, seen_BGC: Tensor, hands: HandsState) -> HandsState:
        """One frame: look over the keyboard, go, look under the hands, remember."""
        middle_BH, memory_BHC = hands
        which_BHH = torch.eye(middle_BH.shape[1], device=middle_BH.device).expand(
            len(middle_BH), -1, -1
        )
        # Where is this hand wanted? Near keys are likelier.
        away_BHG = (self.grid_G - middle_BH[..., None]).abs()
        wanted_BHG = self.ask(memory_BHC) @ seen_BGC.transpose(1, 2)
        nearer_H1 = F.softplus(self.patience_H)[:, None]
        attention_BHG = (wanted_BHG - nearer_H1 * away_BHG).softmax(dim=-1)
        way_BH1 = ((attention_BHG @ self.grid_G) - middle_BH)[..., None]
        looked_BHC = attention_BHG @ seen_BGC
        going_BH2 = self.decide(
            torch.cat(
                [memory_BHC, looked_BHC, way_BH1 / 8, middle_BH[..., None] / 26 - 1, which_BHH],
                dim=-1,
            )
        )
        step_BH1 = going_BH2[..., :1].sigmoid() * way_BH1 + going_BH2[..., 1:].tanh()
        middle_BH = (middle_BH + step_BH1[..., 0]).clamp(
            -_MARGIN / 2, WHITE_KEY_COUNT + _MARGIN / 2
        )
        apart_BH1 = (middle_BH.flip(-1) - middle_BH)[..., None]
        under_BHX = self._under(seen_BGC, middle_BH)
        place_BH1 = middle_BH[..., None] / 26 - 1
        looked = torch.cat(
            [under_BHX, way_BH1 / 8, place_BH1, (apart_BH1 / 16).clamp(-2, 2), which_BHH], dim=-1
        )
        known_BHC = F.relu(self.look(looked))
        memory_BHC = self.remember(known_BHC.flatten(0, 1), memory_BHC.flatten(0, 1))
        return HandsState(middle_BH, memory_BHC.unflatten(0, middle_BH.shape))

    def _under(self, seen_BGC: Tensor, middle_BH: Tensor) -> Tensor:
        """What lies under each hand, seen from its middle: [B, H, sight * channels], linear between the grid's points."""
        at_BH = (middle_BH - self.grid_G[0]) * _PER_KEY
        first_BH = at_BH.floor()
        part_BH11 = (at_BH - first_BH)[..., None, None]
        reach = _SIGHT * _PER_KEY
        near_W = torch.arange(-reach, reach + 2, device=middle_BH.device)
        index_BW = (first_BH.long()[..., None] + near_W).flatten(1)
        index_BW = index_BW.clamp(0, len(self.grid_G) - 1)
        near_BWC = seen_BGC.gather(1, index_BW[..., None].expand(-1, -1, seen_BGC.shape[-1]))
        near_BHWC = near_BWC.unflatten(1, (-1, len(near_W)))
        return near_BHWC[:, :, :-1].lerp(near_BHWC[:, :, 1:], part_BH11).flatten(2)

    def _pose(self, middle_BTH: Tensor, memory_BTHC: Tensor) -> Motion:
        """All points of all hands, and those of no hand, from what the hands know."""
        batch, frames, _ = middle_BTH.shape
        poses_BTKD = self.usual_KD.expand(batch, frames, -1, -1).clone()
        for hand, ids in enumerate(self.hands_KJ):
            off_BTJD = self.shape[hand](memory_BTHC[:, :, hand]).unflatten(-1, (-1, 2))
            place_BT1D = F.pad(middle_BTH[:, :, hand, None, None], (0, 1))
            points_BTJD = self.usual_KD[ids] + off_BTJD + place_BT1D
            poses_BTKD[:, :, ids] = in_one_piece(points_BTJD, self.bone_HFB[hand])
        if self.others is not None:
            both_BTC = torch.cat([memory_BTHC.flatten(2), middle_BTH / 26 - 1], dim=-1)
            off_BTKD = self.others(both_BTC).unflatten(-1, (-1, 2))
            poses_BTKD[:, :, self.others_K] = self.usual_KD[self.others_K] + off_BTKD
        return Motion(poses_BTKD, middle_BTH, self.seen(memory_BTHC)[..., 0])
