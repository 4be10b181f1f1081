"""Which finger plays, and does it press its key? What a report says of planned fingers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

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
class FingerFigures:
    """Whether the planned fingers play.

    Attributes:
        planned: Share of the notes whose key is nearest to the tip of the planned finger.
        planned_shuffled: Its floor: the same with the fingers shuffled among the notes.
        longest_run: Most notes in a row, on different keys, that one finger plays; of both hands.
        anticipation: How long before the onset the planned finger is over its key, median, seconds.
        press_precision, press_recall, press_f1: Of presses, read from the heights, by the planned
            finger on its key, within 40 ms.
        press_f1_shuffled: Its floor: the same presses, with the fingers shuffled among the notes.
            (Tips that are all down, or none, press nothing: 0.)
    """

    planned: float
    planned_shuffled: float
    longest_run: float
    anticipation: float
    press_precision: float
    press_recall: float
    press_f1: float
    press_f1_shuffled: float


def finger_figures(
    poses: PredictedPoses,
    notes: Notes,
    fingering: Fingering,
    skeleton: Skeleton,
    keyboard: Keyboard,
    fps: float,
) -> FingerFigures | None:
    """The figures of predicted poses; None without notes, heights, or two hands of five fingers.

    Args:
        poses: As predicted; frame t is at t / fps seconds.
        notes: What is played.
        fingering: Which finger is to play it.
        skeleton: Of the poses.
        keyboard: Where the keyboard is in their picture.
        fps: Frames per second.
    """
    tips = [tip for limb in skeleton.limbs.values() for tip in limb]
    if len(tips) != 2 * FINGERS or not len(notes) or not poses.heights_TK.shape[1]:
        return None
    place_TF2 = keyboard.to_keyboard(poses.keypoints_TKD[:, tips].astype(np.float64))
    tip_x_TF, tip_y_TF = place_TF2[..., 0], place_TF2[..., 1] * KEY_LENGTH
    tip_N, shuffled_N = tips_of(fingering), _shuffled(tips_of(fingering))
    nearest_N = nearest_tips(tip_x_TF, notes, fps)
    pressed = presses(tip_x_TF, tip_y_TF, poses.heights_TK[:, tips], fps)
    score = press_score(pressed, notes, tip_N)
    runs = [
        longest_run(nearest_N[of_hand] % FINGERS, notes.pitch_N[of_hand])
        for hand in (LEFT, RIGHT)
        if (of_hand := (fingering.hand_N == hand) & (nearest_N >= 0)).any()
    ]
    early_N = anticipation(tip_x_TF, notes, tip_N, fps)
    known_N = early_N[~np.isnan(early_N)]
    return FingerFigures(
        planned=float((nearest_N == tip_N).mean()),
        planned_shuffled=float((nearest_N == shuffled_N).mean()),
        longest_run=float(max(runs, default=0)),
        anticipation=float(np.median(known_N)) if len(known_N) else float("nan"),
        press_precision=score.precision,
        press_recall=score.recall,
        press_f1=score.f1,
        press_f1_shuffled=press_score(pressed, notes, shuffled_N).f1,
    )


def mean_fingers(figures: Sequence[tuple[FingerFigures, int]]) -> FingerFigures | None:
    """Means of pieces with so many notes each, each note with the same weight; None without any."""
    if not figures:
        return None
    each, notes_N = zip(*figures, strict=True)

    def mean(name: str) -> float:
        return float(np.average([getattr(one, name) for one in each], weights=notes_N))

    return FingerFigures(*(mean(field.name) for field in fields(FingerFigures)))


def _shuffled(tip_N: np.ndarray) -> np.ndarray:
    return np.random.default_rng(_SEED).permutation(tip_N)
