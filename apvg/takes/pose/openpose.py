"""Keypoints that OpenPose has found already: its folder of JSON files, one for each frame of the
source video.

The fields are those of openpose/doc/02_output.md: a list of people, each with x, y, confidence of
every point in pixels of the source; confidence 0 where a point was not found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.instruments.skeleton import HAND_POINTS, Skeleton
from apvg.takes.pose.detections import Detections

#: Where the points of our layouts are in OpenPose's body models, by their number of points.
_BODY_25 = {
    "nose": 0,
    "right_shoulder": 2,
    "right_elbow": 3,
    "left_shoulder": 5,
    "left_elbow": 6,
    "right_hip": 9,
    "left_hip": 12,
    "right_ear": 17,
    "left_ear": 18,
}
_COCO_18 = _BODY_25 | {"right_hip": 8, "left_hip": 11, "right_ear": 16, "left_ear": 17}
_BODIES = {25: _BODY_25, 18: _COCO_18}
_HANDS = ("hand_left_keypoints_2d", "hand_right_keypoints_2d")
#: A hand of which fewer points were found was not seen; the others of a seen one are placed by its
#: shape.
_LEAST_HAND_POINTS = (len(HAND_POINTS) + 1) // 2


class NoTracker:
    """Takes a tracker's place where keypoints come from files: it detects nothing in any
    picture."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.body_points = len(skeleton.part("body"))

    def __enter__(self) -> NoTracker:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def restart(self) -> None:
        """There is nothing to forget."""

    def see(self, image_HWC: np.ndarray) -> Detections:
        """One frame without detections."""
        return Detections.empty(1, self.body_points)

    def find_hands(self, image_HWC: np.ndarray) -> list[np.ndarray]:
        """No hands."""
        return []


def openpose_files(folder: Path, frames: int) -> list[Path]:
    """The files of a video's frames in the order of their numbers, the last number in each name.

    Raises:
        ApvgError: There is no such folder, or it does not hold one file for each of so many frames.
    """
    if not folder.is_dir():
        raise ApvgError(
            f"cannot read {folder}: there is no such folder",
            "name the folder of OpenPose's files",
            options=["openpose"],
        )
    numbered = [
        (int(numbers[-1]), path)
        for path in folder.glob("*.json")
        if (numbers := re.findall(r"\d+", path.stem.removesuffix("_keypoints")))
    ]
    if len(numbered) != frames:
        raise ApvgError(
            f"{folder} holds {len(numbered)} numbered JSON files, "
            f"but the video has {frames} frames",
            "let OpenPose write one for each frame of this very video",
        )
    return [path for _, path in sorted(numbered)]


def read_people(
    paths: Sequence[Path], skeleton: Skeleton, person: tuple[int, int, int, int] | None
) -> Detections:
    """What OpenPose detected of one performer, in source pixels.

    Args:
        paths: The file of each frame of the take; one may stand there several times.
        skeleton: Which points to keep.
        person: x, y, width, height: of all people, the one with most points in there is meant; by
            default the first.

    Raises:
        ApvgError: A file is damaged or of another body model than BODY_25 and COCO.
    """
    names = [skeleton.points[k] for k in skeleton.part("body")]
    triples = {path: _read(path, names, person) for path in dict.fromkeys(paths)}
    triples_TK3 = np.stack([triples[path] for path in paths])
    body_TB3, hands_T = triples_TK3[:, : len(names)], triples_TK3[:, len(names) :]
    detections = Detections.empty(len(paths), len(names))
    for b in range(len(names)):
        detections.body_TBD[:, b] = _between(body_TB3[:, b])
    detections.visibility_TB[:] = body_TB3[..., 2]
    for m in range(2):
        hand_TP3 = hands_T[:, m * len(HAND_POINTS) : (m + 1) * len(HAND_POINTS)]
        seen_T, detections.hands_TMPD[:, m] = _whole_hands(hand_TP3)
        detections.score_TM[seen_T, m] = hand_TP3[seen_T, :, 2].mean(axis=1)
        detections.right_TM[seen_T, m] = float(m)
    return detections


def _read(path: Path, names: Sequence[str], person: tuple[int, int, int, int] | None) -> np.ndarray:
    """[B + 42, 3] float32: the body points `names`, then the left and the right hand; 0 where not
    found."""
    try:
        people = json.loads(path.read_text(encoding="utf-8"))["people"]
        everyone = [_points(one, names) for one in people]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else error
        raise ApvgError(
            f"cannot read {path}: it is not what OpenPose writes for a frame ({reason})",
            "write it again",
        ) from None
    if person is None:
        everyone = everyone[:1]
    else:
        x, y, width, height = person

        def inside(points_K3: np.ndarray) -> int:
            place_K2 = points_K3[:, :2] - (x, y)
            within_K = ((place_K2 >= 0) & (place_K2 < (width, height))).all(axis=1)
            return int((within_K & (points_K3[:, 2] > 0)).sum())

        everyone = sorted((one for one in everyone if inside(one)), key=inside, reverse=True)
    nobody_K3 = np.zeros((len(names) + 2 * len(HAND_POINTS), 3), np.float32)
    return everyone[0] if everyone else nobody_K3


def _points(person: dict[str, Any], names: Sequence[str]) -> np.ndarray:
    body_B3 = np.zeros((len(names), 3), np.float32)
    found = person.get("pose_keypoints_2d", []) if names else []
    if found:
        model = _BODIES.get(len(found) // 3)
        if model is None:
            raise ValueError(f"{len(found) // 3} body points, neither BODY_25 nor COCO's 18")
        body_B3[:] = np.reshape(found, (-1, 3))[[model[name] for name in names]]
    hands = [np.zeros((len(HAND_POINTS), 3), np.float32) for _ in _HANDS]
    for hand_P3, field in zip(hands, _HANDS, strict=True):
        if found := person.get(field, []):
            hand_P3[:] = np.reshape(found, (len(HAND_POINTS), 3))
    points_K3 = np.concatenate([body_B3, *hands])
    if not np.isfinite(points_K3).all():
        raise ValueError("a number is not finite")
    points_K3[:, 2] = points_K3[:, 2].clip(0, 1)  # its scores may be a little above 1
    return points_K3


def _between(point_T3: np.ndarray) -> np.ndarray:
    """A body point's path [T, 2]; where it was not found, between where it was.

    Its confidence stays 0 there.
    """
    found = np.flatnonzero(point_T3[:, 2] > 0)
    if len(found) == 0:
        return np.full((len(point_T3), 2), np.nan)
    every = np.arange(len(point_T3))
    return np.stack([np.interp(every, found, point_T3[found, axis]) for axis in range(2)], axis=1)


def _whole_hands(hand_TP3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a hand was seen, bool [T], and all its points [T, 21, 2], NaN where it was not.

    Points that were not found lie to the others as in the nearest frame in which all were.
    """
    found_TP = hand_TP3[..., 2] > 0
    whole = np.flatnonzero(found_TP.all(axis=1))
    seen_T = found_TP.sum(axis=1) >= _LEAST_HAND_POINTS
    if len(whole) == 0:
        seen_T[:] = False
    points_TPD = np.where(seen_T[:, None, None], hand_TP3[..., :2], np.nan)
    for t in np.flatnonzero(seen_T & ~found_TP.all(axis=1)):
        like_PD = hand_TP3[whole[np.abs(whole - t).argmin()], :, :2]
        found_P = found_TP[t]
        moved_D = (points_TPD[t] - like_PD)[found_P].mean(axis=0)
        points_TPD[t, ~found_P] = like_PD[~found_P] + moved_D
    return seen_T, points_TPD
