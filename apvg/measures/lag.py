"""The time between sound and picture (A/V lag): how much later what is seen is than what is heard.

On a keyboard the fingers tell it, over the keys as they are struck; hand speed hardly follows onsets there. A bow tells it
as it turns. Either way it is a curve over the possible shifts, whose lowest point is the lag; a flat curve says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from apvg.instruments.keyboard import key_x
from apvg.instruments.skeleton import Skeleton
from apvg.measures.motion import fingertip_x
from apvg.music.features import FeatureConfig, extract_features
from apvg.music.notes import Notes

if TYPE_CHECKING:
    from apvg.takes.take import Take

#: The lag is looked for within this time to both sides, in steps of 10 ms.
LAG_RANGE = 0.5
LAG_STEP = 0.01
#: A bow turns too seldom to tell it by less music than this, seconds: in 8 s the truth's own curve has several dips as low.
BOW_SHORTEST = 20.0
#: Onset strengths a second, and the sound that they are made of.
ONSET_RATE = 100
_FEATURES = FeatureConfig()


@dataclass(frozen=True)
class LagCurve:
    """How far picture and sound are from fitting, against the time between them.

    Attributes:
        lag_L: Seconds; positive: the picture is later than the sound.
        distance_L: Of a keyboard, white keys from struck keys to the nearest tip, each note's at most 1; of a bow, 1 less the
            correlation of its acceleration and the onsets' strength. NaN where there is nothing to tell it by.
    """

    lag_L: np.ndarray
    distance_L: np.ndarray

    @property
    def lag(self) -> float:
        """The lag with the smallest distance, seconds."""
        return float(self.lag_L[np.nanargmin(self.distance_L)])

    @property
    def contrast(self) -> float:
        """1 - least / mean distance: near 0 the curve is flat, and its lowest point says nothing."""
        return float(1 - np.nanmin(self.distance_L) / np.nanmean(self.distance_L))

    @property
    def known(self) -> bool:
        """Whether there was anything to tell it by: a curve that is flat but for rounding has its lowest point anywhere."""
        finite_L = self.distance_L[np.isfinite(self.distance_L)]
        return len(finite_L) > 0 and bool(np.ptp(finite_L) > 1e-9)


def _shifts() -> np.ndarray:
    steps = round(LAG_RANGE / LAG_STEP)
    return np.arange(-steps, steps + 1) * LAG_STEP


def lag_curve(tip_x_TF: np.ndarray, notes: Notes, fps: float, *, start: float = 0.0) -> LagCurve:
    """A/V lag for the piano: the mean distance from struck keys to the nearest tip.

    Tips are interpolated linearly between frames; a tip that is not seen counts as one key away.
    """
    margin = LAG_RANGE + 1 / fps
    notes = notes.on_piano().between(start + margin, start + (len(tip_x_TF) - 1) / fps - margin)
    x_N1 = key_x(notes.pitch_N)[:, None]
    lag_L = _shifts()
    distance_L = np.full(len(lag_L), np.nan)
    if not len(notes):
        return LagCurve(lag_L, distance_L)
    for i, lag in enumerate(lag_L):
        at_N = (notes.onset_N - start + lag) * fps
        frame_N = np.floor(at_N).astype(int)
        part_N1 = (at_N - frame_N)[:, None]
        tips_NF = tip_x_TF[frame_N] * (1 - part_N1) + tip_x_TF[frame_N + 1] * part_N1
        away_NF = np.nan_to_num(np.abs(tips_NF - x_N1), nan=1.0)
        distance_L[i] = np.minimum(away_NF.min(axis=1), 1.0).mean()
    return LagCurve(lag_L, distance_L)


def bow_lag_curve(
    hand_TD: np.ndarray, onset_R: np.ndarray, fps: float, *, start: float = 0.0
) -> LagCurve:
    """A/V lag for bowed strings: correlation of the bow's acceleration with the onsets' strength.

    Peers take the bow's speed, which is at its least where it turns and a note begins: on the virtual cellist's own takes the
    curve of that is flat and its peak anywhere; that of the acceleration peaks 0.03 to
    0.05 s early in every minute of music. In steady rhythms it has other peaks a beat away.

    Args:
        hand_TD: Path of the bow's frog, or of the wrist that leads it; frame t is at `start` + t / fps seconds.
        onset_R: Of the whole take (:func:`onset_strength`).
        fps: Frames per second.
        start: Time of the first frame, seconds.
    """
    lag_L = _shifts()
    distance_L = np.full(len(lag_L), np.nan)
    frames = len(hand_TD)
    if frames < BOW_SHORTEST * fps:
        return LagCurve(lag_L, distance_L)
    pull_T = np.linalg.norm(np.gradient(np.gradient(hand_TD, axis=0), axis=0), axis=1)
    time_T = start + np.arange(frames) / fps
    known_T = np.isfinite(pull_T)
    onset_time_R = np.arange(len(onset_R)) / ONSET_RATE
    margin = LAG_RANGE + 2 / fps
    inside_R = (onset_time_R >= time_T[0] + margin) & (onset_time_R <= time_T[-1] - margin)
    heard_R = onset_R[inside_R]
    if known_T.sum() < 2 or heard_R.std() < 1e-9 or np.nanstd(pull_T) < 1e-9:
        return LagCurve(lag_L, distance_L)
    for i, lag in enumerate(lag_L):
        at_R = onset_time_R[inside_R] + lag
        seen_R = np.interp(at_R, time_T[known_T], pull_T[known_T])
        distance_L[i] = 1 - np.corrcoef(heard_R, seen_R)[0, 1]
    return LagCurve(lag_L, distance_L)


def onset_strength(samples_S: np.ndarray, sample_rate: int) -> np.ndarray:
    """How much louder each moment is than 30 ms before, mean over a piano's log-frequency bins: [R], ONSET_RATE a second."""
    from scipy.signal import resample_poly

    rate = _FEATURES.sample_rate
    assert _FEATURES.fps * _FEATURES.rows_per_frame == ONSET_RATE
    return extract_features(resample_poly(samples_S, rate, sample_rate), _FEATURES)[:, -1]


def leader(skeleton: Skeleton) -> int | None:
    """The point whose turns are the bow's: its frog, or the wrist of the arm that leads it; None for hands alone."""
    for name in ("bow_frog", "right_wrist"):
        if name in skeleton.points and len(skeleton.parts) > 2:
            return skeleton.points.index(name)
    return None


def take_lag(
    keypoints_TKD: np.ndarray, take: Take, onset_R: np.ndarray, start: float = 0.0
) -> LagCurve | None:
    """The lag of keypoints in a take's pixels, by its instrument; None where nothing can tell it.

    Args:
        keypoints_TKD: NaN where not seen; frame t is at `start` + t / fps seconds of the take.
        take: With notes and a keyboard, or of a player with a body.
        onset_R: Of the whole take (:func:`onset_strength`).
        start: Seconds.
    """
    if take.keyboard is not None:
        if take.notes is None:
            return None
        tips_TF = fingertip_x(keypoints_TKD, take.skeleton, take.keyboard)
        curve = lag_curve(tips_TF, take.notes, take.fps, start=start)
    else:
        point = leader(take.skeleton)
        if point is None:
            return None
        curve = bow_lag_curve(keypoints_TKD[:, point], onset_R, take.fps, start=start)
    return curve if curve.known else None
