"""Which finger plays, and does it press its key? What a report says of planned fingers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from apvg.base.plain import OptionalKey
from apvg.instruments.keyboard import KEY_LENGTH, Keyboard
from apvg.instruments.skeleton import Skeleton
from apvg.measures.fingering import longest_run
from apvg.measures.pressing import (
    FINGERS,
    anticipation,
    nearest_tips,
    press_score,
    presses,
    tips_of,
)
from apvg.music.fingering import LEFT, RIGHT, Fingering
from apvg.music.notes import Notes
from apvg.streaming import PredictedPoses

#: Fingers are shuffled by this seed for the floors.
_SEED = 0


@dataclass(frozen=True)
class PressFigures:
    """How predicted heights press the keys.

    Attributes:
        precision, recall, f1: Of presses by the planned finger on its key, within 40 ms.
        f1_shuffled: The floor: the same presses, with the notes' fingers shuffled. (Tips that are
            all down, or none, press nothing: 0.)
    """

    precision: float
    recall: float
    f1: float
    f1_shuffled: float


@dataclass(frozen=True)
class FingerFigures:
    """Whether the planned fingers play.

    Attributes:
        planned: Share of the notes whose key is nearest to the tip of the planned finger.
        planned_shuffled: The floor: the same with the fingers shuffled among the notes.
        longest_run: Most notes in a row, on different keys, that one finger plays; of both hands.
        anticipation: How long before the onset the planned finger is over its key, median, seconds.
        press: From the heights, where they are predicted.
    """

    planned: float
    planned_shuffled: float
    longest_run: int
    anticipation: float
    press: Annotated[PressFigures | None, OptionalKey()] = None


@dataclass(frozen=True)
class MeanFingers:
    """The means of several pieces, each note with the same weight.

    Attributes:
        planned, planned_shuffled, anticipation: See :class:`FingerFigures`.
        longest_run: The mean.
        press_precision, press_recall, press_f1, press_f1_shuffled: See :class:`PressFigures`.
    """

    planned: float
    planned_shuffled: float
    longest_run: float
    anticipation: float
    press_precision: Annotated[float | None, OptionalKey()] = None
    press_recall: Annotated[float | None, OptionalKey()] = None
    press_f1: Annotated[float | None, OptionalKey()] = None
    press_f1_shuffled: Annotated[float | None, OptionalKey()] = None


def finger_figures(
    poses: PredictedPoses,
    notes: Notes,
    fingering: Fingering,
    skeleton: Skeleton,
    keyboard: Keyboard,
    fps: float,
) -> FingerFigures | None:
    """The figures of predicted poses; None for a player without two hands of five fingers.

    Args:
        poses: As predicted; frame t is at t / fps seconds.
        notes: What is played.
        fingering: Which finger is to play it.
        skeleton: Of the poses.
        keyboard: Where the keyboard is in their picture.
        fps: Frames per second.
    """
    tips = [tip for limb in skeleton.limbs.values() for tip in limb]
    if len(tips) != 2 * FINGERS or not len(notes):
        return None
    place_TF2 = keyboard.to_keyboard(poses.keypoints_TKD[:, tips].astype(np.float64))
    tip_x_TF, tip_y_TF = place_TF2[..., 0], place_TF2[..., 1] * KEY_LENGTH
    tip_N, shuffled_N = tips_of(fingering), _shuffled(tips_of(fingering))
    nearest_N = nearest_tips(tip_x_TF, notes, fps)
    press = None
    if poses.heights_TK.shape[1]:
        pressed = presses(tip_x_TF, tip_y_TF, poses.heights_TK[:, tips], fps)
        score = press_score(pressed, notes, tip_N)
        floor = press_score(pressed, notes, shuffled_N)
        press = PressFigures(score.precision, score.recall, score.f1, floor.f1)
    runs = [
        longest_run(np.where(of_hand, nearest_N % FINGERS, -1)[of_hand], notes.pitch_N[of_hand])
        for hand in (LEFT, RIGHT)
        if (of_hand := fingering.hand_N == hand).any()
    ]
    early_N = anticipation(tip_x_TF, notes, tip_N, fps)
    known = ~np.isnan(early_N)
    return FingerFigures(
        planned=float((nearest_N == tip_N).mean()),
        planned_shuffled=float((nearest_N == shuffled_N).mean()),
        longest_run=max(runs, default=0),
        anticipation=float(np.median(early_N[known])) if known.any() else float("nan"),
        press=press,
    )


def mean_fingers(figures: Sequence[tuple[FingerFigures, int]]) -> MeanFingers | None:
    """Means of pieces with so many notes each; None without any."""
    if not figures:
        return None
    each, notes_N = zip(*figures, strict=True)

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=notes_N))

    means = MeanFingers(
        planned=mean([one.planned for one in each]),
        planned_shuffled=mean([one.planned_shuffled for one in each]),
        longest_run=float(np.mean([one.longest_run for one in each])),
        anticipation=mean([one.anticipation for one in each]),
    )
    press = [one.press for one in each if one.press is not None]
    if len(press) < len(each):
        return means
    return MeanFingers(
        means.planned,
        means.planned_shuffled,
        means.longest_run,
        means.anticipation,
        press_precision=mean([one.precision for one in press]),
        press_recall=mean([one.recall for one in press]),
        press_f1=mean([one.f1 for one in press]),
        press_f1_shuffled=mean([one.f1_shuffled for one in press]),
    )


def _shuffled(tip_N: np.ndarray) -> np.ndarray:
    return np.random.default_rng(_SEED).permutation(tip_N)
