"""The worst moments of a block: where a viewer should look first, with how wrong they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from apvg.instruments.skeleton import Skeleton
from apvg.measures.pictures import Box

#: How many moments of a kind are shown, and how far apart they are at least, seconds.
WORST, APART = 3, 1.0


@dataclass(frozen=True)
class WorstMoment:
    """One frame that is among the worst of its block.

    Attributes:
        frame: Its index in the block.
        seconds: On the take's clock.
        kind: "keypoints" (from sound, against the true ones) or "picture" (from true keypoints, against the true crops).
        part: The part that is wrong most.
        error: Its A2B pixel error, or the PSNR of its crop, dB.
        whole: The same of the whole pose, or of all crops of the frame.
    """

    frame: int
    seconds: float
    kind: str
    part: str
    error: float
    whole: float

    @property
    def sentence(self) -> str:
        """What is wrong, in words and numbers."""
        part = "bow" if self.part == "instrument" else self.part.replace("_", " ")
        if self.kind == "keypoints":
            return (
                f"{self.seconds:.2f} s: keypoints from sound are {self.whole:.1f} px from the true ones; "
                f"the {part} is worst, {self.error:.1f} px"
            )
        return (
            f"{self.seconds:.2f} s: hands painted from true keypoints have a PSNR of {self.whole:.1f} dB; "
            f"the {part} is worst, {self.error:.1f} dB"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a report."""
        return asdict(self)


def worst_keypoints(
    predicted_TKD: np.ndarray, true_TKD: np.ndarray, skeleton: Skeleton, fps: float, start: float
) -> list[WorstMoment]:
    """The frames with the largest A2B pixel error, worst first."""
    error_TK = np.sqrt(np.square(predicted_TKD - true_TKD).mean(axis=-1))
    by_part = {part: _mean(error_TK[:, list(ids)]) for part, ids in skeleton.parts.items()}
    whole_T = _mean(error_TK)
    return [
        _moment(t, fps, start, "keypoints", {name: part_T[t] for name, part_T in by_part.items()}, whole_T[t], max)
        for t in worst_frames(whole_T, fps)
        if whole_T[t] > 0
    ]  # fmt: skip


def worst_pictures(
    frames_THWC: np.ndarray,
    true_THWC: np.ndarray,
    boxes: Sequence[Sequence[Box]],
    skeleton: Skeleton,
    fps: float,
    start: float,
) -> list[WorstMoment]:
    """The frames whose crops of hands (and bow) have the lowest PSNR, worst first."""
    parts = crop_parts(skeleton)
    error_TP = np.full((len(true_THWC), len(parts)), np.nan)
    for t, frame_boxes in enumerate(boxes):
        for p, (left, top, right, bottom) in enumerate(frame_boxes):
            crop = (t, slice(top, bottom), slice(left, right))
            error_TP[t, p] = np.square(
                frames_THWC[crop].astype(np.float64) - true_THWC[crop]
            ).mean()
    whole_T = _mean(error_TP)
    return [
        _moment(t, fps, start, "picture", dict(zip(parts, _decibels(error_TP[t]), strict=True)), _decibels(whole_T[t]), min)
        for t in worst_frames(whole_T, fps)
        if whole_T[t] > 0
    ]  # fmt: skip


def crop_parts(skeleton: Skeleton) -> list[str]:
    """The part that each box of a frame shows, in the order of :func:`apvg.measures.pictures.hand_boxes`."""
    return [*skeleton.hands, *(name for name in skeleton.parts if name == "instrument")]


def worst_frames(error_T: np.ndarray, fps: float) -> list[int]:
    """The frames with the largest errors that are APART of each other, worst first; NaN is no error."""
    left_T = np.where(np.isfinite(error_T), error_T, -np.inf)
    time_T = np.arange(len(left_T)) / fps
    chosen: list[int] = []
    while len(chosen) < WORST and left_T.size and left_T.max() > -np.inf:
        chosen.append(int(left_T.argmax()))
        left_T[np.abs(time_T - time_T[chosen[-1]]) < APART] = -np.inf
    return chosen


def _moment(
    t: int, fps: float, start: float, kind: str, parts: Mapping[str, Any], whole: Any, worst: Any
) -> WorstMoment:
    known = {name: float(value) for name, value in parts.items() if np.isfinite(value)}
    part = worst(known, key=known.__getitem__)
    return WorstMoment(t, start + t / fps, kind, part, known[part], float(whole))


def _mean(values_TX: np.ndarray) -> np.ndarray:
    """[T] mean of what is known; NaN where nothing is."""
    known_TX = np.isfinite(values_TX)
    sum_T = np.where(known_TX, values_TX, 0.0).sum(axis=1)
    count_T = known_TX.sum(axis=1)
    return np.where(count_T > 0, sum_T / np.maximum(count_T, 1), np.nan)


def _decibels(error: np.ndarray) -> np.ndarray:
    return 10 * np.log10(255**2 / np.maximum(error, 1e-12))
