"""``apvg virtual``: generate takes of a virtual musician, with exact ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from apvg.cli.progress import progress_bars
from apvg.tasks import VirtualOptions, virtual


class Virtual(VirtualOptions):
    """Generate takes of a virtual musician: music and sound with exact keypoints.

    Takes of the cellist have frames that show a wooden figure. Takes of the pianist have keypoints
    of the hands, but no frames: they are for training KHP. Existing takes are kept. An interrupted
    run continues where it stopped when you run the same command again."""

    out_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TAKES")]

    def run(self) -> None:
        """Generate the takes, and print their number."""
        with progress_bars() as bars:
            result = virtual(self, progress=bars)
        print(f"{result.folder}: {len(result.made)} takes generated, {result.kept} already existed")
