"""Notes: the times, pitch and loudness of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from apvg.instruments.pitch_grid import HIGHEST_PITCH, LOWEST_PITCH, PITCHES

_DTYPES = {
    "onset_N": np.float64,
    "offset_N": np.float64,
    "sounding_N": np.float64,
    "pitch_N": np.int64,
    "velocity_N": np.int64,
    "slurred_N": np.bool_,
}


@dataclass(frozen=True)
class Notes:
    """N notes in the order of their onsets (then of their pitches).

    Attributes:
        onset_N: When the note begins, seconds.
        offset_N: When the key is released, or the bow leaves the note, seconds.
        sounding_N: When the note stops sounding, seconds: at its offset, or when the sustain pedal
            is released if that is later, but not after the next onset of the same key.
        pitch_N: MIDI pitch, 60 = C4.
        velocity_N: 1..127.
        slurred_N: bool; whether the note continues the bow stroke of the note before. False by
            default, as on a piano and in MIDI files.
    """

    onset_N: np.ndarray
    offset_N: np.ndarray
    sounding_N: np.ndarray
    pitch_N: np.ndarray
    velocity_N: np.ndarray
    slurred_N: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        if not len(self.slurred_N) and len(self.onset_N):
            object.__setattr__(self, "slurred_N", np.zeros(len(self.onset_N), bool))
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        if len({getattr(self, name).shape for name in _DTYPES}) != 1 or self.onset_N.ndim != 1:
            raise ValueError("the arrays of notes must all be one-dimensional and of one length")

    def __len__(self) -> int:
        return len(self.onset_N)

    def select(self, chosen: np.ndarray) -> Notes:
        """The notes selected by a mask or an index array."""
        return Notes(**{name: array[chosen] for name, array in self.to_arrays().items()})

    def shifted(self, seconds: float) -> Notes:
        """The same notes, later by so many seconds."""
        return replace(
            self,
            onset_N=self.onset_N + seconds,
            offset_N=self.offset_N + seconds,
            sounding_N=self.sounding_N + seconds,
        )

    def roll(
        self, fps: float, frames: int, *, start: float = 0.0, speed: float = 1.0
    ) -> np.ndarray:
        """Piano roll of `frames` frames from frame `start` on, at `speed` times the tempo.

        Returns:
            float32 [2, T, 88], the planes `onset` and `sustained`: 1 in the frames where a note
            begins (slurred notes have no onset), and where it is held. Pitches beyond the grid
            (:mod:`apvg.instruments.pitch_grid`) are left out.
        """
        roll_2TP = np.zeros((2, frames, PITCHES), np.float32)
        onset_TP, sustained_TP = roll_2TP
        first_N = np.round((self.onset_N * fps - start) / speed).astype(int)
        last_N = np.round((self.offset_N * fps - start) / speed).astype(int)
        last_N = np.maximum(last_N, first_N + 1)
        place_N = self.pitch_N - LOWEST_PITCH
        shown_N = (last_N > 0) & (first_N < frames) & (place_N >= 0) & (place_N < PITCHES)
        for n in np.flatnonzero(shown_N):
            if first_N[n] >= 0 and not self.slurred_N[n]:
                onset_TP[first_N[n], place_N[n]] = 1.0
            sustained_TP[max(first_N[n], 0) : last_N[n], place_N[n]] = 1.0
        return roll_2TP

    def transposed(self, semitones: int) -> Notes:
        """The same notes, higher by so many semitones."""
        return replace(self, pitch_N=self.pitch_N + semitones)

    def within(self, lowest: int, highest: int) -> Notes:
        """The notes whose pitch lies in a range, both ends included."""
        return self.select((self.pitch_N >= lowest) & (self.pitch_N <= highest))

    def on_piano(self) -> Notes:
        """The notes that a piano of 88 keys has."""
        return self.within(LOWEST_PITCH, HIGHEST_PITCH)

    def between(self, start: float, stop: float) -> Notes:
        """The notes whose onset lies in [start, stop), with their times unchanged."""
        return self.select((self.onset_N >= start) & (self.onset_N < stop))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Notes:
        """Inverse of :meth:`to_arrays`.

        Other entries are ignored; slurs, which older takes lack, are then absent.
        """
        return cls(**{name: arrays[name] for name in _DTYPES if name in arrays})


def concatenated(pieces: Sequence[Notes]) -> Notes:
    """The notes of several pieces in one; each piece must begin after the one before it has
    ended."""
    arrays = [piece.to_arrays() for piece in pieces]
    return Notes(**{name: np.concatenate([array[name] for array in arrays]) for name in _DTYPES})
