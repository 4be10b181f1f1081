"""Takes of a virtual musician, with exact ground truth."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from apvg.base.options import Duration, Jobs, Seed, Share, Within, check_options
from apvg.base.progress import Cancel, Progress, reporting, track


@dataclass(frozen=True)
class VirtualOptions:
    """Options of :func:`virtual`."""

    out_dir: Path
    """The folder of takes; prepared footage may lie in it, too."""
    instrument: str = "cello"
    """What is played: cello, piano, or an instrument of another package that has a generator."""
    minutes: Annotated[float, Within(0, 1e6)] = 8.0
    """How much music, minutes."""
    seconds: Duration = 60.0
    """Length of a piece."""
    size: Annotated[int, Within(16, 4096)] = 256
    """The cellist's frames: width and height, pixels."""
    samples: Annotated[int, Within(0, 4096)] = 4
    """The cellist's pictures: light paths per pixel. 0 makes takes without pictures, which cost next to nothing."""
    split: Literal["train", "test"] = "train"
    """What the takes are for. Test pieces have styles and soundfonts that training never uses."""
    styles: tuple[str, ...] = ()
    """Compose in these styles alone; by default in all of the split in turn."""
    drawn: Share = 0.0
    """The pianist's training pieces: the share that is played on pianos drawn for one piece each, not with soundfonts. All pieces
    are where FluidSynth, or a soundfont for them, is missing."""
    scores: Path | None = None
    """A folder of MIDI files, each of which becomes a take as well; of chords the cellist plays the highest note."""
    jobs: Jobs = os.cpu_count() or 1
    """Processes at work."""
    seed: Seed = 0
    """Of everything random."""


@dataclass(frozen=True)
class Made:
    """Takes of a virtual musician."""

    folder: Path
    made: tuple[Path, ...]
    """The takes that were made now."""
    kept: int
    """How many were there already."""


def virtual(
    options: VirtualOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Made:
    """Make takes of a virtual musician: music, sound and keypoints that are exactly known.

    The cellist is a wooden figure with pictures. The pianist is hands without pictures, for KHP to learn from any music. Takes
    that are there already are kept, so that a run that was stopped can be continued.

    Args:
        options: Who plays, and how much.
        progress: Called with each take that is finished; the step's item is its folder.
        cancel: Cancels the work once it is set.

    Raises:
        ApvgError: An option is out of bounds, or the scores cannot be read.
        Stopped: The work was cancelled; takes that were finished are kept.
    """
    check_options(options)
    with reporting(progress, cancel):
        from apvg.virtual.common.corpus import VirtualOptions as CorpusOptions
        from apvg.virtual.common.corpus import make_takes
        from apvg.virtual.generators import find_generator

        generator = find_generator(options.instrument)
        chosen = {field.name: getattr(options, field.name) for field in fields(CorpusOptions)}
        orders = generator.orders(CorpusOptions(**chosen))
        making = make_takes(generator, orders, options.out_dir, options.jobs)
        made = tuple(track(making, "generating", len(orders)))
    return Made(options.out_dir, made, len(orders) - len(made))
