"""The virtual string player: takes of melodies, the figure that plays them, its sound, and pictures
if they are wanted.

Besides keypoints every take states how each note is stopped and how the bow moves
(`metadata["strings"]`), so that what a performer generates can be measured exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apvg.base.errors import ApvgError
from apvg.instruments.camera import Camera
from apvg.instruments.instrument import Instrument, find_instrument
from apvg.instruments.strings import StringInstrument
from apvg.music.midi import read_midi
from apvg.takes.take import sample_count
from apvg.virtual.common.corpus import (
    FPS,
    SAMPLE_RATE,
    Order,
    VirtualOptions,
    fit_length,
    list_orders,
    render_notes,
    save_take,
    soundfonts_for,
    warn_of_no_soundfont,
)
from apvg.virtual.common.recording import record
from apvg.virtual.strings.bowing import articulated, slur, turning_gain
from apvg.virtual.strings.motion import move
from apvg.virtual.strings.performance import Performance, PlayingStyle, truth
from apvg.virtual.strings.scores import HELD_OUT_STYLES, STYLES, Melody, compose, playable
from apvg.virtual.strings.sound import Voice, draw_voice, synthesise

#: Share of the pieces that are played with a soundfont instead of synthesised strings, if there is
#: one.
_SOUNDFONT_SHARE = 0.5
#: The smallest picture in which keypoints can be distinguished, pixels.
_SMALLEST = 32


class StringPlayer:
    """A player of bowed strings; see :class:`apvg.virtual.common.corpus.Generator`."""

    styles = tuple(STYLES)
    held_out_styles = HELD_OUT_STYLES

    def orders(self, options: VirtualOptions) -> list[Order]:
        """Pieces for one string instrument, whose name begins the names of its takes."""
        if options.size < _SMALLEST:
            raise ApvgError(
                f"pictures of {options.size} pixels are too small",
                f"give {_SMALLEST} or more, such as 256",
                ["size"],
            )
        if options.samples < 0:
            raise ApvgError(
                f"pictures of {options.samples} light paths per pixel cannot be",
                "give 0 for no pictures, or 4 to 64",
                ["samples"],
            )
        orders = list_orders(self, options, f"{options.instrument}-")
        if not soundfonts_for(options.split, find_instrument(options.instrument).programs):
            warn_of_no_soundfont(options.split, f"every {options.instrument} is synthesised")
        return orders

    def make(self, order: Order, folder: Path) -> Path:
        """Make one take: melody, performance, figure, sound, and pictures if they are ordered."""
        random = np.random.default_rng((order.seed, 2))
        notes = _melody(order, random).notes
        frames = order.frames(notes)
        style = PlayingStyle(
            vibrato=random.uniform(0.12, 0.3),
            vibrato_hz=random.uniform(5.2, 5.8),
            shift=random.uniform(0.18, 0.28),
            sway=random.uniform(0.006, 0.016),
            # Of its own, so that pieces are the same as before bows had weight.
            fading=np.random.default_rng((order.seed, 3)).uniform(3, 8),
        )
        performance = Performance(notes, _strings(order.instrument), random, style)
        points_TK3 = move(performance, frames, FPS, random)
        samples = sample_count(frames, FPS, SAMPLE_RATE)
        clean_S, sound = _clean_sound(order, performance, samples, random)
        size = order.options.size
        return save_take(
            order,
            folder,
            _camera(order.instrument).to_pixels(points_TK3, size, size),
            record(clean_S, SAMPLE_RATE, random),
            notes,
            {"sound": sound, "size": [size, size], "strings": truth(performance)},
            frames_THWC=_pictures(order, points_TK3) if order.options.samples else None,
        )


def _strings(instrument: Instrument) -> StringInstrument:
    assert isinstance(instrument.surface, StringInstrument)
    return instrument.surface


def _camera(instrument: Instrument) -> Camera:
    assert instrument.camera is not None
    return instrument.camera


def _melody(order: Order, random: np.random.Generator) -> Melody:
    strings = _strings(order.instrument)
    if order.score is None:
        return compose(order.style, order.seed, order.options.seconds, strings)
    notes = playable(read_midi(order.score), strings)
    return Melody(order.name, slur(notes, int(random.choice((1, 2, 4))), random))


def _clean_sound(
    order: Order, performance: Performance, samples: int, random: np.random.Generator
) -> tuple[np.ndarray, str]:
    """The performance before any room or microphone, mono float32 [samples], and what it is played
    with."""
    programs = order.instrument.programs
    soundfonts = soundfonts_for(order.options.split, programs)
    if not soundfonts or random.random() >= _SOUNDFONT_SHARE:
        # Test pieces keep the same voice, so that figures can be compared over time.
        voice = draw_voice(random) if order.options.split == "train" else Voice()
        sound_S = synthesise(performance, samples / SAMPLE_RATE, SAMPLE_RATE, random, voice)
        return sound_S[:samples], "synthesised"
    soundfont = soundfonts[int(random.integers(len(soundfonts)))]
    sound_S = render_notes(
        articulated(performance.notes),
        soundfont,
        program=int(random.choice(programs)),
        cents=random.uniform(-25, 25),
        reverb=bool(random.random() < 0.5),
    )
    # A released note rings on beneath the next one, so a pause between notes does not make the turn
    # of the bow audible.
    depth = random.uniform(0.6, 0.9)
    gain_S = turning_gain(performance.notes, len(sound_S), SAMPLE_RATE, depth, seconds=0.08)
    time_C = np.arange(0, len(sound_S) / SAMPLE_RATE + 0.01, 0.01)
    time_S = np.arange(len(sound_S)) / SAMPLE_RATE
    gain_S *= np.interp(time_S, time_C, performance.weight(time_C))
    return fit_length((sound_S * gain_S).astype(np.float32), samples), soundfont.stem


def _pictures(order: Order, points_TK3: np.ndarray) -> np.ndarray:
    """RGB uint8 [T, size, size, 3] of the figure."""
    from apvg.virtual.strings.picture import Painter

    options, instrument = order.options, order.instrument
    painter = Painter(_strings(instrument), _camera(instrument), options.size, options.samples)
    return np.stack([painter.paint(pose_K3) for pose_K3 in points_TK3])
