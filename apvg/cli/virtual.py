"""``apvg virtual``: takes of a virtual musician, with exact ground truth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from apvg.cli.arguments import Duration, Jobs, Seed, Share, Within


@dataclass(frozen=True)
class Virtual:
    """Make takes of a virtual musician: music, sound and keypoints that are exactly known.

    The cellist is a wooden figure with pictures. The pianist is hands without pictures, of whom KHP learns any music.
    Takes that are there already are kept; the same command goes on where it was stopped."""

    out_dir: tyro.conf.Positional[Path]
    """The folder of takes; prepared footage may lie in it, too."""
    instrument: str = "cello"
    """What is played: cello, piano, or an instrument that another package brings a generator for."""
    minutes: Annotated[float, Within(0, 1e6)] = 8.0
    """How much music, minutes."""
    seconds: Duration = 60.0
    """Length of a piece."""
    size: Annotated[int, Within(16, 4096)] = 256
    """The cellist's frames: width and height, pixels."""
    samples: Annotated[int, Within(0, 4096)] = 4
    """The cellist's pictures: light paths per pixel. 0 makes takes without pictures, which cost next to nothing."""
    split: Literal["train", "test"] = "train"
    """What the takes are for. Test pieces are of styles, and heard through soundfonts, that training never meets."""
    styles: tuple[str, ...] = ()
    """Compose in these styles alone; by default in all of the split in turn."""
    drawn: Share = 0.0
    """The pianist's training pieces: the share that is heard through pianos drawn for one piece each, not through soundfonts. All
    pieces are where FluidSynth, or a soundfont for them, is missing."""
    scores: Path | None = None
    """A folder of MIDI files, each of which becomes a take as well; of chords the cellist plays the highest note."""
    jobs: Jobs = os.cpu_count() or 1
    """Processes at work."""
    seed: Seed = 0
    """Of everything random."""

    def run(self) -> None:
        """Compose, play, record, paint and save; see :mod:`apvg.virtual`."""
        from apvg.base.progress import track
        from apvg.virtual.common.corpus import VirtualOptions, make_takes
        from apvg.virtual.generators import find_generator

        generator = find_generator(self.instrument)
        orders = generator.orders(
            VirtualOptions(
                instrument=self.instrument,
                minutes=self.minutes,
                seconds=self.seconds,
                seed=self.seed,
                split=self.split,
                scores=self.scores,
                styles=self.styles,
                drawn=self.drawn,
                size=self.size,
                samples=self.samples,
            )
        )
        making = make_takes(generator, orders, self.out_dir, self.jobs)
        made = list(track(making, "playing", len(orders)))
        print(f"{self.out_dir}: {len(made)} takes made, {len(orders) - len(made)} were there")
