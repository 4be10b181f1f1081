"""``apvg virtual``: takes of a virtual musician, with exact ground truth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Virtual:
    """Make takes of a virtual pianist: music, sound and hands, without pictures. KHP learns any music from them.

    Takes that are there already are kept; the same command goes on where it was stopped."""

    out_dir: tyro.conf.Positional[Path]
    """The folder of takes; prepared footage may lie in it, too."""
    minutes: float = 60.0
    """How much music, minutes."""
    seconds: float = 60.0
    """Length of a piece."""
    split: Literal["train", "test"] = "train"
    """What the takes are for. Test pieces are of styles, and heard through soundfonts, that training never meets."""
    scores: Path | None = None
    """A folder of MIDI files, each of which becomes a take as well."""
    jobs: int = os.cpu_count() or 1
    """Processes at work."""
    seed: int = 0
    """Of everything random."""

    def run(self) -> None:
        """Compose, play, record and save; see :mod:`apvg.virtual.corpus`."""
        from apvg.progress import track
        from apvg.virtual.corpus import make_takes, order_pieces

        orders = order_pieces(self.minutes, self.seconds, self.seed, self.split, self.scores)
        made = list(track(make_takes(orders, self.out_dir, self.jobs), "playing", len(orders)))
        print(f"{self.out_dir}: {len(made)} takes made, {len(orders) - len(made)} were there")
