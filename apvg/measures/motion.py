"""Figures on keypoints: are the hands where the notes are, and do they move as hands do?

A point that was not seen is NaN in every array (:func:`seen` makes it so) and counts nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from apvg.base.plain import Key
from apvg.instruments.keyboard import Keyboard, key_x
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.music.notes import Notes

#: A key is hit by a tip within half a white key of its centre, at some moment this close to the
#: onset (seconds).
HIT_REACH = 0.5
HIT_TOLERANCE = 0.04
#: What the notes are moved by for the two floors of the key-hit rate: seconds, and white keys.
FLOOR_SHIFTS = (-7, -6, -5, -4, -3, 3, 4, 5, 6, 7)
FLOOR_TRANSPOSITIONS = (-3, -2, -1, 1, 2, 3)


def seen(keypoints_TKD: np.ndarray, confidence_TK: np.ndarray) -> np.ndarray:
    """Keypoints as float64, NaN where the confidence is 0."""
    return np.where(confidence_TK[..., None] > 0, keypoints_TKD, np.nan).astype(np.float64)


def fingertip_x(keypoints_TKD: np.ndarray, skeleton: Skeleton, keyboard: Keyboard) -> np.ndarray:
    """[T, F] place of every fingertip along the keyboard, in white keys; left hand first."""
    tips = [tip for tips in skeleton.limbs.values() for tip in tips]
    return keyboard.to_keyboard(keypoints_TKD[:, tips])[..., 0]


# -------------------------------------------------------------------------------------------
# fingertips and notes


@dataclass(frozen=True)
class KeyHit:
    """How many played keys had a fingertip over them.

    Attributes:
        rate: Share of the notes that were hit, 0..1; NaN without notes.
        shifted_floor: Mean rate of the same hands on the notes of 3 to 7 s earlier and later.
        transposed_floor: Mean rate of the same hands on keys 1 to 3 white keys to the left and
            right.
        notes: How many notes counted.
        skill: (rate - larger floor) / (1 - larger floor): 1 = every key, 0 = by chance.
    """

    rate: float
    shifted_floor: float
    transposed_floor: float
    notes: int
    skill: float = field(init=False)

    def __post_init__(self) -> None:
        floor = np.nanmax([self.shifted_floor, self.transposed_floor, 0.0])
        skill = float((self.rate - floor) / (1 - floor)) if floor < 1 else 0.0
        object.__setattr__(self, "skill", skill)


def key_hits(
    tip_x_TF: np.ndarray, notes: Notes, fps: float, *, start: float = 0.0, right: float = 0.0
) -> np.ndarray:
    """Which notes are hit: a boolean for each note whose onset lies within the frames.

    Args:
        tip_x_TF: Fingertips in white keys; frame t is at `start` + t / fps seconds.
        notes: Seconds on the same clock; notes beyond the frames or the 88 keys are left out.
        fps: Frames per second.
        start: Time of the first frame, seconds.
        right: Look so many white keys to the right of each key.
    """
    frames = len(tip_x_TF)
    notes = notes.on_piano().between(start, start + (frames - 1) / fps)
    # Frames within the tolerance of an onset; the small constant keeps a frame that lies exactly on
    # its edge.
    first_N = np.ceil((notes.onset_N - start - HIT_TOLERANCE) * fps - 1e-6).astype(int)
    last_N = np.floor((notes.onset_N - start + HIT_TOLERANCE) * fps + 1e-6).astype(int)
    hits_N = np.zeros(len(notes), bool)
    for n, x in enumerate(key_x(notes.pitch_N) + right):
        near_TF = tip_x_TF[max(first_N[n], 0) : last_N[n] + 1]
        hits_N[n] = bool((np.abs(near_TF - x) <= HIT_REACH).any())
    return hits_N


def key_hit(tip_x_TF: np.ndarray, notes: Notes, fps: float, *, start: float = 0.0) -> KeyHit:
    """Key-hit rate with both floors (own measure; between scenes skills can be compared, rates
    cannot).

    Arguments are those of :func:`key_hits`. Pass the notes of the whole take even for frames from
    its middle: the floor of shifted notes needs those around them.
    """

    def mean(parts: list[np.ndarray]) -> float:
        hits_N = np.concatenate(parts)
        return float(hits_N.mean()) if len(hits_N) else float("nan")

    hits_N = key_hits(tip_x_TF, notes, fps, start=start)
    return KeyHit(
        rate=mean([hits_N]),
        shifted_floor=mean(
            [key_hits(tip_x_TF, notes.shifted(s), fps, start=start) for s in FLOOR_SHIFTS]
        ),
        transposed_floor=mean(
            [key_hits(tip_x_TF, notes, fps, start=start, right=w) for w in FLOOR_TRANSPOSITIONS]
        ),
        notes=len(hits_N),
    )


# -------------------------------------------------------------------------------------------
# predicted and true keypoints


def pixel_error(predicted_TKD: np.ndarray, true_TKD: np.ndarray) -> float:
    """A2B pixel error: mean over points of sqrt(sum_d err_d^2 / D) (Audio2BodyDynamics, CVPR
    2018)."""
    return _mean(np.sqrt(np.square(predicted_TKD - true_TKD).mean(axis=-1)))


def pck(predicted_TKD: np.ndarray, true_TKD: np.ndarray, alpha: float) -> float:
    """PCK@alpha: share of points within alpha x max(width, height) of the box of the true pose in
    that frame.

    The pose is all points together. Points without truth do not count; predicted points that are
    missing are wrong.
    """
    known_TK = ~np.isnan(true_TKD).any(axis=-1)
    frames = known_TK.any(axis=1)
    if not frames.any():
        return float("nan")
    predicted_TKD, true_TKD, known_TK = predicted_TKD[frames], true_TKD[frames], known_TK[frames]
    box_TD = np.nanmax(true_TKD, axis=1) - np.nanmin(true_TKD, axis=1)
    reach_T1 = alpha * box_TD.max(axis=1, keepdims=True)
    error_TK = np.linalg.norm(predicted_TKD - true_TKD, axis=-1)
    return float((error_TK <= reach_T1)[known_TK].mean())


def derivative_error(
    predicted_TKD: np.ndarray, true_TKD: np.ndarray, fps: float, order: int
) -> float:
    """Mean length of the difference between the order-th time derivatives: 1 velocity, 3 jerk;
    units / s^order."""
    difference_TKD = np.diff(predicted_TKD - true_TKD, n=order, axis=0) * fps**order
    return _mean(np.linalg.norm(difference_TKD, axis=-1))


def mean_speed(keypoints_TKD: np.ndarray, fps: float) -> float:
    """Mean speed after a 5-frame mean filter, units per second.

    The filter removes the noise of the tracker, which counts as speed too. Frames whose filter
    would touch a point that was not seen do not count.
    """
    if len(keypoints_TKD) < 6:
        return float("nan")
    smooth_TKD = np.lib.stride_tricks.sliding_window_view(keypoints_TKD, 5, axis=0).mean(axis=-1)
    return _mean(np.linalg.norm(np.diff(smooth_TKD, axis=0), axis=-1)) * fps


def motion_energy(
    predicted_TKD: np.ndarray, true_TKD: np.ndarray, skeleton: Skeleton, fps: float
) -> dict[str, float]:
    """Motion-energy ratio of each part: mean speed predicted / mean speed true, both filtered
    alike.

    0 = still, 1 = as much motion as the truth, NaN where the truth never moves. Keypoints are in
    the same unit, as :meth:`apvg.instruments.surface.Placement.to_units` has them.
    """
    return {
        part: share(mean_speed(predicted_TKD[:, ids], fps), mean_speed(true_TKD[:, ids], fps))
        for part, ids in ((part, list(ids)) for part, ids in skeleton.parts.items())
    }


def _mean(values: np.ndarray) -> float:
    """Of those that are not NaN; NaN where there is none."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def share(value: float, whole: float) -> float:
    """One figure as a share of another; NaN where that is 0 or NaN."""
    return value / whole if whole > 0 else float("nan")


