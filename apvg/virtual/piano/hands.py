"""Postures of a pianist's hand: statistics of real hands, and the most probable posture over given
keys.

Everything is for a right hand in pose space (x in white keys, y from the keys' far end towards the
player, both in white-key widths); a left hand is its mirror image. The posture over some keys is
the mean of a Gaussian, conditioned on the playing fingertips being on their keys, so that the other
fingers are where those of real hands would be (own choice).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources

import numpy as np
import torch

from apvg.instruments.keyboard import IS_BLACK, KEY_X, key_x
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.instruments.skeleton import FINGERTIPS, HAND_POINTS
from apvg.models.motion.bones import limit_bones, longest_bones
from apvg.music.notes import Notes

#: Fingers are numbered from 0 (thumb) to 4 (little finger).
FINGERS = 5
_TIPS = list(FINGERTIPS)
#: Added to the measured spread, white keys, because real takes show only some of what hands can do.
_FREEDOM = 0.35
#: Standard deviation of a playing fingertip from its target, white keys: across the keys, and along
#: them.
_ON_KEY = (0.08, 0.15)
#: Standard deviation of the whole hand's place along the keys, white keys.
_IN_AND_OUT = 0.7
#: Standard deviation of the hand's middle from where its path has it, white keys.
_ABOUT_MIDDLE = 0.5
#: The knuckle that each fingertip's reach is measured from; for the thumb the index finger's, as
#: its own moves.
_REACHES_FROM = (5, 5, 9, 13, 17)
#: Factor on the measured reach.
_STRETCH = 1.1
#: 99.5th percentile of the distance of all fingertips from their mean places, white keys.
_FURTHEST_SEEN = 2.0
#: Share of a fingertip's movement that each point of the hand makes while the palm stays.
BEND_J = np.array([0.0, *np.tile([0.0, 0.3, 0.7, 1.0], FINGERS)])


@dataclass(frozen=True)
class HandStatistics:
    """Statistics of real hands, measured by :func:`measure_hands`.

    Attributes:
        tips_F2: Mean place of the fingertips relative to their centroid.
        covariance_TT: Covariance of the same ten numbers (five x, then five y).
        depth: Mean y of the fingertips' centroid.
        points_J2: Mean place of all 21 points relative to that centroid.
        from_tips_PT: Linear map from the tips' deviations (ten) to those of all points (21 x, then
            21 y).
        reach_F: 99.5th percentile of each fingertip's distance from its knuckle (for the thumb the
            index finger's).
        bone_FB: Greatest lengths of each finger's bones, from the palm out.
        white_y_F, black_y_F: Where on a white and on a black key each finger strikes.
    """

    tips_F2: list[list[float]]
    covariance_TT: list[list[float]]
    depth: float
    points_J2: list[list[float]]
    from_tips_PT: list[list[float]]
    reach_F: list[float]
    bone_FB: list[list[float]]
    white_y_F: list[float]
    black_y_F: list[float]


@dataclass(frozen=True)
class Posture:
    """A hand over some keys.

    Attributes:
        points_J2: Its 21 points.
        strain: How unusual the shape is, half the squared Mahalanobis distance.
    """

    points_J2: np.ndarray
    strain: float

    @property
    def middle(self) -> float:
        """x of the fingertips' centroid, white keys."""
        return float(self.points_J2[_TIPS, 0].mean())


