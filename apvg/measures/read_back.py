"""Read-back: what a hand tracker finds in generated frames, as a share of what it finds in real
ones.

Both go through the same H.264 first, as videos that people watch do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apvg.measures.motion import seen, share
from apvg.video.reading import read_frames
from apvg.video.writing import VideoWriter

#: A tracker: frames and their rate to keypoints_TKD and confidence_TK in the layout `hands`, no gap
#: filled.
Tracker = Callable[[Iterable[np.ndarray], float], tuple[np.ndarray, np.ndarray]]


def through_codec(frames_THWC: np.ndarray, fps: int) -> np.ndarray:
    """The frames as they are read from an H.264 file that `apvg generate` would write."""
    height, width = frames_THWC.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with VideoWriter(
            path, width=width, height=height, fps=fps, audio=None, comment="for read-back"
        ) as writer:
            for frame_HWC in frames_THWC:
                writer.write(frame_HWC)
        return np.stack([frame[:height, :width] for frame in read_frames(path, fps)])


@dataclass(frozen=True)
class ReadBack:
    """What the tracker found.

    Attributes:
        keypoints_TKD: Layout `hands`, pixels; NaN where a hand was not found.
        found: Share of the playing frames in which it found both hands.
    """

    keypoints_TKD: np.ndarray
    found: float


def read_back(
    frames_THWC: np.ndarray, fps: int, tracker: Tracker, playing_T: np.ndarray
) -> ReadBack:
    """Compress and track a clip.

    Args:
        frames_THWC: RGB uint8.
        fps: Frames per second.
        tracker: Finds hands.
        playing_T: The frames in which hands are expected.
    """
    keypoints_TKD = seen(*tracker(through_codec(frames_THWC, fps), fps))
    both_T = ~np.isnan(keypoints_TKD).any(axis=(1, 2))
    return ReadBack(keypoints_TKD, share(float(both_T[playing_T].sum()), float(playing_T.sum())))
