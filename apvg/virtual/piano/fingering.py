"""Fingering: which hand and which finger plays each note, by two searches for the least effort (own
choice).

1. Hands: notes that begin together are split into a lower group for the left hand and an upper one
   for the right; a beam search over the piece keeps hands within their span, apart from each other,
   and still.
2. Fingers: for each hand, a Viterbi search over the ordered assignments of fingers to the keys it
   strikes or still holds; the effort is the strain of the posture, the distance from the previous
   posture, and what pianists avoid (the thumb on black keys, one finger on two keys in a row).

Dynamic programming over finger assignments follows Parncutt et al., 1997, and Al Kasimi et al.,
2007; the strain comes from measured hands (:mod:`apvg.virtual.piano.hands`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from apvg.instruments.keyboard import IS_BLACK, key_x
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.instruments.skeleton import FINGERTIPS
from apvg.music.notes import Notes
from apvg.virtual.piano.hands import FINGERS, MIRROR_X, Hand, Posture

LEFT, RIGHT = 0, 1
#: Notes that begin within so many seconds begin together.
TOGETHER = 0.035
#: A key that is released so soon after an onset, seconds, leaves its finger free.
_STILL_HELD = 0.03
#: The greatest span of one hand, white keys.
WIDEST = 9.0
#: Where the hands start: x of their fingertips' centroid, left and right.
HOME = (MIRROR_X - 6.5, MIRROR_X + 6.5)
#: White keys that a hand reaches on each side of its centre without moving.
_REACH = 2.75
_BEAM = 32
#: Effort of changing fingers on a held key: higher than any other, because hands release the key
#: instead.
_CHANGED = 50.0
#: Effort of one finger crossing another, neither of them the thumb.
_CROSSING = 1.5


@dataclass(frozen=True)
class Grip:
    """The posture of one hand from an onset on.

    Attributes:
        onset: Onset of its new notes, seconds.
        notes: Indices of the notes that it strikes or holds, from the thumb on.
        fingers: Their fingers, 0 (thumb) to 4.
        begins: Which of them are new.
        posture: The hand over these keys, as a right hand (see Hand).
    """

    onset: float
    notes: tuple[int, ...]
    fingers: tuple[int, ...]
    begins: tuple[bool, ...]
    posture: Posture

    def x(self, finger: int) -> float:
        """x of a fingertip, white keys."""
        return float(self.posture.points_J2[FINGERTIPS[finger], 0])


# ----------------------------------------------------------------------------------------
# hands


def group_onsets(onset_N: np.ndarray) -> list[np.ndarray]:
    """Indices of the notes of each onset; notes are in order of their onsets."""
    groups: list[list[int]] = []
    for index, onset in enumerate(onset_N):
        if groups and onset - onset_N[groups[-1][0]] <= TOGETHER:
            groups[-1].append(index)
        else:
            groups.append([index])
    return [np.array(group) for group in groups]


@dataclass(frozen=True)
class _Hands:
    """A partial solution: each hand's centre, last onset and held notes, the last split, and the
    state before."""

    cost: float
    middle: tuple[float, float]
    last: tuple[float, float]
    held: tuple[tuple[int, ...], tuple[int, ...]]
    split: int
    before: _Hands | None


def assign_hands(notes: Notes) -> np.ndarray:
    """The hand that plays each note: [N], 0 (left) or 1 (right).

    Raises:
        ValueError: A pitch that a piano lacks.
    """
    x_N = key_x(notes.pitch_N)
    groups = [group[np.argsort(x_N[group])] for group in group_onsets(notes.onset_N)]
    beam = [_Hands(0.0, HOME, (-10.0, -10.0), ((), ()), 0, None)]
    for group in groups:
        reached = [
            _play(hands, group, split, notes, x_N)
            for hands in beam
            for split in range(len(group) + 1)
        ]
        # Of several ways to the same state the best is kept.
        best: dict[tuple[object, ...], _Hands] = {}
        for hands in sorted(reached, key=lambda way: way.cost):
            best.setdefault((hands.middle, hands.held), hands)
        beam = list(best.values())[:_BEAM]
    hand_N = np.zeros(len(notes), np.int64)
    way: _Hands | None = beam[0]
    for group in reversed(groups):
        assert way is not None
        hand_N[group[way.split :]] = RIGHT
        way = way.before
    return hand_N


def _play(hands: _Hands, group: np.ndarray, split: int, notes: Notes, x_N: np.ndarray) -> _Hands:
    """Play the lowest `split` notes of a group with the left hand and the others with the right."""
    onset = float(notes.onset_N[group[0]])
    cost, middle, last, held = hands.cost, list(hands.middle), list(hands.last), []
    for hand, new in ((LEFT, group[:split]), (RIGHT, group[split:])):
        kept = [n for n in hands.held[hand] if notes.offset_N[n] > onset + _STILL_HELD]
        if len(new):
            active = [*kept, *(int(n) for n in new)]
            x_A = x_N[active]
            span = float(x_A.max() - x_A.min())
            # The hand moves only as far as needed to reach all its keys.
            reach = max(_REACH, span / 2)
            there = float(np.clip(middle[hand], x_A.max() - reach, x_A.min() + reach))
            way = abs(there - middle[hand])
            seconds = max(onset - last[hand], 0.05)
            cost += 0.3 * way + 0.15 * max(way / seconds - 20.0, 0.0)
            cost += 1.5 * max(span - 7.0, 0.0) + (30.0 if span > WIDEST else 0.0)
            cost += 10.0 * max(len(active) - FINGERS, 0) + 0.15 * max(len(new) - 3, 0)
            # Each hand prefers its own side of the keyboard.
            outside = there - MIRROR_X if hand == LEFT else MIRROR_X - there
            cost += 0.06 * max(outside, 0.0)
            middle[hand], last[hand], kept = there, onset, active
        held.append(tuple(kept))
    cost += 1.5 * max(middle[LEFT] - middle[RIGHT] + 5.5, 0.0)
    return _Hands(
        cost, (middle[0], middle[1]), (last[0], last[1]), (held[0], held[1]), split, hands
    )


# ----------------------------------------------------------------------------------------
# fingers


def finger_notes(notes: Notes, chosen_N: np.ndarray, side: int, hand: Hand) -> list[Grip]:
    """Fingers for the notes of one hand.

    Args:
        notes: All notes of the piece.
        chosen_N: Indices of this hand's notes, in order.
        side: LEFT or RIGHT; a left hand is treated as its mirror image.
        hand: The shape of hands.
    """
    x_N = key_x(notes.pitch_N)
    if side == LEFT:
        x_N = 2 * MIRROR_X - x_N
    black_N = IS_BLACK[notes.pitch_N - LOWEST_PITCH]
    layers: list[list[Grip]] = []
    costs: list[np.ndarray] = []
    came_from: list[np.ndarray] = []
    active: list[int] = []
    for group in group_onsets(notes.onset_N[chosen_N]):
        new = chosen_N[group]
        onset = float(notes.onset_N[new[0]])
        active = [n for n in active if notes.offset_N[n] > onset + _STILL_HELD]
        active = _playable(active, [int(n) for n in new], x_N)
        while True:
            grips = [
                _grip(onset, tuple(active), fingers, set(new.tolist()), x_N, black_N, hand)
                for fingers in combinations(range(FINGERS), len(active))
            ]
            own_G = np.array([_effort(grip, notes, black_N) for grip in grips])
            total_GG = None
            if not layers:
                break
            total_GG = costs[-1] + np.array(
                [[_step(before, grip, notes) for before in layers[-1]] for grip in grips]
            )
            held = [n for n in active if n not in new]
            if not held or total_GG.min() < costs[-1].min() + _CHANGED:
                break
            active.remove(min(held))  # no finger is free for the oldest note
        if total_GG is not None:
            came_from.append(total_GG.argmin(axis=1))
            own_G = own_G + total_GG.min(axis=1)
        layers.append(grips)
        costs.append(own_G)
    if not layers:
        return []
    choice = int(costs[-1].argmin())
    path = [layers[-1][choice]]
    for grips, back in zip(reversed(layers[:-1]), reversed(came_from), strict=True):
        choice = int(back[choice])
        path.append(grips[choice])
    return path[::-1]


def _playable(held: list[int], new: list[int], x_N: np.ndarray) -> list[int]:
    """The notes that five fingers can play, from left to right: new ones first, then held ones
    within reach."""
    new = sorted(new, key=lambda n: x_N[n])
    while len(new) > FINGERS or x_N[new[-1]] - x_N[new[0]] > WIDEST + 2:
        new.pop(len(new) // 2 if len(new) > FINGERS else 0)
    active = list(new)
    for n in sorted(held, key=lambda n: -n):
        xs = [*(x_N[m] for m in active), x_N[n]]
        if len(active) < FINGERS and max(xs) - min(xs) <= WIDEST:
            active.append(n)
    return sorted(active, key=lambda n: x_N[n])


def _grip(
    onset: float,
    active: tuple[int, ...],
    fingers: tuple[int, ...],
    new: set[int],
    x_N: np.ndarray,
    black_N: np.ndarray,
    hand: Hand,
) -> Grip:
    places_N2 = np.array(
        [
            (x_N[n], hand.strike_y(finger, bool(black_N[n])))
            for n, finger in zip(active, fingers, strict=True)
        ]
    )
    begins = tuple(n in new for n in active)
    return Grip(onset, active, fingers, begins, hand.over(fingers, places_N2))


def _effort(grip: Grip, notes: Notes, black_N: np.ndarray) -> float:
    """The cost of a grip by itself."""
    effort = grip.posture.strain
    for note, finger in zip(grip.notes, grip.fingers, strict=True):
        effort += (0.0, 0.0, 0.0, 0.15, 0.1)[finger]
        if finger == 0 and black_N[note]:
            effort += 1.0
        if finger == 4 and black_N[note]:
            effort += 0.3
    return effort


def _step(before: Grip, after: Grip, notes: Notes) -> float:
    """The cost of moving from one grip to the next."""
    fingers_before = dict(zip(before.notes, before.fingers, strict=True))
    key_before = {f: notes.pitch_N[n] for n, f in fingers_before.items()}
    seconds = max(after.onset - before.onset, 0.05)
    way = abs(after.posture.middle - before.posture.middle)
    cost = 0.5 * way + 0.1 * max(way / seconds - 20.0, 0.0)
    for note, finger, begins in zip(after.notes, after.fingers, after.begins, strict=True):
        if not begins:
            if fingers_before.get(note, finger) != finger:
                cost += _CHANGED
        elif finger in key_before and seconds < 1.0:
            if key_before[finger] != notes.pitch_N[note]:
                cost += 1.2
        elif notes.pitch_N[note] in key_before.values() and seconds < 1.0:
            cost += 0.5
        if begins and seconds < 1.0:
            cost += _CROSSING * sum(
                finger > 0
                and other > 0
                and (finger - other) * (after.x(finger) - before.x(other)) < 0
                for other in before.fingers
            )
    return cost
