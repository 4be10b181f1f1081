"""Prepare footage as takes, each with a quality report."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.options import (
    Corners,
    Duration,
    FrameRate,
    Jobs,
    Moment,
    Offset,
    Rectangle,
    Size,
    check_options,
)
from apvg.base.progress import Cancel, Progress, reporting, track
from apvg.takes.found import Found

if TYPE_CHECKING:
    from apvg.takes.prepare import PrepareOptions as TakeOptions
    from apvg.takes.recording import Recording


@dataclass(frozen=True)
class PrepareOptions:
    """Options of :func:`prepare`. Rectangles are x, y, width, height in source pixels."""

    footage: Path
    """A video or a folder of videos. For a data set (--reader), the folder of the data set."""
    out_dir: Path
    """The folder to write the takes to. Each take is a subfolder named after its video."""
    reader: Literal["footage", "urmp", "suburmp"] = "footage"
    """File layout of the source. docs/data.md explains the data sets."""
    name: str | None = None
    """Name of the take, if the source is a single video. By default, the video's name."""
    audio: Path | None = None
    """A separate sound file, or a folder of sound files with the same names as the videos. By
    default, the sound track of each video."""
    midi: Path | None = None
    """A MIDI file with the notes that are played, or a folder of MIDI files with the same names as
    the videos."""
    offset: Offset | None = None
    """Video time minus sound (and MIDI) time, in seconds. By default, it is estimated from the
    video's own sound, or from the fingers on the keys (needs notes and corners). Data sets are
    already synchronised."""
    chunk_mark: Literal["start", "end"] | None = None
    """Sub-URMP only: whether the time in the file name of a sound chunk is its start or its end.
    By default, its end."""
    crop: Literal["auto", "full"] | Rectangle | None = None
    """Part of the picture to keep: full, a rectangle in source pixels, or auto: the area of the
    hands (with body+hands, the full picture). By default auto; for URMP, the player's column."""
    crops: Path | None = None
    """A TOML file with crops for individual takes: NAME = [X, Y, W, H]."""
    size: Size | None = None
    """Size of the frames of the take. By default, about 256x256 pixels with the aspect ratio of
    the crop."""
    fps: FrameRate | None = None
    """Frames per second of the take. By default, 25; for Sub-URMP, 10."""
    start: Moment = 0.0
    """Where the take starts in the video, in seconds. The offset still refers to the whole
    video."""
    duration: Duration | None = None
    """Length of the take, in seconds. By default, to the end of the video."""
    layout: Literal["hands", "body+hands"] = "hands"
    """Keypoints to track."""
    person: Rectangle | None = None
    """Where the performer is, in source pixels, if there are other people in the picture."""
    openpose: Path | None = None
    """Use keypoints from OpenPose instead of tracking: a folder of its JSON files, one for each
    frame of the video, or a folder of such folders named after the videos."""
    corners: Corners | None = None
    """Corners of the keyboard in source pixels: top left, top right, bottom right, bottom left."""
    piece: str | None = None
    """Metadata of the take: the music that is played. By default, the take's name."""
    instrument: str | None = None
    """Metadata of the take: the instrument. For a data set, prepare only the players of this
    instrument: vc, cello, …"""
    split: Literal["train", "validation", "test"] | None = None
    """Metadata of the take: its split. By default, train; `apvg train` uses no other."""
    licence: str | None = None
    """Metadata of the take: the licence of the footage."""
    source: str | None = None
    """Metadata of the take: where the footage comes from."""
    credit: str | None = None
    """Metadata of the take: who must be credited."""
    force: bool = False
    """Replace takes that already exist."""
    jobs: Jobs = 1
    """Number of videos that are prepared in parallel. Each needs about one core and 1 GB of
    memory."""


@dataclass(frozen=True)
class Prepared:
    """The result for one recording: a take or an error."""

    name: str
    """The take's name."""
    take: Path | None = None
    """The take's folder. None if the take could not be made."""
    verdict: str = ""
    """How good the take is: good, usable or poor."""
    reasons: tuple[str, ...] = ()
    """Reasons for the verdict, one phrase each."""
    found: Mapping[str, Found] = field(default_factory=dict)
    """Values that were estimated because they were not given, by name: crop, size, offset, …"""
    error: ApvgError | None = None
    """Why there is no take."""


def prepare(
    options: PrepareOptions,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    finished: Callable[[Prepared], None] | None = None,
) -> tuple[Prepared, ...]:
    """Prepare footage as takes.

    An interrupted run continues where it stopped when it is started again with the same options. If
    one recording fails, the others are still prepared.

    Args:
        options: The footage, the output folder and how to prepare the takes.
        progress: Called before each frame that is tracked.
        cancel: Cancels the work when it is set.
        finished: Called with each result as soon as it is available.

    Returns:
        One result for each recording, in the order in which they were finished.

    Raises:
        ApvgError: The options do not fit the source. Nothing was prepared.
        Stopped: The work was cancelled. Completed work is kept for the next run.
    """
    check_options(options)
    with reporting(progress, cancel):
        results = []
        for result in _results(_plan(options), options.jobs):
            if finished is not None:
                finished(result)
            results.append(result)
    return tuple(results)


