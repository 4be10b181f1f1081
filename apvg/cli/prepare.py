"""``apvg prepare``: footage to takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from apvg.cli.arguments import Corners, Rectangle, Size
from apvg.errors import ApvgError
from apvg.progress import track

if TYPE_CHECKING:
    from apvg.takes.footage import Recording
    from apvg.takes.prepare import PrepareOptions


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
    offset: float | None = None
    """Video time minus sound (and MIDI) time, seconds. By default it is found: from the video's own sound, or from the fingers on
    the keys (--midi and --corners)."""
    crop: Literal["auto", "full"] | Rectangle = "auto"
    """What the take shows: everything, a rectangle in source pixels, or by default the part where the hands are (with a body,
    everything)."""
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
    jobs: int = 1
    """Videos of a folder that are worked on at once; each takes about a core and 1 GB of memory."""

    def run(self) -> None:
        """Prepare every recording; see :mod:`apvg.takes.prepare`."""
        from dataclasses import replace

        from apvg.takes.footage import READERS
        from apvg.takes.prepare import PrepareOptions

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
        if self.jobs < 1:
            raise ApvgError(f"--jobs {self.jobs} cannot be; give 1 or more")
        failed = []
        for recording, result in _results(recordings, self.out_dir, options, self):
            if isinstance(result, ApvgError):
                if len(recordings) == 1:
                    raise result
                failed.append(recording.name)
                print(f"apvg: error: {result}", file=sys.stderr)
                continue
            quality = result["quality"]
            print(
                f"{self.out_dir / recording.name}: {quality['verdict']}: {'; '.join(quality['reasons'])}"
            )
            for what, find in result["found"].items():
                if find["word"] != "given":
                    value = find["value"]
                    value = ",".join(map(str, value)) if isinstance(value, list) else value
                    print(
                        f"  {what.replace('_', ' of the ')} {value} ({find['word']}): {find['how']}"
                    )
            sys.stdout.flush()
        if failed:
            raise ApvgError(
                f"{len(failed)} of {len(recordings)} videos could not be prepared ({', '.join(failed)}); "
                "the reasons are above"
            )


def _results(
    recordings: list[Recording], folder: Path, options: PrepareOptions, given: Prepare
) -> Iterator[tuple[Recording, dict[str, Any] | ApvgError]]:
    """Each recording with its take's metadata or with what went wrong, as they are done."""
    jobs = min(given.jobs, len(recordings))
    if jobs == 1:
        for recording in recordings:
            yield recording, _prepare_one(recording, folder, options, given.force)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    from apvg.progress import silence

    # Fresh processes, for MediaPipe's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=silence) as pool:
        running = {
            pool.submit(_prepare_one, recording, folder, options, given.force): recording
            for recording in recordings
        }
        try:
            for future in track(as_completed(running), "videos", len(running)):
                yield running[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare_one(
    recording: Recording, folder: Path, options: PrepareOptions, force: bool
) -> dict[str, Any] | ApvgError:
    from apvg.takes.prepare import prepare

    try:
        return prepare(recording, folder, options, force=force).metadata
    except ApvgError as error:
        return error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; what was done of {recording.name} is kept in {folder / f'.{recording.name}.partial'}, "
            "and the same command goes on with it"
        ) from None
