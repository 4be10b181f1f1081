"""``apvg render``: render a keypoint file as a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from apvg.cli.arguments import Output
from apvg.cli.generate import closing_line
from apvg.cli.progress import progress_bars
from apvg.tasks import RenderOptions, render


class Render(RenderOptions):
    """Render a keypoint file, such as `apvg generate --keypoints` writes, as a video."""

    keypoints: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="KEYPOINTS")]
    output: Output

    def run(self) -> None:
        """Render the video, and print a summary."""
        with progress_bars() as bars:
            result = render(self, progress=bars)
        print(closing_line(result))
