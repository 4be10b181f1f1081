"""Fitting music to an instrument: a melody where it has one voice, and pitches beyond its range
moved by octaves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from apvg.instruments.pitch_grid import LOWEST_PITCH, PITCHES

if TYPE_CHECKING:
    from apvg.music.notes import Notes

#: Notes that begin within this time are a chord, and shorter pauses are closed; seconds.
_TOGETHER = 0.04
_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


def fold_pitch(pitch: int, lowest: int, highest: int) -> int:
    """The same note in the nearest octave that lies within a pitch range of an octave or more
    (MIDI, both ends included)."""
    while pitch < lowest:
        pitch += 12
    while pitch > highest:
        pitch -= 12
    return pitch


def melody_line(notes: Notes) -> Notes:
    """A melody: the highest of notes that begin together, each ended by the next; pauses of up to
    40 ms are closed.

    Slurs stay, except for one from a note that is left out.
    """
    order_N = np.lexsort((-notes.pitch_N, notes.onset_N))
    kept: list[int] = []
    for index in order_N:
        if not kept or notes.onset_N[index] - notes.onset_N[kept[-1]] > _TOGETHER:
            kept.append(int(index))
    melody = notes.select(np.array(kept, np.int64))
    following_N = np.append(melody.onset_N[1:], np.inf)[: len(melody)]
    offset_N = np.minimum(melody.offset_N, following_N)
    offset_N = np.where(following_N - offset_N < _TOGETHER, following_N, offset_N)
    # A slur holds if the note that it begins at is the melody's note before.
    place_N = np.argsort(order_N)[kept] if kept else np.zeros(0, int)
    follows_N = np.diff(place_N, prepend=-1) == 1
    slurred_N = melody.slurred_N & follows_N & (np.arange(len(melody)) > 0)
    return replace(melody, offset_N=offset_N, sounding_N=offset_N, slurred_N=slurred_N)


def pitch_name(pitch: int) -> str:
    """A MIDI pitch as musicians write it: 60 is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


class RangeFolding:
    """Moves the notes of a piano roll into a pitch range, and counts those that it moves.

    Attributes:
        pitch_range: MIDI pitch of the lowest and of the highest note.
        notes: How many notes have begun.
        folded: How many of them were moved to another octave.
    """

    def __init__(self, pitch_range: tuple[int, int]) -> None:
        self.pitch_range, self.notes, self.folded = pitch_range, 0, 0
        pitch_P = np.arange(PITCHES) + LOWEST_PITCH
        to_P = np.array([fold_pitch(int(pitch), *pitch_range) for pitch in pitch_P])
        self._outside_P = torch.from_numpy(to_P != pitch_P)
        self._to_PP = torch.from_numpy(np.eye(PITCHES, dtype=np.float32)[to_P - LOWEST_PITCH])

    def fold(self, notes_B2TP: Tensor) -> Tensor:
        """The next frames of onsets and sustained notes, 0..1, with every note within the range."""
        onsets_P = (notes_B2TP[:, 0] > 0.5).sum(dim=(0, 1)).cpu()
        self.notes += int(onsets_P.sum())
        self.folded += int(onsets_P[self._outside_P].sum())
        if not bool(self._outside_P.any()):
            return notes_B2TP
        return (notes_B2TP @ self._to_PP.to(notes_B2TP)).clamp(max=1.0)

    def __str__(self) -> str:
        low, high = map(pitch_name, self.pitch_range)
        return f"{self.folded} of {self.notes} notes lie beyond {low} to {high}"
