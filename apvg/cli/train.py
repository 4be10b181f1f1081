"""``apvg train``: train a performer on takes, following a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from apvg.cli.progress import progress_bars
from apvg.tasks import TrainOptions, train


class Train(TrainOptions):
    """Train a performer on prepared takes.

    OUT_DIR becomes the performer (`apvg generate --performer OUT_DIR`). Its subfolder `training`
    has checkpoints, loss curves and sample frames.
    """

    takes: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TAKES")]
    out_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT_DIR")]

    def run(self) -> None:
        """Train the performer. Prints nothing if there is no error."""
        with progress_bars() as bars:
            train(self, progress=bars)
