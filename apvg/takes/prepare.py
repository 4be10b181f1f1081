"""From footage to a take: decode by time stamps, find the performer, crop and resize, put everything on one clock.

The work goes on in blocks of some seconds. What a block gives is kept in a hidden folder beside the take, so that a run that
was stopped goes on where it was; that folder becomes the take when all is done. A tracker starts afresh in every block (and is
shown the frames just before it), so that the result does not depend on where a run was stopped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import zarr

from apvg.errors import ApvgError
from apvg.evaluation.motion import fingertip_x, seen
from apvg.files import DISK_FULL, atomic_path
from apvg.keyboard import Keyboard
from apvg.midi import Notes
from apvg.progress import track
from apvg.skeleton import SKELETONS
from apvg.takes.found import Found, given
from apvg.takes.framing import SAMPLES, find_crop, sample_hands
from apvg.takes.lock import only_one
from apvg.takes.notes import read_notes
from apvg.takes.offset import Offsets, find_offsets
from apvg.takes.pose.openpose import Unseeing, openpose_files, read_people
from apvg.takes.pose.tracks import (
    Sightings,
    assign_hands,
    hand_size,
    runs,
    same_hand,
    steady,
)
from apvg.takes.quality import assess, write_report
from apvg.takes.recording import Recording
from apvg.takes.sequences import (
    ImageSequence,
    Picture,
    Sound,
    fingerprint,
    measure_sound,
    picture_times,
    probe_picture,
    read_picture,
    stream_sound,
)
from apvg.takes.take import (
    FRAMES_PER_CHUNK,
    Take,
    append_frames,
    create_frames,
    sample_count,
    write_samples,
)
from apvg.video.reading import VideoInfo, sample_frames

SAMPLE_RATE = 48000
#: A multiple of a chunk of frames, so that no chunk is written twice.
FRAMES_PER_BLOCK = 250
#: Frames before a block that its tracker is shown first. Even, as blocks are, for read_frames rounds halves to even.
WARM_UP = 8
#: Footage in which the performer is seen for a smaller share is refused.
LEAST_SEEN = 0.02
#: The tracker looks at the crop and so much around it, as shares of its sides: forearms help to find hands.
MARGIN = 0.5
#: A hand that is missing is looked for again up to this long from where it was seen, seconds.
LOOK_AGAIN = 1.0
#: … in a square of so many times its size.
_LOOK_AROUND = 1.5
#: Without --size, a take has about as many pixels as this, in sides that networks can halve four times.
_PIXELS = 256 * 256
_SIDE_STEP = 16
#: Runs of frames closer than this are read in one go, seconds: a jump costs about as much.
_WORTH_A_JUMP = 4.0
#: What is left of a frame's bytes on disk; 0.24 on the PianoRay takes, more where the picture is noisy.
_COMPRESSED = 0.3


@dataclass(frozen=True)
class PrepareOptions:
    """What is made of a recording. Rectangles are x, y, width, height in source pixels, as the video is shown.

    Attributes:
        fps: Frames per second of the take.
        start: Where in the video the take begins, seconds.
        duration: How long the take is, seconds; to the video's end by default, and never beyond it.
        crop: What the take shows; "full" is everything, "auto" the part with the hands (with a body, everything).
        size: Width and height of the take's frames; by default about 256 x 256 pixels in the crop's shape.
        layout: Name of the skeleton.
        person: Where the performer is; who is elsewhere is ignored. By default the crop and some margin.
        offset: Video time minus sound (and MIDI) time, seconds; None to find it.
        corners: The keyboard's corners, source pixels: x, y of top left, top right, bottom right, bottom left.
    """

    fps: int = 25
    start: float = 0.0
    duration: float | None = None
    crop: tuple[int, int, int, int] | Literal["auto", "full"] = "auto"
    size: tuple[int, int] | None = None
    layout: str = "hands"
    person: tuple[int, int, int, int] | None = None
    offset: float | None = None
    corners: tuple[int, ...] | None = None


@dataclass(frozen=True)
class _Scene:
    """The geometry of a recording's take, in source pixels."""

    crop: tuple[int, int, int, int]
    size: tuple[int, int]
    region: tuple[int, int, int, int]
    """Where the tracker looks."""
    found: dict[str, Found]
    """What of it was found, or given."""

    def to_take(self, points: np.ndarray) -> np.ndarray:
        """Source pixels [..., 2] to the take's."""
        x, y, width, height = self.crop
        return (points - (x, y)) * (self.size[0] / width, self.size[1] / height)

    def inside_crop(self, point_2: np.ndarray) -> bool:
        x, y, width, height = self.crop
        return bool(x <= point_2[0] <= x + width and y <= point_2[1] <= y + height)


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
        scene = _plan(recording, info, options, tracker, staging)
        _refuse_small_disk(staging, scene, info, options)
        sightings = _follow(recording.video, options, info, scene, tracker, staging)
        if recording.openpose is not None:
            time_T = options.start + np.arange(len(sightings)) / options.fps
            frame_T = np.searchsorted(shown_N, time_T, side="right").clip(1) - 1
            sightings = read_people([files[n] for n in frame_T], skeleton, options.person)
        hands_THPD, score_TH = assign_hands(_within(sightings, scene))
        again_TH = _look_again(recording.video, options, info, scene, tracker, hands_THPD, score_TH)
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
    raw_TKD = scene.to_take(np.nan_to_num(raw_TKD))
    keypoints_TKD, confidence_TK = steady(raw_TKD, raw_TK, skeleton, options.fps)
    corners = scene.found["corners"].value if "corners" in scene.found else None
    corners_42 = (
        None if corners is None else scene.to_take(np.reshape(corners, (4, 2))).astype(np.float32)
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
    pieces = _sound(recording.audio, len(keypoints_TKD), options, offsets.sound.value)
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
    found = dict(scene.found)
    if recording.audio != recording.video or options.offset is not None:
        found["offset"] = offsets.sound
    if notes is not None and offsets.notes != found.get("offset"):
        found["notes_offset"] = offsets.notes
    report = assess(
        take,
        raw_TKD,
        raw_TK,
        again_TH,
        crop=scene.crop,
        region=scene.region,
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
    if recording.audio == video and not info.has_audio:
        raise ApvgError(f"{video} has no sound; give the sound's file with --audio")
    seconds = _expected_frames(info, options) / options.fps
    until = None if options.offset is None else options.start + seconds - options.offset
    measure_sound(recording.audio, until)


def _plan(
    recording: Recording, info: VideoInfo, options: PrepareOptions, tracker: Any, staging: Path
) -> _Scene:
    """The scene: what was given of it, and what is found of the rest (once, for a run that goes on must find the same)."""
    kept = staging / "found.json"
    if kept.exists():
        found = {what: Found.from_dict(data) for what, data in json.loads(kept.read_text()).items()}
    else:
        found = _find(recording, info, options, tracker)
        partial = staging / "found.partial"
        partial.write_text(json.dumps({what: find.to_dict() for what, find in found.items()}))
        os.replace(partial, kept)
    x, y, width, height = crop = tuple(found["crop"].value)
    left, top = max(0, x - round(MARGIN * width)), max(0, y - round(MARGIN * height))
    right = min(info.width, x + width + round(MARGIN * width))
    bottom = min(info.height, y + height + round(MARGIN * height))
    region = options.person or (left, top, right - left, bottom - top)
    return _Scene(crop, tuple(found["size"].value), region, found)


def _find(
    recording: Recording, info: VideoInfo, options: PrepareOptions, tracker: Any
) -> dict[str, Found]:
    """The crop, its size in the take and, where they are known, the keyboard's corners."""
    shown = (info.width, info.height)
    whole = (0, 0, *shown)
    found: dict[str, Found] = {}
    corners_42 = None
    if options.corners is not None:
        corners_42 = np.reshape(options.corners, (4, 2))
        found["corners"] = given(list(options.corners))
    if options.crop == "full":
        found["crop"] = given(list(whole))
    elif not isinstance(options.crop, str):
        found["crop"] = given(list(options.crop))
    elif "body" in SKELETONS[options.layout].parts:
        found["crop"] = Found(list(whole), 1.0, "the whole picture, as the body belongs to it")
    elif isinstance(recording.video, ImageSequence):
        found["crop"] = Found(list(whole), 1.0, "the whole pictures, as they are cut already")
    elif recording.openpose is not None:
        how = "the whole picture, for with --openpose the hands are not looked for"
        found["crop"] = Found(list(whole), 0.0, how)
    else:
        video = recording.video
        samples = sample_frames(video, SAMPLES, start=options.start, duration=options.duration)
        samples = track(samples, "looking for the hands", SAMPLES)
        hands = sample_hands(samples, tracker.find_hands, options.person or whole)
        crop = find_crop(hands, shown, corners_42).value
        # Once more, in exactly the shape that its frames will have.
        size = options.size or _default_size(tuple(crop))
        found["crop"] = find_crop(hands, shown, corners_42, size[0] / size[1])
        found["size"] = Found(list(size), 1.0, "in the crop's shape")
    if options.size is not None:
        found["size"] = given(list(options.size))
    elif "size" not in found:
        size = _default_size(tuple(found["crop"].value))
        found["size"] = Found(list(size), 1.0, "in the crop's shape")
    return found


def _default_size(crop: tuple[int, int, int, int]) -> tuple[int, int]:
    _, _, width, height = crop
    scale = (_PIXELS / (width * height)) ** 0.5 / _SIDE_STEP
    return (
        max(1, round(width * scale)) * _SIDE_STEP,
        max(1, round(height * scale)) * _SIDE_STEP,
    )


# ---------------------------------------------------------------------------------------------- frames and sightings


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


def _refuse_small_disk(
    staging: Path, scene: _Scene, info: VideoInfo, options: PrepareOptions
) -> None:
    """Say at once what else would stop the work after hours: that the take will not fit on the disk."""
    done = len(list((staging / "blocks").glob("[0-9]*.npz"))) * FRAMES_PER_BLOCK
    frames = max(0, _expected_frames(info, options) - done)
    needed = frames * (
        scene.size[0] * scene.size[1] * 3 * _COMPRESSED + 4 * SAMPLE_RATE / options.fps
    )
    free = shutil.disk_usage(staging).free
    if free < needed:
        raise ApvgError(
            f"{staging.parent} has {free / 1e6:.0f} MB free, but this take needs about {needed / 1e6:.0f} MB; "
            "make room, choose another folder, or a smaller --size"
        )


def _follow(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    scene: _Scene,
    tracker: Any,
    staging: Path,
) -> Sightings:
    """Every frame cropped and stored, and what the tracker sees in it, in source pixels."""
    blocks = staging / "blocks"
    done = len(list(blocks.glob("[0-9]*.npz")))
    if done:
        frames = zarr.open_group(staging, mode="a")["frames"]
        assert isinstance(frames, zarr.Array)
    else:
        frames = create_frames(staging, (scene.size[1], scene.size[0]))
    if not (blocks / "all").exists():
        first = done * FRAMES_PER_BLOCK
        sightings: list[Sightings] = []
        for images, seen in _pieces(video, options, info, scene, tracker, first):
            append_frames(frames, np.stack(images), first)
            first += len(images)
            sightings += seen
            if first % FRAMES_PER_BLOCK == 0:
                _keep(sightings, blocks / f"{done:06d}.npz")
                done, sightings = done + 1, []
        if sightings:
            _keep(sightings, blocks / f"{done:06d}.npz")
        (blocks / "all").touch()
    parts = []
    for path in sorted(blocks.glob("[0-9]*.npz")):
        with np.load(path) as arrays:
            parts.append(Sightings(**arrays))
    return Sightings.concatenate(parts)


def _keep(sightings: list[Sightings], path: Path) -> None:
    """A block's sightings; from then on the block need not be done again."""
    partial = path.parent / "partial.npz"
    np.savez(partial, **Sightings.concatenate(sightings).to_arrays())
    os.replace(partial, path)


def _pieces(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    scene: _Scene,
    tracker: Any,
    first: int,
) -> Iterator[tuple[list[np.ndarray], list[Sightings]]]:
    """Frames of the take and what is seen in them, from frame `first` on, in pieces that never reach over a block's end."""
    x, y, width, height = scene.region
    crop_x, crop_y, crop_width, crop_height = scene.crop
    begin = max(0, first - WARM_UP)
    source = _read(video, options, begin)
    recent: deque[np.ndarray] = deque(maxlen=WARM_UP)
    images: list[np.ndarray] = []
    seen: list[Sightings] = []
    expected = _expected_frames(info, options) - begin
    for index, frame_HWC in enumerate(track(source, video.name, expected), start=begin):
        view_HWC = frame_HWC[y : y + height, x : x + width]
        if index >= first:
            if (index - first) % FRAMES_PER_BLOCK == 0:
                tracker.restart()
                for earlier_HWC in recent or [view_HWC] * WARM_UP:
                    tracker.see(earlier_HWC)
            seen.append(_moved(tracker.see(view_HWC), (x, y)))
            shown_HWC = frame_HWC[crop_y : crop_y + crop_height, crop_x : crop_x + crop_width]
            images.append(_resized(shown_HWC, scene.size))
            if len(images) == FRAMES_PER_CHUNK or (index + 1) % FRAMES_PER_BLOCK == 0:
                yield images, seen
                images, seen = [], []
        recent.append(view_HWC)
    if images:
        yield images, seen


def _expected_frames(info: VideoInfo, options: PrepareOptions) -> int:
    """About how many frames the take will have; the video may turn out a little shorter or longer than it says."""
    rest = max(0.0, info.duration - options.start)
    seconds = rest if options.duration is None else min(options.duration, rest)
    return round(seconds * options.fps)


def _read(
    video: Picture, options: PrepareOptions, first: int, stop: int | None = None
) -> Iterator[np.ndarray]:
    """Whole source frames, from the take's frame `first` up to `stop` or its end."""
    if stop is None and options.duration is not None:
        stop = round(options.duration * options.fps)
    start = Fraction(options.start).limit_denominator(10**6) + Fraction(first, options.fps)
    duration = None if stop is None else (stop - first) / options.fps
    return read_picture(video, options.fps, start=start, duration=duration)


def _moved(sightings: Sightings, by: tuple[int, int]) -> Sightings:
    sightings.body_TBD[:] += by
    sightings.hands_TMPD[:] += by
    return sightings


def _resized(image_HWC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """RGB uint8 at another size; each pixel is the mean of what it covers."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
    return frame.reformat(width=size[0], height=size[1], interpolation="AREA").to_ndarray()


def _within(sightings: Sightings, scene: _Scene) -> Sightings:
    """Without hands whose middle lies outside the crop: they are not in the take."""
    for t, m in np.argwhere(~np.isnan(sightings.score_TM)):
        if not scene.inside_crop(sightings.hands_TMPD[t, m].mean(axis=0)):
            sightings.hands_TMPD[t, m] = sightings.score_TM[t, m] = np.nan
    return sightings


# ---------------------------------------------------------------------------------------------- missing hands


def _look_again(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    scene: _Scene,
    tracker: Any,
    hands_THPD: np.ndarray,
    score_TH: np.ndarray,
) -> np.ndarray:
    """Look for missing hands in single frames, close by and enlarged, where they must be.

    What is found is written into `hands_THPD` and `score_TH`.

    Returns:
        again_TH: Where a hand was found in this way.
    """
    again_TH = np.zeros(score_TH.shape, bool)
    reach = round(LOOK_AGAIN * options.fps)
    near_TH = np.zeros(score_TH.shape, bool)
    for hand in range(2):
        for first, stop in runs(score_TH[:, hand] > 0):
            near_TH[max(0, first - reach) : stop + reach, hand] = True
    wanted_TH = near_TH & (score_TH == 0)
    for t, frame_HWC in _single_frames(video, options, info, wanted_TH.any(axis=1)):
        for hand in np.flatnonzero(wanted_TH[t]):
            where_PD = _expected(hands_THPD[:, hand], score_TH[:, hand], t, reach)
            found_PD = _find_near(frame_HWC, where_PD, scene, tracker)
            other_PD = hands_THPD[t, 1 - hand]
            taken = score_TH[t, 1 - hand] > 0 and found_PD is not None
            if found_PD is None or (taken and same_hand(found_PD, other_PD)):
                continue
            hands_THPD[t, hand] = found_PD
            score_TH[t, hand] = 0.5
            again_TH[t, hand] = True
    return again_TH


def _single_frames(
    video: Picture, options: PrepareOptions, info: VideoInfo, wanted_T: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """The wanted frames, each with its index; what lies between is jumped over where that is quicker."""
    jump = round(_WORTH_A_JUMP * options.fps) if info.searchable else len(wanted_T)
    at = np.flatnonzero(wanted_T)
    spans = np.split(at, np.flatnonzero(np.diff(at) > jump) + 1) if len(at) else []
    spans = track(spans, "looking again", len(spans))
    for span in spans:
        first, stop = int(span[0]), int(span[-1]) + 1
        frames = _read(video, options, first, stop)
        for t, frame_HWC in zip(range(first, stop), frames, strict=False):
            if wanted_T[t]:
                yield t, frame_HWC


def _expected(hand_TPD: np.ndarray, score_T: np.ndarray, t: int, reach: int) -> np.ndarray:
    """A missing hand's likely place: between where it was last and is next seen."""
    first = max(0, t - reach)
    near = first + np.flatnonzero(score_T[first : t + reach + 1] > 0)
    before, after = near[near < t], near[near > t]
    if len(before) and len(after):
        a, b = before[-1], after[0]
        share = (t - a) / (b - a)
        return hand_TPD[a] * (1 - share) + hand_TPD[b] * share
    return hand_TPD[before[-1] if len(before) else after[0]]


def _find_near(
    frame_HWC: np.ndarray, where_PD: np.ndarray, scene: _Scene, tracker: Any
) -> np.ndarray | None:
    """The hand closest to where it is expected, source pixels."""
    size = hand_size(where_PD)
    centre_2 = (where_PD.min(axis=0) + where_PD.max(axis=0)) / 2
    reach = _LOOK_AROUND * size / 2 + 8
    x, y, width, height = scene.region
    left, top = np.maximum(np.floor(centre_2 - reach).astype(int), (x, y))
    right, bottom = np.minimum(np.ceil(centre_2 + reach).astype(int), (x + width, y + height))
    if right - left < 16 or bottom - top < 16:
        return None
    found = [
        hand_PD + np.array([left, top])
        for hand_PD in tracker.find_hands(frame_HWC[top:bottom, left:right])
    ]
    found = [
        hand_PD
        for hand_PD in found
        if scene.inside_crop(hand_PD.mean(axis=0))
        and np.linalg.norm(hand_PD - where_PD, axis=1).mean() < size / 2
        and 0.6 < hand_size(hand_PD) / size < 1.6
    ]
    return min(found, key=lambda hand: np.linalg.norm(hand - where_PD), default=None)


# ---------------------------------------------------------------------------------------------- sound


def _sound(
    sound: Sound, frames: int, options: PrepareOptions, offset: float
) -> Iterator[np.ndarray]:
    """The sound on the take's clock in pieces, silent where the recording has none."""
    left = sample_count(frames, options.fps, SAMPLE_RATE)
    later = offset - options.start
    before = min(left, round(max(0.0, later) * SAMPLE_RATE))
    yield from _silence(before)
    left -= before
    if left:
        start, wanted = max(0.0, -later), left / SAMPLE_RATE
        for piece_S in stream_sound(sound, SAMPLE_RATE, start=start, duration=wanted):
            yield piece_S[:left]
            left -= len(piece_S[:left])
        yield from _silence(left)


def _silence(samples: int) -> Iterator[np.ndarray]:
    for first in range(0, samples, SAMPLE_RATE):
        yield np.zeros(min(SAMPLE_RATE, samples - first), np.float32)
