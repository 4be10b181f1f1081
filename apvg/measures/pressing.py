"""Figures on how keys are pressed: which finger is there, how early, and whether it goes down.

Tips are those of both hands, [T, 10], left hand's thumb first; heights are above the white keys'
surface, in white-key widths. A note's finger is 0 to 9 in the same order, -1 where it is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apvg.instruments.keyboard import (
    BLACK_KEY_HEIGHT,
    BLACK_KEY_LENGTH,
    BLACK_KEY_WIDTH,
    IS_BLACK,
    KEY_X,
    key_x,
)
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.music.fingering import Fingering
from apvg.music.notes import Notes

FINGERS = 5
#: A press counts for an onset that is at most so far from it, seconds.
PRESS_TOLERANCE = 0.04
#: A tip within so many white keys of a key's middle is over it.
OVER = 0.5
#: A black key is pressed by a finger whose middle is so far from its edge, white keys: a fingertip
#: is half as wide as a white key.
_FINGER_WIDTH = 0.12
#: A key that was pressed can be pressed again once its tip has been so far above it, white-key
#: widths.
_UP_AGAIN = 0.05
#: Longest anticipation that is looked for, seconds.
_EARLIEST = 1.0


def tips_of(fingering: Fingering) -> np.ndarray:
    """Each note's finger among the ten tips, int [N]; -1 where it is not known."""
    known_N = (fingering.hand_N >= 0) & (fingering.finger_N >= 0)
    return np.where(known_N, FINGERS * fingering.hand_N + fingering.finger_N, -1)


def nearest_tips(tip_x_TF: np.ndarray, notes: Notes, fps: float) -> np.ndarray:
    """The tip nearest to each note's key in the frame of its onset, int [N]; -1 outside the frames.

    Args:
        tip_x_TF: Where tips are along the keyboard, white keys; frame t is at t / fps seconds.
        notes: What is played.
        fps: Frames per second.
    """
    tip_N = np.full(len(notes), -1)
    frame_N = np.floor(notes.onset_N * fps + 0.5).astype(int)
    for n, (frame, x) in enumerate(zip(frame_N, key_x(notes.pitch_N), strict=True)):
        if 0 <= frame < len(tip_x_TF) and not np.isnan(tip_x_TF[frame]).all():
            tip_N[n] = np.nanargmin(np.abs(tip_x_TF[frame] - x))
    return tip_N


@dataclass(frozen=True)
class Presses:
    """Keys that tips go through, in the order of time.

    Attributes:
        time_N: When the tip passes the key's surface, seconds.
        pitch_N: MIDI pitch of the key.
        tip_N: Which tip.
    """

    time_N: np.ndarray
    pitch_N: np.ndarray
    tip_N: np.ndarray

    def __len__(self) -> int:
        return len(self.time_N)


def presses(
    tip_x_TF: np.ndarray, tip_y_TF: np.ndarray, height_TF: np.ndarray, fps: float
) -> Presses:
    """The presses that heights show: a tip that is above the key under it, and then below its
    surface.

    A tip that stays down, or rests on a key, presses nothing.

    Args:
        tip_x_TF, tip_y_TF: Where the tips are, white-key widths.
        height_TF: How high.
        fps: Frames per second.
    """
    key_TF = key_under(tip_x_TF, tip_y_TF)
    surface_TF = BLACK_KEY_HEIGHT * IS_BLACK[key_TF]
    found = []
    for tip in range(height_TF.shape[1]):
        up = False
        for frame in range(1, len(height_TF)):
            # Of the key that the tip is over when it goes down.
            surface = surface_TF[frame, tip]
            before, now = height_TF[frame - 1, tip] - surface, height_TF[frame, tip] - surface
            up = up or before > _UP_AGAIN
            if up and now < 0:
                share = np.clip(before / max(before - now, 1e-9), 0, 1)
                pitch = int(key_TF[frame, tip]) + LOWEST_PITCH
                found.append(((frame - 1 + share) / fps, pitch, tip))
                up = False
    found.sort()
    time_N, pitch_N, tip_N = np.array(found, np.float64).reshape(-1, 3).T
    return Presses(time_N, pitch_N.astype(np.int64), tip_N.astype(np.int64))


def key_under(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The key under places on the keyboard, 0 to 87, of the same shape."""
    white = np.flatnonzero(~IS_BLACK)
    black = np.flatnonzero(IS_BLACK)
    nearest_white = white[np.abs(x[..., None] - KEY_X[white]).argmin(axis=-1)]
    nearest_black = black[np.abs(x[..., None] - KEY_X[black]).argmin(axis=-1)]
    on_black = np.abs(x - KEY_X[nearest_black]) <= BLACK_KEY_WIDTH / 2 + _FINGER_WIDTH
    far_in = y < BLACK_KEY_LENGTH + _FINGER_WIDTH / 2
    return np.where(on_black & far_in, nearest_black, nearest_white)


@dataclass(frozen=True)
class PressScore:
    """How well presses agree with notes.

    Attributes:
        precision: Share of the presses that are a note's, by the finger that is to play it.
        recall: Share of the notes whose finger presses their key in time.
        notes: How many notes counted.
    """

    precision: float
    recall: float
    notes: int

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def press_score(pressed: Presses, notes: Notes, tip_N: np.ndarray) -> PressScore:
    """Match presses and notes one to one: the same key and finger, at most 40 ms apart.

    Args:
        pressed: What tips press.
        notes: What is to be played.
        tip_N: By which tip; notes of -1 match no press.
    """
    free = np.ones(len(pressed), bool)
    hits = 0
    for onset, pitch, tip in zip(notes.onset_N, notes.pitch_N, tip_N, strict=True):
        first, last = np.searchsorted(
            pressed.time_N, [onset - PRESS_TOLERANCE - 1e-6, onset + PRESS_TOLERANCE + 1e-6]
        )
        near = np.arange(first, last)
        near = near[free[near] & (pressed.pitch_N[near] == pitch) & (pressed.tip_N[near] == tip)]
        if len(near):
            free[near[np.abs(pressed.time_N[near] - onset).argmin()]] = False
            hits += 1
    return PressScore(
        hits / len(pressed) if len(pressed) else 0.0,
        hits / len(notes) if len(notes) else float("nan"),
        len(notes),
    )


def anticipation(tip_x_TF: np.ndarray, notes: Notes, tip_N: np.ndarray, fps: float) -> np.ndarray:
    """How long before each onset its finger has been over its key, seconds [N]; at most 1, NaN
    where the finger is not over the key at the onset, or not known."""
    early_N = np.full(len(notes), np.nan)
    frame_N = np.floor(notes.onset_N * fps + 0.5).astype(int)
    for n, x in enumerate(key_x(notes.pitch_N)):
        frame, tip = frame_N[n], tip_N[n]
        if tip < 0 or not 0 <= frame < len(tip_x_TF):
            continue
        first = max(0, frame - round(_EARLIEST * fps))
        over_T = np.abs(tip_x_TF[first : frame + 1, tip] - x) <= OVER
        if over_T[-1]:
            away = np.flatnonzero(~over_T)
            early_N[n] = (len(over_T) - 1 - (away[-1] + 1 if len(away) else 0)) / fps
    return early_N
