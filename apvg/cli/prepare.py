"""``apvg prepare``: footage to takes."""

from __future__ import annotations

import sys
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.progress import track
from apvg.cli.arguments import Corners, Duration, FrameRate, Jobs, Moment, Offset, Rectangle, Size

if TYPE_CHECKING:
    from apvg.takes.prepare import PrepareOptions
    from apvg.takes.recording import Recording


@dataclass(frozen=True)
class Prepare:
    """Make takes of footage, each with a report on its quality.

    A run that was stopped goes on where it was when it is started again in the same way."""

    footage: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """A video, or a folder of videos; with --reader, the data set's folder."""
    out_dir: tyro.conf.Positional[Path]
    """The folder of takes; each becomes a folder in it, called as its video is."""
    reader: Literal["footage", "urmp", "suburmp"] = "footage"
    """How the source is laid out; the data sets are explained in docs/data.md."""
    name: str | None = None
    """The take's name, where the source is one video."""
    audio: Path | None = None
    """The sound's file, or a folder of files named as the videos are; the videos' own sound by default."""
    midi: Path | None = None
    """The same for the notes that are played."""
    offset: Offset | None = None
    """Video time minus sound (and MIDI) time, seconds. By default it is found: from the video's own sound, or from the fingers on
    the keys (--midi and --corners); data sets are on one clock already."""
    chunk_mark: Literal["start", "end"] | None = None
    """Of Sub-URMP: whether the time in the name of a chunk of sound is its start or its end; its end by default."""
    crop: Literal["auto", "full"] | Rectangle | None = None
    """What the take shows: everything, a rectangle in source pixels, or by default the part where the hands are (with a body,
    everything), and of URMP the player's column."""
    crops: Path | None = None
    """A TOML file with crops for single takes: NAME = [X, Y, W, H]."""
    size: Size | None = None
    """Size of the take's frames; by default about 256x256 pixels in the crop's shape."""
    fps: FrameRate | None = None
    """Frames per second of the take; 25 by default, and 10 of Sub-URMP."""
    start: Moment = 0.0
    """Where in the video the take begins, seconds. The offset stays that of the whole video."""
    duration: Duration | None = None
    """How long the take is, seconds; to the video's end by default."""
    layout: Literal["hands", "body+hands"] = "hands"
    """Which points are found."""
    person: Rectangle | None = None
    """Where the performer is, in source pixels, if others are in the picture."""
    openpose: Path | None = None
    """Keypoints found by OpenPose, instead of finding them here: the folder of its JSON files, one for each frame of the
    video, or a folder of such folders called as the videos are."""
    corners: Corners | None = None
    """The keyboard's corners in source pixels: top left, top right, bottom right, bottom left."""
    piece: str | None = None
    """The music that is played; by default the take's name. This and what follows is kept in the take; what a data set
    says of itself need not be given."""
    instrument: str | None = None
    """What is played. Of a data set, only who plays this is prepared: vc, cello, …"""
    split: Literal["train", "validation", "test"] | None = None
    """What the take is for: `apvg train` uses those of train alone, which is the default."""
    licence: str | None = None
    """The footage's licence."""
    source: str | None = None
    """Where the footage is to be had."""
    credit: str | None = None
    """Whom to name."""
    force: bool = False
    """Replace takes that are there already."""
    jobs: Jobs = 1
    """Videos of a folder that are worked on at once; each takes about a core and 1 GB of memory."""

    def run(self) -> None:
        """Prepare every recording; see :mod:`apvg.takes.prepare`."""
        crops = {} if self.crops is None else _read_crops(self.crops)
        recordings = self._recordings()
        for name in sorted(crops.keys() - {recording.name for recording in recordings}):
            warnings.warn(f"{self.crops}: no take here is called {name}", ApvgWarning, stacklevel=2)
        tasks = [
            _Task(
                recording,
                self.out_dir,
                self._options(recording, crops.get(recording.name)),
                self.force,
            )
            for recording in recordings
        ]
        failed = []
        for recording, result in _results(tasks, self.jobs):
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

    def _recordings(self) -> list[Recording]:
        """What is in the source, with what was said about it here."""
        from dataclasses import replace

        from apvg.takes.about import NOT_STATED
        from apvg.takes.readers import ReaderOptions, read_source

        plain = self.reader == "footage"
        instrument = None if plain else self.instrument
        options = ReaderOptions(self.audio, self.midi, instrument, self.chunk_mark)
        recordings = read_source(self.reader, self.footage, options)
        if self.name is not None:
            if len(recordings) > 1:
                raise ApvgError(
                    f"--name {self.name} is for one video, but {self.footage} holds more"
                )
            if self.name.startswith(".") or Path(self.name).name != self.name:
                raise ApvgError(f"--name {self.name!r} cannot be a folder's name; choose another")
            recordings = [replace(recordings[0], name=self.name)]
        said = {
            "piece": self.piece,
            "instrument": self.instrument if plain else None,
            "split": self.split,
            "licence": self.licence,
            "source": self.source,
            "credit": self.credit,
        }
        said = {what: text for what, text in said.items() if text is not None}
        complete = []
        for recording in recordings:
            about = replace(recording.about, **said)
            if about.piece == NOT_STATED:
                about = replace(about, piece=recording.name)
            openpose = self.openpose
            if openpose is not None:
                video = recording.video
                own = openpose / (video.stem if isinstance(video, Path) else video.name)
                openpose = own if own.is_dir() else openpose
            complete.append(replace(recording, about=about, openpose=openpose))
        return complete

    def _options(
        self, recording: Recording, crop: tuple[int, int, int, int] | None
    ) -> PrepareOptions:
        """How a recording is prepared; `crop` is its own in --crops."""
        from apvg.takes.prepare import PrepareOptions

        shown = crop or self.crop or recording.crop or "auto"
        column = None
        if recording.crop is not None:
            # Who has a part of the picture has others beside it, so that no margin is looked at.
            column = recording.crop if isinstance(shown, str) else shown
        return PrepareOptions(
            fps=recording.fps if self.fps is None else self.fps,
            start=self.start,
            duration=self.duration,
            crop=shown,
            size=self.size,
            layout=self.layout,
            person=self.person or column,
            offset=recording.offset if self.offset is None else self.offset,
            corners=self.corners,
        )


