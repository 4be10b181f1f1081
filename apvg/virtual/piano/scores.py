"""Composes piano pieces: tonal music in many styles, playable by two hands, deterministic for a
given seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from apvg.music.notes import Notes
from apvg.virtual.common.draft import SHORTEST
from apvg.virtual.common.playing import PlayedNote, play
from apvg.virtual.piano.styles import STYLES


@dataclass(frozen=True)
class Piece:
    """A generated piece.

    Attributes:
        name: Style and seed, e.g. "waltz-0007".
        style: One of `STYLES`.
        seed: Its random seed.
        notes: As performed; pitches 21..108, velocities 25..120.
        hand_N: int64, which hand plays each note: 0 left, 1 right.
    """

    name: str
    style: str
    seed: int
    notes: Notes
    hand_N: np.ndarray


def compose(style: str, seed: int, seconds: float) -> Piece:
    """Compose and perform a piece.

    Args:
        style: A key of `STYLES`.
        seed: At least 0. The same style, seed and seconds give the same piece.
        seconds: Length with the silence before and after the music, at least 5. No note sounds
            beyond it.

    Raises:
        ValueError: An unknown style, a negative seed, or too few seconds.
    """
    if style not in STYLES:
        raise ValueError(f"no style {style!r}; there are {', '.join(STYLES)}")
    if seed < 0 or seconds < SHORTEST:
        raise ValueError(f"a piece needs a seed of at least 0 and at least {SHORTEST} seconds")
    digest = hashlib.sha256(style.encode()).digest()
    rng = np.random.default_rng([int.from_bytes(digest[:8], "little"), seed])
    strokes, pedal = play(STYLES[style](rng, seconds), seconds)
    notes = _to_notes(strokes, pedal)
    hand_N = np.array([stroke.hand for stroke in strokes], np.int64)
    return Piece(f"{style}-{seed:04d}", style, seed, notes, hand_N)


def _to_notes(strokes: list[PlayedNote], pedal: list[tuple[float, float]]) -> Notes:
    """Played notes as Notes, which sound until the pedal is released or the same key is pressed
    again."""
    next_onset: dict[int, float] = {}
    sounding = []
    for stroke in reversed(strokes):
        up = next((up for down, up in pedal if down <= stroke.offset < up), stroke.offset)
        sounding.append(min(up, next_onset.get(stroke.pitch, np.inf)))
        next_onset[stroke.pitch] = stroke.onset
    columns = [(s.onset, s.offset, s.pitch, s.velocity) for s in strokes]
    onset_N, offset_N, pitch_N, velocity_N = np.array(columns, np.float64).reshape(-1, 4).T
    return Notes(onset_N, offset_N, np.array(sounding[::-1]), pitch_N, velocity_N)
