"""``apvg train``: takes to a performer, by a recipe."""

from __future__ import annotations

from pathlib import Path

import tyro

from apvg.cli.progress import progress_bars
from apvg.tasks import TrainOptions, train


class Train(TrainOptions):
    """Train a performer on prepared takes.

    OUT_DIR becomes the performer (`apvg generate --performer OUT_DIR`); its folder `training` keeps checkpoints,
    curves and pictures of the training.
    """

    takes: tyro.conf.Positional[Path]
    out_dir: tyro.conf.Positional[Path]

    def run(self) -> None:
        """Train; it says nothing where all goes well."""
        with progress_bars() as bars:
            train(self, progress=bars)
