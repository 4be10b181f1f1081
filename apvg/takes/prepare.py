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
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import zarr

from apvg.errors import ApvgError
from apvg.files import atomic_path
from apvg.keyboard import Keyboard
from apvg.midi import Notes
from apvg.progress import track
from apvg.skeleton import SKELETONS
from apvg.takes.notes import read_notes
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
    Picture,
    Sound,
    fingerprint,
    picture_times,
    probe_picture,
    read_picture,
    read_sound,
)
from apvg.takes.take import Take, append_frames, create_frames, sample_count
from apvg.video.reading import VideoInfo

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


@dataclass(frozen=True)
class PrepareOptions:
    """What is made of a recording. Rectangles are x, y, width, height in source pixels, as the video is shown.

    Attributes:
        fps: Frames per second of the take.
        start: Where in the video the take begins, seconds.
        duration: How long the take is, seconds; to the video's end by default, and never beyond it.
        crop: What the take shows; everything by default.
        size: Width and height of the take's frames; by default about 256 x 256 pixels in the crop's shape.
        layout: Name of the skeleton.
        person: Where the performer is; who is elsewhere is ignored. By default the crop and some margin.
        offset: Video time minus sound (and MIDI) time, seconds.
        corners: The keyboard's corners, source pixels: x, y of top left, top right, bottom right, bottom left.
    """

    fps: int = 25
    start: float = 0.0
    duration: float | None = None
    crop: tuple[int, int, int, int] | None = None
    size: tuple[int, int] | None = None
    layout: str = "hands"
    person: tuple[int, int, int, int] | None = None
    offset: float = 0.0
    corners: tuple[int, ...] | None = None

    @property
    def sound_offset(self) -> float:
        """The take's time minus sound (and MIDI) time, seconds."""
        return self.offset - self.start


