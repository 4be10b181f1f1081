"""Reader of plain footage: a video, or a folder of them, each with its sound and notes in it or
next to it."""

from __future__ import annotations

from pathlib import Path

from apvg.base.errors import ApvgError
from apvg.takes.readers.reader import Reader, ReaderOptions
from apvg.takes.recording import Recording

VIDEO_SUFFIXES = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".webm"}


def find_recordings(source: Path, audio: Path | None, midi: Path | None) -> list[Recording]:
    """The recordings in a video or a folder of videos (not searched deeper), by name.

    Args:
        source: The video or the folder.
        audio: The sound's file, or a folder where each video's sound has the video's name; the
            videos' own by default.
        midi: The same for the notes.

    Raises:
        ApvgError: Nothing is there, a video's sound or notes are missing, or one file is given for
            many videos.
    """
    if not source.exists():
        raise ApvgError(f"cannot read {source}: there is no such file or folder", "check the name")
    videos = [source]
    if source.is_dir():
        videos = sorted(p for p in source.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        if not videos:
            raise ApvgError(
                f"no videos in {source}", f"put some there ({' '.join(sorted(VIDEO_SUFFIXES))})"
            )
        for what, path in (("audio", audio), ("midi", midi)):
            if len(videos) > 1 and path is not None and not path.is_dir():
                raise ApvgError(
                    f"{path} is one file, but {source} holds {len(videos)} videos",
                    "name a folder whose files are called as the videos are, or one video",
                    options=[what],
                )
    return [
        Recording(
            name=video.stem,
            video=video,
            audio=_belonging(video, audio, "sound") or video,
            midi=_belonging(video, midi, "notes"),
        )
        for video in videos
    ]


def _belonging(video: Path, place: Path | None, what: str) -> Path | None:
    """The file that belongs to a video: `place` itself, or the one in that folder with the video's
    name."""
    if place is None or not place.is_dir():
        return place
    found = sorted(path for path in place.iterdir() if path.stem == video.stem and path != video)
    if len(found) != 1:
        raise ApvgError(
            f"{len(found) or 'no'} files in {place} are called {video.stem}.*, but the {what} of "
            f"{video} must be exactly one",
            "rename them",
        )
    return found[0]


def _read(source: Path, options: ReaderOptions) -> list[Recording]:
    return find_recordings(source, options.audio, options.midi)


READER = Reader(
    description="a video or a folder of videos, each with its sound and notes in it or next to it",
    read=_read,
    options=frozenset({"audio", "midi"}),
)
