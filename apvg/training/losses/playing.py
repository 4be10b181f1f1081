"""Losses on how an instrument is played, as components that
:attr:`apvg.instruments.instrument.Instrument.losses` names.

Other packages add their own by entry points of the group `apvg.losses`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.base.registry import Registry
from apvg.instruments.keyboard import KEY_X
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.strings import FINGERS, STOPS, STRING_INSTRUMENTS
from apvg.models.fingering.agenda import ENTRY
from apvg.models.fingering.fingers import MIRROR_X
from apvg.models.motion import Motion
from apvg.takes.take import Take
from apvg.training.configs import MotionTrainingConfig
from apvg.training.losses.keypoints import weighted_mean

#: A fingertip within so much of a key's middle is on the key; one farther away than the second is
#: none of the fingers': the notes are wrong there. White keys.
_ON_KEY, _ELSEWHERE = 0.1, 6.0


class Played(NamedTuple):
    """What a loss on playing compares.

    Attributes:
        motion: What the motion decoder predicts for T frames, the look-ahead taken off.
        poses_BTKD: True poses.
        onset_BTP: Pitches that begin in a frame, 0 or 1.
        valid_BT: 1 in frames that carry a loss.
        target_BTX: The loss's own target; see :meth:`PlayingLoss.target`.
        skeleton: Of the poses.
        given: What the motion decoder was given: notes, or agendas.
    """

    motion: Motion
    poses_BTKD: Tensor
    onset_BTP: Tensor
    valid_BT: Tensor
    target_BTX: Tensor
    skeleton: Skeleton
    given: Tensor


class PlayingLoss(Protocol):
    """A loss on playing."""

    def target(self, take: Take) -> Tensor:
        """What a take shows at every frame in addition to its keypoints, [T, X]; of a fixed size X,
        which may be 0."""
        ...

    def __call__(self, played: Played, config: MotionTrainingConfig) -> dict[str, Tensor]:
        """Weighted losses by name; none where there is nothing to learn from."""
        ...


#: By name.
LOSSES: Registry[PlayingLoss] = Registry("loss", "apvg.losses")


class TipsOnKeys:
    """Some fingertip must be on every key at its onset, whichever finger it is."""

    def target(self, take: Take) -> Tensor:
        """Nothing: the notes say it."""
        return torch.zeros(len(take), 0)

    def __call__(self, played: Played, config: MotionTrainingConfig) -> dict[str, Tensor]:
        tips = [tip for tips in played.skeleton.limbs.values() for tip in tips]
        tips_x_BTF = played.motion.poses_BTKD[:, :, tips, 0]
        onset_BTP = played.onset_BTP * played.valid_BT[..., None]
        return {"touch": config.touch_weight * tips_on_keys(tips_x_BTF, onset_BTP)}


class PlannedTipsOnKeys:
    """The planned fingertip must be on its key at the onset, and stay there while it is down."""

    def target(self, take: Take) -> Tensor:
        """Nothing: the agenda says it."""
        return torch.zeros(len(take), 0)

    def __call__(self, played: Played, config: MotionTrainingConfig) -> dict[str, Tensor]:
        tips = [list(tips) for tips in played.skeleton.limbs.values()]
        tip_x_BTHF = played.motion.poses_BTKD[..., 0][:, :, tips]
        return {
            "touch": config.touch_weight
            * planned_tips_on_keys(tip_x_BTHF, played.given, played.valid_BT)
        }


class Stops:
    """The right finger must stop the right string at the right place, where a take says which."""

    def target(self, take: Take) -> Tensor:
        """See :func:`stops_of`; -1 throughout where the take does not say."""
        stops_T2 = stops_of(take)
        return stops_T2 if stops_T2 is not None else torch.full((len(take), 2), -1)

    def __call__(self, played: Played, config: MotionTrainingConfig) -> dict[str, Tensor]:
        stopped_BT = (played.target_BTX[..., 0] >= 0) & (played.valid_BT > 0)
        if not bool(stopped_BT.any()):
            return {}
        logits_BTX = played.motion.decisions_BTX
        stops_N2 = played.target_BTX[stopped_BT]
        fingers = list(played.skeleton.limbs["left_hand"][1:])
        away_BTK = (played.motion.poses_BTKD - played.poses_BTKD).abs().sum(-1)
        away_N4 = away_BTK[stopped_BT][:, fingers]
        return {
            "stop": config.stop_weight * stop_cross_entropy(logits_BTX[stopped_BT], stops_N2),
            "touch": config.touch_weight * stopping_distance(away_N4, stops_N2[:, 1]),
        }


LOSSES.register("tips on keys", TipsOnKeys())
LOSSES.register("planned tips on keys", PlannedTipsOnKeys())
LOSSES.register("stops", Stops())


def tips_on_keys(tips_x_BTF: Tensor, onset_BTP: Tensor) -> Tensor:
    """Mean distance from played keys to the nearest fingertip, white keys; nothing within a tenth
    of a key, at most 6.

    Args:
        tips_x_BTF: Fingertips along the keyboard, white keys.
        onset_BTP: Onsets of keys, 0 or 1.
    """
    batch_N, frame_N, key_N = torch.nonzero(onset_BTP, as_tuple=True)
    if not len(key_N):
        return tips_x_BTF.new_zeros(())
    key_x_P = torch.from_numpy(KEY_X).to(tips_x_BTF)
    away_N = (tips_x_BTF[batch_N, frame_N] - key_x_P[key_N, None]).abs().amin(dim=1)
    return (away_N - _ON_KEY).clamp(0, _ELSEWHERE).mean()


def planned_tips_on_keys(tip_x_BTHF: Tensor, agenda_BTHFE: Tensor, valid_BT: Tensor) -> Tensor:
    """Mean distance of planned fingertips from their keys, white keys: within a frame of the
    onset, and a tenth as much while the key is down; nothing within a tenth of a key.

    Args:
        tip_x_BTHF: Fingertips of both hands along the keyboard, white keys.
        agenda_BTHFE: What they play; see :mod:`apvg.models.fingering.agenda`.
        valid_BT: 1 in frames that carry a loss.
    """
    left_BTF, right_BTF = tip_x_BTHF.unbind(2)
    as_right_BTHF = torch.stack([2 * MIRROR_X - left_BTF, right_BTF], dim=2)
    a = agenda_BTHFE
    total, weights = tip_x_BTHF.new_zeros(()), tip_x_BTHF.new_zeros(())
    for x, near_BTHF in (
        (ENTRY.last_x, a[..., ENTRY.has_last] * (1 - a[..., ENTRY.since]).clamp(min=0)),
        (ENTRY.next_x, a[..., ENTRY.has_next] * (1 - a[..., ENTRY.until]).clamp(min=0)),
        (ENTRY.last_x, 0.1 * a[..., ENTRY.has_last] * a[..., ENTRY.down]),
    ):
        away_BTHF = ((as_right_BTHF - a[..., x]).abs() - _ON_KEY).clamp(0, _ELSEWHERE)
        weight_BTHF = near_BTHF * valid_BT[..., None, None]
        total = total + (away_BTHF * weight_BTHF).sum()
        weights = weights + weight_BTHF.sum()
    return total / weights.clamp(min=1.0)


def stop_cross_entropy(logits_NX: Tensor, stops_N2: Tensor) -> Tensor:
    """Mean cross-entropy of where strings are stopped, and of by which finger, added.

    Args:
        logits_NX: Of where, and of which finger, one after the other.
        stops_N2: True place and finger; see :func:`stops_of`.
    """
    of_each = [
        F.cross_entropy(logits_NC, stops_N)
        for logits_NC, stops_N in zip(
            logits_NX.split([logits_NX.shape[1] - FINGERS, FINGERS], dim=-1),
            stops_N2.T,
            strict=True,
        )
    ]
    return torch.stack(of_each).sum()


def stopping_distance(away_N4: Tensor, finger_N: Tensor) -> Tensor:
    """Mean distance of the fingers that stop strings from where they are.

    Args:
        away_N4: Of each finger's tip, index to little finger.
        finger_N: Which one stops, from 1; 0 for an open string, which needs none.
    """
    away_N5 = F.pad(away_N4, (1, 0))
    away_N = away_N5.gather(1, finger_N[:, None])[:, 0]
    return weighted_mean(away_N, (finger_N > 0).float())


def stops_of(take: Take) -> Tensor | None:
    """Where a string is stopped at every frame, int [T, 2]: string * STOPS + semitone, and finger
    (0 for none); -1 in silence.

    None where the take does not say (see :func:`apvg.virtual.strings.performance.truth`).
    """
    truth, notes = take.metadata.get("strings"), take.notes
    if truth is None or notes is None:
        return None
    string_N, finger_N = np.array(truth["string"]), np.array(truth["finger"])
    semitone_N = (
        notes.pitch_N - np.array(STRING_INSTRUMENTS[take.about.instrument].open_pitches)[string_N]
    )
    stop_N2 = np.stack([string_N * STOPS + semitone_N, finger_N], axis=1)
    time_T = np.arange(len(take)) / take.fps
    note_T = np.searchsorted(notes.onset_N, time_T, side="right") - 1
    sounds_T = (note_T >= 0) & (time_T < notes.offset_N[note_T.clip(0)])
    return torch.from_numpy(np.where(sounds_T[:, None], stop_N2[note_T.clip(0)], -1))
