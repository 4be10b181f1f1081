"""The virtual player: tunes for two sticks, which swing from bar to bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apvg.music.midi import read_midi
from apvg.music.notes import Notes
from apvg.video.drawing import draw_skeleton
from apvg.virtual.common.corpus import (
    FPS,
    SAMPLE_RATE,
    Order,
    VirtualOptions,
    list_orders,
    save_take,
)
from sticks.instrument import BARS, LOWEST, TWO_STICKS, BarsInPicture

#: Seconds from beat to beat.
BEATS = {"waltz": 0.36, "march": 0.3, "samba": 0.24}


class StickPlayer:
    """See :class:`apvg.virtual.common.corpus.Generator`."""

    styles = tuple(BEATS)
    held_out_styles = ("samba",)

    def orders(self, options: VirtualOptions) -> list[Order]:
        return list_orders(self, options, "sticks-")

    def make(self, order: Order, folder: Path) -> Path:
        random = np.random.default_rng(order.seed)
        notes = compose(order, random) if order.score is None else folded(read_midi(order.score))
        frames, (width, height) = order.frames(notes), (order.options.size, order.options.size // 2)
        corners_42 = np.array([[0.1, 0.2], [0.9, 0.2], [0.95, 0.7], [0.05, 0.7]]) * (width, height)
        place = BarsInPicture(corners_42)
        keypoints_TKD = place.from_bars(swing(notes, frames))
        pictures = None
        if order.options.samples:
            plate_HWC = np.full((height, width, 3), 70, np.uint8)
            plate_HWC[height // 5 : 7 * height // 10] = (150, 110, 70)
            pictures = np.stack(
                [
                    draw_skeleton(plate_HWC, pose_KD, np.ones(4), TWO_STICKS)
                    for pose_KD in keypoints_TKD
                ]
            )
        return save_take(
            order,
            folder,
            keypoints_TKD,
            sound(notes, frames, random),
            notes,
            {"size": [width, height]},
            frames_THWC=pictures,
            corners_42=corners_42,
        )


def compose(order: Order, random: np.random.Generator) -> Notes:
    """A tune that wanders, a stroke on each beat, left and right in turn."""
    onset_N = np.arange(0.5, order.options.seconds - 0.5, BEATS[order.style])
    bar_N = 8 * (np.arange(len(onset_N)) % 2) + 8 + random.integers(-5, 6, len(onset_N))
    offset_N = onset_N + 0.2
    loud_N = random.integers(60, 110, len(onset_N))
    return Notes(onset_N, offset_N, offset_N, LOWEST + bar_N.clip(0, BARS - 1), loud_N)


def folded(notes: Notes) -> Notes:
    """Somebody's music, without what the bars lack."""
    return notes.within(LOWEST, LOWEST + BARS - 1)


def swing(notes: Notes, frames: int) -> np.ndarray:
    """Grip and head of both sticks in bars [T, 4, 2]: even strokes are the left one's.

    A head is down at its onsets alone.
    """
    time_T = np.arange(frames) / FPS
    points = []
    for stick, home in ((0, 6.0), (1, 18.0)):
        mine = np.arange(stick, len(notes), 2)
        onset_N = np.concatenate([[0.0], notes.onset_N[mine], [frames / FPS + 1]])
        bar_N = np.concatenate([[home], notes.pitch_N[mine] - LOWEST + 0.5, [home]])
        x_T = np.interp(time_T, onset_N, bar_N)
        away_T = np.abs(time_T[:, None] - onset_N[1:]).min(axis=1)
        lifted_T = np.minimum(away_T / 0.1, 1.0)
        lean = 1.5 if stick else -1.5
        points += [
            np.stack([x_T + lean, 1.4 - 0.2 * lifted_T], 1),
            np.stack([x_T, 0.5 - 0.3 * lifted_T], 1),
        ]
    return np.stack(points, axis=1)


def sound(notes: Notes, frames: int, random: np.random.Generator) -> np.ndarray:
    """Struck wood: decaying sines, with a little noise in the room."""
    time_S = np.arange(frames * SAMPLE_RATE // FPS) / SAMPLE_RATE
    samples_S = 1e-4 * random.standard_normal(len(time_S))
    for onset, pitch, loud in zip(notes.onset_N, notes.pitch_N, notes.velocity_N, strict=True):
        since_S = (time_S - onset).clip(0)
        wave_S = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * since_S)
        samples_S += loud / 500 * (since_S > 0) * np.exp(-12 * since_S) * wave_S
    return samples_S.astype(np.float32)


STICK_PLAYER = StickPlayer()
