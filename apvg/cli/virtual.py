"""``apvg virtual``: takes of a virtual musician, with exact ground truth."""

from __future__ import annotations

from pathlib import Path

import tyro

from apvg.cli.progress import progress_bars
from apvg.tasks import VirtualOptions, virtual


class Virtual(VirtualOptions):
    """Make takes of a virtual musician: music, sound and keypoints that are exactly known.

    The cellist is a wooden figure with pictures. The pianist is hands without pictures, for KHP to learn from any music.
    Takes that are there already are kept; the same command continues where it was stopped."""

    out_dir: tyro.conf.Positional[Path]

    def run(self) -> None:
        """Make the takes, and print how many."""
        with progress_bars() as bars:
            result = virtual(self, progress=bars)
        print(f"{result.folder}: {len(result.made)} takes made, {result.kept} were there")
