"""Fingering: the hand and the finger of each note."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Hands.
LEFT, RIGHT = 0, 1
#: What stands for a hand or a finger that is not known.
UNKNOWN = -1


@dataclass(frozen=True)
class Fingering:
    """Which hand and which finger plays each of N notes.

    Attributes:
        hand_N: int64; 0 left, 1 right, -1 where it is not known.
        finger_N: int64; 0 (thumb) to 4 (little finger), -1 where it is not known.
    """

    hand_N: np.ndarray
    finger_N: np.ndarray

    def __post_init__(self) -> None:
        for name, highest in (("hand_N", 1), ("finger_N", 4)):
            array_N = np.asarray(getattr(self, name), np.int64)
            object.__setattr__(self, name, array_N)
            if len(array_N) and not (array_N.min() >= UNKNOWN and array_N.max() <= highest):
                raise ValueError(f"{name} of a fingering goes from -1 to {highest}")
        if self.hand_N.ndim != 1 or self.hand_N.shape != self.finger_N.shape:
            raise ValueError("the arrays of a fingering must be one-dimensional and of one length")

    @classmethod
    def unknown(cls, notes: int) -> Fingering:
        """Nothing is known of so many notes."""
        return cls(np.full(notes, UNKNOWN), np.full(notes, UNKNOWN))

    def __len__(self) -> int:
        return len(self.hand_N)

    def select(self, chosen: np.ndarray) -> Fingering:
        """The fingering of the notes selected by a mask or an index array."""
        return Fingering(self.hand_N[chosen], self.finger_N[chosen])
