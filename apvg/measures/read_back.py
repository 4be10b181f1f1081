"""Read-back: what a pose tracker sees in generated frames, beside what it sees in real ones.

Both go through the same H.264 first, since what people watch has too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apvg.instruments.keyboard import Keyboard
from apvg.instruments.skeleton import HANDS
from apvg.measures.lag import LagCurve, lag_curve
from apvg.measures.motion import KeyHit, fingertip_x, key_hit, seen, share
from apvg.music.notes import Notes
from apvg.video.reading import read_frames
from apvg.video.writing import VideoWriter

#: A tracker: frames and their rate to keypoints_TKD and confidence_TK in the layout `hands`, no gap filled.
Tracker = Callable[[Iterable[np.ndarray], float], tuple[np.ndarray, np.ndarray]]


def through_codec(frames_THWC: np.ndarray, fps: int) -> np.ndarray:
    """The frames as they come back from an H.264 file written as `apvg generate` writes it."""
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
        found: Share of the playing frames in which it saw both hands.
        hit: Key-hit rate and skill of the hands it saw; None without notes or keyboard.
        lag: Between sound and picture, likewise.
    """

    keypoints_TKD: np.ndarray
    found: float
    hit: KeyHit | None
    lag: LagCurve | None


def read_back(
    frames_THWC: np.ndarray,
    fps: int,
    tracker: Tracker,
    playing_T: np.ndarray,
    *,
    keyboard: Keyboard | None,
    notes: Notes | None,
    start: float,
) -> ReadBack:
    """Compress, track and judge a clip whose first frame is at `start` seconds of the notes' clock."""
    keypoints_TKD = seen(*tracker(through_codec(frames_THWC, fps), fps))
    both_T = ~np.isnan(keypoints_TKD).any(axis=(1, 2))
    hit = lag = None
    if keyboard is not None and notes is not None:
        tips_TF = fingertip_x(keypoints_TKD, HANDS, keyboard)
        hit = key_hit(tips_TF, notes, fps, start=start)
        lag = lag_curve(tips_TF, notes, fps, start=start)
    return ReadBack(
        keypoints_TKD, share(float(both_T[playing_T].sum()), float(playing_T.sum())), hit, lag
    )
