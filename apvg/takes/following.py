"""Through the footage, block by block: frames cropped and stored, hands seen in them, missing ones looked for again.

A block that is done is kept in the staging folder, and a tracker starts afresh in every block (and is shown the frames just
before it), so that the result does not depend on where a run was stopped.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import zarr

from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.takes.plan import SAMPLE_RATE, Plan, PrepareOptions, expected_frames
from apvg.takes.pose.tracks import Sightings, hand_size, runs, same_hand
from apvg.takes.sequences import Picture, read_picture
from apvg.takes.take import FRAMES_PER_CHUNK, append_frames, create_frames
from apvg.video.reading import VideoInfo

#: A multiple of a chunk of frames, so that no chunk is written twice.
FRAMES_PER_BLOCK = 250
#: Frames before a block that its tracker is shown first. Even, as blocks are, for read_frames rounds halves to even.
WARM_UP = 8
#: A hand that is missing is looked for again up to this long from where it was seen, seconds.
LOOK_AGAIN = 1.0
#: … in a square of so many times its size.
_LOOK_AROUND = 1.5
#: Runs of frames closer than this are read in one go, seconds: a jump costs about as much.
_WORTH_A_JUMP = 4.0
#: What is left of a frame's bytes on disk; 0.24 on the PianoRay takes, more where the picture is noisy.
_COMPRESSED = 0.3


def refuse_small_disk(staging: Path, plan: Plan, info: VideoInfo, options: PrepareOptions) -> None:
    """Say at once what else would stop the work after hours: that the take will not fit on the disk."""
    done = len(list((staging / "blocks").glob("[0-9]*.npz"))) * FRAMES_PER_BLOCK
    frames = max(0, expected_frames(info, options) - done)
    needed = frames * (
        plan.size[0] * plan.size[1] * 3 * _COMPRESSED + 4 * SAMPLE_RATE / options.fps
    )
    free = shutil.disk_usage(staging).free
    if free < needed:
        raise ApvgError(
            f"{staging.parent} has {free / 1e6:.0f} MB free, but this take needs about {needed / 1e6:.0f} MB; "
            "make room, choose another folder, or a smaller --size"
        )


def follow(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    plan: Plan,
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
        frames = create_frames(staging, (plan.size[1], plan.size[0]))
    if not (blocks / "all").exists():
        first = done * FRAMES_PER_BLOCK
        sightings: list[Sightings] = []
        for images, seen in _pieces(video, options, info, plan, tracker, first):
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
    arrays: dict[str, Any] = Sightings.concatenate(sightings).to_arrays()
    np.savez(partial, **arrays)
    os.replace(partial, path)


def _pieces(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    plan: Plan,
    tracker: Any,
    first: int,
) -> Iterator[tuple[list[np.ndarray], list[Sightings]]]:
    """Frames of the take and what is seen in them, from frame `first` on, in pieces that never reach over a block's end."""
    x, y, width, height = plan.region
    crop_x, crop_y, crop_width, crop_height = plan.crop
    begin = max(0, first - WARM_UP)
    source = _read(video, options, begin)
    recent: deque[np.ndarray] = deque(maxlen=WARM_UP)
    images: list[np.ndarray] = []
    seen: list[Sightings] = []
    expected = expected_frames(info, options) - begin
    for index, frame_HWC in enumerate(
        track(source, "tracking", expected, subject=video.name), start=begin
    ):
        view_HWC = frame_HWC[y : y + height, x : x + width]
        if index >= first:
            if (index - first) % FRAMES_PER_BLOCK == 0:
                tracker.restart()
                for earlier_HWC in recent or [view_HWC] * WARM_UP:
                    tracker.see(earlier_HWC)
            seen.append(_moved(tracker.see(view_HWC), (x, y)))
            shown_HWC = frame_HWC[crop_y : crop_y + crop_height, crop_x : crop_x + crop_width]
            images.append(_resized(shown_HWC, plan.size))
            if len(images) == FRAMES_PER_CHUNK or (index + 1) % FRAMES_PER_BLOCK == 0:
                yield images, seen
                images, seen = [], []
        recent.append(view_HWC)
    if images:
        yield images, seen


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


def look_again(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    plan: Plan,
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
            found_PD = _find_near(frame_HWC, where_PD, plan, tracker)
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
    frame_HWC: np.ndarray, where_PD: np.ndarray, plan: Plan, tracker: Any
) -> np.ndarray | None:
    """The hand closest to where it is expected, source pixels."""
    size = hand_size(where_PD)
    centre_2 = (where_PD.min(axis=0) + where_PD.max(axis=0)) / 2
    reach = _LOOK_AROUND * size / 2 + 8
    x, y, width, height = plan.region
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
        if plan.inside_crop(hand_PD.mean(axis=0))
        and np.linalg.norm(hand_PD - where_PD, axis=1).mean() < size / 2
        and 0.6 < hand_size(hand_PD) / size < 1.6
    ]
    return min(found, key=lambda hand: np.linalg.norm(hand - where_PD), default=None)