def speed(points_TKD: np.ndarray, fps: float) -> np.ndarray:
    """[T] mean speed of points after a 5-frame mean filter, units per second; NaN where the filter
    reaches beyond the frames."""
    speed_T = np.full(len(points_TKD), np.nan)
    smooth_TKD = np.lib.stride_tricks.sliding_window_view(points_TKD, 5, axis=0).mean(axis=-1)
    speed_T[3:-2] = np.linalg.norm(np.diff(smooth_TKD, axis=0), axis=-1).mean(axis=-1) * fps
    return speed_T


@dataclass(frozen=True)
class PoseComponent:
    """One-dimensional PCA of the pose (the paper's first experiment): fitted on the truth alone.

    Attributes:
        predicted_T: Predicted poses along the truth's first principal component, in its standard
            deviations.
        true_T: True poses likewise.
        explained: Share of the truth's variance in that component.
    """

    predicted_T: np.ndarray
    true_T: np.ndarray
    explained: float

    @property
    def correlation(self) -> float:
        """Pearson's correlation of the two curves; 0 for a pose that never changes."""
        if self.predicted_T.std() < 1e-9 or self.true_T.std() < 1e-9:
            return 0.0
        return float(np.corrcoef(self.predicted_T, self.true_T)[0, 1])


def pose_component(predicted_TKD: np.ndarray, true_TKD: np.ndarray) -> PoseComponent:
    """Project both on the first principal component of the true poses; unseen points take their
    mean place."""
    frames = len(true_TKD)
    true_TC, predicted_TC = true_TKD.reshape(frames, -1), predicted_TKD.reshape(frames, -1)
    mean_C = np.nanmean(true_TC, axis=0)
    true_TC, predicted_TC = (np.nan_to_num(a - mean_C, nan=0.0) for a in (true_TC, predicted_TC))
    _, values, components = np.linalg.svd(true_TC, full_matrices=False)
    axis_C = components[0] * np.sign(components[0][::2].sum() or 1.0)  # up = towards larger x
    scale = max(float((true_TC @ axis_C).std()), 1e-12)
    return PoseComponent(
        predicted_T=predicted_TC @ axis_C / scale,
        true_T=true_TC @ axis_C / scale,
        explained=float(values[0] ** 2 / max((values**2).sum(), 1e-12)),
    )


