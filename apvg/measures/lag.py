"""The lag between sound and picture (A/V lag): how much later the picture is than the sound.

On a keyboard it is measured by the fingertips, which lie over the keys at their onsets; hand speed
hardly follows onsets there. Of a bow it is measured by its turns. Either way a distance is computed
for each possible shift. The lag is the shift with the smallest distance; a flat curve says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apvg.instruments.keyboard import key_x
from apvg.instruments.skeleton import Skeleton
from apvg.music.features import FeatureConfig, extract_features
from apvg.music.notes import Notes
from apvg.music.resampling import resample

#: Shifts of up to so many seconds to both sides are tried, in steps of 10 ms.
LAG_RANGE = 0.5
LAG_STEP = 0.01
#: The lag of a bow needs at least this much music, seconds: in 8 s the curve of the true keypoints
#: has several minima as low.
BOW_SHORTEST = 20.0
#: Onset strengths a second, and the sound that they are made of.
ONSET_RATE = 100
_FEATURES = FeatureConfig()


@dataclass(frozen=True)
class LagFigures:
    """The lag of keypoints.

    Attributes:
        lag: How much later the picture is than the sound, seconds.
        lag_contrast: 1 - least / mean distance of the curve: near 0 the lag says nothing.
    """

    lag: float
    lag_contrast: float


@dataclass(frozen=True)
class LagCurve:
    """The distance between picture and sound for each shift between them.

    Attributes:
        lag_L: Seconds; positive: the picture is later than the sound.
        distance_L: Of a keyboard, white keys from played keys to the nearest tip, each note's at
            most 1; of a bow, 1 less the correlation of its acceleration and the onset strength. NaN
            where it cannot be measured.
        distance: What that is, in words.
        unit: Of it.
    """

    lag_L: np.ndarray
    distance_L: np.ndarray
    distance: str = "Distance of picture and sound"
    unit: str = ""

    @property
    def lag(self) -> float:
        """The lag with the smallest distance, seconds."""
        return float(self.lag_L[np.nanargmin(self.distance_L)])

    @property
    def contrast(self) -> float:
        """1 - least / mean distance: near 0 the curve is flat, and its lowest point says
        nothing."""
        return float(1 - np.nanmin(self.distance_L) / np.nanmean(self.distance_L))

    @property
    def known(self) -> bool:
        """Whether it could be measured: a curve that is flat but for rounding has its minimum
        anywhere."""
        finite_L = self.distance_L[np.isfinite(self.distance_L)]
        return len(finite_L) > 0 and bool(np.ptp(finite_L) > 1e-9)

    @property
    def figures(self) -> LagFigures | None:
        """None where the lag could not be measured."""
        return LagFigures(self.lag, self.contrast) if self.known else None


def mean_lag(curves: Sequence[LagCurve], weights: Sequence[float]) -> float:
    """The lag of several pieces together, from the weighted mean of their curves; the curve of one
    slow piece is too flat.

    NaN where none could be measured.
    """
    known = [
        (curve.distance_L, weight)
        for curve, weight in zip(curves, weights, strict=True)
        if curve.known and weight > 0
    ]
    if not known:
        return float("nan")
    distances, shares = zip(*known, strict=True)
    return LagCurve(curves[0].lag_L, np.average(distances, axis=0, weights=shares)).lag


def _shifts() -> np.ndarray:
    steps = round(LAG_RANGE / LAG_STEP)
    return np.arange(-steps, steps + 1) * LAG_STEP


def _key_curve(distance_L: np.ndarray) -> LagCurve:
    said = "Mean distance from each played key to the nearest fingertip"
    return LagCurve(_shifts(), distance_L, said, "white keys")


def _bow_curve(distance_L: np.ndarray) -> LagCurve:
    said = "Onset strength and the acceleration of the bow: 1 - correlation"
    return LagCurve(_shifts(), distance_L, said, "1 - correlation")


def lag_curve(tip_x_TF: np.ndarray, notes: Notes, fps: float, *, start: float = 0.0) -> LagCurve:
    """A/V lag on a keyboard: the mean distance from played keys to the nearest tip.

    Tips are interpolated linearly between frames; a tip that was not seen counts as one key away.

    Args:
        tip_x_TF: Fingertips in white keys, as :func:`apvg.measures.motion.fingertip_x` has them;
            frame t is at `start` + t / fps seconds.
        notes: Seconds on the same clock.
        fps: Frames per second.
        start: Time of the first frame, seconds.
    """
    margin = LAG_RANGE + 1 / fps
    notes = notes.on_piano().between(start + margin, start + (len(tip_x_TF) - 1) / fps - margin)
    x_N1 = key_x(notes.pitch_N)[:, None]
    lag_L = _shifts()
    distance_L = np.full(len(lag_L), np.nan)
    if not len(notes):
        return _key_curve(distance_L)
    for i, lag in enumerate(lag_L):
        at_N = (notes.onset_N - start + lag) * fps
        frame_N = np.floor(at_N).astype(int)
        part_N1 = (at_N - frame_N)[:, None]
        tips_NF = tip_x_TF[frame_N] * (1 - part_N1) + tip_x_TF[frame_N + 1] * part_N1
        away_NF = np.nan_to_num(np.abs(tips_NF - x_N1), nan=1.0)
        distance_L[i] = np.minimum(away_NF.min(axis=1), 1.0).mean()
    return _key_curve(distance_L)


def bow_lag_curve(
    hand_TD: np.ndarray, onset_R: np.ndarray, fps: float, *, start: float = 0.0
) -> LagCurve:
    """A/V lag for bowed strings: correlation of the bow's acceleration with the onset strength.

    Others take the speed of the bow, which is lowest where it turns and a note begins. On takes of
    the virtual cellist that curve is flat and its peak anywhere; the curve of the acceleration
    peaks 0.03 to 0.05 s early in every minute of music. In steady rhythms it has other peaks a beat
    away.

    Args:
        hand_TD: Path of the bow's frog, or of the wrist that leads it; frame t is at `start` + t /
            fps seconds.
        onset_R: Of the whole take (:func:`onset_strength`).
        fps: Frames per second.
        start: Time of the first frame, seconds.
    """
    lag_L = _shifts()
    distance_L = np.full(len(lag_L), np.nan)
    frames = len(hand_TD)
    if frames < BOW_SHORTEST * fps:
        return _bow_curve(distance_L)
    pull_T = np.linalg.norm(np.gradient(np.gradient(hand_TD, axis=0), axis=0), axis=1)
    time_T = start + np.arange(frames) / fps
    known_T = np.isfinite(pull_T)
    onset_time_R = np.arange(len(onset_R)) / ONSET_RATE
    margin = LAG_RANGE + 2 / fps
    inside_R = (onset_time_R >= time_T[0] + margin) & (onset_time_R <= time_T[-1] - margin)
    strength_R = onset_R[inside_R]
    if known_T.sum() < 2 or strength_R.std() < 1e-9 or np.nanstd(pull_T) < 1e-9:
        return _bow_curve(distance_L)
    for i, lag in enumerate(lag_L):
        at_R = onset_time_R[inside_R] + lag
        seen_R = np.interp(at_R, time_T[known_T], pull_T[known_T])
        distance_L[i] = 1 - np.corrcoef(strength_R, seen_R)[0, 1]
    return _bow_curve(distance_L)


def onset_strength(samples_S: np.ndarray, sample_rate: int) -> np.ndarray:
    """How much louder each moment is than 30 ms before, mean over a piano's log-frequency bins:
    [R], ONSET_RATE a second."""
    rate = _FEATURES.sample_rate
    assert _FEATURES.fps * _FEATURES.rows_per_frame == ONSET_RATE
    return extract_features(resample(samples_S, sample_rate, rate), _FEATURES)[:, -1]


def leading_point(skeleton: Skeleton) -> int | None:
    """The point whose turns are those of the bow: its frog, or the wrist of the arm that leads it;
    None where neither is seen."""
    for name, arm in (("bow_frog", "bow_frog"), ("right_wrist", "right_elbow")):
        if {name, arm} <= set(skeleton.points):
            return skeleton.points.index(name)
    return None
