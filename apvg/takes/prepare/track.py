"""Step 1: find the performer, crop, decode by time stamps; frames are stored, and detections kept
as they are.

The work goes on in blocks of some seconds, so that a run that was stopped continues where it was.
The tracker restarts in every block (and is shown the frames just before it), so that the result
does not depend on where a run was stopped.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import zarr

from apvg.base.errors import ApvgError
from apvg.base.progress import track as progress
from apvg.instruments.skeleton import Skeleton
from apvg.takes.pose.detections import Detections, PoseTracker
from apvg.takes.pose.openpose import NoTracker, openpose_files, read_people
from apvg.takes.prepare.artefacts import load_arrays, load_json, save_arrays, save_json
from apvg.takes.prepare.framing import Framing, find_framing
from apvg.takes.prepare.layouts import LAYOUTS
from apvg.takes.prepare.options import SAMPLE_RATE, PrepareOptions, expected_frames
from apvg.takes.recording import Recording
from apvg.takes.sequences import Picture, picture_times, read_picture
from apvg.takes.take import FRAMES_PER_CHUNK, append_frames, create_frames
from apvg.video.reading import VideoInfo

#: Where the blocks of a run that is not finished are kept, in the staging folder.
BLOCKS = "blocks"
#: A multiple of a chunk of frames, so that no chunk is written twice.
FRAMES_PER_BLOCK = 250
#: Frames before a block that its tracker is shown first. Even, as blocks are, because read_frames
#: rounds halves to even.
WARM_UP = 8
#: What is left of a frame's bytes on disk; 0.24 on the PianoRay takes, more where the picture is
#: noisy.
_COMPRESSED = 0.3


@dataclass(frozen=True)
class Tracked:
    """The artefact of this step; the take's frames are next to it, in the store.

    Attributes:
        framing: What the take shows of the picture.
        detections: What was detected in each frame, source pixels.
    """

    file: ClassVar[str] = "detections.npz"

    framing: Framing
    detections: Detections

    def save(self, folder: Path) -> None:
        """Write the artefact into a folder."""
        save_arrays(folder / self.file, self.detections.to_arrays(), self.framing.to_dict())

    @classmethod
    def load(cls, folder: Path) -> Tracked:
        """Inverse of :meth:`save`."""
        arrays, data = load_arrays(folder / cls.file)
        return cls(Framing.from_dict(data), Detections(**arrays))


def track(recording: Recording, info: VideoInfo, options: PrepareOptions, staging: Path) -> Tracked:
    """Store the take's frames in `staging`, and detect the performer in them.

    Blocks that a stopped run has left in `staging` are not worked on again.

    Raises:
        ApvgError: The take will not fit on the disk; or keypoints of OpenPose are damaged or not
            those of this video.
    """
    skeleton = LAYOUTS[options.layout].skeleton
    files = shown_N = None
    if recording.openpose is not None:
        shown_N = picture_times(recording.video)
        files = openpose_files(recording.openpose, len(shown_N))
    with open_tracker(recording, skeleton) as tracker:
        framing = _framing(recording, info, options, tracker, staging)
        _refuse_small_disk(staging, framing, info, options)
        detections = _by_blocks(recording.video, options, info, framing, tracker, staging)
    if files is not None and shown_N is not None:
        time_T = options.start + np.arange(len(detections)) / options.fps
        frame_T = np.searchsorted(shown_N, time_T, side="right").clip(1) - 1
        detections = read_people([files[n] for n in frame_T], skeleton, options.person)
    return Tracked(framing, detections)


def open_tracker(recording: Recording, skeleton: Skeleton) -> AbstractContextManager[PoseTracker]:
    """The tracker of a recording; one that detects nothing where OpenPose has found the
    keypoints."""
    if recording.openpose is not None:
        return NoTracker(skeleton)
    # Here, because MediaPipe takes seconds to load and may be missing.
    from apvg.takes.pose.mediapipe import Tracker

    return Tracker(skeleton)


def read_source_frames(
    video: Picture, options: PrepareOptions, first: int, stop: int | None = None
) -> Iterator[np.ndarray]:
    """Whole source frames, from the take's frame `first` up to `stop` or its end."""
    if stop is None and options.duration is not None:
        stop = round(options.duration * options.fps)
    start = Fraction(options.start).limit_denominator(10**6) + Fraction(first, options.fps)
    duration = None if stop is None else (stop - first) / options.fps
    return read_picture(video, options.fps, start=start, duration=duration)


