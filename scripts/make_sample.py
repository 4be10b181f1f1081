"""Compose, play and encode the package's own piece of music (apvg/samples/).

    python scripts/make_sample.py

A short prelude in G: broken chords under a slow melody, both hands always at work, each within a
ninth, wandering between C2 and A5. It was composed for this project, by this file, and is given
away under CC0 1.0. The sound is FluidSynth's with the soundfont FluidR3 GM (Frank Wen, MIT
licence): `apt-get install fluidsynth fluid-soundfont-gm`.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import av
import mido
import numpy as np

SAMPLES = Path(__file__).parents[1] / "apvg/samples"
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
SAMPLE_RATE = 48_000
TICKS = 480
BEATS_PER_MINUTE = 76

#: Half a bar each: the left hand's three keys, the right hand's three keys below the melody, the
#: melody's two notes.
HALF_BARS = [
    ((43, 50, 55), (62, 67, 71), (74, 71)),  # G
    ((40, 47, 52), (64, 67, 71), (76, 74)),  # e
    ((45, 52, 57), (64, 67, 69), (72, 76)),  # a7
    ((42, 50, 54), (66, 69, 72), (74, 78)),  # D7 on F#
    ((43, 50, 55), (67, 71, 74), (79, 78)),  # G
    ((36, 43, 48), (67, 72, 76), (79, 76)),  # C
    ((37, 45, 49), (67, 69, 73), (76, 81)),  # A7 on C#
    ((38, 45, 50), (69, 74, 78), (81, 78)),  # D
    ((52, 55, 59), (67, 71, 76), (79, 76)),  # e
    ((48, 55, 60), (64, 67, 72), (76, 72)),  # C
    ((38, 43, 50), (62, 67, 71), (74, 71)),  # G on D
    ((38, 45, 50), (60, 66, 69), (72, 69)),  # D7
]
LAST_CHORD = (43, 50, 55, 62, 67, 71)


def compose() -> mido.MidiFile:
    """The piece as MIDI: a tempo track with a slowing end, and one track for each hand."""
    hand = random.Random(7)  # small unevenness of touch, the same every time
    sixteenth = TICKS // 4
    start = TICKS // 2
    end = start + len(HALF_BARS) * 8 * sixteenth
    events: dict[str, list[tuple[int, Any]]] = {"left": [], "right": []}

    def play(part: str, tick: int, sixteenths: float, pitch: int, velocity: int) -> None:
        onset = tick + hand.randint(0, 8)
        loud = velocity + hand.randint(-5, 5)
        events[part].append((onset, mido.Message("note_on", note=pitch, velocity=loud)))
        off = mido.Message("note_off", note=pitch, velocity=0)
        events[part].append((onset + int(sixteenths * sixteenth) - 20, off))

    for i, ((low, middle, high), (a, b, c), (first, second)) in enumerate(HALF_BARS):
        tick = start + i * 8 * sixteenth
        swell = 6 * min(i, 7) - 8 * max(
            i - 8, 0
        )  # louder up to the top of the melody, softer to the end
        for part, at, length, pitch, velocity in (
            ("left", 0, 4, low, 62),
            ("right", 0, 4, first, 72),
            ("left", 1, 3, middle, 50),
            ("right", 2, 1, a, 48),
            ("right", 3, 1, b, 50),
            ("left", 4, 3, high, 54),
            ("right", 4, 3, second, 68),
            ("right", 5, 1, c if c != second else a, 48),
            ("right", 6, 1, b, 46),
            ("left", 7, 1, middle, 44),
        ):
            play(part, tick + at * sixteenth, length, pitch, velocity + swell // 3)
        for value, at in ((127, 1), (0, 8)):  # a new pedal with every chord
            message = mido.Message("control_change", control=64, value=value)
            events["left"].append((tick + at * sixteenth - 30, message))
    for k, pitch in enumerate(LAST_CHORD):
        play("left" if k < 3 else "right", end + 20 * k, 10, pitch, 50)

    tempo = mido.MidiTrack()
    tempo.append(mido.MetaMessage("track_name", name="Prelude in G, apvg contributors, CC0 1.0"))
    tempo.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BEATS_PER_MINUTE)))
    slow = end - 8 * sixteenth
    tempo.append(
        mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(0.85 * BEATS_PER_MINUTE), time=slow)
    )
    music = mido.MidiFile(ticks_per_beat=TICKS)
    music.tracks.append(tempo)
    for messages in events.values():
        track = mido.MidiTrack()
        now = 0
        # The same key let go and pressed at one tick must be let go first.
        for tick, message in sorted(
            messages, key=lambda item: (item[0], item[1].type != "note_off")
        ):
            track.append(message.copy(time=tick - now))
            now = tick
        music.tracks.append(track)
    return music


def encode(sound_SC: np.ndarray, path: Path) -> None:
    """Write stereo samples in -1..1 as Ogg Opus."""
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="stereo")
        stream.bit_rate = 96_000
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound_SC.T.astype(np.float32)), format="fltp", layout="stereo"
        )
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """Write prelude.mid and prelude.ogg."""
    SAMPLES.mkdir(exist_ok=True)
    midi = SAMPLES / "prelude.mid"
    compose().save(midi)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "prelude.raw"
        command = ["fluidsynth", "-ni", "-q", "-r", str(SAMPLE_RATE), "-g", "0.6", "-T", "raw"]
        subprocess.run([*command, "-O", "float", "-F", str(raw), SOUNDFONT, str(midi)], check=True)
        sound_SC = np.fromfile(raw, np.float32).reshape(-1, 2)
    stop = int((mido.MidiFile(midi).length + 1.2) * SAMPLE_RATE)
    fade = int(0.8 * SAMPLE_RATE)
    sound_SC = sound_SC[:stop]
    sound_SC[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    sound_SC *= 10 ** (-2 / 20) / np.abs(sound_SC).max()  # peaks 2 dB below full scale
    encode(sound_SC, SAMPLES / "prelude.ogg")


if __name__ == "__main__":
    main()
