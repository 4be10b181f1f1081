"""What an instrument adds to preparing: whether the playing in the picture fits the notes.

Looked up by the names in :attr:`apvg.instruments.instrument.Instrument.figures`; names without an
entry add nothing. Other packages add entries by entry points of the group `apvg.playing`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from apvg.base.registry import Registry
from apvg.instruments.instrument import Instrument
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.music.notes import Notes
from apvg.takes.prepare.keys import KeysPlayed
from apvg.takes.prepare.matching import Match
from apvg.takes.prepare.targets import Check
from apvg.takes.take import Take


class Playing(Protocol):
    """How an instrument's playing is compared with notes.

    Attributes:
        matched: What :meth:`match` compares, in words.
    """

    matched: str

    def match(
        self,
        keypoints_TKD: np.ndarray,
        skeleton: Skeleton,
        placement: Placement,
        notes: Notes,
        fps: float,
    ) -> Match | None:
        """The shift that lays the notes where the picture shows them played.

        Args:
            keypoints_TKD: Pixels, frame t at t / fps seconds; NaN where not seen.
            skeleton: Their layout.
            placement: Where the instrument is in the picture.
            notes: On their own clock.
            fps: Frames per second.

        Returns:
            What to add to the notes' times; None where there is too little to compare.
        """
        ...

    def measure(self, take: Take) -> dict[str, float] | None:
        """Figures of a take's playing; None where they cannot be measured."""
        ...

    def check(self, figures: dict[str, float]) -> list[Check]:
        """The figures with their targets."""
        ...


PLAYING: Registry[Playing] = Registry("figure of playing", "apvg.playing")
PLAYING.register("key-hit", KeysPlayed())


def playing_of(instrument: Instrument) -> dict[str, Playing]:
    """What is compared for an instrument, by name."""
    return {name: PLAYING[name] for name in instrument.figures if name in PLAYING}
