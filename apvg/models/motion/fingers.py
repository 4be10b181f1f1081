"""The motion decoder for hands whose fingers are planned: from what each finger does to where it
is.

Its input is the agenda of the fingering stage (:mod:`apvg.models.fingering.agenda`). Frame by frame
each hand moves towards where its agenda needs it, and updates its recurrent state; all positions
are relative to the hand, so that it plays anywhere what it has learnt somewhere. Every point is
then placed about the hand, and how high it is. Both hands are the same network, the left one
mirrored; what differs between the hands of a player is added last (own choice; the paper only says
that keypoints are predicted).
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.instruments.keyboard import BLACK_KEY_HEIGHT, KEY_DEPTH
from apvg.instruments.skeleton import FINGERTIPS, Skeleton
from apvg.models.fingering.agenda import ENTRY, FAR
from apvg.models.fingering.fingers import FINGERS, MIRROR_X
from apvg.models.fingering.planner import TIP_X
from apvg.models.motion.bones import ANY_LENGTH, BONES, limit_bones, longest_bones
from apvg.models.motion.decoder import (
    MOTION_DECODERS,
    Motion,
    MotionConfig,
    MotionDecoder,
    MotionState,
)

HANDS, POINTS = 2, 21
#: Where a hand's middle may be, white keys.
_LOWEST, _HIGHEST = -4.0, 56.0
#: The hand is drawn to what is played within about so many frames, and to what was played at most
#: as if it had been so many frames ago.
_NEAR, _LONG_AGO = 4.0, 10.0
#: Where along white and along black keys fingers strike at first, white keys from their far end.
STRIKE_Y = ((5.5, 4.5, 4.3, 4.8, 5.3), (3.75,) * FINGERS)
#: Times in the agenda are given as how near they are, on these scales, frames.
_SCALES = (1.5, 5.0, 15.0)
#: Numbers of a finger's agenda as the network reads them.
_OF_FINGER = 3 * 3 + 5 * len(_SCALES) + 1


class FingersState(NamedTuple):
    """Where the hands are, x of their middles as right hands [B, 2], and their recurrent state
    [B, 2, hidden]."""

    middle_BH: Tensor
    hidden_BHC: Tensor


class FingerMotionDecoder(MotionDecoder):
    """See :class:`apvg.models.motion.decoder.MotionDecoder`; poses are in white keys.

    It takes agendas [B, T, 2, 5, 15] in place of notes.
    """

    planned: ClassVar[bool] = True

    def __init__(self, skeleton: Skeleton, config: MotionConfig) -> None:
        super().__init__(skeleton, config)
        if [len(ids) for ids in self.hands_HJ] != [POINTS] * HANDS:
            raise ValueError("planned fingers are those of two hands of 21 points")
        hidden = config.hidden
        seen = FINGERS * _OF_FINGER + 4
        self.read = nn.Sequential(nn.Linear(seen, hidden), nn.ReLU())
        self.cell = nn.GRUCell(hidden, hidden)
        self.step_head = nn.Sequential(nn.Linear(hidden + seen, 64), nn.ReLU(), nn.Linear(64, 2))
        self.place = nn.Sequential(
            nn.Linear(hidden + seen, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, 3 * POINTS)
        )
        # How much each fingertip is on its key already, or still.
        self.hold = nn.Sequential(
            nn.Linear(hidden + seen, hidden), nn.ReLU(), nn.Linear(hidden, 2 * FINGERS)
        )
        # Where along white and black keys each finger strikes.
        self.strike_y_CF = nn.Parameter(torch.tensor(STRIKE_Y).float())
        self.own_HX = nn.Parameter(torch.zeros(HANDS, 2 * POINTS))
        self.visible = nn.Linear(hidden, 1)
        self.mean_HJD: Tensor
        self.arch_J: Tensor
        self.initial_H: Tensor
        self.bone_HFB: Tensor
        self.tip_x_F: Tensor
        # Set from data: the mean hands about their middles, as right hands; the heights of their
        # points; the greatest lengths of bones; and where the hands wait at the start.
        self.register_buffer("mean_HJD", torch.zeros(HANDS, POINTS, 2))
        self.register_buffer("bone_HFB", torch.full((HANDS, *BONES), ANY_LENGTH))
        self.register_buffer("initial_H", torch.full((HANDS,), MIRROR_X + 6.5))
        self.register_buffer("tip_x_F", torch.from_numpy(TIP_X).float(), persistent=False)

    def initialise_from(self, poses_TKD: Tensor, initial_X: Tensor, real_TKD: Tensor) -> None:
        for hand, ids in enumerate(self.hands_HJ):
            hands_TJD = self._as_right(poses_TKD[:, ids, :2], hand)
            middle_T1 = hands_TJD[:, list(FINGERTIPS), 0].mean(dim=1, keepdim=True)
            hands_TJD = hands_TJD - F.pad(middle_T1[..., None], (0, 1))
            self.mean_HJD[hand] = hands_TJD.mean(dim=0)
            self.bone_HFB[hand] = longest_bones(real_TKD[:, ids, :2])
        self.initial_H.copy_(initial_X)

    @property
    def initialised(self) -> bool:
        return bool(self.mean_HJD.any())

    def initial_vector(self, pose_KD: Tensor, visible_K: Tensor, past_2TP: Tensor) -> Tensor:
        """Where the hands' middles are as right hands, [2], or wait where one is not visible."""
        visible_H = torch.stack([visible_K[ids].any() for ids in self.hands_HJ])
        middle_H = self.centroids(pose_KD).clone()
        middle_H[0] = 2 * MIRROR_X - middle_H[0]
        return torch.where(visible_H, middle_H, self.initial_H.cpu())

    def initial_state(self, batch: int, initial_BX: Tensor | None = None) -> FingersState:
        """The hands at the start, where they are or else wait."""
        middle_BH = initial_BX if initial_BX is not None else self.initial_H.expand(batch, -1)
        return FingersState(middle_BH, middle_BH.new_zeros(*middle_BH.shape, self.cell.hidden_size))

    def forward(
        self,
        notes_B2TP: Tensor,
        state: MotionState | None = None,
        initial_BX: Tensor | None = None,
    ) -> tuple[Motion, MotionState]:
        """As :meth:`MotionDecoder.forward`, from agendas [B, T, 2, 5, 15]."""
        agenda_BTHFE = notes_B2TP
        hands = state.player if state else None
        assert hands is None or isinstance(hands, FingersState)
        # Positions along a keyboard need more digits than half precision has.
        with torch.autocast(agenda_BTHFE.device.type, enabled=False):
            return self._decode(agenda_BTHFE.float(), hands, initial_BX)

    def _decode(
        self, agenda_BTHFE: Tensor, hands: FingersState | None, initial_BH: Tensor | None
    ) -> tuple[Motion, MotionState]:
        if hands is None:
            hands = self.initial_state(len(agenda_BTHFE), initial_BH)
        needed_BTH = self._needed(agenda_BTHFE)
        near_BTHFX = _nearness(agenda_BTHFE)
        middles, hidden = [], []
        for frame in range(agenda_BTHFE.shape[1]):
            hands = self._step(
                agenda_BTHFE[:, frame], near_BTHFX[:, frame], needed_BTH[:, frame], hands
            )
            middles.append(hands.middle_BH)
            hidden.append(hands.hidden_BHC)
        middle_BTH, hidden_BTHC = torch.stack(middles, dim=1), torch.stack(hidden, dim=1)
        seen_BTHX = _seen(agenda_BTHFE, near_BTHFX, needed_BTH, middle_BTH)
        motion = self._pose(agenda_BTHFE, seen_BTHX, middle_BTH, hidden_BTHC)
        return motion, MotionState([], hands)

    def _needed(self, agenda_BTHFE: Tensor) -> Tensor:
        """Where the agenda needs each hand's middle, [B, T, 2]: the mean over its fingers' keys,
        nearer ones in time more; where it waits, without any."""
        a = agenda_BTHFE
        places, weights = [], []
        for has, x, away in (
            (ENTRY.has_last, ENTRY.last_x, a[..., ENTRY.since].clamp(max=_LONG_AGO)),
            (ENTRY.has_next, ENTRY.next_x, a[..., ENTRY.until]),
            (ENTRY.has_after, ENTRY.after_x, a[..., ENTRY.until_after]),
        ):
            places.append(a[..., x] - self.tip_x_F)
            weights.append(a[..., has] * torch.exp(-away / _NEAR))
        # What was played long ago counts less than what was played a little later.
        age = torch.exp(-a[..., ENTRY.since] / _LONG_AGO)
        weights[0] = weights[0] * (0.02 + age)
        place_BTHX, weight_BTHX = torch.cat(places, dim=-1), torch.cat(weights, dim=-1)
        total_BTH = weight_BTHX.sum(dim=-1)
        mean_BTH = (place_BTHX * weight_BTHX).sum(dim=-1) / total_BTH.clamp(min=1e-12)
        return torch.where(total_BTH > 0, mean_BTH, self.initial_H)

    def _step(
        self, agenda_BHFE: Tensor, near_BHFX: Tensor, needed_BH: Tensor, hands: FingersState
    ) -> FingersState:
        """One frame: move towards where the hand is needed, and update the state."""
        seen_BHX = _seen(agenda_BHFE, near_BHFX, needed_BH, hands.middle_BH)
        input_BHC = self.read(seen_BHX)
        hidden_BHC = self.cell(input_BHC.flatten(0, 1), hands.hidden_BHC.flatten(0, 1))
        hidden_BHC = hidden_BHC.unflatten(0, needed_BH.shape)
        share_BH, own_BH = self.step_head(torch.cat([hidden_BHC, seen_BHX], dim=-1)).unbind(-1)
        away_BH = needed_BH - hands.middle_BH
        middle_BH = hands.middle_BH + share_BH.sigmoid() * away_BH + own_BH.tanh()
        return FingersState(middle_BH.clamp(_LOWEST, _HIGHEST), hidden_BHC)

    def _pose(
        self, agenda_BTHFE: Tensor, seen_BTHX: Tensor, middle_BTH: Tensor, hidden_BTHC: Tensor
    ) -> Motion:
        both_BTHX = torch.cat([hidden_BTHC, seen_BTHX], dim=-1)
        placed_BTHX = self.place(both_BTHX)
        off_BTHJD = (placed_BTHX[..., : 2 * POINTS] + self.own_HX).unflatten(-1, (POINTS, 2))
        points_BTHJD = self.mean_HJD + off_BTHJD + F.pad(middle_BTH[..., None, None], (0, 1))
        points_BTHJD, surface_BTHF = self._on_keys(points_BTHJD, agenda_BTHFE, both_BTHX)
        batch, frames = middle_BTH.shape[:2]
        poses_BTKD = points_BTHJD.new_zeros(batch, frames, len(self.skeleton), 2)
        heights_BTK = points_BTHJD.new_zeros(batch, frames, len(self.skeleton))
        height_BTHJ = _pressed(placed_BTHX[..., 2 * POINTS :], surface_BTHF, agenda_BTHFE)
        for hand, ids in enumerate(self.hands_HJ):
            points_BTJD = self._as_right(points_BTHJD[:, :, hand], hand)
            poses_BTKD[:, :, ids] = limit_bones(points_BTJD, self.bone_HFB[hand])
            heights_BTK[:, :, ids] = height_BTHJ[:, :, hand]
        left_BT, right_BT = middle_BTH.unbind(-1)
        return Motion(
            poses_BTKD,
            torch.stack([2 * MIRROR_X - left_BT, right_BT], dim=-1),
            self.visible(hidden_BTHC)[..., 0],
            poses_BTKD.new_zeros(batch, frames, 0),
            heights_BTK,
        )

    def _on_keys(
        self, points_BTHJD: Tensor, agenda_BTHFE: Tensor, both_BTHX: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The hands with their fingertips drawn to the places of the keys that they play, and the
        height of the keys' surface under them, [B, T, 2, 5]."""
        drawn_BTHFK = self.hold(both_BTHX).unflatten(-1, (FINGERS, 2))
        has_BTHFK = agenda_BTHFE[..., [ENTRY.has_last, ENTRY.has_next]]
        black_BTHFK = agenda_BTHFE[..., [ENTRY.last_black, ENTRY.next_black]]
        key_x_BTHFK = agenda_BTHFE[..., [ENTRY.last_x, ENTRY.next_x]]
        white_y_F1, black_y_F1 = self.strike_y_CF[..., None]
        key_y_BTHFK = white_y_F1 + black_BTHFK * (black_y_F1 - white_y_F1)
        # The last share is that of the finger's own place.
        share_BTHFK = F.pad(drawn_BTHFK.masked_fill(has_BTHFK < 0.5, -30.0), (0, 1)).softmax(-1)
        tips = list(FINGERTIPS)
        keys_BTHFKD = torch.stack([key_x_BTHFK, key_y_BTHFK], dim=-1)
        places_BTHFKD = torch.cat([keys_BTHFKD, points_BTHJD[..., tips, None, :]], dim=-2)
        points_BTHJD = points_BTHJD.clone()
        points_BTHJD[..., tips, :] = (share_BTHFK[..., None] * places_BTHFKD).sum(dim=-2)
        surface_BTHF = BLACK_KEY_HEIGHT * (share_BTHFK[..., :2] * black_BTHFK).sum(dim=-1)
        return points_BTHJD, surface_BTHF

    def _as_right(self, points: Tensor, hand: int) -> Tensor:
        """Points [..., 2] of a left hand mirrored, those of a right one as they are."""
        if hand:
            return points
        return torch.stack([2 * MIRROR_X - points[..., 0], points[..., 1]], dim=-1)


def _pressed(height_BTHJ: Tensor, surface_BTHF: Tensor, agenda_BTHFE: Tensor) -> Tensor:
    """Heights of hands [B, T, 2, 21] whose fingertips are above the surface under them, and at the
    bottom of the keys that they hold down."""
    a = agenda_BTHFE
    bottom_BTHF = BLACK_KEY_HEIGHT * a[..., ENTRY.last_black] - KEY_DEPTH
    tips = list(FINGERTIPS)
    height_BTHJ = height_BTHJ.clone()
    height_BTHJ[..., tips] = torch.where(
        a[..., ENTRY.down] > 0.5, bottom_BTHF, surface_BTHF + height_BTHJ[..., tips]
    )
    return height_BTHJ


def _nearness(agenda: Tensor) -> Tensor:
    """How near the times of agendas are, on each scale: [..., 5 * scales]."""
    times = [
        ENTRY.since,
        ENTRY.until_release,
        ENTRY.since_release,
        ENTRY.until,
        ENTRY.until_after,
    ]
    return torch.cat(
        [torch.exp(-agenda[..., times] / scale) * (agenda[..., times] < FAR) for scale in _SCALES],
        dim=-1,
    )


def _seen(agenda_HFE: Tensor, near_HFX: Tensor, needed_H: Tensor, middle_H: Tensor) -> Tensor:
    """What a hand sees from where it is: [..., 2, X]."""
    numbers = [near_HFX, agenda_HFE[..., ENTRY.down, None]]
    for has, x, black in (
        (ENTRY.has_last, ENTRY.last_x, ENTRY.last_black),
        (ENTRY.has_next, ENTRY.next_x, ENTRY.next_black),
        (ENTRY.has_after, ENTRY.after_x, ENTRY.after_black),
    ):
        there = agenda_HFE[..., has]
        away = (agenda_HFE[..., x] - middle_H[..., None]) * there
        numbers.append(torch.stack([there, (away / 4).clamp(-4, 4), agenda_HFE[..., black]], -1))
    apart_H = 2 * MIRROR_X - middle_H.flip(-1) - middle_H
    own = [
        (needed_H - middle_H) / 4,
        middle_H / 26 - 1,
        (apart_H / 16).clamp(-2, 2),
        torch.ones_like(middle_H),
    ]
    return torch.cat([torch.cat(numbers, dim=-1).flatten(-2), torch.stack(own, dim=-1)], dim=-1)


MOTION_DECODERS.register("planned fingers", FingerMotionDecoder)
