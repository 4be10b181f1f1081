"""Figures on fingering: does a note have the finger that a pianist would use?

A finger is 0 (thumb) to 4 (little finger), and -1 where it is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apvg.instruments.keyboard import key_x
from apvg.music.notes import Notes


def striking_fingers(tip_x_TF: np.ndarray, notes: Notes, fps: float) -> np.ndarray:
    """The finger whose tip is nearest to each note's key in the frame of its onset, int [N].

    -1 where no tip was seen, or the onset lies outside the frames.

    Args:
        tip_x_TF: Fingertips of one hand, thumb first, in white keys; frame t is at t / fps seconds.
        notes: What that hand plays.
        fps: Frames per second.

    Raises:
        ValueError: A pitch that a piano of 88 keys lacks.
    """
    finger_N = np.full(len(notes), -1)
    frame_N = np.floor(notes.onset_N * fps + 0.5).astype(int)
    for n, (frame, x) in enumerate(zip(frame_N, key_x(notes.pitch_N), strict=True)):
        if 0 <= frame < len(tip_x_TF) and not np.isnan(tip_x_TF[frame]).all():
            finger_N[n] = np.nanargmin(np.abs(tip_x_TF[frame] - x))
    return finger_N


def agreement(finger_N: np.ndarray, taught: Sequence[np.ndarray]) -> float:
    """Share of the notes with the taught finger, of the alternative that agrees best, 0..1.

    It is the "highest match rate" of Nakamura, Saito & Yoshii (2020). Notes without a taught finger
    do not count; NaN where none has one.

    Args:
        finger_N: The fingers that play.
        taught: The fingers of each alternative, [N].
    """
    shares = [(finger_N == one_N)[one_N >= 0].mean() for one_N in taught if (one_N >= 0).any()]
    return float(max(shares, default=np.nan))


def longest_run(finger_N: np.ndarray, pitch_N: np.ndarray) -> int:
    """The most notes in a row that one finger plays, each on another key than the one before."""
    longest = run = 0
    for n, finger in enumerate(finger_N):
        glides = n > 0 and finger == finger_N[n - 1] and pitch_N[n] != pitch_N[n - 1]
        run = 0 if finger < 0 else run + 1 if glides else 1
        longest = max(longest, run)
    return longest