@dataclass(frozen=True)
class _Plan:
    """One recording, and how its take is made. Worker processes receive it."""

    recording: Recording
    folder: Path
    options: TakeOptions
    force: bool

    def run(self) -> Prepared:
        from apvg.takes.prepare import prepare

        name = self.recording.name
        try:
            take = prepare(self.recording, self.folder, self.options, force=self.force)
        except ApvgError as error:
            return Prepared(name, error=error)
        except KeyboardInterrupt as stop:
            raise type(stop)(
                f"stopped; the unfinished take {name} is kept in "
                f"{self.folder / f'.{name}.partial'}; "
                "run the same command again to continue"
            ) from None
        quality = take.metadata["quality"]
        found = {what: Found.from_dict(find) for what, find in take.metadata["found"].items()}
        return Prepared(
            name, self.folder / name, quality["verdict"], tuple(quality["reasons"]), found
        )


def _plan(options: PrepareOptions) -> list[_Plan]:
    """Every recording of the source, and how its take is made."""
    crops = {} if options.crops is None else _read_crops(options.crops)
    recordings = _recordings(options)
    for name in sorted(crops.keys() - {recording.name for recording in recordings}):
        warnings.warn(
            f"{options.crops}: the source has no take named {name}", ApvgWarning, stacklevel=3
        )
    return [
        _Plan(
            recording,
            options.out_dir,
            _take_options(options, recording, crops.get(recording.name)),
            options.force,
        )
        for recording in recordings
    ]


def _results(plans: list[_Plan], jobs: int) -> Iterator[Prepared]:
    """The results, in the order in which they are finished."""
    jobs = min(jobs, len(plans))
    if jobs == 1:
        yield from (plan.run() for plan in plans)
        return
    from apvg.base.workers import as_finished, worker_pool

    with worker_pool(jobs) as pool:
        running = [pool.submit(plan.run) for plan in plans]
        for future in track(as_finished(running), "preparing", len(running)):
            yield future.result()


def _recordings(options: PrepareOptions) -> list[Recording]:
    """The recordings of the source, with the metadata that the options give."""
    from apvg.takes.about import NOT_STATED
    from apvg.takes.readers import ReaderOptions, read_source

    plain = options.reader == "footage"
    instrument = None if plain else options.instrument
    known = ReaderOptions(options.audio, options.midi, instrument, options.chunk_mark)
    recordings = read_source(options.reader, options.footage, known)
    if options.name is not None:
        recordings = [replace(recordings[0], name=_checked_name(options, len(recordings)))]
    said = {
        "piece": options.piece,
        "instrument": options.instrument if plain else None,
        "split": options.split,
        "licence": options.licence,
        "source": options.source,
        "credit": options.credit,
    }
    said = {what: text for what, text in said.items() if text is not None}
    complete = []
    for recording in recordings:
        about = replace(recording.about, **said)
        if about.piece == NOT_STATED:
            about = replace(about, piece=recording.name)
        openpose = options.openpose
        if openpose is not None:
            video = recording.video
            own = openpose / (video.stem if isinstance(video, Path) else video.name)
            openpose = own if own.is_dir() else openpose
        complete.append(replace(recording, about=about, openpose=openpose))
    return complete


def _checked_name(options: PrepareOptions, recordings: int) -> str:
    name = options.name or ""
    if recordings > 1:
        raise ApvgError(
            f"the name {name} is for a single take, but {options.footage} has {recordings} videos",
            "choose one of the videos, or leave out the name",
            ["name"],
        )
    if name.startswith(".") or Path(name).name != name:
        raise ApvgError(f"{name!r} is not a valid folder name", "choose another name", ["name"])
    return name


def _take_options(
    options: PrepareOptions, recording: Recording, crop: Rectangle | None
) -> TakeOptions:
    """How a take is made. `crop` is its entry in the file of crops, if there is one."""
    from apvg.takes.prepare import PrepareOptions as TakeOptions

    shown = crop or options.crop or recording.crop or "auto"
    column = None
    if recording.crop is not None:
        # Other players may be right next to the crop, so it is searched without a margin.
        column = recording.crop if isinstance(shown, str) else shown
    return TakeOptions(
        fps=recording.fps if options.fps is None else options.fps,
        start=options.start,
        duration=options.duration,
        crop=shown,
        size=options.size,
        layout=options.layout,
        person=options.person or column,
        offset=recording.offset if options.offset is None else options.offset,
        corners=options.corners,
    )


def _read_crops(path: Path) -> dict[str, Rectangle]:
    """The crops in a TOML file, by take."""
    from apvg.base.config import from_dict

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return from_dict(_Crops, {"crops": table}, where=path.name).crops
    except OSError as error:
        raise ApvgError(
            f"cannot read {path}: {error.strerror}", "check its name", ["crops"]
        ) from None
    except ValueError as error:
        raise ApvgError(
            f"{path} is not a valid file of crops: {error}",
            "write lines like 01_Jupiter_1_vn = [0, 0, 960, 1080]",
            ["crops"],
        ) from None


@dataclass(frozen=True)
class _Crops:
    crops: dict[str, Rectangle]