def _framing(
    recording: Recording,
    info: VideoInfo,
    options: PrepareOptions,
    tracker: PoseTracker,
    staging: Path,
) -> Framing:
    """The framing, found only once: a run that continues must go on with the same one."""
    kept = staging / BLOCKS / "framing.json"
    if kept.exists():
        return Framing.from_dict(load_json(kept))
    framing = find_framing(recording, info, options, tracker)
    save_json(kept, framing.to_dict())
    return framing


def _refuse_small_disk(
    staging: Path, framing: Framing, info: VideoInfo, options: PrepareOptions
) -> None:
    """Say at once what would stop the work after hours: that the take will not fit on the disk."""
    done = len(list((staging / BLOCKS).glob("[0-9]*.npz"))) * FRAMES_PER_BLOCK
    frames = max(0, expected_frames(info, options) - done)
    width, height = framing.size
    needed = frames * (width * height * 3 * _COMPRESSED + 4 * SAMPLE_RATE / options.fps)
    free = shutil.disk_usage(staging).free
    if free < needed:
        raise ApvgError(
            f"{staging.parent} has {free / 1e6:.0f} MB free, but this take needs about "
            f"{needed / 1e6:.0f} MB",
            "make room, choose another folder, or a smaller size",
            options=["size"],
        )


def _by_blocks(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    framing: Framing,
    tracker: PoseTracker,
    staging: Path,
) -> Detections:
    """Every frame cropped and stored, and what is detected in it, in source pixels."""
    blocks = staging / BLOCKS
    done = len(list(blocks.glob("[0-9]*.npz")))
    if done:
        frames = zarr.open_group(staging, mode="a")["frames"]
        assert isinstance(frames, zarr.Array)
    else:
        frames = create_frames(staging, (framing.size[1], framing.size[0]))
    if not (blocks / "all").exists():
        first = done * FRAMES_PER_BLOCK
        waiting: list[Detections] = []
        for images, detections in _pieces(video, options, info, framing, tracker, first):
            append_frames(frames, np.stack(images), first)
            first += len(images)
            waiting += detections
            if first % FRAMES_PER_BLOCK == 0:
                _keep(waiting, blocks / f"{done:06d}.npz")
                done, waiting = done + 1, []
        if waiting:
            _keep(waiting, blocks / f"{done:06d}.npz")
        (blocks / "all").touch()
    paths = sorted(blocks.glob("[0-9]*.npz"))
    return Detections.concatenate([Detections(**load_arrays(path)[0]) for path in paths])


def _keep(detections: list[Detections], path: Path) -> None:
    """Write a block's detections; from then on the block is done."""
    save_arrays(path, Detections.concatenate(detections).to_arrays())


def _pieces(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    framing: Framing,
    tracker: PoseTracker,
    first: int,
) -> Iterator[tuple[list[np.ndarray], list[Detections]]]:
    """Frames of the take and what is detected in them, from frame `first` on, in pieces that never
    cross a block's end."""
    x, y, width, height = framing.region
    crop_x, crop_y, crop_width, crop_height = framing.crop
    begin = max(0, first - WARM_UP)
    source = read_source_frames(video, options, begin)
    recent: deque[np.ndarray] = deque(maxlen=WARM_UP)
    images: list[np.ndarray] = []
    detections: list[Detections] = []
    expected = expected_frames(info, options) - begin
    for index, frame_HWC in enumerate(
        progress(source, "tracking", expected, subject=video.name), start=begin
    ):
        view_HWC = frame_HWC[y : y + height, x : x + width]
        if index >= first:
            if (index - first) % FRAMES_PER_BLOCK == 0:
                tracker.restart()
                for earlier_HWC in recent or [view_HWC] * WARM_UP:
                    tracker.see(earlier_HWC)
            detections.append(_moved(tracker.see(view_HWC), (x, y)))
            shown_HWC = frame_HWC[crop_y : crop_y + crop_height, crop_x : crop_x + crop_width]
            images.append(_resized(shown_HWC, framing.size))
            if len(images) == FRAMES_PER_CHUNK or (index + 1) % FRAMES_PER_BLOCK == 0:
                yield images, detections
                images, detections = [], []
        recent.append(view_HWC)
    if images:
        yield images, detections


def _moved(detections: Detections, by: tuple[int, int]) -> Detections:
    detections.body_TBD[:] += by
    detections.hands_TMPD[:] += by
    return detections


def _resized(image_HWC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """RGB uint8 at another size; each pixel is the mean of what it covers."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
    return frame.reformat(width=size[0], height=size[1], interpolation="AREA").to_ndarray()
