"""Footage to takes, each with a report on its quality."""

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
from apvg.takes.prepare.found import Found

if TYPE_CHECKING:
    from apvg.takes.prepare import PrepareOptions as TakeOptions
    from apvg.takes.recording import Recording


@dataclass(frozen=True)
class PrepareOptions:
    """Options of :func:`prepare`. Rectangles are x, y, width, height in source pixels."""

    footage: Path
    """A video, or a folder of videos; with another reader, the data set's folder."""
    out_dir: Path
    """The folder of takes; each becomes a folder in it, named after its video."""
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
    the keys (with notes and corners); data sets are on one clock already."""
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
    """Which keypoints are tracked."""
    person: Rectangle | None = None
    """Where the performer is, in source pixels, if others are in the picture."""
    openpose: Path | None = None
    """Keypoints found by OpenPose, instead of tracking them here: the folder of its JSON files, one for each frame of the
    video, or a folder of such folders named after the videos."""
    corners: Corners | None = None
    """The keyboard's corners in source pixels: top left, top right, bottom right, bottom left."""
    piece: str | None = None
    """The music that is played; by default the take's name. This and what follows is kept in the take; what a data set
    says of itself need not be given."""
    instrument: str | None = None
    """What is played. Of a data set, only who plays this is prepared: vc, cello, …"""
    split: Literal["train", "validation", "test"] | None = None
    """What the take is for: training uses those of train alone, which is the default."""
    licence: str | None = None
    """The footage's licence."""
    source: str | None = None
    """Where the footage is to be had."""
    credit: str | None = None
    """Whom to name."""
    force: bool = False
    """Replace takes that are there already."""
    jobs: Jobs = 1
    """Videos of a folder that are prepared at once; each takes about a core and 1 GB of memory."""


@dataclass(frozen=True)
class Prepared:
    """What became of one recording: a take, or an error."""

    name: str
    """The take's name."""
    take: Path | None = None
    """The take's folder; None where it could not be made."""
    verdict: str = ""
    """How good the take is: good, usable or poor."""
    reasons: tuple[str, ...] = ()
    """Why, one phrase each."""
    found: Mapping[str, Found] = field(default_factory=dict)
    """What was found without being given, by name: crop, size, offset …"""
    error: ApvgError | None = None
    """Why there is no take."""


def prepare(
    options: PrepareOptions,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    finished: Callable[[Prepared], None] | None = None,
) -> tuple[Prepared, ...]:
    """Make takes of footage.

    A run that was stopped continues where it was when it is started again with the same options. One recording that fails does
    not stop the others.

    Args:
        options: Which footage, and what to make of it.
        progress: Called before each frame that is tracked.
        cancel: Cancels the work once it is set.
        finished: Called with each result as soon as it is there.

    Returns:
        One result for each recording, in the order in which they were finished.

    Raises:
        ApvgError: The options do not fit the source; nothing was prepared.
        Stopped: The work was cancelled; what was done is kept for the next run.
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
    """One recording, and how its take is made; what a process of its own is given."""

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
                f"stopped; what was done of {name} is kept in {self.folder / f'.{name}.partial'}; "
                "start again in the same way to continue"
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
        warnings.warn(f"{options.crops}: no take here is called {name}", ApvgWarning, stacklevel=3)
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
    """The results, as they are there."""
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
    """What is in the source, with what the options say about it."""
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
            f"the name {name} is for one take, but {options.footage} holds {recordings} videos",
            "choose one of them, or leave the name out",
            ["name"],
        )
    if name.startswith(".") or Path(name).name != name:
        raise ApvgError(f"{name!r} cannot be a folder's name", "choose another name", ["name"])
    return name


def _take_options(
    options: PrepareOptions, recording: Recording, crop: Rectangle | None
) -> TakeOptions:
    """How a take is made; `crop` is its own in the file of crops."""
    from apvg.takes.prepare import PrepareOptions as TakeOptions

    shown = crop or options.crop or recording.crop or "auto"
    column = None
    if recording.crop is not None:
        # Other players are next to this part of the picture, so that no margin is looked at.
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
            f"{path} is no file of crops: {error}",
            "write lines like 01_Jupiter_1_vn = [0, 0, 960, 1080]",
            ["crops"],
        ) from None


@dataclass(frozen=True)
class _Crops:
    crops: dict[str, Rectangle]