class Hand:
    """A right hand, which takes the most probable posture over given keys."""

    def __init__(self, statistics: HandStatistics) -> None:
        self.statistics = statistics
        tips_T = np.array(statistics.tips_F2).T.ravel()
        covariance_TT = np.array(statistics.covariance_TT) + _FREEDOM**2 * np.eye(2 * FINGERS)
        # The hand may be anywhere along the keyboard, and somewhat further in or out.
        covariance_TT[:FINGERS, :FINGERS] += 100.0**2
        covariance_TT[FINGERS:, FINGERS:] += _IN_AND_OUT**2
        self._mean_T = tips_T + np.repeat([0.0, statistics.depth], FINGERS)
        self._covariance_TT = covariance_TT
        self._solved: dict[
            tuple[tuple[int, ...], bool], tuple[np.ndarray, np.ndarray, np.ndarray]
        ] = {}
        self._points_P = np.array(statistics.points_J2).T.ravel()
        self._from_tips_PT = np.array(statistics.from_tips_PT)
        self._tips_T = tips_T
        self._bone_FB = torch.tensor(statistics.bone_FB, dtype=torch.float64)

    @cached_property
    def span(self) -> float:
        """Distance from the thumb's tip to the little finger's in the mean hand, white keys."""
        return self.statistics.tips_F2[4][0] - self.statistics.tips_F2[0][0]

    def strike_y(self, finger: int, black: bool) -> float:
        """Where along a key a finger strikes it."""
        return (self.statistics.black_y_F if black else self.statistics.white_y_F)[finger]

    def over(
        self, fingers: tuple[int, ...], places_N2: np.ndarray, middle: float | None = None
    ) -> Posture:
        """The most probable posture with these fingertips at these places [N, 2], N > 0.

        Args:
            fingers: Which fingertips, from 0 for the thumb.
            places_N2: x and y of each.
            middle: About where the hand is, x of the fingertips' centroid.
        """
        seen_ST, gain_TS, precision_SS = self._solve(fingers, middle is not None)
        observed_S = places_N2.T.ravel() if middle is None else [*places_N2.T.ravel(), middle]
        deviation_S = observed_S - seen_ST @ self._mean_T
        tips_T = self._mean_T + gain_TS @ deviation_S
        strain = 0.5 * float(deviation_S @ precision_SS @ deviation_S)
        return Posture(self._palm_in_reach(self._shape(tips_T)), strain)

    def at_rest(self, x: float, further_out: float = 0.0) -> np.ndarray:
        """The mean hand [21, 2] with its fingertips' centroid at x."""
        place_2 = np.array([x, self.statistics.depth + further_out])
        return np.array(self.statistics.points_J2) + place_2

    def limit_bones(self, points_TJ2: np.ndarray) -> np.ndarray:
        """The same hands [T, 21, 2] with no bone longer than the measured ones; fingertips stay."""
        return limit_bones(torch.from_numpy(points_TJ2), self._bone_FB).numpy()

    def _excess(self, points_XJ2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vectors from knuckles to fingertips [..., 5, 2], and the share of each that is beyond
        reach [..., 5, 1]."""
        away_XF2 = points_XJ2[..., _TIPS, :] - points_XJ2[..., _REACHES_FROM, :]
        length_XF1 = np.linalg.norm(away_XF2, axis=-1, keepdims=True)
        reach_F1 = _STRETCH * np.array(self.statistics.reach_F)[:, None]
        return away_XF2, (1 - reach_F1 / length_XF1).clip(0)

    def _palm_in_reach(self, points_J2: np.ndarray) -> np.ndarray:
        """The hand with its palm moved to bring the fingertips within reach, as far as possible."""
        for _ in range(8):
            away_F2, excess_F1 = self._excess(points_J2)
            if not excess_F1.any():
                break
            drawn_F2 = excess_F1 * away_F2
            furthest_2 = drawn_F2[np.linalg.norm(drawn_F2, axis=1).argmax()]
            opposite = (drawn_F2 @ furthest_2).min() < 0
            points_J2 = points_J2 + (1 - BEND_J)[:, None] * furthest_2 * (0.5 if opposite else 1)
        return points_J2

    def _solve(
        self, fingers: tuple[int, ...], with_middle: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is seen of all tips, the gain from its deviation to all tips, and the precision of
        that deviation."""
        key = fingers, with_middle
        if key not in self._solved:
            observed = [*fingers, *(finger + FINGERS for finger in fingers)]
            seen_ST = np.eye(2 * FINGERS)[observed]
            noise_S = np.repeat(np.square(_ON_KEY), len(fingers))
            if with_middle:
                of_all_T = np.repeat([1 / FINGERS, 0.0], FINGERS)
                seen_ST = np.vstack([seen_ST, of_all_T])
                noise_S = np.append(noise_S, _ABOUT_MIDDLE**2)
            covariance_SS = seen_ST @ self._covariance_TT @ seen_ST.T + np.diag(noise_S)
            precision_SS = np.linalg.inv(covariance_SS)
            gain_TS = self._covariance_TT @ seen_ST.T @ precision_SS
            self._solved[key] = seen_ST, gain_TS, precision_SS
        return self._solved[key]

    def _shape(self, tips_T: np.ndarray) -> np.ndarray:
        """All points [21, 2] of the hand with these tips."""
        tips_2F = tips_T.reshape(2, FINGERS)
        middle_21 = tips_2F.mean(axis=1, keepdims=True)
        off_T = (tips_2F - middle_21).ravel() - self._tips_T
        # The linear map holds within the range of real hands; beyond it the palm keeps its shape
        # and only fingers extend.
        off_T = off_T * min(1.0, _FURTHEST_SEEN / max(float(np.linalg.norm(off_T)), 1e-9))
        points_2J = (self._points_P + self._from_tips_PT @ off_T).reshape(2, -1) + middle_21
        points_2J[:, _TIPS] = tips_2F
        return points_2J.T


def load_hand() -> Hand:
    """The hand of the package (its source is stated in `hands.json`)."""
    text = (resources.files("apvg") / "virtual" / "piano" / "hands.json").read_text()
    data = json.loads(text)
    data.pop("source", None)
    return Hand(HandStatistics(**data))


def measure_hands(
    hands_TJ2: np.ndarray, strikes: Iterable[tuple[int, bool, float]]
) -> HandStatistics:
    """Statistics of observed hands.

    Args:
        hands_TJ2: Right hands (left ones mirrored), [T, 21, 2] in pose space.
        strikes: For every observed strike the finger, whether the key is black, and y of the
            fingertip.
    """
    tips_TF2 = hands_TJ2[:, _TIPS]
    middle_T12 = tips_TF2.mean(axis=1, keepdims=True)
    tips_TX = (tips_TF2 - middle_T12).transpose(0, 2, 1).reshape(len(hands_TJ2), -1)
    points_TX = (hands_TJ2 - middle_T12).transpose(0, 2, 1).reshape(len(hands_TJ2), -1)
    tips_X, points_X = tips_TX.mean(axis=0), points_TX.mean(axis=0)
    off_TX = tips_TX - tips_X
    covariance_XX = off_TX.T @ off_TX / len(off_TX)
    # Ridge regression, so that rare movements of the tips do not throw the knuckles about.
    ridge_XX = covariance_XX + 0.1**2 * np.eye(len(covariance_XX))
    from_tips_XP = np.linalg.solve(ridge_XX, off_TX.T @ (points_TX - points_X) / len(off_TX))
    away_TF2 = tips_TF2 - hands_TJ2[:, _REACHES_FROM]
    reach_F = np.percentile(np.linalg.norm(away_TF2, axis=-1), 99.5, axis=0)
    observed = list(strikes)

    def mean_y(finger: int, black: bool) -> float:
        seen = [y for f, b, y in observed if f == finger and b == black]
        # A finger rarely seen on such keys strikes them where the others do.
        same = [y for _, b, y in observed if b == black] or [3.6 if black else 4.8]
        return float(np.median(seen if len(seen) >= 3 else same))

    def plain(array: np.ndarray) -> list[list[float]]:
        return [[round(float(value), 4) for value in row] for row in array]

    return HandStatistics(
        tips_F2=plain(tips_X.reshape(2, FINGERS).T),
        covariance_TT=plain(covariance_XX),
        depth=round(float(middle_T12[..., 1].mean()), 4),
        points_J2=plain(points_X.reshape(2, len(HAND_POINTS)).T),
        from_tips_PT=plain(from_tips_XP.T),
        reach_F=[round(float(reach), 3) for reach in reach_F],
        bone_FB=plain(longest_bones(torch.from_numpy(hands_TJ2)).numpy()),
        white_y_F=[round(mean_y(finger, False), 3) for finger in range(FINGERS)],
        black_y_F=[round(mean_y(finger, True), 3) for finger in range(FINGERS)],
    )


def strikes_seen(
    hands_TJ2: np.ndarray, notes: Notes, fps: float, *, reach: float = 0.6
) -> list[tuple[int, bool, float]]:
    """The strikes of one tracked hand [T, 21, 2] (not mirrored, NaN where unseen), for
    :func:`measure_hands`."""
    found = []
    for onset, pitch in zip(notes.onset_N, notes.pitch_N, strict=True):
        frame = round(float(onset) * fps)
        if not 0 <= frame < len(hands_TJ2):
            continue
        tips_F2 = hands_TJ2[frame, _TIPS]
        away_F = np.abs(tips_F2[:, 0] - key_x(np.array([pitch]))[0])
        if np.isnan(away_F).any() or away_F.min() > reach:
            continue
        finger = int(away_F.argmin())
        found.append((finger, bool(IS_BLACK[pitch - LOWEST_PITCH]), float(tips_F2[finger, 1])))
    return found


def mirrored(points: np.ndarray) -> np.ndarray:
    """Points [..., 2] mirrored about D4, about which the pattern of keys is symmetric."""
    return np.stack([2 * MIRROR_X - points[..., 0], points[..., 1]], axis=-1)


#: x of D4, about which the keyboard's pattern is symmetric, white keys.
MIRROR_X = float(KEY_X[62 - LOWEST_PITCH])


def to_json(statistics: HandStatistics, source: str) -> str:
    """The text of `hands.json`."""
    return json.dumps({"source": source} | asdict(statistics)) + "\n"
