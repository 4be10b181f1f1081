"""What of the music a performer plays: one voice where it plays but one, and pitches that it lacks in another octave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from apvg.instruments.keyboard import KEY_COUNT, LOWEST_PITCH

if TYPE_CHECKING:
    from apvg.music.notes import Notes

#: Notes that begin so close together are a chord, and silences as short as this are not meant; seconds.
_TOGETHER = 0.04
_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


def nearest_octave(pitch: int, lowest: int, highest: int) -> int:
    """The pitch itself, or in the nearest octave that lies within a compass."""
    while pitch < lowest:
        pitch += 12
    while pitch > highest:
        pitch -= 12
    return pitch


def one_voice(notes: Notes) -> Notes:
    """A melody: of notes that begin together the highest, ended by the next; silences too short to be meant are closed.

    Slurs stay, but for one from a note that is left out.
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
    # Whoever of a chord is left goes on in the bow of the melody's note before, if that is the note it was slurred to.
    place_N = np.argsort(order_N)[kept] if kept else np.zeros(0, int)
    follows_N = np.diff(place_N, prepend=-1) == 1
    slurred_N = melody.slurred_N & follows_N & (np.arange(len(melody)) > 0)
    return replace(melody, offset_N=offset_N, sounding_N=offset_N, slurred_N=slurred_N)


def pitch_name(pitch: int) -> str:
    """As musicians write it: 60 is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


class Part:
    """The notes of some music as a performer can play them; counts those that had to move.

    Attributes:
        compass: MIDI pitch of the lowest and of the highest note that is played.
        notes: How many notes have been struck.
        displaced: How many of them are played in another octave.
    """

    def __init__(self, compass: tuple[int, int]) -> None:
        self.compass, self.notes, self.displaced = compass, 0, 0
        pitch_P = np.arange(KEY_COUNT) + LOWEST_PITCH
        to_P = np.array([nearest_octave(int(pitch), *compass) for pitch in pitch_P])
        self._outside_P = torch.from_numpy(to_P != pitch_P)
        self._to_PP = torch.from_numpy(np.eye(KEY_COUNT, dtype=np.float32)[to_P - LOWEST_PITCH])

    def take(self, notes_B2TP: Tensor) -> Tensor:
        """Struck and held keys, 0..1, of the next frames: the same with every one within the compass."""
        struck_P = (notes_B2TP[:, 0] > 0.5).sum(dim=(0, 1)).cpu()
        self.notes += int(struck_P.sum())
        self.displaced += int(struck_P[self._outside_P].sum())
        if not bool(self._outside_P.any()):
            return notes_B2TP
        return (notes_B2TP @ self._to_PP.to(notes_B2TP)).clamp(max=1.0)

    def __str__(self) -> str:
        low, high = map(pitch_name, self.compass)
        return f"{self.displaced} of {self.notes} notes lie beyond {low} to {high}"
