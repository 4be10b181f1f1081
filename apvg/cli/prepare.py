"""``apvg prepare``: footage to takes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from apvg.cli.arguments import Corners, Rectangle, Size
from apvg.errors import ApvgError


@dataclass(frozen=True)
class Prepare:
    """Make takes of footage, each with a report on its quality.

    A run that was stopped goes on where it was when it is started again in the same way."""

    source: tyro.conf.Positional[Path]
    """A video, or a folder of videos."""
    out_dir: tyro.conf.Positional[Path]
    """The folder of takes; each becomes a folder in it, called as its video is."""
    reader: Literal["footage"] = "footage"
    """How the source is laid out."""
    name: str | None = None
    """The take's name, where the source is one video."""
    audio: Path | None = None
    """The sound's file, or a folder of files named as the videos are; the videos' own sound by default."""
    midi: Path | None = None
    """The same for the notes that are played."""
    offset: float = 0.0
    """Video time minus sound (and MIDI) time, seconds."""
    crop: Rectangle | None = None
    """What the take shows, in source pixels; everything by default."""
    size: Size | None = None
    """Size of the take's frames; by default about 256x256 pixels in the crop's shape."""
    fps: int = 25
    """Frames per second of the take."""
    start: float = 0.0
    """Where in the video the take begins, seconds. The offset stays that of the whole video."""
    duration: float | None = None
    """How long the take is, seconds; to the video's end by default."""
    layout: Literal["hands", "body+hands"] = "hands"
    """Which points are found."""
    person: Rectangle | None = None
    """Where the performer is, in source pixels, if others are in the picture."""
    corners: Corners | None = None
    """The keyboard's corners in source pixels: top left, top right, bottom right, bottom left."""
    licence: str = "not stated"
    """The footage's licence."""
    credit: str = "not stated"
    """Whom to name."""
    force: bool = False
    """Replace takes that are there already."""

    def run(self) -> None:
        """Prepare every recording; see :mod:`apvg.takes.prepare`."""
        from dataclasses import replace

        from apvg.takes.footage import READERS
        from apvg.takes.prepare import PrepareOptions, prepare

        recordings = READERS[self.reader](self.source, self.audio, self.midi)
        if self.name is not None:
            if len(recordings) > 1:
                raise ApvgError(
                    f"--name {self.name} is for one video, but {self.source} holds more"
                )
            if self.name.startswith(".") or Path(self.name).name != self.name:
                raise ApvgError(f"--name {self.name!r} cannot be a folder's name; choose another")
            recordings = [replace(recordings[0], name=self.name)]
        options = PrepareOptions(
            fps=self.fps,
            start=self.start,
            duration=self.duration,
            crop=self.crop,
            size=self.size,
            layout=self.layout,
            person=self.person,
            offset=self.offset,
            corners=self.corners,
            licence=self.licence,
            credit=self.credit,
        )
        for recording in recordings:
            try:
                take = prepare(recording, self.out_dir, options, force=self.force)
            except KeyboardInterrupt:
                print(
                    f"what was done of {recording.name} is kept; the same command goes on with it",
                    file=sys.stderr,
                )
                raise
            quality = take.metadata["quality"]
            print(
                f"{self.out_dir / take.name}: {quality['verdict']}: {'; '.join(quality['reasons'])}"
            )
            sys.stdout.flush()
