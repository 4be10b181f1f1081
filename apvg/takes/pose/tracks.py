"""From what a tracker sees in single frames to steady keypoints: which hand is which, gaps, smoothing.

Everything here is plain numpy, and works in whatever pixels it is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np

from apvg.instruments.skeleton import HAND_POINTS, Skeleton

#: Gaps up to this long are filled; longer ones get confidence 0. Seconds.
LONGEST_FILLED_GAP = 0.4
#: Confidence of a filled point.
FILLED_CONFIDENCE = 0.5
#: Half the smoothing window, seconds: 5 frames at 25 frames/s, which leaves a finger's stroke its height.
_SMOOTHING_REACH = 0.08
#: How unlikely it is that a hand jumps by its own size from one frame to the next (natural logarithms). Against it stand
#: labels of which none counts for more than this certainty, for a tracker that errs goes on to err for many frames. So
#: only labels that are wrong for seconds could exchange hands that are near each other and partly hidden.
_JUMP_COST = 100.0
#: … but so much of its size is plain motion, and free.
_PLAIN_SPEED = 0.25
_CERTAIN = 0.7
#: How unlikely it is that something seen is no hand at all; less than a leap there and back, more than a quick move.
_REJECTED_COST = 32.0
#: … and that a hand appears where the other was in one of the frames just before, while the other disappears: as many frames of
#: wrong labels as about a second has are no reason to believe it.
_STOLEN_COST = 30.0
_JUST_NOW = 10
#: Ways that cost so much more than the best are given up.
_HOPELESS = 1000.0
#: Ways to tell the hands apart that are kept in mind at once.
_HYPOTHESES = 8
#: Two hands closer than this share of a hand's size are one hand seen twice.
_SAME_HAND = 0.25

#: A frame, and the number of a hand in it; None before the first.
_Sighting: TypeAlias = tuple[int, int] | None
#: The last sighting of the left and of the right hand.
_State: TypeAlias = tuple[_Sighting, _Sighting]


@dataclass(frozen=True)
class Sightings:
    """What a tracker saw in T frames, before anyone decides which hand is which. NaN where nothing was seen.

    Attributes:
        body_TBD: [T, B, 2] body points, pixels; B = 0 in layouts of hands alone.
        visibility_TB: [T, B] in 0..1.
        hands_TMPD: [T, 2, 21, 2] up to two hands in no particular order.
        score_TM: [T, 2] how sure the tracker is of each, 0..1.
        right_TM: [T, 2] probability that it is a right hand (the player's), by its shape.
    """

    body_TBD: np.ndarray
    visibility_TB: np.ndarray
    hands_TMPD: np.ndarray
    score_TM: np.ndarray
    right_TM: np.ndarray

    @classmethod
    def empty(cls, frames: int, body_points: int) -> Sightings:
        """Nothing seen."""
        return cls(
            body_TBD=np.full((frames, body_points, 2), np.nan, np.float32),
            visibility_TB=np.zeros((frames, body_points), np.float32),
            hands_TMPD=np.full((frames, 2, len(HAND_POINTS), 2), np.nan, np.float32),
            score_TM=np.full((frames, 2), np.nan, np.float32),
            right_TM=np.full((frames, 2), np.nan, np.float32),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Sightings]) -> Sightings:
        """One after the other."""
        return cls(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls))
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name, for a file."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __len__(self) -> int:
        return len(self.hands_TMPD)


def hand_size(hand_PD: np.ndarray) -> float:
    """Diagonal of a hand's box, pixels."""
    return float(np.linalg.norm(np.ptp(hand_PD, axis=-2))) or 1.0


def same_hand(a_PD: np.ndarray, b_PD: np.ndarray) -> bool:
    """Whether two sightings are one hand seen twice."""
    distance = np.linalg.norm(a_PD - b_PD, axis=-1).mean()
    return bool(distance < _SAME_HAND * min(hand_size(a_PD), hand_size(b_PD)))


def assign_hands(sightings: Sightings) -> tuple[np.ndarray, np.ndarray]:
    """Decide for the whole recording at once which sighting is the left and which the right hand.

    The cheapest sequence of assignments wins, where a hand pays for every jump and for labels against it, and what is seen may
    be no hand at all (Viterbi search whose states are the last sightings of both hands). So a tracker's wrong labels never exchange hands that can be
    followed, and decide again after a long absence.

    Returns:
        hands_THPD: [T, 2, 21, 2], the player's left hand first; NaN where it was not seen.
        score_TH: [T, 2], 0 where it was not seen.
    """
    hands_THPD = np.full((len(sightings), 2, len(HAND_POINTS), 2), np.nan, np.float32)
    score_TH = np.zeros((len(sightings), 2), np.float32)

    def settle(state: _State, parents: list[dict[_State, _State]], first: int) -> None:
        """Write down the way that ends in `state`, whose parents begin with frame `first`."""
        for t in range(first + len(parents) - 1, first - 1, -1):
            for hand, sighting in enumerate(state):
                if sighting is not None and sighting[0] == t:
                    hands_THPD[t, hand] = sightings.hands_TMPD[sighting]
                    score_TH[t, hand] = sightings.score_TM[sighting]
            state = parents[t - first][state]

    # Each hand's last sighting (frame, number in it), the left hand's first; the cost of the cheapest way there.
    costs: dict[_State, float] = {(None, None): 0.0}
    parents: list[dict[_State, _State]] = []
    first = 0
    for t in range(len(sightings)):
        seen = _distinct(sightings.hands_TMPD[t], sightings.score_TM[t])
        if not seen:
            parents.append({state: state for state in costs})
        else:
            costs, came_from = _step(sightings, costs, t, seen)
            parents.append(came_from)
        if len(costs) == 1:
            # Whatever comes, the way here is this one; in hours of footage there are many such places.
            (state,) = costs
            settle(state, parents, first)
            parents, first = [], t + 1
    settle(min(costs, key=lambda state: costs[state]), parents, first)
    return hands_THPD, score_TH


def _step(
    sightings: Sightings, costs: dict[_State, float], t: int, seen: list[int]
) -> tuple[dict[_State, float], dict[_State, _State]]:
    """The cheapest ways on through frame t, and where each comes from."""
    options = [
        (left, right)
        for left in (None, *seen)
        for right in (None, *seen)
        if left is None or left != right
    ]
    grown: dict[_State, float] = {}
    came_from: dict[_State, _State] = {}
    for state, cost in costs.items():
        price_HM = [{m: _price(sightings, hand, state, t, m) for m in seen} for hand in range(2)]
        for option in options:
            taken = [m for m in option if m is not None]
            price = cost + _REJECTED_COST * (len(seen) - len(taken))
            price += sum(price_HM[hand][m] for hand, m in enumerate(option) if m is not None)
            if len(taken) == 1:
                hand = option.index(taken[0])
                price += _stolen(sightings, state[hand], state[1 - hand], t, taken[0])
            following = (
                state[0] if option[0] is None else (t, option[0]),
                state[1] if option[1] is None else (t, option[1]),
            )
            if price < grown.get(following, np.inf):
                grown[following] = price
                came_from[following] = state
    kept = sorted(grown.items(), key=lambda item: item[1])[:_HYPOTHESES]
    # So much dearer than the best that even labels wrong for long could not make up for it.
    kept = [(state, cost) for state, cost in kept if cost < kept[0][1] + _HOPELESS]
    return dict(kept), came_from


def _price(sightings: Sightings, hand: int, state: _State, t: int, m: int) -> float:
    """What it costs that sighting m of frame t is the left (0) or right (1) hand."""
    right = float(np.clip(sightings.right_TM[t, m], 1 - _CERTAIN, _CERTAIN))
    price = -math.log(right if hand else 1 - right)
    before = state[hand]
    if before is not None:
        speed = _moved(sightings, before, t, m) / (t - before[0])
        price += _JUMP_COST * max(0.0, speed - _PLAIN_SPEED)
    return price


def _stolen(sightings: Sightings, own: _Sighting, other: _Sighting, t: int, m: int) -> float:
    """What it costs that one hand, not seen for a while, is where the other one was just now, and the other is gone."""
    if other is None or t - other[0] > _JUST_NOW or (own is not None and own[0] >= other[0]):
        return 0.0
    near = _moved(sightings, other, t, m) / (t - other[0]) < 2 * _PLAIN_SPEED
    return _STOLEN_COST if near else 0.0


def _moved(sightings: Sightings, before: tuple[int, int], t: int, m: int) -> float:
    """How far apart two sightings are, in a hand's sizes."""
    points_PD, before_PD = sightings.hands_TMPD[t, m], sightings.hands_TMPD[before]
    return float(np.linalg.norm(points_PD - before_PD, axis=-1).mean()) / hand_size(points_PD)


def _distinct(hands_MPD: np.ndarray, score_M: np.ndarray) -> list[int]:
    """Indices of the hands seen, a hand that was seen twice only once."""
    seen = [m for m in range(len(hands_MPD)) if not np.isnan(score_M[m])]
    if len(seen) == 2 and same_hand(hands_MPD[seen[0]], hands_MPD[seen[1]]):
        return [max(seen, key=lambda m: score_M[m])]
    return seen


def steady(
    keypoints_TKD: np.ndarray, confidence_TK: np.ndarray, skeleton: Skeleton, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fill short gaps, mark long ones, and smooth without lag.

    Smoothing fits a parabola to the frames around each one (Savitzky and Golay, 1964), never across a long gap.

    Args:
        keypoints_TKD: As tracked; anything where the confidence is 0.
        confidence_TK: 0 where a point was not seen.
        skeleton: Its parts come and go together.
        fps: Frames per second.

    Returns:
        keypoints_TKD, confidence_TK: float32, finite. In a long gap points rest where they were seen last or will be
        seen next, with confidence 0.
    """
    frames = len(keypoints_TKD)
    longest = round(LONGEST_FILLED_GAP * fps)
    reach = max(1, round(_SMOOTHING_REACH * fps))
    steady_TKD = np.zeros(keypoints_TKD.shape, np.float64)
    filled_TK = confidence_TK.astype(np.float32)
    every_T = np.arange(frames)
    for ids in skeleton.parts.values():
        points = list(ids)
        # Points of one part are seen together; where a body's point is hidden, the tracker still guesses its place.
        seen_T = (confidence_TK[:, points] > 0).any(axis=1)
        if not seen_T.any():
            continue
        at = np.flatnonzero(seen_T)
        after = np.searchsorted(at, every_T)
        before_T = at[np.maximum(after - (at[np.minimum(after, len(at) - 1)] != every_T), 0)]
        after_T = at[np.minimum(after, len(at) - 1)]
        gap_T = after_T - before_T - 1
        inside_T = (before_T < every_T) & (every_T < after_T)
        fill_T = inside_T & (gap_T <= longest)
        nearest_T = np.where(
            np.abs(every_T - before_T) <= np.abs(after_T - every_T), before_T, after_T
        )
        share_T = (every_T - before_T) / np.maximum(after_T - before_T, 1)
        source_TKD = keypoints_TKD[:, points].astype(np.float64)
        path_TKD = source_TKD[nearest_T]
        path_TKD[fill_T] = (
            source_TKD[before_T] * (1 - share_T)[:, None, None]
            + source_TKD[after_T] * share_T[:, None, None]
        )[fill_T]
        ends_TK = np.minimum(confidence_TK[before_T], confidence_TK[after_T])[:, points]
        filled_TK[np.ix_(np.flatnonzero(fill_T), np.array(points))] = (FILLED_CONFIDENCE * ends_TK)[
            fill_T
        ]
        for first, stop in runs(seen_T | fill_T):
            path_TKD[first:stop] = _smooth(path_TKD[first:stop], reach)
        steady_TKD[:, points] = path_TKD
    return steady_TKD.astype(np.float32), filled_TK


def runs(mask_T: np.ndarray) -> list[tuple[int, int]]:
    """First index and stop of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask_T.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _smooth(path_TKD: np.ndarray, reach: int) -> np.ndarray:
    """Replace each frame by the parabola fitted to the window around it; at the ends, to the first or last window."""
    window = 2 * reach + 1
    frames = len(path_TKD)
    if frames < window or window < 4:
        return path_TKD
    powers = np.vander(np.arange(-reach, reach + 1), 3)
    fit = powers @ np.linalg.pinv(powers)
    smooth_TKD = np.empty_like(path_TKD)
    smooth_TKD[reach : frames - reach] = sum(
        fit[reach, i] * path_TKD[i : frames - window + 1 + i] for i in range(window)
    )
    smooth_TKD[:reach] = np.tensordot(fit[:reach], path_TKD[:window], 1)
    smooth_TKD[frames - reach :] = np.tensordot(fit[reach + 1 :], path_TKD[-window:], 1)
    return smooth_TKD
