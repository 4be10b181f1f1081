"""From footage to a take: decode by time stamps, find the performer, crop and resize, put everything on one clock.

The work goes on in blocks of some seconds. What a block gives is kept in a hidden folder beside the take, so that a run that
was stopped goes on where it was; that folder becomes the take when all is done. A tracker starts afresh in every block (and is
shown the frames just before it), so that the result does not depend on where a run was stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.files import DISK_FULL, atomic_path
from apvg.instruments.keyboard import Keyboard
from apvg.instruments.skeleton import SKELETONS
from apvg.measures.motion import fingertip_x, seen
from apvg.music.notes import Notes
from apvg.takes.following import follow, look_again, refuse_small_disk
from apvg.takes.found import given
from apvg.takes.lock import only_one
from apvg.takes.notes import read_notes
from apvg.takes.offset import Offsets, find_offsets
from apvg.takes.plan import SAMPLE_RATE, Plan, PrepareOptions, expected_frames, make_plan
from apvg.takes.pose.openpose import Unseeing, openpose_files, read_people
from apvg.takes.pose.tracks import (
    Sightings,
    assign_hands,
    steady,
)
from apvg.takes.quality import assess, write_report
from apvg.takes.recording import Recording
from apvg.takes.sequences import (
    fingerprint,
    measure_sound,
    picture_times,
    probe_picture,
)
from apvg.takes.soundtrack import soundtrack
from apvg.takes.take import (
    Take,
    write_samples,
)
from apvg.video.reading import VideoInfo

#: Footage in which the performer is seen for a smaller share is refused.
LEAST_SEEN = 0.02


def prepare(recording: Recording, folder: Path, options: PrepareOptions, *, force: bool) -> Take:
    """Make a take of a recording, with its quality report, in ``folder/NAME``.

    A take that was made of the same recording with the same options is left as it is. One that was begun is gone on with.

    Returns:
        The take, its frames and its sound still on disk.

    Raises:
        ApvgError: The recording cannot be read, does not fit the options or shows nobody; another take of that name is
            there and `force` is false; another process is at it. Nothing is left behind. Or the disk is full: then what
            was done is kept.
    """
    target = folder / recording.name
    origin = _origin(recording, options)
    made_folder = not folder.exists()
    staging = folder / f".{recording.name}.partial"
    done = _already(target, origin, force=force)
    if done is not None:
        return done
    info = probe_picture(recording.video)
    _check(recording, info, options)
    notes = None if recording.midi is None else read_notes(recording.midi)
    try:
        with only_one(folder / f".{recording.name}.lock", f"preparing the take {target}"):
            done = _already(target, origin, force=force)  # by now, maybe
            if done is not None:
                return done
            try:
                _open_staging(staging, origin)
                take, report = _work(recording, options, info, notes, staging, origin)
                write_report(report, take, staging)
                with atomic_path(target, force=force) as partial:
                    # Not before, for whatever fails until now can be gone on with.
                    for leftover in ("blocks", "origin.json", "found.json"):
                        path = staging / leftover
                        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                    os.replace(staging, partial)
            except ApvgError:
                shutil.rmtree(staging, ignore_errors=True)
                raise
    except PermissionError as error:
        raise ApvgError(
            f"cannot write {folder}: {error.strerror}; choose a folder you can write to"
        ) from None
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise ApvgError(
            f"the disk is full: cannot write more of {target} ({error.strerror}); what was done is kept, so make "
            "room and give the same command again"
        ) from error
    finally:
        if made_folder:
            with suppress(OSError):
                folder.rmdir()  # which fails, as it should, where something is in it
    return Take.load(target, lazy_sound=True)


def _already(target: Path, origin: dict[str, Any], *, force: bool) -> Take | None:
    """The take that is there already, made in the same way."""
    if not target.exists() or force:
        return None
    if (target / "zarr.json").is_file():
        take = Take.load(target, lazy_sound=True)
        if take.metadata.get("origin") == origin:
            return take
    raise ApvgError(
        f"{target} is already there, made of other footage or with other options; "
        "give --force to replace it, or another folder"
    )


def _work(
    recording: Recording,
    options: PrepareOptions,
    info: VideoInfo,
    notes: Notes | None,
    staging: Path,
    origin: dict[str, Any],
) -> tuple[Take, dict[str, Any]]:
    """Everything between the checks and the final renaming."""
    skeleton = SKELETONS[options.layout]
    if recording.openpose is None:
        # Here, for MediaPipe takes seconds to load and may be missing.
        from apvg.takes.pose.mediapipe import Tracker
    else:
        Tracker = Unseeing
        shown_N = picture_times(recording.video)
        files = openpose_files(recording.openpose, len(shown_N))
    with Tracker(skeleton) as tracker:
        plan = make_plan(recording, info, options, tracker, staging)
        refuse_small_disk(staging, plan, info, options)
        sightings = follow(recording.video, options, info, plan, tracker, staging)
        if recording.openpose is not None:
            time_T = options.start + np.arange(len(sightings)) / options.fps
            frame_T = np.searchsorted(shown_N, time_T, side="right").clip(1) - 1
            sightings = read_people([files[n] for n in frame_T], skeleton, options.person)
        hands_THPD, score_TH = assign_hands(_within(sightings, plan))
        again_TH = look_again(recording.video, options, info, plan, tracker, hands_THPD, score_TH)
    raw_TKD = np.concatenate(
        [sightings.body_TBD, hands_THPD.reshape(len(hands_THPD), -1, 2)], axis=1
    )
    points_per_hand = hands_THPD.shape[2]
    raw_TK = np.concatenate(
        [sightings.visibility_TB, np.repeat(score_TH, points_per_hand, axis=1)], axis=1
    )
    if not (raw_TK > 0).any() or (raw_TK > 0).any(axis=1).mean() < LEAST_SEEN:
        raise ApvgError(
            f"no {'person' if 'body' in skeleton.parts else 'hands'} found in {recording.video}; "
            "check --crop, --person and --layout, or take brighter, sharper footage"
        )
    raw_TKD = plan.to_take(np.nan_to_num(raw_TKD))
    keypoints_TKD, confidence_TK = steady(raw_TKD, raw_TK, skeleton, options.fps)
    corners = plan.found["corners"].value if "corners" in plan.found else None
    corners_42 = (
        None if corners is None else plan.to_take(np.reshape(corners, (4, 2))).astype(np.float32)
    )
    tip_x_TF = None
    if corners_42 is not None:
        tip_x_TF = fingertip_x(seen(keypoints_TKD, confidence_TK), skeleton, Keyboard(corners_42))
    offsets = (
        Offsets(given(options.offset), given(options.offset))
        if options.offset is not None
        else find_offsets(
            recording, notes, tip_x_TF, options.fps, options.start, video_has_sound=info.has_audio
        )
    )
    sound = None if _is_silent(recording, info) else recording.audio
    pieces = soundtrack(sound, len(keypoints_TKD), options, offsets.sound.value)
    take = Take(
        name=recording.name,
        fps=options.fps,
        skeleton=skeleton,
        frames_THWC=zarr.open_group(staging, mode="r")["frames"],
        keypoints_TKD=keypoints_TKD,
        confidence_TK=confidence_TK,
        samples_S=write_samples(staging, pieces, SAMPLE_RATE),
        sample_rate=SAMPLE_RATE,
        notes=None if notes is None else notes.shifted(offsets.notes.value - options.start),
        corners_42=corners_42,
        about=recording.about,
    )
    found = dict(plan.found)
    if recording.audio != recording.video or options.offset is not None:
        found["offset"] = offsets.sound
    if notes is not None and offsets.notes != found.get("offset"):
        found["notes_offset"] = offsets.notes
    report = assess(
        take,
        raw_TKD,
        raw_TK,
        again_TH,
        crop=plan.crop,
        region=plan.region,
        found={what: find.to_dict() for what, find in found.items()},
    )
    take.metadata = {
        "origin": origin,
        "found": report["found"],
        "quality": {key: report[key] for key in ("verdict", "reasons")},
    }
    take.save_tracks(staging)
    return take, report


def _origin(recording: Recording, options: PrepareOptions) -> dict[str, Any]:
    """What a take is made of: files by name and size, and the options. Plain data, equal after JSON."""
    files = {
        "video": recording.video,
        "audio": recording.audio,
        "midi": recording.midi,
        "openpose": recording.openpose,
    }
    return json.loads(
        json.dumps(
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
    )


def _check(recording: Recording, info: VideoInfo, options: PrepareOptions) -> None:
    """Refuse options that do not fit the recording, and files that break off, before hours of work."""
    video = recording.video
    crop = None if isinstance(options.crop, str) else options.crop
    for what, rectangle in (("--crop", crop), ("--person", options.person)):
        if rectangle is None:
            continue
        x, y, width, height = rectangle
        if (
            min(x, y) < 0
            or min(width, height) < 1
            or x + width > info.width
            or y + height > info.height
        ):
            raise ApvgError(
                f"{what} {','.join(map(str, rectangle))} is not inside {video}, which is "
                f"{info.width}x{info.height} as shown; make it fit"
            )
    if options.fps < 1:
        raise ApvgError(f"--fps {options.fps} is no frame rate; give 1 or more")
    if not (0 <= options.start < info.duration) or (options.duration or 1) * options.fps < 1:
        raise ApvgError(
            f"no frame of {video} lies there: --start {options.start:g}, --duration {options.duration}; "
            f"it lasts {info.duration:.2f} s"
        )
    size = options.size
    if size is not None and (min(size) < 2 or size[0] % 2 or size[1] % 2):
        raise ApvgError(f"--size {size[0]}x{size[1]} cannot be; give even numbers of pixels")
    if options.corners is not None:
        try:
            Keyboard(np.reshape(options.corners, (4, 2)))
        except ValueError as error:
            raise ApvgError(f"--corners: {error}; give source pixels") from None
    if _is_silent(recording, info):
        warnings.warn(
            f"{video} has no sound, so the take is silent; give the sound's file with --audio, or train with a recipe "
            "for silent footage (pianist-silent)",
            ApvgWarning,
            stacklevel=2,
        )
        return
    seconds = expected_frames(info, options) / options.fps
    until = None if options.offset is None else options.start + seconds - options.offset
    measure_sound(recording.audio, until)


def _open_staging(staging: Path, origin: dict[str, Any]) -> None:
    """Go on with what was begun in the same way, else begin."""
    stamp = staging / "origin.json"
    try:
        if json.loads(stamp.read_text()) == origin:
            return
    except (OSError, ValueError):
        pass
    shutil.rmtree(staging, ignore_errors=True)
    (staging / "blocks").mkdir(parents=True)
    stamp.write_text(json.dumps(origin))


def _is_silent(recording: Recording, info: VideoInfo) -> bool:
    return recording.audio == recording.video and not info.has_audio


def _within(sightings: Sightings, plan: Plan) -> Sightings:
    """Without hands whose middle lies outside the crop: they are not in the take."""
    for t, m in np.argwhere(~np.isnan(sightings.score_TM)):
        if not plan.inside_crop(sightings.hands_TMPD[t, m].mean(axis=0)):
            sightings.hands_TMPD[t, m] = sightings.score_TM[t, m] = np.nan
    return sightings
