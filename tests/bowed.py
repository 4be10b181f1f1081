"""A take of the virtual cellist that is the same everywhere: no soundfont, no path tracer, drawn
pictures."""

from __future__ import annotations

import numpy as np

from apvg.instruments.camera import Camera
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.instruments.strings import CELLO
from apvg.music.notes import Notes
from apvg.takes.about import About
from apvg.takes.take import Take, sample_count
from apvg.video.drawing import draw_skeleton
from apvg.virtual.strings.motion import move
from apvg.virtual.strings.performance import Performance, PlayingStyle, truth

FPS, RATE = 25, 48000
#: MIDI pitch, seconds, whether it is slurred to the note before; pitch 0 rests.
MELODY = (
    (50, 0.5, 0), (55, 0.4, 1), (59, 0.5, 0), (57, 0.4, 0), (0, 0.5, 0),
    (45, 0.5, 0), (52, 0.4, 0), (60, 0.4, 1), (62, 0.6, 0), (43, 0.5, 0),
    (48, 0.4, 0), (53, 0.5, 0),
)  # fmt: skip


def golden_string_take(size: int = 64, split: str = "train") -> Take:
    """Six seconds of a melody, bowed, with its truth; sine tones, and a drawn skeleton for a
    picture."""
    pitch_N, seconds_N, slurred_N = map(np.array, zip(*MELODY, strict=True))
    onset_N = 0.3 + np.append(0.0, np.cumsum(seconds_N)[:-1])
    offset_N = onset_N + seconds_N
    velocity_N = np.full(len(MELODY), 80)
    notes = Notes(onset_N, offset_N, offset_N, pitch_N, velocity_N, slurred_N > 0)
    notes = notes.select(pitch_N > 0)
    random = np.random.default_rng(0)
    performance = Performance(notes, CELLO, random, PlayingStyle(vibrato=0.2))
    frames = 6 * FPS
    points_TK3 = move(performance, frames, FPS, random)
    pixels_TKD = Camera().to_pixels(points_TK3, size, size).astype(np.float32)
    time_S = np.arange(sample_count(frames, FPS, RATE)) / RATE
    samples_S = np.zeros(len(time_S))
    for onset, offset, pitch in zip(notes.onset_N, notes.offset_N, notes.pitch_N, strict=True):
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        envelope_S = ((time_S - onset) / 0.03).clip(0, 1) * ((offset - time_S) / 0.03).clip(0, 1)
        samples_S += (
            0.1 * envelope_S * sum(np.sin(2 * np.pi * hertz * n * time_S) / n for n in (1, 2, 3))
        )
    plate_HWC = np.full((size, size, 3), 60, np.uint8)
    thickness = size / 64
    frames_THWC = np.stack(
        [
            draw_skeleton(
                plate_HWC, pose_KD, np.ones(len(pose_KD)), BODY_HANDS_AND_BOW, thickness=thickness
            )
            for pose_KD in pixels_TKD
        ]
    )
    return Take(
        name=f"strings-{size}",
        fps=FPS,
        skeleton=BODY_HANDS_AND_BOW,
        frames_THWC=frames_THWC,
        keypoints_TKD=pixels_TKD,
        confidence_TK=np.ones(pixels_TKD.shape[:2], np.float32),
        samples_S=samples_S.astype(np.float32),
        sample_rate=RATE,
        notes=notes,
        about=About(piece="melody", instrument="cello", split=split),
        metadata={"style": "melody", "size": [size, size], "strings": truth(performance)},
    )
