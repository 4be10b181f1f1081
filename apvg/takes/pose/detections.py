"""What a pose tracker detects in single frames, before anything is decided or smoothed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from apvg.instruments.skeleton import HAND_POINTS

#: Two hands closer than this share of a hand's size are one hand detected twice.
_SAME_HAND = 0.25


@dataclass(frozen=True)
class Detections:
    """What a tracker detected in T frames, in pixels of whatever it was shown. NaN where nothing
    was detected.

    Attributes:
        body_TBD: [T, B, 2] body points; B = 0 in layouts of hands alone.
        visibility_TB: [T, B] in 0..1.
        hands_TMPD: [T, 2, 21, 2] up to two hands in no particular order.
        score_TM: [T, 2] the tracker's confidence in each, 0..1.
        right_TM: [T, 2] probability that it is a right hand (the player's), by its shape.
    """

    body_TBD: np.ndarray
    visibility_TB: np.ndarray
    hands_TMPD: np.ndarray
    score_TM: np.ndarray
    right_TM: np.ndarray

    @classmethod
    def empty(cls, frames: int, body_points: int) -> Detections:
        """Frames in which nothing is detected."""
        return cls(
            body_TBD=np.full((frames, body_points, 2), np.nan, np.float32),
            visibility_TB=np.zeros((frames, body_points), np.float32),
            hands_TMPD=np.full((frames, 2, len(HAND_POINTS), 2), np.nan, np.float32),
            score_TM=np.full((frames, 2), np.nan, np.float32),
            right_TM=np.full((frames, 2), np.nan, np.float32),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        """One after the other."""
        return cls(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls))
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name, for a file."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __len__(self) -> int:
        return len(self.hands_TMPD)


class PoseTracker(Protocol):
    """Detects one performer in the frames of a video."""

    def restart(self) -> None:
        """Forget the frames so far."""
        ...

    def see(self, image_HWC: np.ndarray) -> Detections:
        """What is detected in the next frame (RGB uint8, all of one size), in its pixels; one
        frame."""
        ...

    def find_hands(self, image_HWC: np.ndarray) -> list[np.ndarray]:
        """The hands [21, 2] in a still picture, in its pixels, whatever was seen before."""
        ...


def hand_size(hand_PD: np.ndarray) -> float:
    """Diagonal of a hand's box, pixels."""
    return float(np.linalg.norm(np.ptp(hand_PD, axis=-2))) or 1.0


def same_hand(a_PD: np.ndarray, b_PD: np.ndarray) -> bool:
    """Whether two detections are of one hand."""
    distance = np.linalg.norm(a_PD - b_PD, axis=-1).mean()
    return bool(distance < _SAME_HAND * min(hand_size(a_PD), hand_size(b_PD)))


def runs(mask_T: np.ndarray) -> list[tuple[int, int]]:
    """First index and stop of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask_T.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
