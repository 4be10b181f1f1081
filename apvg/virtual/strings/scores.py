"""Composes melodies for a bowed instrument: keys, metres, rests and dynamics as for the pianist,
with slurs added."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from apvg.instruments.strings import StringInstrument
from apvg.music.notes import Notes
from apvg.music.pitch_range import fold_pitch, melody_line
from apvg.virtual.common.draft import RIGHT, SHORTEST, Draft, move, plan
from apvg.virtual.common.playing import play
from apvg.virtual.strings.bowing import slur

Rng = np.random.Generator
Write = Callable[[Rng, float, StringInstrument], Draft]


@dataclass(frozen=True)
class Melody:
    """A generated piece for one bow.

    Attributes:
        name: Style and seed.
        notes: One after another; none overlaps the next; some slurred.
    """

    name: str
    notes: Notes


def compose(style: str, seed: int, seconds: float, instrument: StringInstrument) -> Melody:
    """Compose a melody with slurs; deterministic for given arguments.

    Args:
        style: A key of `STYLES`.
        seed: At least 0.
        seconds: Length with the silence before and after the music, at least 5.
        instrument: Whose pitch range and strings are used.

    Raises:
        ValueError: An unknown style, a negative seed, or too few seconds.
    """
    if style not in STYLES:
        raise ValueError(f"no style {style!r}; there are {', '.join(STYLES)}")
    if seed < 0 or seconds < SHORTEST:
        raise ValueError(f"a piece needs a seed of at least 0 and at least {SHORTEST} seconds")
    digest = hashlib.sha256(f"{instrument.name} {style}".encode()).digest()
    rng = np.random.default_rng([int.from_bytes(digest[:8], "little"), seed])
    writing = STYLES[style]
    strokes, _ = play(writing.write(rng, seconds, instrument), seconds)
    columns = [(s.onset, s.offset, s.pitch, s.velocity) for s in strokes]
    onset_N, offset_N, pitch_N, velocity_N = np.array(columns, np.float64).reshape(-1, 4).T
    notes = playable(Notes(onset_N, offset_N, offset_N, pitch_N, velocity_N), instrument)
    longest = int(rng.choice(writing.slurs))
    return Melody(f"{style}-{seed:04d}", slur(notes, longest, rng))


def playable(notes: Notes, instrument: StringInstrument) -> Notes:
    """A melody that the instrument can play: one voice, folded into its pitch range."""
    melody = melody_line(notes)
    pitches = [
        fold_pitch(int(pitch), instrument.lowest, instrument.highest) for pitch in melody.pitch_N
    ]
    return replace(melody, pitch_N=np.array(pitches, np.int64))


def _plan(rng: Rng, seconds: float, tempo: tuple[float, float], **more: object) -> Draft:
    # Loudness, rubato and pauses are as for the pianist; bowed notes are mostly held to their end.
    touch = float(rng.choice((1.0, 1.0, 1.0, 0.9, 0.7)))
    return plan(rng, seconds, tempo=tempo, pedal=0.0, touch=(touch, touch), pauses=0.35, **more)  # pyright: ignore[reportArgumentType]


def _home(rng: Rng, instrument: StringInstrument, low: float, high: float) -> int:
    """A pitch at some share of the pitch range."""
    return round(
        instrument.lowest + (instrument.highest - instrument.lowest) * rng.uniform(low, high)
    )


def _sung(tempo: tuple[float, float], busy: tuple[int, ...], low: float, high: float) -> Write:
    """Tunes around a pitch at some share of the pitch range, which changes now and then."""

    def write(rng: Rng, seconds: float, instrument: StringInstrument) -> Draft:
        draft = _plan(rng, seconds, tempo, rubato=0.08)
        home = _home(rng, instrument, low, high)
        for phrase in draft.phrases:
            if rng.random() < 0.25:
                home = _home(rng, instrument, low, high)
            for beat, length, pitch in draft.melody(phrase, home, int(rng.choice(busy))):
                draft.play(RIGHT, beat, length, pitch, 6)
        return draft

    return write


def _etude(rng: Rng, seconds: float, instrument: StringInstrument) -> Draft:
    """A melody at any tempo and density, so that patterns of strokes are not learned from a few
    styles alone."""
    centre = float(np.exp(rng.uniform(np.log(44), np.log(150))))
    busy = tuple(int(value) for value in rng.choice(3, int(rng.integers(1, 4))))
    low = float(rng.uniform(0.05, 0.5))
    return _sung((0.9 * centre, 1.1 * centre), busy, low, low + 0.4)(rng, seconds, instrument)


def _run(*, broken: bool) -> Write:
    """Scales, or broken chords, up and down the pitch range, turning now and then on the way."""

    def write(rng: Rng, seconds: float, instrument: StringInstrument) -> Draft:
        draft = _plan(rng, seconds, (50, 110))
        unit = draft.pace(*((0.5, 1.0) if rng.random() < 0.4 else (0.25, 0.5)))
        low, high = instrument.lowest, instrument.highest - int(rng.choice((0, 5, 12)))
        pitch, heading = _home(rng, instrument, 0.1, 0.5), 1
        for phrase in draft.phrases:
            beats = np.arange(phrase.start, phrase.end - 1e-6, unit)
            for beat in beats[:-1] if rng.random() < 0.5 else beats:
                chord = phrase.chord_at(beat)
                ladder = chord.tones if broken else chord.scale
                moved = move(ladder, pitch, heading)
                if not low <= moved <= high or rng.random() < 0.04:
                    heading = -heading
                    moved = move(ladder, pitch, heading)
                pitch = int(np.clip(moved, low, high))
                draft.play(RIGHT, beat, unit, pitch)
        return draft

    return write


def _crossings(rng: Rng, seconds: float, instrument: StringInstrument) -> Draft:
    """Bariolage: a figure over neighbouring strings, again and again through the harmonies."""
    draft = _plan(rng, seconds, (60, 110))
    unit = draft.pace(0.25, 0.5)
    figure = [int(x) for x in rng.choice(3, int(rng.choice((4, 6, 8))))]
    base = _home(rng, instrument, 0.05, 0.45)
    for bar in draft.bars:
        for index, beat in enumerate(np.arange(bar.start, bar.start + draft.metre.length, unit)):
            root = move(bar.chord_at(beat).tones, base, 0)
            step = figure[index % len(figure)]
            draft.play(RIGHT, beat, unit, move(bar.chord_at(beat).tones, root, 2 * step))
    return draft


def _shifts(rng: Rng, seconds: float, instrument: StringInstrument) -> Draft:
    """A note low on a string and one high on it, back and forth, the way growing."""
    draft = _plan(rng, seconds, (50, 80))
    unit = float(rng.choice((1.0, 0.5)))
    string = instrument.open_pitches[-1 - int(rng.integers(2))]
    for phrase in draft.phrases:
        beats = np.arange(phrase.start, phrase.end - 1e-6, unit)
        for index, beat in enumerate(beats):
            scale = phrase.chord_at(beat).scale
            high = 5 + index / len(beats) * (instrument.reach - 6)
            pitch = string + (rng.integers(1, 5) if index % 2 == 0 else high)
            draft.play(RIGHT, beat, unit, move(scale, int(pitch), 0), 3)
    return draft


def _long_tones(rng: Rng, seconds: float, instrument: StringInstrument) -> Draft:
    """Whole bows that swell and die away."""
    draft = _plan(rng, seconds, (50, 76))
    home = _home(rng, instrument, 0.1, 0.7)
    for bar in draft.bars:
        chord = bar.chord_at(bar.start)
        home = int(
            np.clip(
                move(chord.tones, home, int(rng.choice((-2, -1, 1, 2)))),
                instrument.lowest,
                instrument.highest,
            )
        )
        draft.play(RIGHT, bar.start, draft.metre.length, home, float(rng.normal(0, 10)))
    return draft


@dataclass(frozen=True)
class _Writing:
    """How a style is written, and how many notes its strokes may take."""

    write: Write
    slurs: tuple[int, ...]


STYLES: dict[str, _Writing] = {
    "cantabile": _Writing(_sung((50, 84), (0, 1), 0.2, 0.8), (2, 4, 6)),
    "air": _Writing(_sung((60, 100), (1, 1, 2), 0.1, 0.6), (1, 2, 4)),
    "dance": _Writing(_sung((90, 150), (1, 2), 0.2, 0.6), (1, 2)),
    "scales": _Writing(_run(broken=False), (1, 2, 4, 8)),
    "arpeggios": _Writing(_run(broken=True), (1, 3, 6)),
    "bariolage": _Writing(_crossings, (1, 2, 4, 8)),
    "shifts": _Writing(_shifts, (1, 2)),
    "long_tones": _Writing(_long_tones, (1,)),
    "etude": _Writing(_etude, (1, 2, 3, 4, 5, 6, 7, 8)),
    "arioso": _Writing(_sung((44, 66), (1, 2), 0.3, 0.9), (3, 5, 8)),
    "gigue": _Writing(_sung((100, 140), (2,), 0.05, 0.55), (1, 3)),
}
#: Styles that only test pieces are written in.
HELD_OUT_STYLES = ("arioso", "gigue")
