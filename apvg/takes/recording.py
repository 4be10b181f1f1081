"""A recording: the files that one take is made of, as every reader finds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from apvg.base.conventions import FPS
from apvg.takes.about import About
from apvg.takes.sequences import ImageSequence, SoundChunks


@dataclass(frozen=True)
class Recording:
    """One performance, as its files lie on disk.

    Attributes:
        name: What the take will be called.
        video: The picture: a video, or pictures in a row.
        audio: The sound, a file or chunks of it; the video's own where it is the same file.
        midi: The notes played, where they are known: a MIDI file, or a table; see
            :func:`apvg.takes.notes.read_notes`.
        about: What the take will say about itself.
        fps: Frames per second of the take, unless others are asked for.
        crop: x, y, width, height in source pixels: the performer's own part of a picture that shows
            others, too.
        offset: Video time minus the sound's and the notes' time, seconds; None where the source
            does not say it.
        openpose: Folder of the keypoints that OpenPose found in the picture.
    """

    name: str
    video: Path | ImageSequence
    audio: Path | SoundChunks
    midi: Path | None
    about: About = field(default_factory=About)
    fps: int = FPS
    crop: tuple[int, int, int, int] | None = None
    offset: float | None = None
    openpose: Path | None = None
