"""``apvg render``: keypoints, edited or not, back to video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from apvg.cli.arguments import Output
from apvg.cli.generate import closing_line
from apvg.cli.progress import progress_bars
from apvg.tasks import RenderOptions, render


class Render(RenderOptions):
    """Make a video from a keypoint file, as `apvg generate --keypoints` writes it."""

    keypoints: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="KEYPOINTS")]
    output: Output

    def run(self) -> None:
        """Render, and print what was made."""
        with progress_bars() as bars:
            result = render(self, progress=bars)
        print(closing_line(result))
