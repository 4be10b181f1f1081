"""Which detection is the left hand and which the right one, decided for a whole recording at once.

Everything here is plain numpy, and works in whatever pixels it is given.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from apvg.instruments.skeleton import HAND_POINTS
from apvg.takes.pose.detections import Detections, hand_size, same_hand

#: The cost of a hand that jumps by its own size from one frame to the next (a negative log
#: probability, as all costs here). It is weighed against the tracker's labels, of which none counts
#: for more than _CERTAIN, because a tracker's mistakes last for many frames: only labels that are
#: wrong for seconds can exchange hands that are near each other and partly hidden.
_JUMP_COST = 100.0
#: Motion up to this share of a hand's size per frame is free.
_PLAIN_SPEED = 0.25
_CERTAIN = 0.7
#: The cost of a detection that is taken for no hand at all: less than a jump there and back, more
#: than a quick move.
_REJECTED_COST = 32.0
#: The cost of a hand that appears where the other one was in one of the frames just before, while
#: the other disappears. About a second of wrong labels cannot outweigh it.
_STOLEN_COST = 30.0
_JUST_NOW = 10
#: Hypotheses that cost so much more than the best one are dropped.
_HOPELESS = 1000.0
#: Hypotheses that are kept at once (the beam's width).
_HYPOTHESES = 8

#: A frame, and the number of a hand in it; None before the first.
_Detection: TypeAlias = tuple[int, int] | None
#: The last detection of the left and of the right hand.
_State: TypeAlias = tuple[_Detection, _Detection]


def assign_hands(detections: Detections) -> tuple[np.ndarray, np.ndarray]:
    """Tell the left hand from the right one in every frame.

    The cheapest sequence of assignments wins: a hand pays for every jump and for labels against it,
    and a detection may be no hand at all (a Viterbi beam search whose states are the last
    detections of both hands). So wrong labels never exchange hands that can be followed, and labels
    decide again after a long absence.

    Returns:
        hands_THPD: [T, 2, 21, 2], the player's left hand first; NaN where it was not detected.
        score_TH: [T, 2], 0 where it was not detected.
    """
    hands_THPD = np.full((len(detections), 2, len(HAND_POINTS), 2), np.nan, np.float32)
    score_TH = np.zeros((len(detections), 2), np.float32)

    def write_path(state: _State, parents: list[dict[_State, _State]], first: int) -> None:
        """Write the path that ends in `state`, whose parents begin with frame `first`."""
        for t in range(first + len(parents) - 1, first - 1, -1):
            for hand, detection in enumerate(state):
                if detection is not None and detection[0] == t:
                    hands_THPD[t, hand] = detections.hands_TMPD[detection]
                    score_TH[t, hand] = detections.score_TM[detection]
            state = parents[t - first][state]

    # The cost of the cheapest path to each state.
    costs: dict[_State, float] = {(None, None): 0.0}
    parents: list[dict[_State, _State]] = []
    first = 0
    for t in range(len(detections)):
        seen = _distinct(detections.hands_TMPD[t], detections.score_TM[t])
        if not seen:
            parents.append({state: state for state in costs})
        else:
            costs, came_from = _step(detections, costs, t, seen)
            parents.append(came_from)
        if len(costs) == 1:
            # All later paths come through this state, so the path to it is final.
            (state,) = costs
            write_path(state, parents, first)
            parents, first = [], t + 1
    write_path(min(costs, key=lambda state: costs[state]), parents, first)
    return hands_THPD, score_TH


def _step(
    detections: Detections, costs: dict[_State, float], t: int, seen: list[int]
) -> tuple[dict[_State, float], dict[_State, _State]]:
    """The cheapest paths through frame t, and the state that each comes from."""
    options = [
        (left, right)
        for left in (None, *seen)
        for right in (None, *seen)
        if left is None or left != right
    ]
    grown: dict[_State, float] = {}
    came_from: dict[_State, _State] = {}
    for state, cost in costs.items():
        price_HM = [{m: _price(detections, hand, state, t, m) for m in seen} for hand in range(2)]
        for option in options:
            taken = [m for m in option if m is not None]
            price = cost + _REJECTED_COST * (len(seen) - len(taken))
            price += sum(price_HM[hand][m] for hand, m in enumerate(option) if m is not None)
            if len(taken) == 1:
                hand = option.index(taken[0])
                price += _stolen(detections, state[hand], state[1 - hand], t, taken[0])
            reached = (
                state[0] if option[0] is None else (t, option[0]),
                state[1] if option[1] is None else (t, option[1]),
            )
            if price < grown.get(reached, np.inf):
                grown[reached] = price
                came_from[reached] = state
    kept = sorted(grown.items(), key=lambda item: item[1])[:_HYPOTHESES]
    kept = [(state, cost) for state, cost in kept if cost < kept[0][1] + _HOPELESS]
    return dict(kept), came_from


def _price(detections: Detections, hand: int, state: _State, t: int, m: int) -> float:
    """The cost of taking detection m of frame t for the left (0) or right (1) hand."""
    right = float(np.clip(detections.right_TM[t, m], 1 - _CERTAIN, _CERTAIN))
    price = -math.log(right if hand else 1 - right)
    before = state[hand]
    if before is not None:
        speed = _moved(detections, before, t, m) / (t - before[0])
        price += _JUMP_COST * max(0.0, speed - _PLAIN_SPEED)
    return price


def _stolen(detections: Detections, own: _Detection, other: _Detection, t: int, m: int) -> float:
    """The cost of a hand, not detected for a while, that is where the other one was just now, while
    the other is gone."""
    if other is None or t - other[0] > _JUST_NOW or (own is not None and own[0] >= other[0]):
        return 0.0
    near = _moved(detections, other, t, m) / (t - other[0]) < 2 * _PLAIN_SPEED
    return _STOLEN_COST if near else 0.0


def _moved(detections: Detections, before: tuple[int, int], t: int, m: int) -> float:
    """The distance of two detections, in hand sizes."""
    points_PD, before_PD = detections.hands_TMPD[t, m], detections.hands_TMPD[before]
    return float(np.linalg.norm(points_PD - before_PD, axis=-1).mean()) / hand_size(points_PD)


def _distinct(hands_MPD: np.ndarray, score_M: np.ndarray) -> list[int]:
    """Indices of the detected hands; of one hand detected twice, the surer detection."""
    seen = [m for m in range(len(hands_MPD)) if not np.isnan(score_M[m])]
    if len(seen) == 2 and same_hand(hands_MPD[seen[0]], hands_MPD[seen[1]]):
        return [max(seen, key=lambda m: score_M[m])]
    return seen
