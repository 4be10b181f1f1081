"""Compose, bow and encode the package's own piece for a cello (apvg/samples/).

    python scripts/make_air.py

Eight bars of a slow air in G, slurred by twos and threes, with one rest in which the bow is set
anew. It was composed for this project, by this file, and is given away under CC0 1.0. The sound is
the virtual player's own (apvg.virtual.strings) in a small room.
"""

from __future__ import annotations

import numpy as np
from make_sample import SAMPLE_RATE, SAMPLES, encode
from scipy.signal import butter, fftconvolve, sosfilt

from apvg.instruments.strings import CELLO
from apvg.music.midi import write_midi
from apvg.music.notes import Notes
from apvg.virtual.strings.performance import Performance, PlayingStyle
from apvg.virtual.strings.sound import synthesise

QUARTER = 60 / 84  # seconds
FIRST, LAST = 0.6, 1.6  # seconds of silence before, and of the room after
#: MIDI pitch, quarters, whether it is slurred to the note before; pitch 0 rests.
AIR = (
    (50, 1.0, 0), (55, 1.0, 1), (59, 1.0, 0),
    (57, 1.5, 0), (55, 0.5, 1), (54, 1.0, 0),
    (52, 1.0, 0), (55, 1.0, 1), (60, 1.0, 0),
    (59, 1.5, 0), (0, 0.5, 0), (57, 0.5, 0), (59, 0.5, 1),
    (60, 1.0, 0), (59, 0.5, 1), (57, 0.5, 1), (55, 1.0, 0),
    (54, 1.0, 0), (57, 1.0, 1), (62, 1.0, 0),
    (60, 0.75, 0), (59, 0.25, 1), (57, 1.0, 0), (54, 1.0, 1),
    (55, 2.5, 0),
)  # fmt: skip


def compose() -> Notes:
    """The air, swelling to its middle and to its highest note."""
    pitch_N, quarters_N, slurred_N = map(np.array, zip(*AIR, strict=True))
    onset_N = FIRST + QUARTER * np.append(0.0, np.cumsum(quarters_N)[:-1])
    offset_N = onset_N + QUARTER * quarters_N
    velocity_N = np.round(68 + 20 * np.sin(np.linspace(0, 2 * np.pi, len(AIR))) ** 2).astype(int)
    notes = Notes(onset_N, offset_N, offset_N, pitch_N, velocity_N, slurred_N > 0)
    return notes.select(pitch_N > 0)


def in_a_room(dry_S: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The sound, and fading noise after it for a room: [S, 2]."""
    time_R = np.arange(int(1.2 * SAMPLE_RATE)) / SAMPLE_RATE
    room_2R = random.standard_normal((2, len(time_R))) * np.exp(-time_R / 0.25)
    room_2R = sosfilt(butter(2, 4500, output="sos", fs=SAMPLE_RATE), room_2R)
    room_2R *= 0.3 / np.sqrt(np.square(room_2R).sum(axis=1, keepdims=True))
    return np.stack([dry_S + fftconvolve(dry_S, room_R)[: len(dry_S)] for room_R in room_2R], 1)


def main() -> None:
    """Write air.mid and air.ogg."""
    notes = compose()
    seconds = float(notes.offset_N[-1]) + LAST
    random = np.random.default_rng(0)
    performance = Performance(notes, CELLO, random, PlayingStyle(vibrato=0.18))
    sound_SC = in_a_room(synthesise(performance, seconds, SAMPLE_RATE, random), random)
    fade = int(0.6 * SAMPLE_RATE)
    sound_SC[-fade:] *= np.linspace(1, 0, fade)[:, None]
    sound_SC *= 10 ** (-2 / 20) / np.abs(sound_SC).max()  # peaks 2 dB below full scale
    write_midi(notes, SAMPLES / "air.mid")
    encode(sound_SC, SAMPLES / "air.ogg")


if __name__ == "__main__":
    main()
