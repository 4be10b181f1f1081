"""``apvg generate``: music to a video of it being played."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from apvg.cli.arguments import Output
from apvg.cli.progress import progress_bars
from apvg.tasks import GenerateOptions, generate
from apvg.tasks.video import Video


class Generate(GenerateOptions):
    """Make a video of a musician playing a recording."""

    audio: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="AUDIO")]
    output: Output

    def run(self) -> None:
        """Generate, and print what was made."""
        with progress_bars() as bars:
            result = generate(self, progress=bars)
        for remark in result.remarks:
            print(remark)
        print(closing_line(result))


def closing_line(video: Video) -> str:
    """What was made, and how fast."""
    return (
        f"{video.path}: {video.frames} frames, {video.music_seconds:.2f} s of music in {video.seconds:.1f} s "
        f"(real-time factor {video.real_time_factor:.2f}, {video.engine})"
    )
