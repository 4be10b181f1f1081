"""Takes of the virtual string player: melodies, the figure that plays them, its sound, and pictures where they are wanted.

Test pieces are of other styles, and heard through other soundfonts, than training pieces. Besides keypoints every take says
how each note is stopped and how the bow goes (`metadata["strings"]`), so that what is generated can be judged exactly.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.instruments.camera import Camera
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.instruments.strings import STRING_INSTRUMENTS
from apvg.music.midi import read_midi, write_midi
from apvg.music.soundfonts import render_midi
from apvg.takes.about import NOT_STATED, About
from apvg.takes.take import Take, sample_count
from apvg.virtual.common.recording import record
from apvg.virtual.piano.corpus import (
    FPS,
    SAMPLE_RATE,
    Split,
    choose_styles,
    count_pieces,
    midi_files,
    soundfonts_for,
    warn_of_no_soundfont,
)
from apvg.virtual.strings.bowing import articulated, slur, turning_gain
from apvg.virtual.strings.motion import move
from apvg.virtual.strings.performance import Performance, PlayingStyle
from apvg.virtual.strings.scores import HELD_OUT_STYLES, STYLES, Melody, compose, playable
from apvg.virtual.strings.sound import Voice, draw_voice, synthesise

#: How often a soundfont is heard in place of the synthesised strings, where there is one.
_SOUNDFONT_SHARE = 0.5
#: Smallest frames that keypoints are told apart in, pixels.
_SMALLEST = 32


@dataclass(frozen=True)
class StringOrder:
    """One piece to be made.

    Attributes:
        name: The take's.
        instrument: A key of STRING_INSTRUMENTS.
        style: A key of STYLES, or "score" for a MIDI file.
        seed: Of everything random about it.
        seconds: Length.
        score: The MIDI file; None for a composed piece.
        split: What it is for.
        size: Width and height of the frames that keypoints are given in, pixels.
        samples: Light paths per pixel; 0 makes no pictures.
    """

    name: str
    instrument: str
    style: str
    seed: int
    seconds: float
    score: Path | None
    split: Split
    size: int
    samples: int


def order_string_pieces(
    instrument: str,
    minutes: float,
    seconds: float,
    seed: int,
    split: Split,
    scores: Path | None,
    size: int,
    samples: int,
    styles: Sequence[str] = (),
) -> list[StringOrder]:
    """The pieces of a corpus: as many as make up the minutes, the styles in turn; after them those of a MIDI folder.

    Raises:
        ApvgError: A number that cannot be, no such style in the split, or there is no MIDI file in the folder.
    """
    count = count_pieces(minutes, seconds, seed)
    if size < _SMALLEST:
        raise ApvgError(f"--size {size} is too small a picture; give {_SMALLEST} or more, as 256")
    if samples < 0:
        raise ApvgError(f"--samples {samples} cannot be; give 0 for no pictures, or 4 to 64")
    styles = choose_styles(styles, STYLES, HELD_OUT_STYLES, split)
    if not soundfonts_for(split, STRING_INSTRUMENTS[instrument].programs):
        warn_of_no_soundfont(split, f"every {instrument} is synthesised")
    orders = []
    for index in range(count):
        style, own = styles[index % len(styles)], 10_000 * seed + index
        name = f"{instrument}-{style}-{own:05d}"
        orders.append(
            StringOrder(name, instrument, style, own, seconds, None, split, size, samples)
        )
    for index, path in enumerate(midi_files(scores) if scores else []):
        name, own = f"{instrument}-score-{path.stem}", 10_000 * seed + index
        orders.append(StringOrder(name, instrument, "score", own, 0.0, path, split, size, samples))
    return orders


def make_string_take(order: StringOrder, folder: Path) -> Path:
    """Make one take: melody, performance, figure, sound, and pictures where they are ordered."""
    instrument = STRING_INSTRUMENTS[order.instrument]
    random = np.random.default_rng((order.seed, 2))
    melody = _melody(order, random)
    seconds = order.seconds or float(melody.notes.offset_N.max()) + 2.0
    frames = round(seconds * FPS)
    style = PlayingStyle(
        vibrato=random.uniform(0.12, 0.3),
        vibrato_hz=random.uniform(5.2, 5.8),
        shift=random.uniform(0.18, 0.28),
        sway=random.uniform(0.006, 0.016),
        # Of its own, so that pieces are the ones that they were before bows had weight.
        fading=np.random.default_rng((order.seed, 3)).uniform(3, 8),
    )
    performance = Performance(melody.notes, instrument, random, style)
    points_TK3 = move(performance, frames, FPS, random)
    pixels_TKD = Camera().to_pixels(points_TK3, order.size, order.size)
    samples_S, sounded = _recording(
        order, performance, sample_count(frames, FPS, SAMPLE_RATE), random
    )
    take = Take(
        name=order.name,
        fps=FPS,
        skeleton=BODY_HANDS_AND_BOW,
        frames_THWC=_pictures(order, points_TK3) if order.samples else None,
        keypoints_TKD=pixels_TKD.astype(np.float32),
        confidence_TK=np.ones(pixels_TKD.shape[:2], np.float32),
        samples_S=samples_S,
        sample_rate=SAMPLE_RATE,
        notes=melody.notes,
        about=About(
            piece=order.name,
            instrument=order.instrument,
            split=order.split,
            # Somebody's score is not ours to give away.
            licence="CC0-1.0" if order.score is None else NOT_STATED,
            source="apvg virtual",
            credit="nobody: generated" if order.score is None else NOT_STATED,
        ),
        metadata={
            "style": order.style,
            "sound": sounded,
            "size": [order.size, order.size],
            "strings": truth(performance),
        },
    )  # fmt: skip
    take.save(folder / order.name)
    return folder / order.name


def truth(performance: Performance) -> dict[str, Any]:
    """How every note is stopped, and every stroke of the bow, as plain data.

    Returns:
        `string` and `finger` of every note (0 is the lowest string, and the open string); `strokes`: rows of first note, start
        and stop in seconds, places on the hair then (share of it from the frog), and whether the bow is set anew.
    """
    return {
        "string": performance.string_N.tolist(),
        "finger": performance.finger_N.tolist(),
        "strokes": [
            [s.first, round(s.start, 4), round(s.stop, 4), round(s.begin, 4), round(s.end, 4), s.after_rest]
            for s in performance.strokes
        ],
    }  # fmt: skip


def _melody(order: StringOrder, random: np.random.Generator) -> Melody:
    instrument = STRING_INSTRUMENTS[order.instrument]
    if order.score is None:
        return compose(order.style, order.seed, order.seconds, instrument)
    notes = playable(read_midi(order.score), instrument)
    return Melody(order.name, slur(notes, int(random.choice((1, 2, 4))), random))


def _recording(
    order: StringOrder, performance: Performance, samples: int, random: np.random.Generator
) -> tuple[np.ndarray, str]:
    """The performance as somebody might have recorded it, mono float32, and what it was sounded with."""
    soundfonts = soundfonts_for(order.split, performance.instrument.programs)
    if soundfonts and random.random() < _SOUNDFONT_SHARE:
        soundfont = soundfonts[int(random.integers(len(soundfonts)))]
        with tempfile.TemporaryDirectory() as scratch:
            midi = Path(scratch) / "notes.mid"
            write_midi(articulated(performance.notes), midi)
            clean_S = render_midi(
                midi,
                SAMPLE_RATE,
                soundfont,
                program=int(random.choice(performance.instrument.programs)),
                cents=random.uniform(-25, 25),
                reverb=bool(random.random() < 0.5),
            )
        # A released note rings on beneath the next: silences between notes alone do not tell a turn of the bow.
        depth = random.uniform(0.6, 0.9)
        gain_S = turning_gain(performance.notes, len(clean_S), SAMPLE_RATE, depth, seconds=0.08)
        time_C = np.arange(0, len(clean_S) / SAMPLE_RATE + 0.01, 0.01)
        gain_S *= np.interp(
            np.arange(len(clean_S)) / SAMPLE_RATE, time_C, performance.weight(time_C)
        )
        clean_S = (clean_S * gain_S).astype(np.float32)
        clean_S, sounded = np.pad(clean_S, (0, max(0, samples - len(clean_S)))), soundfont.stem
    else:
        # Test pieces keep the cello that they have always had.
        voice = draw_voice(random) if order.split == "train" else Voice()
        clean_S = synthesise(performance, samples / SAMPLE_RATE, SAMPLE_RATE, random, voice)
        sounded = "synthesised"
    return record(clean_S[:samples], SAMPLE_RATE, random), sounded


def _pictures(order: StringOrder, points_TK3: np.ndarray) -> np.ndarray:
    from apvg.virtual.strings.picture import Painter

    painter = Painter(STRING_INSTRUMENTS[order.instrument], order.size, order.samples)
    return np.stack([painter.paint(pose_K3) for pose_K3 in points_TK3])
