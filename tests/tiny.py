"""A tiny take and a tiny recipe: real in every part, small enough for tests."""

from __future__ import annotations

import numpy as np

from apvg.instruments.keyboard import Keyboard, key_x
from apvg.instruments.skeleton import HAND_EDGES, HANDS
from apvg.music.notes import Notes
from apvg.takes.take import Take
from apvg.video.drawing import draw_skeleton

WIDTH, HEIGHT, FPS, RATE = 96, 32, 25, 48000
CORNERS = ((1.0, 1.0), (95.0, 1.0), (95.0, 14.0), (1.0, 14.0))

RECIPE = """
name = "tiny"
instrument = "piano"
licence = "CC0-1.0"
credit = "made by a test"
scene = "tiny"
guard = 0.2

[held_out.tiny]
block = [2.0, 2.4]

[model]
sigma = 0.06
[model.stu]
channels = [16, 16, 16]
node_channels = 8
graph_layers = 1
hidden = 8
[model.khp]
lookahead_frames = 3
transcriber = { decided = true, encoder = { spectral = 4, channels = 6, layers = 4 } }
motion = { channels = 8, layers = 2, hidden = 8 }
[model.cvg]
channels = 8
layers = 2
picture = 4
lookahead_frames = 3
encoder = { spectral = 4, channels = 6, layers = 4 }

[transcription]
steps = 6
excerpts = 2
frames = 30
[motion]
steps = 6
adversarial_from = 3
excerpts = 2
transcribed = 0
frames = 30
warm_up = 5
window = 16
[khp]
steps = 6
adversarial_from = 3
excerpts = 3
transcribed = 1
on_predicted_notes = 1
frames = 30
warm_up = 5
window = 16
gains_db = [0.0, 0.0]
[cvg]
steps = 6
adversarial_from = 3
excerpts = 1
frames = 16
warm_up = 8
gains_db = [0.0, 0.0]
[fpvg]
steps = 6
predicted_from = 2
adversarial_from = 3
frames_per_step = 8
clip_lengths = [3, 5]
crop_width = 64
hand_crop = 32
[joint]
steps = 6
warm_up = 8
"""


def hand_KD(x: float, y: float) -> np.ndarray:
    """21 points of a small hand whose middle fingertip is at (x, y)."""
    points_KD = np.zeros((21, 2), np.float32)
    points_KD[0] = x, y + 10
    for finger in range(5):
        for joint in range(4):
            share = (joint + 1) / 4
            tip = np.array([x + 2.5 * (finger - 2), y + abs(finger - 2)])
            points_KD[1 + 4 * finger + joint] = points_KD[0] + share * (tip - points_KD[0])
    return points_KD


def take(seconds: float = 4.0, name: str = "tiny") -> Take:
    """Two hands that go where sine tones are: frames, sound, notes and keypoints on one clock."""
    frames_n = round(seconds * FPS)
    notes = _notes(seconds)
    samples_S = np.zeros(round(seconds * RATE), np.float32)
    time_S = np.arange(len(samples_S)) / RATE
    for onset, offset, pitch in zip(notes.onset_N, notes.offset_N, notes.pitch_N, strict=True):
        sounding_S = (time_S >= onset) & (time_S < offset)
        wave_S = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * (time_S - onset))
        samples_S += 0.2 * sounding_S * np.exp(-3 * (time_S - onset).clip(0)) * wave_S
    keyboard = Keyboard(np.array(CORNERS))
    background_HWC = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    background_HWC[:14] = 230
    frames_THWC = np.empty((frames_n, HEIGHT, WIDTH, 3), np.uint8)
    keypoints_TKD = np.empty((frames_n, 42, 2), np.float32)
    for t in range(frames_n):
        hands = []
        for hand in (0, 1):
            mine = np.flatnonzero((notes.pitch_N >= 60) == bool(hand))
            last = mine[np.searchsorted(notes.onset_N[mine], t / FPS + 0.1) - 1]
            place_2 = keyboard.to_pixels(np.array([key_x(notes.pitch_N[last]), 0.7]))
            hands.append(hand_KD(*place_2))
        keypoints_TKD[t] = np.concatenate(hands)
        frames_THWC[t] = draw_skeleton(
            background_HWC, keypoints_TKD[t], np.ones(42), HANDS, thickness=1.5
        )
    return Take(
        name=name,
        fps=FPS,
        skeleton=HANDS,
        frames_THWC=frames_THWC,
        keypoints_TKD=keypoints_TKD,
        confidence_TK=np.ones((frames_n, 42), np.float32),
        samples_S=samples_S,
        sample_rate=RATE,
        notes=notes,
        corners_42=np.array(CORNERS, np.float32),
        metadata={"licence": "CC0-1.0", "edges": len(HAND_EDGES)},
    )


def _notes(seconds: float) -> Notes:
    """One note for each hand every 0.4 s, from the very start."""
    onset = np.arange(0.0, seconds, 0.4)
    low, high = 45 + 5 * (np.arange(len(onset)) % 3), 72 + 4 * (np.arange(len(onset)) % 4)
    onset_N = np.concatenate([onset, onset + 0.01])
    order = np.argsort(onset_N)
    onset_N = onset_N[order]
    return Notes(
        onset_N=onset_N,
        offset_N=onset_N + 0.35,
        sounding_N=onset_N + 0.35,
        pitch_N=np.concatenate([low, high])[order],
        velocity_N=np.full(len(onset_N), 80),
    )
