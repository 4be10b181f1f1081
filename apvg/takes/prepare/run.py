"""The four steps of preparing, one after the other; a take appears only when it is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import zarr

from apvg.base.errors import ApvgError
from apvg.base.files import DISK_FULL, atomic_path
from apvg.music.notes import Notes
from apvg.takes.found import given
from apvg.takes.lock import only_one
from apvg.takes.notes import read_notes
from apvg.takes.prepare.align import Offsets, align, corners_in_take
from apvg.takes.prepare.assess import assess
from apvg.takes.prepare.clean import Cleaned, clean
from apvg.takes.prepare.layouts import LAYOUTS
from apvg.takes.prepare.options import SAMPLE_RATE, STEPS, PrepareOptions, StepName, check
from apvg.takes.prepare.quality import QualityReport
from apvg.takes.prepare.staging import Staging, is_there, keeps_artefacts
from apvg.takes.prepare.track import BLOCKS, Tracked, track
from apvg.takes.recording import Recording
from apvg.takes.sequences import fingerprint, probe_picture
from apvg.takes.take import Take
from apvg.video.reading import VideoInfo


def prepare(
    recording: Recording,
    folder: Path,
    options: PrepareOptions,
    *,
    force: bool = False,
    from_step: StepName | None = None,
) -> Take:
    """Make a take of a recording, with its quality report, in ``folder/NAME``.

    A take that was made of the same recording with the same options is left as it is. A run that
    was stopped is continued: a step whose artefact is there, made of the same files with the same
    options, is not run again, and tracking continues block by block. The artefacts stay in the
    take's folder (``prepared/``), so that later steps can be run again without tracking again;
    where one was deleted, its step and those after it are run again.

    Args:
        recording: The footage.
        folder: The folder of takes; it is made where it is missing.
        options: What is made of it.
        force: Replace a take of that name, and run every step.
        from_step: Run this step and those after it again, and replace the take that is there; the
            steps before it are kept.

    Returns:
        The take, its frames and its sound still on disk.

    Raises:
        ApvgError: The recording cannot be read, does not fit the options or shows nobody; another
            take of that name is there and `force` is false; the take that is there cannot be
            continued from that step; another process is at it. Nothing is left behind. Or the disk
            is full: then what was done is kept.
    """
    target = folder / recording.name
    origin = _origin(recording, options)
    made_folder = not folder.exists()
    staging = folder / f".{recording.name}.partial"
    if from_step is None and not force:
        from_step = _missing_step(target, origin)
    done = _already(target, origin, force=force, redo=from_step is not None)
    if done is not None:
        return done
    info = probe_picture(recording.video)
    check(recording, info, options)
    notes = None if recording.midi is None else read_notes(recording.midi)
    try:
        with only_one(folder / f".{recording.name}.lock", f"preparing the take {target}"):
            done = _already(
                target, origin, force=force, redo=from_step is not None
            )  # by another process meanwhile
            if done is not None:
                return done
            try:
                staged = Staging(staging, _inputs(recording, origin))
                if from_step is not None:
                    staged.redo(from_step, target)
                _run(recording, options, info, notes, staged, origin)
                with atomic_path(target, force=force or from_step is not None) as partial:
                    # Only now, because whatever fails until here can be continued.
                    shutil.rmtree(staging / BLOCKS, ignore_errors=True)
                    os.replace(staging, partial)
            except ApvgError:
                shutil.rmtree(staging, ignore_errors=True)
                raise
    except PermissionError as error:
        raise ApvgError(
            f"cannot write {folder}: {error.strerror}", "choose a folder you can write to"
        ) from None
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise ApvgError(
            f"the disk is full: cannot write more of {target} ({error.strerror})",
            "make room and prepare it again in the same way: what was done is kept",
        ) from error
    finally:
        if made_folder:
            with suppress(OSError):
                folder.rmdir()  # which fails, as it should, where something is in it
    return Take.load(target, lazy_sound=True)


def _run(
    recording: Recording,
    options: PrepareOptions,
    info: VideoInfo,
    notes: Notes | None,
    staged: Staging,
    origin: dict[str, Any],
) -> None:
    """The steps, and the take that they make, in the staging folder."""
    folder = staged.folder
    tracked = staged.step("track", Tracked, lambda: track(recording, info, options, folder))
    cleaned = staged.step("clean", Cleaned, lambda: clean(recording, info, options, tracked))
    offsets = staged.step(
        "align",
        Offsets,
        lambda: align(recording, notes, info, options, tracked, cleaned, folder),
    )
    take = _take(recording, notes, options, tracked, cleaned, offsets, folder)
    found = _found(recording, options, tracked, offsets)
    report = staged.step(
        "assess", QualityReport, lambda: assess(take, tracked, cleaned, found, folder)
    )
    take.metadata = {
        "origin": origin,
        "found": found,
        "quality": {"verdict": report.verdict, "reasons": list(report.reasons)},
    }
    take.save_tracks(folder)


def _take(
    recording: Recording,
    notes: Notes | None,
    options: PrepareOptions,
    tracked: Tracked,
    cleaned: Cleaned,
    offsets: Offsets,
    folder: Path,
) -> Take:
    """The take that the artefacts make; frames and sound stay in its store."""
    store = zarr.open_group(folder, mode="r")
    return Take(
        name=recording.name,
        fps=options.fps,
        skeleton=LAYOUTS[options.layout].skeleton,
        frames_THWC=store["frames"],
        keypoints_TKD=cleaned.keypoints_TKD,
        confidence_TK=cleaned.confidence_TK,
        samples_S=store["samples"],
        sample_rate=SAMPLE_RATE,
        notes=None if notes is None else notes.shifted(offsets.notes.value - options.start),
        corners_42=corners_in_take(options, tracked.framing),
        about=recording.about,
    )


def _found(
    recording: Recording, options: PrepareOptions, tracked: Tracked, offsets: Offsets
) -> dict[str, dict[str, Any]]:
    """What was given or found, as plain data."""
    found = {} if options.corners is None else {"corners": given(list(options.corners))}
    found |= tracked.framing.found
    if recording.audio != recording.video or options.offset is not None:
        found["offset"] = offsets.sound
    if recording.midi is not None and offsets.notes != found.get("offset"):
        found["notes_offset"] = offsets.notes
    return {what: find.to_dict() for what, find in found.items()}


# ----------------------------------------------------------------------------------------------
# what is there already


def _already(target: Path, origin: dict[str, Any], *, force: bool, redo: bool) -> Take | None:
    """The take that is there already, made in the same way; None where it is to be made, or made
    again."""
    if not target.exists() or force:
        return None
    if (target / "zarr.json").is_file():
        if redo:
            return None
        take = Take.load(target, lazy_sound=True)
        if take.metadata.get("origin") == origin:
            return take
    raise ApvgError(
        f"{target} is already there, made of other footage or with other options",
        "replace it, or choose another folder",
        options=["force"],
    )


def _missing_step(target: Path, origin: dict[str, Any]) -> StepName | None:
    """The first step whose artefact was deleted from a take that was made in the same way."""
    if not keeps_artefacts(target):  # of an older version
        return None
    if Take.load(target, lazy_sound=True).metadata.get("origin") != origin:
        return None
    return next((step for step in STEPS if not is_there(target, step)), None)


def _origin(recording: Recording, options: PrepareOptions) -> dict[str, Any]:
    """What a take is made of: files by name and size, and the options.

    Plain data, equal after JSON.
    """
    files = {
        "video": recording.video,
        "audio": recording.audio,
        "midi": recording.midi,
        "openpose": recording.openpose,
    }
    return _plain(
        {
            "files": {
                what: None if path is None else fingerprint(path)
                for what, path in files.items()
                if not isinstance(path, Path) or path.exists()
            },
            "about": asdict(recording.about),
            "options": asdict(options),
        }
    )


def _plain(data: Any) -> Any:
    return json.loads(json.dumps(data))


def _inputs(recording: Recording, origin: dict[str, Any]) -> dict[StepName, dict[str, Any]]:
    """What each step depends on, apart from the steps before it. Plain data, equal after JSON."""
    files, asked = origin["files"], origin["options"]

    def chosen(names: Sequence[str], among: dict[str, Any]) -> dict[str, Any]:
        return {name: among.get(name) for name in names}

    framing = ["fps", "start", "duration", "crop", "size", "layout", "person"]
    if asked["crop"] == "auto":  # a crop that is found holds the corners
        framing.append("corners")
    return {
        "track": chosen(["video", "openpose"], files) | chosen(framing, asked),
        "clean": {},
        "align": chosen(["audio", "midi"], files)
        | chosen(["offset", "corners"], asked)
        | {"instrument": recording.about.instrument},
        "assess": {"name": recording.name, "about": origin["about"]},
    }