@dataclass(frozen=True)
class _Task:
    """One recording, and how its take is made; what a process of its own is given."""

    recording: Recording
    folder: Path
    options: PrepareOptions
    force: bool

    def run(self) -> dict[str, Any] | ApvgError:
        """The take's metadata, or what went wrong."""
        from apvg.takes.prepare import prepare

        name = self.recording.name
        try:
            return prepare(self.recording, self.folder, self.options, force=self.force).metadata
        except ApvgError as error:
            return error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped; what was done of {name} is kept in {self.folder / f'.{name}.partial'}, "
                "and the same command goes on with it"
            ) from None


def _results(
    tasks: list[_Task], jobs: int
) -> Iterator[tuple[Recording, dict[str, Any] | ApvgError]]:
    """Each recording with its take's metadata or with what went wrong, as they are done."""
    jobs = min(jobs, len(tasks))
    if jobs == 1:
        for task in tasks:
            yield task.recording, task.run()
        return
    from concurrent.futures import as_completed

    from apvg.base.workers import worker_pool

    with worker_pool(jobs, quiet=True) as pool:
        running = {pool.submit(task.run): task.recording for task in tasks}
        try:
            for future in track(as_completed(running), "videos", len(running)):
                yield running[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _read_crops(path: Path) -> dict[str, tuple[int, int, int, int]]:
    """The crops in a TOML file, by take."""
    from apvg.base.config import from_dict

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return from_dict(_Crops, {"crops": table}, where=path.name).crops
    except OSError as error:
        raise ApvgError(f"cannot read {path}: {error.strerror}; check --crops") from None
    except ValueError as error:
        raise ApvgError(
            f"--crops {path}: {error}; write lines like 01_Jupiter_1_vn = [0, 0, 960, 1080]"
        ) from None


@dataclass(frozen=True)
class _Crops:
    crops: dict[str, tuple[int, int, int, int]]
