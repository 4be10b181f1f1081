"""The virtual pianist: takes of composed pieces, the hands that play them, and recordings of their
sound; no pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from apvg.base.errors import ApvgError
from apvg.instruments.instrument import find_instrument
from apvg.instruments.keyboard import KEY_LENGTH, WHITE_KEY_COUNT, Keyboard
from apvg.models.fingering import plan
from apvg.music.midi import read_midi
from apvg.music.notes import Notes
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
from apvg.virtual.piano.hands import load_hand
from apvg.virtual.piano.motion import MotionStyle, play
from apvg.virtual.piano.scores import compose
from apvg.virtual.piano.sound import Piano, draw_design
from apvg.virtual.piano.styles import HELD_OUT_STYLES, STYLES

#: The keyboard that generated keypoints are given on: ten pixels to the white key.
_PIXELS_PER_KEY = 10.0
CORNERS_42 = _PIXELS_PER_KEY * np.array(
    [[0, 0], [WHITE_KEY_COUNT, 0], [WHITE_KEY_COUNT, KEY_LENGTH], [0, KEY_LENGTH]], np.float32
)
#: How often each of the instrument's General MIDI programs is played: grand, bright, electric
#: grand, honky-tonk, two electric pianos.
_PROGRAM_SHARES = (0.5, 0.2, 0.1, 0.08, 0.06, 0.06)


class Pianist:
    """A pianist; see :class:`apvg.virtual.common.corpus.Generator`."""

    styles = tuple(STYLES)
    held_out_styles = HELD_OUT_STYLES

    def orders(self, options: VirtualOptions) -> list[Order]:
        """Pieces with their soundfonts; a share of the training pieces has a synthesised piano of
        its own instead."""
        if not 0 <= options.drawn <= 1:
            raise ApvgError(f"{options.drawn:g} is not a share", "give 0 to 1", ["drawn"])
        orders = list_orders(self, options)
        choose = _soundfont_chooser(options)
        return [replace(order, soundfont=choose()) for order in orders]

    def make(self, order: Order, folder: Path) -> Path:
        """Make one take: notes, hands, sound."""
        random = np.random.default_rng((order.seed, 1))
        notes = _notes(order)
        frames = order.frames(notes)
        style = MotionStyle(
            early=random.uniform(0.02, 0.05),
            slowest=random.uniform(0.34, 0.42),
            lift=random.uniform(0.1, 0.3),
            raised=random.uniform(0.3, 0.6),
        )
        fingering = plan(notes)
        motion = play(notes, frames, FPS, load_hand(), random, style, fingering)
        samples = sample_count(frames, FPS, SAMPLE_RATE)
        return save_take(
            order,
            folder,
            Keyboard(CORNERS_42).to_pixels(motion.poses_TKD / [1.0, KEY_LENGTH]),
            record(_clean_sound(order, notes, samples, random), SAMPLE_RATE, random),
            notes,
            {"soundfont": order.soundfont.stem if order.soundfont else "drawn"},
            corners_42=CORNERS_42,
            fingering=fingering,
            heights_TK=motion.heights_TK,
        )


def _soundfont_chooser(options: VirtualOptions) -> Callable[[], Path | None]:
    """Draws a soundfont for each piece; None stands for a synthesised piano."""
    drawn = options.drawn if options.split == "train" else 0.0
    programs = find_instrument(options.instrument).programs
    soundfonts = soundfonts_for(options.split, programs) if drawn < 1 else []
    if drawn < 1 and not soundfonts:
        warn_of_no_soundfont(options.split, "a piano is drawn for each of them")
    random = np.random.default_rng((options.seed, options.split == "test"))
    # Of its own, so that pieces keep their soundfonts whatever the share.
    share_random = np.random.default_rng((options.seed, 2))

    def choose() -> Path | None:
        soundfont = soundfonts[int(random.integers(len(soundfonts)))] if soundfonts else None
        return None if share_random.random() < drawn else soundfont

    return choose


def _notes(order: Order) -> Notes:
    if order.score is None:
        return compose(order.style, order.seed, order.options.seconds).notes
    pitch_range = order.instrument.pitch_range
    assert pitch_range is not None
    return read_midi(order.score).within(*pitch_range)


def _clean_sound(
    order: Order, notes: Notes, samples: int, random: np.random.Generator
) -> np.ndarray:
    """The notes as they sound before anything is done to them by rooms and microphones: mono
    float32 [samples]."""
    if order.soundfont is None:
        return Piano(draw_design(random), SAMPLE_RATE, random).play(notes, samples)
    sound_S = render_notes(
        notes,
        order.soundfont,
        program=int(random.choice(order.instrument.programs, p=_PROGRAM_SHARES)),
        cents=random.uniform(-25, 25),
        reverb=bool(random.random() < 0.5),
        chorus=bool(random.random() < 0.3),
    )
    return fit_length(sound_S, samples)
