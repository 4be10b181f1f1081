"""``apvg generate``: music to a video of it being played."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from apvg.cli.arguments import Output


@dataclass(frozen=True)
class Generate:
    """Make a video of a musician playing a recording."""

    audio: tyro.conf.Positional[Path]
    """The music: anything FFmpeg reads, a video's sound track too."""
    output: Output
    """The mp4 file to write."""
    performer: str = "piano"
    """Name of an installed performer, or a performer's folder."""
    keypoints: Path | None = None
    """Also write the predicted keypoints, as .npz or .json."""
    view: Literal["video", "skeleton", "side-by-side"] = "video"
    """What the frames show."""
    device: str = "cpu"
    """Where the networks run: cpu, cuda, mps."""
    seed: int = 0
    """Seed of whatever the performer leaves to chance."""
    start: float = 0.0
    """Where in the music to begin, seconds."""
    duration: float | None = None
    """How much of the music to play, seconds; all of it by default."""
    force: bool = False
    """Replace the output if it is there already."""

    def run(self) -> None:
        """Write the video; see :mod:`apvg.generation`."""
        raise NotImplementedError
