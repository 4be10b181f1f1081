"""Retrieval baselines: frames that need no generator, which a generated picture must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from apvg.base.errors import ApvgError
from apvg.measures.motion import seen
from apvg.measures.pictures import nearest_poses

if TYPE_CHECKING:
    from apvg.takes.take import Take

#: Frames this close to a held-out block are neither trained on nor retrieved, seconds.
GUARD = 2.0
_CHUNK = 100  # frames read at a time


@dataclass(frozen=True)
class RetrievalBaselines:
    """The clean plate, the mean frame, and the frames that can be retrieved by their poses.

    Attributes:
        plate_HWC, mean_HWC: RGB uint8. The mean is None where the only frames are those that are
            evaluated.
        frames: Where to find the N frames: take and index.
        poses_NKD: Their poses, pixels; NaN where a point was not seen.
    """

    plate_HWC: np.ndarray
    mean_HWC: np.ndarray | None
    frames: Sequence[tuple[Take, int]]
    poses_NKD: np.ndarray

    def answers(self, poses_TKD: np.ndarray) -> dict[str, np.ndarray]:
        """Name to a picture for all frames with these poses [H, W, 3], or for each [T, H, W, 3]."""
        if self.mean_HWC is None:
            return {"clean plate": self.plate_HWC}
        return {
            "clean plate": self.plate_HWC,
            "mean frame": self.mean_HWC,
            "nearest pose": self.nearest(poses_TKD),
        }

    def nearest(self, poses_TKD: np.ndarray) -> np.ndarray:
        """For every pose the frame with the nearest one, [T, H, W, 3]."""
        chosen_T = nearest_poses(poses_TKD, self.poses_NKD)
        unique_U, place_T = np.unique(chosen_T, return_inverse=True)
        found = (self.frames[int(u)] for u in unique_U)
        return np.stack([take.frames_THWC[t] for take, t in found])[place_T]


def retrieval_baselines(
    takes: Sequence[Take], plate_HWC: np.ndarray, avoid: Mapping[str, Sequence[tuple[float, float]]]
) -> RetrievalBaselines:
    """Retrieval baselines from all frames of takes of one scene, except some stretches.

    Args:
        takes: With pictures. Without any, the plate is the only baseline.
        plate_HWC: The clean plate of the scene.
        avoid: Take to stretches that are left out, with GUARD around them: from one second to
            another.

    Raises:
        ApvgError: No frame of the takes is left.
    """
    if not takes:
        return RetrievalBaselines(plate_HWC, None, [], np.zeros((0, 0, 2)))
    frames: list[tuple[Take, int]] = []
    poses, sum_HWC = [], np.zeros(plate_HWC.shape, np.int64)
    for take in takes:
        time_T = np.arange(len(take)) / take.fps
        allowed_T = np.ones(len(take), bool)
        for start, stop in avoid.get(take.name, ()):
            allowed_T &= (time_T < start - GUARD) | (time_T >= stop + GUARD)
        for first in range(0, len(take), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            if allowed_T[chunk].any():
                chunk_THWC = np.asarray(take.frames_THWC[chunk])[allowed_T[chunk]]
                sum_HWC += chunk_THWC.sum(axis=0, dtype=np.int64)
        frames += [(take, int(t)) for t in np.flatnonzero(allowed_T)]
        poses.append(seen(take.keypoints_TKD[allowed_T], take.confidence_TK[allowed_T]))
    if not frames:
        raise ApvgError(
            f"the blocks leave no frame of take {takes[0].name} for the retrieval baselines",
            "give a shorter block",
            options=["block"],
        )
    mean_HWC = np.round(sum_HWC / len(frames)).astype(np.uint8)
    return RetrievalBaselines(plate_HWC, mean_HWC, frames, np.concatenate(poses))