@dataclass(frozen=True)
class MotionFigures:
    """Predicted keypoints against the true ones, of any instrument.

    Attributes:
        pixel_error: A2B pixel error, pixels.
        pixel_error_by_part: The same of each part.
        pck_05, pck_10, pck_20: Share of points within 0.05, 0.1 and 0.2 of the larger side of the
            pose's box.
        velocity_error: Pixels per second.
        jerk_error: Pixels per second cubed.
        motion_energy: Mean speed predicted / mean speed true of each part.
        component_correlation: Of the first principal component, predicted and true.
        component_explained: Share of the truth's variance in that component.
    """

    pixel_error: float
    pixel_error_by_part: dict[str, float]
    pck_05: Annotated[float, Key("pck@0.05")]
    pck_10: Annotated[float, Key("pck@0.1")]
    pck_20: Annotated[float, Key("pck@0.2")]
    velocity_error: float
    jerk_error: float
    motion_energy: dict[str, float]
    component_correlation: float
    component_explained: float


def motion_figures(
    predicted_TKD: np.ndarray,
    true_TKD: np.ndarray,
    skeleton: Skeleton,
    placement: Placement,
    height: int,
    fps: float,
) -> MotionFigures:
    """How predicted keypoints move, against the true ones of the same frames.

    Args:
        predicted_TKD: Pixels; NaN where not seen.
        true_TKD: Likewise.
        skeleton: Their layout.
        placement: Of the surface in the picture: motion energy is measured in its unit.
        height: Of the picture, pixels.
        fps: Frames per second.
    """
    component = pose_component(predicted_TKD, true_TKD)
    predicted_units_TKD = placement.to_units(predicted_TKD, height)
    true_units_TKD = placement.to_units(true_TKD, height)
    return MotionFigures(
        pixel_error=pixel_error(predicted_TKD, true_TKD),
        pixel_error_by_part={
            part: pixel_error(predicted_TKD[:, list(ids)], true_TKD[:, list(ids)])
            for part, ids in skeleton.parts.items()
        },
        pck_05=pck(predicted_TKD, true_TKD, 0.05),
        pck_10=pck(predicted_TKD, true_TKD, 0.1),
        pck_20=pck(predicted_TKD, true_TKD, 0.2),
        velocity_error=derivative_error(predicted_TKD, true_TKD, fps, 1),
        jerk_error=derivative_error(predicted_TKD, true_TKD, fps, 3),
        motion_energy=motion_energy(predicted_units_TKD, true_units_TKD, skeleton, fps),
        component_correlation=component.correlation,
        component_explained=component.explained,
    )
