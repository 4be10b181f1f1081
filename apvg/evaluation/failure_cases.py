"""Failure cases: the worst frames of a block, where a viewer should look first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from apvg.evaluation.results import FailureCase
from apvg.instruments.skeleton import Skeleton
from apvg.measures.pictures import Box

#: How many frames of a kind are shown, and how far apart they are at least, seconds.
SHOWN, APART = 3, 1.0


def sentence(case: FailureCase, skeleton: Skeleton) -> str:
    """What is wrong, in words and numbers."""
    part = skeleton.called(case.part)
    if case.kind == "keypoints":
        return (
            f"{case.seconds:.2f} s: keypoints from sound are {case.whole:.1f} px from the true "
            f"ones; the {part} is worst, {case.error:.1f} px"
        )
    return (
        f"{case.seconds:.2f} s: hands painted from true keypoints have a PSNR of {case.whole:.1f} "
        f"dB; the {part} is worst, {case.error:.1f} dB"
    )


def worst_keypoints(
    predicted_TKD: np.ndarray, true_TKD: np.ndarray, skeleton: Skeleton, fps: float, start: float
) -> list[FailureCase]:
    """The frames with the largest A2B pixel error, worst first."""
    error_TK = np.sqrt(np.square(predicted_TKD - true_TKD).mean(axis=-1))
    by_part = {part: _mean(error_TK[:, list(ids)]) for part, ids in skeleton.parts.items()}
    whole_T = _mean(error_TK)
    return [
        _case(
            t,
            fps,
            start,
            "keypoints",
            {name: part_T[t] for name, part_T in by_part.items()},
            whole_T[t],
            max,
        )
        for t in worst_frames(whole_T, fps)
        if whole_T[t] > 0
    ]


def worst_pictures(
    frames_THWC: np.ndarray,
    true_THWC: np.ndarray,
    boxes: Sequence[Sequence[Box]],
    skeleton: Skeleton,
    fps: float,
    start: float,
) -> list[FailureCase]:
    """The frames whose crops of hands (and bow) have the lowest PSNR, worst first."""
    parts = list(skeleton.close_ups)
    error_TP = np.full((len(true_THWC), len(parts)), np.nan)
    for t, frame_boxes in enumerate(boxes):
        for p, (left, top, right, bottom) in enumerate(frame_boxes):
            crop = (t, slice(top, bottom), slice(left, right))
            error_TP[t, p] = np.square(
                frames_THWC[crop].astype(np.float64) - true_THWC[crop]
            ).mean()
    whole_T = _mean(error_TP)
    return [
        _case(
            t,
            fps,
            start,
            "picture",
            dict(zip(parts, _decibels(error_TP[t]), strict=True)),
            _decibels(whole_T[t]),
            min,
        )
        for t in worst_frames(whole_T, fps)
        if whole_T[t] > 0
    ]


def worst_frames(error_T: np.ndarray, fps: float) -> list[int]:
    """The frames with the largest errors that are APART of each other, worst first; NaN is no
    error."""
    left_T = np.where(np.isfinite(error_T), error_T, -np.inf)
    time_T = np.arange(len(left_T)) / fps
    chosen: list[int] = []
    while len(chosen) < SHOWN and left_T.size and left_T.max() > -np.inf:
        chosen.append(int(left_T.argmax()))
        left_T[np.abs(time_T - time_T[chosen[-1]]) < APART] = -np.inf
    return chosen


def _case(
    t: int,
    fps: float,
    start: float,
    kind: str,
    parts: Mapping[str, Any],
    whole: Any,
    worst: Callable[..., str],
) -> FailureCase:
    known = {name: float(value) for name, value in parts.items() if np.isfinite(value)}
    part = worst(known, key=known.__getitem__)
    return FailureCase(t, start + t / fps, kind, part, known[part], float(whole))


def _mean(values_TX: np.ndarray) -> np.ndarray:
    """[T] mean of what is known; NaN where nothing is."""
    known_TX = np.isfinite(values_TX)
    sum_T = np.where(known_TX, values_TX, 0.0).sum(axis=1)
    count_T = known_TX.sum(axis=1)
    return np.where(count_T > 0, sum_T / np.maximum(count_T, 1), np.nan)


def _decibels(error: np.ndarray) -> np.ndarray:
    return 10 * np.log10(255**2 / np.maximum(error, 1e-12))