@dataclass(frozen=True)
class _Scene:
    """The geometry of a recording's take, in source pixels."""

    crop: tuple[int, int, int, int]
    size: tuple[int, int]
    region: tuple[int, int, int, int]
    """Where the tracker looks."""

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

    Raises:
        ApvgError: The recording cannot be read, does not fit the options or shows nobody; another take of that name is
            there and `force` is false. Nothing is left behind.
    """
    target = folder / recording.name
    origin = _origin(recording, options)
    if target.exists() and not force:
        take = Take.load(target) if (target / "zarr.json").is_file() else None
        if take is not None and take.metadata.get("origin") == origin:
            return take
        raise ApvgError(
            f"{target} is already there, made of other footage or with other options; "
            "give --force to replace it, or another folder"
        )
    info = probe_picture(recording.video)
    scene = _plan(recording.video, info, options)
    notes = (
        None if recording.midi is None else read_notes(recording.midi).shifted(options.sound_offset)
    )
    if recording.audio == recording.video and not info.has_audio:
        raise ApvgError(f"{recording.video} has no sound; give the sound's file with --audio")
    # All of it, for a file that is cut off shows so only at its end, and hours of tracking may follow.
    _sound(recording.audio, _expected_frames(info, options), options)

    made_folder = not folder.exists()
    staging = folder / f".{recording.name}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _open_staging(staging, origin)
        take, report = _work(recording, options, info, scene, notes, staging, origin)
        write_report(report, take, staging)
        for leftover in (staging / "blocks", staging / "origin.json"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        with atomic_path(target, force=force) as partial:
            os.replace(staging, partial)
    except ApvgError:
        shutil.rmtree(staging, ignore_errors=True)
        if made_folder and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise
    except PermissionError as error:
        raise ApvgError(
            f"cannot write {folder}: {error.strerror}; choose a folder you can write to"
        ) from None
    return Take.load(target)


def _work(
    recording: Recording,
    options: PrepareOptions,
    info: VideoInfo,
    scene: _Scene,
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
        sightings = _follow(recording.video, options, info, scene, tracker, staging)
        if recording.openpose is not None:
            time_T = options.start + np.arange(len(sightings)) / options.fps
            frame_T = np.searchsorted(shown_N, time_T, side="right").clip(1) - 1
            sightings = read_people([files[n] for n in frame_T], skeleton, options.person)
        hands_THPD, score_TH = assign_hands(_within(sightings, scene))
        again_TH = _look_again(recording.video, options, scene, tracker, hands_THPD, score_TH)
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
    frames = zarr.open_group(staging, mode="r")["frames"]
    take = Take(
        name=recording.name,
        fps=options.fps,
        skeleton=skeleton,
        frames_THWC=frames,
        keypoints_TKD=keypoints_TKD,
        confidence_TK=confidence_TK,
        samples_S=_sound(recording.audio, len(keypoints_TKD), options),
        sample_rate=SAMPLE_RATE,
        notes=notes,
        corners_42=None
        if options.corners is None
        else scene.to_take(np.reshape(options.corners, (4, 2))).astype(np.float32),
        about=recording.about,
    )
    report = assess(take, raw_TKD, raw_TK, again_TH, crop=scene.crop, region=scene.region)
    take.metadata = {
        "origin": origin,
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


def _plan(video: Picture, info: VideoInfo, options: PrepareOptions) -> _Scene:
    """The scene, checked against the video."""
    crop = options.crop or (0, 0, info.width, info.height)
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
    size = options.size or _default_size(crop)
    if min(size) < 2 or size[0] % 2 or size[1] % 2:
        raise ApvgError(f"--size {size[0]}x{size[1]} cannot be; give even numbers of pixels")
    if options.corners is not None:
        try:
            Keyboard(np.reshape(options.corners, (4, 2)))
        except ValueError as error:
            raise ApvgError(f"--corners: {error}; give source pixels") from None
    x, y, width, height = crop
    left, top = max(0, x - round(MARGIN * width)), max(0, y - round(MARGIN * height))
    right = min(info.width, x + width + round(MARGIN * width))
    bottom = min(info.height, y + height + round(MARGIN * height))
    return _Scene(crop, size, options.person or (left, top, right - left, bottom - top))


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
        for block, (images, seen) in enumerate(
            _blocks(video, options, info, scene, tracker, first), start=done
        ):
            append_frames(frames, np.stack(images), block * FRAMES_PER_BLOCK)
            partial = blocks / "partial.npz"
            np.savez(partial, **Sightings.concatenate(seen).to_arrays())
            os.replace(partial, blocks / f"{block:06d}.npz")
        (blocks / "all").touch()
    parts = []
    for path in sorted(blocks.glob("[0-9]*.npz")):
        with np.load(path) as arrays:
            parts.append(Sightings(**arrays))
    return Sightings.concatenate(parts)


def _blocks(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    scene: _Scene,
    tracker: Any,
    first: int,
) -> Iterator[tuple[list[np.ndarray], list[Sightings]]]:
    """Frames of the take and what is seen in them, block by block from frame `first` on."""
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
            if not images:
                tracker.restart()
                for earlier_HWC in recent or [view_HWC] * WARM_UP:
                    tracker.see(earlier_HWC)
            seen.append(_moved(tracker.see(view_HWC), (x, y)))
            shown_HWC = frame_HWC[crop_y : crop_y + crop_height, crop_x : crop_x + crop_width]
            images.append(_resized(shown_HWC, scene.size))
            if len(images) == FRAMES_PER_BLOCK:
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
    for first, stop in runs(wanted_TH.any(axis=1)):
        frames = _read(video, options, first, stop)
        for t, frame_HWC in zip(range(first, stop), frames, strict=False):
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


def _sound(path: Sound, frames: int, options: PrepareOptions) -> np.ndarray:
    """The sound on the take's clock, silent where the recording has none."""
    samples_S = np.zeros(sample_count(frames, options.fps, SAMPLE_RATE), np.float32)
    start = max(0.0, -options.sound_offset)
    first = round(max(0.0, options.sound_offset) * SAMPLE_RATE)
    if first < len(samples_S):
        wanted = (len(samples_S) - first) / SAMPLE_RATE
        found_S = read_sound(path, SAMPLE_RATE, start=start, duration=wanted)
        found_S = found_S[: len(samples_S) - first]
        samples_S[first : first + len(found_S)] = found_S
    return samples_S
