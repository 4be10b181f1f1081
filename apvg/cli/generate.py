"""``apvg generate``: generate a video of a musician playing the given music."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from apvg.cli.arguments import Output
from apvg.cli.progress import progress_bars
from apvg.tasks import GenerateOptions, generate
from apvg.tasks.video import Video


class Generate(GenerateOptions):
    """Generate a video of a musician playing the given music."""

    audio: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="AUDIO")]
    output: Output

    def run(self) -> None:
        """Generate the video, and print a summary."""
        with progress_bars() as bars:
            result = generate(self, progress=bars)
        for remark in result.remarks:
            print(remark)
        print(closing_line(result))


def closing_line(video: Video) -> str:
    """A summary of the video and of the speed."""
    return (
        f"{video.path}: {video.frames} frames, {video.music_seconds:.2f} s of music in "
        f"{video.seconds:.1f} s (real-time factor {video.real_time_factor:.2f}, {video.engine})"
    )
