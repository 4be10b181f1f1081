"""Grips: what one hand holds from an onset on, and where its palm is meanwhile (own choice)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apvg.instruments.keyboard import IS_BLACK
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.models.fingering import Planned
from apvg.models.fingering.fingers import MIRROR_X, as_right_hand, onset_groups
from apvg.virtual.piano.hands import FINGERS, Hand, Posture

#: Where the hands start: x of their fingertips' centroid, left and right.
HOME = (MIRROR_X - 6.5, MIRROR_X + 6.5)
#: A key that is released so soon after an onset, seconds, leaves its finger free.
_STILL_HELD = 0.03
#: A hand's path is smooth over so many seconds: it is on its way while a thumb passes under.
_SMOOTH = 0.12


@dataclass(frozen=True)
class Strike:
    """A note as one hand plays it.

    Attributes:
        finger: 0 (thumb) to 4.
        onset, release: When the key goes down and comes up, seconds.
        black: Whether the key is black.
    """

    finger: int
    onset: float
    release: float
    black: bool


@dataclass(frozen=True)
class Grip:
    """The posture of one hand from an onset on.

    Attributes:
        onset: Onset of its new notes, seconds.
        strikes: The new notes.
        held: Notes from before whose keys are still down.
        posture: The hand over these keys, as a right hand (see Hand).
    """

    onset: float
    strikes: tuple[Strike, ...]
    held: tuple[Strike, ...]
    posture: Posture


def grips_of(planned: Planned, side: int, hand: Hand) -> list[Grip]:
    """What a hand (0 left, 1 right) grips at each of its onsets; a left one is mirrored."""
    chosen_N = np.flatnonzero((planned.hand_N == side) & (planned.finger_N >= 0))
    release_N = planned.release_N[chosen_N]
    keys = as_right_hand(planned.pitch_N[chosen_N], planned.onset_N[chosen_N], release_N, side)
    finger_N = planned.finger_N[chosen_N]
    black_N = IS_BLACK[planned.pitch_N[chosen_N] - LOWEST_PITCH]
    strikes = [
        Strike(int(finger), float(onset), float(release), bool(black))
        for finger, onset, release, black in zip(
            finger_N, keys.onset_N, release_N, black_N, strict=True
        )
    ]
    resting_F = np.array([tip[0] for tip in hand.statistics.tips_F2])
    members, held = [], []
    down: list[int] = []
    for group in onset_groups(keys.onset_N):
        onset = float(keys.onset_N[group[0]])
        down = [n for n in down if release_N[n] > onset + _STILL_HELD]
        down = [n for n in down if finger_N[n] not in finger_N[group]]
        held.append(tuple(down))
        members.append(group)
        down = [*down, *(int(n) for n in group)]
    middle_N = keys.x_N - resting_F[finger_N]
    onset_G = np.array([keys.onset_N[group[0]] for group in members])
    middle_G = np.array(
        [middle_N[[*group, *kept]].mean() for group, kept in zip(members, held, strict=True)]
    )
    path_G = _smooth(onset_G, middle_G)
    grips = []
    for onset, path, group, kept in zip(onset_G, path_G, members, held, strict=True):
        active = _one_each([*group, *kept], finger_N)
        places_N2 = np.array(
            [(keys.x_N[n], hand.strike_y(int(finger_N[n]), bool(black_N[n]))) for n in active]
        )
        posture = hand.over(tuple(int(finger_N[n]) for n in active), places_N2, float(path))
        grips.append(
            Grip(
                float(onset),
                tuple(strikes[n] for n in group),
                tuple(strikes[n] for n in kept),
                posture,
            )
        )
    return grips


def _one_each(notes: list[int], finger_N: np.ndarray) -> list[int]:
    """Of the notes of one finger the first alone, in the order of fingers."""
    of_finger: dict[int, int] = {}
    for note in notes:
        of_finger.setdefault(int(finger_N[note]), int(note))
    return [of_finger[finger] for finger in range(FINGERS) if finger in of_finger]


def _smooth(onset_G: np.ndarray, middle_G: np.ndarray) -> np.ndarray:
    """The hand's path: where the grips around a moment would have its middle, nearer ones more."""
    path_G = np.empty(len(onset_G))
    for place, onset in enumerate(onset_G):
        first, last = np.searchsorted(onset_G, [onset - 6 * _SMOOTH, onset + 6 * _SMOOTH])
        near_G = np.arange(first, last)
        weight_G = np.exp(-np.abs(onset_G[near_G] - onset) / _SMOOTH)
        path_G[place] = weight_G @ middle_G[near_G] / weight_G.sum()
    return path_G
