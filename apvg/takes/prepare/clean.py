"""Step 2: from raw detections to keypoints: hands assigned, missing ones detected again, gaps
filled, paths smoothed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from apvg.base.errors import ApvgError
from apvg.base.progress import track as progress
from apvg.instruments.skeleton import Skeleton
from apvg.takes.pose.assignment import assign_hands
from apvg.takes.pose.detections import Detections, PoseTracker, hand_size, runs, same_hand
from apvg.takes.prepare.artefacts import load_arrays, save_arrays
from apvg.takes.prepare.framing import Framing
from apvg.takes.prepare.layouts import LAYOUTS
from apvg.takes.prepare.options import PrepareOptions
from apvg.takes.prepare.track import Tracked, open_tracker, read_source_frames
from apvg.takes.recording import Recording
from apvg.takes.sequences import Picture
from apvg.video.reading import VideoInfo

#: Footage in which the performer is detected in a smaller share of the frames is refused.
LEAST_SEEN = 0.02
#: A missing hand is looked for up to this long from where it was detected, seconds …
RE_DETECT = 1.0
#: … in a square of so many times its size.
_SEARCH_SIZE = 1.5
#: Runs of frames closer than this are read in one go, seconds: a jump costs about as much.
_WORTH_A_JUMP = 4.0
#: Gaps up to this long are filled; longer ones get confidence 0. Seconds.
LONGEST_FILLED_GAP = 0.4
#: Confidence of a filled point, as a share of that at the gap's ends.
FILLED_CONFIDENCE = 0.5
#: Half the smoothing window, seconds: 5 frames at 25 frames/s, which leaves a finger's stroke its
#: height.
_SMOOTHING_REACH = 0.08


@dataclass(frozen=True)
class Cleaned:
    """The artefact of this step.

    Attributes:
        raw_TKD: [T, K, 2] the detected points with their hands assigned, source pixels; 0 where not
            detected.
        raw_TK: Their confidence; 0 where not detected.
        re_detected_TH: Where a hand was found only by looking for it in that frame alone; left hand
            first.
        keypoints_TKD: [T, K, 2] float32, filled and smoothed, pixels of the take; finite.
        confidence_TK: [T, K] float32 in 0..1.
    """

    file: ClassVar[str] = "keypoints.npz"

    raw_TKD: np.ndarray
    raw_TK: np.ndarray
    re_detected_TH: np.ndarray
    keypoints_TKD: np.ndarray
    confidence_TK: np.ndarray

    def save(self, folder: Path) -> None:
        """Write the artefact into a folder."""
        save_arrays(folder / self.file, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, folder: Path) -> Cleaned:
        """Inverse of :meth:`save`."""
        arrays, _ = load_arrays(folder / cls.file)
        return cls(**arrays)


def clean(
    recording: Recording, info: VideoInfo, options: PrepareOptions, tracked: Tracked
) -> Cleaned:
    """Turn detections into the keypoints of a take.

    Raises:
        ApvgError: Hardly anybody was detected.
    """
    layout, framing = LAYOUTS[options.layout], tracked.framing
    detections = _within_crop(tracked.detections, framing)
    hands_THPD, score_TH = assign_hands(detections)
    re_detected_TH = np.zeros(score_TH.shape, bool)
    if recording.openpose is None:
        with open_tracker(recording, layout.skeleton) as tracker:
            re_detected_TH = re_detect(
                recording.video, options, info, framing, tracker, hands_THPD, score_TH
            )
    frames, _, points_per_hand, _ = hands_THPD.shape
    raw_TKD = np.concatenate([detections.body_TBD, hands_THPD.reshape(frames, -1, 2)], axis=1)
    raw_TKD = np.nan_to_num(raw_TKD)
    raw_TK = np.concatenate(
        [detections.visibility_TB, np.repeat(score_TH, points_per_hand, axis=1)], axis=1
    )
    if not (raw_TK > 0).any() or (raw_TK > 0).any(axis=1).mean() < LEAST_SEEN:
        raise ApvgError(
            f"no {layout.subject} found in {recording.video}",
            "check which part of the picture is looked at and which points are looked for, or take "
            "brighter, sharper footage",
            options=["crop", "person", "layout"],
        )
    keypoints_TKD, confidence_TK = smooth(
        framing.to_take(raw_TKD), raw_TK, layout.skeleton, options.fps
    )
    return Cleaned(raw_TKD, raw_TK, re_detected_TH, keypoints_TKD, confidence_TK)


def _within_crop(detections: Detections, framing: Framing) -> Detections:
    """Without hands whose centre lies outside the crop: they are not in the take."""
    hands_TMPD, score_TM = detections.hands_TMPD.copy(), detections.score_TM.copy()
    for t, m in np.argwhere(~np.isnan(score_TM)):
        if not framing.shows(hands_TMPD[t, m].mean(axis=0)):
            hands_TMPD[t, m] = score_TM[t, m] = np.nan
    return replace(detections, hands_TMPD=hands_TMPD, score_TM=score_TM)


# ----------------------------------------------------------------------------------------------
# missing hands


def re_detect(
    video: Picture,
    options: PrepareOptions,
    info: VideoInfo,
    framing: Framing,
    tracker: PoseTracker,
    hands_THPD: np.ndarray,
    score_TH: np.ndarray,
) -> np.ndarray:
    """Detect missing hands in single frames: close by and enlarged, where they are expected.

    What is found is written into `hands_THPD` and `score_TH`.

    Returns:
        re_detected_TH: Where a hand was found in this way.
    """
    re_detected_TH = np.zeros(score_TH.shape, bool)
    reach = round(RE_DETECT * options.fps)
    near_TH = np.zeros(score_TH.shape, bool)
    for hand in range(2):
        for first, stop in runs(score_TH[:, hand] > 0):
            near_TH[max(0, first - reach) : stop + reach, hand] = True
    wanted_TH = near_TH & (score_TH == 0)
    for t, frame_HWC in _single_frames(video, options, info, wanted_TH.any(axis=1)):
        for hand in np.flatnonzero(wanted_TH[t]):
            where_PD = _expected(hands_THPD[:, hand], score_TH[:, hand], t, reach)
            found_PD = _find_near(frame_HWC, where_PD, framing, tracker)
            other_PD = hands_THPD[t, 1 - hand]
            taken = score_TH[t, 1 - hand] > 0 and found_PD is not None
            if found_PD is None or (taken and same_hand(found_PD, other_PD)):
                continue
            hands_THPD[t, hand] = found_PD
            score_TH[t, hand] = 0.5
            re_detected_TH[t, hand] = True
    return re_detected_TH


def _single_frames(
    video: Picture, options: PrepareOptions, info: VideoInfo, wanted_T: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """The wanted frames with their indices; what lies between is skipped where that is quicker."""
    jump = round(_WORTH_A_JUMP * options.fps) if info.seekable else len(wanted_T)
    at = np.flatnonzero(wanted_T)
    spans = np.split(at, np.flatnonzero(np.diff(at) > jump) + 1) if len(at) else []
    spans = progress(spans, "looking again", len(spans))
    for span in spans:
        first, stop = int(span[0]), int(span[-1]) + 1
        frames = read_source_frames(video, options, first, stop)
        for t, frame_HWC in zip(range(first, stop), frames, strict=False):
            if wanted_T[t]:
                yield t, frame_HWC


def _expected(hand_TPD: np.ndarray, score_T: np.ndarray, t: int, reach: int) -> np.ndarray:
    """Where a missing hand is expected: between its last and its next detection."""
    first = max(0, t - reach)
    near = first + np.flatnonzero(score_T[first : t + reach + 1] > 0)
    before, after = near[near < t], near[near > t]
    if len(before) and len(after):
        a, b = before[-1], after[0]
        share = (t - a) / (b - a)
        return hand_TPD[a] * (1 - share) + hand_TPD[b] * share
    return hand_TPD[before[-1] if len(before) else after[0]]


def _find_near(
    frame_HWC: np.ndarray, where_PD: np.ndarray, framing: Framing, tracker: PoseTracker
) -> np.ndarray | None:
    """The hand closest to where it is expected, source pixels."""
    size = hand_size(where_PD)
    centre_2 = (where_PD.min(axis=0) + where_PD.max(axis=0)) / 2
    reach = _SEARCH_SIZE * size / 2 + 8
    x, y, width, height = framing.region
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
        if framing.shows(hand_PD.mean(axis=0))
        and np.linalg.norm(hand_PD - where_PD, axis=1).mean() < size / 2
        and 0.6 < hand_size(hand_PD) / size < 1.6
    ]
    return min(found, key=lambda hand: np.linalg.norm(hand - where_PD), default=None)


# ----------------------------------------------------------------------------------------------
# gaps and smoothing


def smooth(
    keypoints_TKD: np.ndarray, confidence_TK: np.ndarray, skeleton: Skeleton, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fill short gaps, mark long ones, and smooth without lag.

    Smoothing fits a parabola to the frames around each one (Savitzky and Golay, 1964), never across
    a long gap.

    Args:
        keypoints_TKD: As detected; anything where the confidence is 0.
        confidence_TK: 0 where a point was not detected.
        skeleton: Its parts come and go together.
        fps: Frames per second.

    Returns:
        keypoints_TKD, confidence_TK: float32, finite. In a long gap points rest where they were
        seen last or will be seen next, with confidence 0.
    """
    frames = len(keypoints_TKD)
    longest = round(LONGEST_FILLED_GAP * fps)
    reach = max(1, round(_SMOOTHING_REACH * fps))
    smooth_TKD = np.zeros(keypoints_TKD.shape, np.float64)
    filled_TK = confidence_TK.astype(np.float32)
    every_T = np.arange(frames)
    for ids in skeleton.parts.values():
        points = list(ids)
        # Points of one part are seen together; where a body's point is hidden, the tracker still
        # guesses its place.
        seen_T = (confidence_TK[:, points] > 0).any(axis=1)
        if not seen_T.any():
            continue
        at = np.flatnonzero(seen_T)
        after = np.searchsorted(at, every_T)
        before_T = at[np.maximum(after - (at[np.minimum(after, len(at) - 1)] != every_T), 0)]
        after_T = at[np.minimum(after, len(at) - 1)]
        gap_T = after_T - before_T - 1
        inside_T = (before_T < every_T) & (every_T < after_T)
        fill_T = inside_T & (gap_T <= longest)
        nearest_T = np.where(
            np.abs(every_T - before_T) <= np.abs(after_T - every_T), before_T, after_T
        )
        share_T = (every_T - before_T) / np.maximum(after_T - before_T, 1)
        source_TKD = keypoints_TKD[:, points].astype(np.float64)
        path_TKD = source_TKD[nearest_T]
        path_TKD[fill_T] = (
            source_TKD[before_T] * (1 - share_T)[:, None, None]
            + source_TKD[after_T] * share_T[:, None, None]
        )[fill_T]
        ends_TK = np.minimum(confidence_TK[before_T], confidence_TK[after_T])[:, points]
        filled_TK[np.ix_(np.flatnonzero(fill_T), np.array(points))] = (FILLED_CONFIDENCE * ends_TK)[
            fill_T
        ]
        for first, stop in runs(seen_T | fill_T):
            path_TKD[first:stop] = _fit_parabolas(path_TKD[first:stop], reach)
        smooth_TKD[:, points] = path_TKD
    return smooth_TKD.astype(np.float32), filled_TK


def _fit_parabolas(path_TKD: np.ndarray, reach: int) -> np.ndarray:
    """Replace each frame by the parabola fitted to the window around it; at the ends, to the first
    or last window."""
    window = 2 * reach + 1
    frames = len(path_TKD)
    if frames < window or window < 4:
        return path_TKD
    powers = np.vander(np.arange(-reach, reach + 1), 3)
    fit = powers @ np.linalg.pinv(powers)
    smooth_TKD = np.empty_like(path_TKD)
    smooth_TKD[reach : frames - reach] = sum(
        fit[reach, i] * path_TKD[i : frames - window + 1 + i] for i in range(window)
    )
    smooth_TKD[:reach] = np.tensordot(fit[:reach], path_TKD[:window], 1)
    smooth_TKD[frames - reach :] = np.tensordot(fit[reach + 1 :], path_TKD[-window:], 1)
    return smooth_TKD
