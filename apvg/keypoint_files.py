"""Keypoints in files that other programs read and write: NPZ, or JSON with OpenPose's fields."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apvg.base.errors import ApvgError
from apvg.instruments.skeleton import Skeleton

SUFFIXES = (".npz", ".json")
#: Points that are less sure are not there for whoever looks.
_SEEN = 0.05
#: No point of a picture lies further away, pixels; squares of what is much larger are infinite in
#: float32.
_FURTHEST = 1e6
#: By how much confidences may leave 0..1 where others have rounded them.
_ROUNDING = 1e-3
#: What reading a file that is damaged, or of another kind, may raise.
_DAMAGES = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    OSError,
    EOFError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
#: Parts whose names in OpenPose's files (openpose/doc/02_output.md) are not their own.
_FIELDS = {
    "body": "pose_keypoints_2d",
    "left_hand": "hand_left_keypoints_2d",
    "right_hand": "hand_right_keypoints_2d",
}


@dataclass(frozen=True, eq=False)
class KeypointTrack:
    """The keypoints of a video."""

    keypoints_TKD: np.ndarray
    """[T, K, 2] float32: x, y in output pixels."""
    confidence_TK: np.ndarray
    """[T, K] float32 in 0..1; 0 = not there."""
    fps: float
    """Frames per second; frame t lies at t / fps seconds."""

    @property
    def seen_TK(self) -> np.ndarray:
        """[T, K] bool: which points are sure enough to be shown and moved."""
        return self.confidence_TK > _SEEN


def check_suffix(path: Path) -> None:
    """Raise ApvgError unless the name says which kind of keypoint file is meant."""
    if path.suffix.lower() not in SUFFIXES:
        raise ApvgError(f"{path} is no keypoint file", "give it a name that ends in .npz or .json")


def check_readable(path: Path) -> None:
    """Raise ApvgError unless there is a keypoint file of that name."""
    check_suffix(path)
    if not path.is_file():
        raise ApvgError(f"cannot read {path}: there is no such file", "check the name")


def write_keypoints(path: Path, track: KeypointTrack, skeleton: Skeleton) -> None:
    """Write an NPZ (keypoints, confidence, names, fps) or a JSON file, as the suffix says.

    The JSON holds fps, names, and for each frame one person in OpenPose's fields: x, y, confidence
    per point.
    """
    check_suffix(path)
    if path.suffix.lower() == ".npz":
        np.savez_compressed(
            path,
            keypoints=track.keypoints_TKD.astype(np.float32),
            confidence=track.confidence_TK.astype(np.float32),
            names=np.array(skeleton.points),
            fps=np.float64(track.fps),
        )
        return
    triples_TKD = np.concatenate([track.keypoints_TKD, track.confidence_TK[..., None]], axis=-1)
    triples_TKD = np.nan_to_num(triples_TKD).astype(np.float64).round(3)
    frames = []
    for triples_KD in triples_TKD:
        person = {
            _field(part): triples_KD[list(ids)].ravel().tolist()
            for part, ids in skeleton.parts.items()
        }
        frames.append({"people": [person]})
    data = {"version": 1.3, "fps": track.fps, "names": list(skeleton.points), "frames": frames}
    path.write_text(json.dumps(data), encoding="utf-8")


def read_keypoints(path: Path, skeleton: Skeleton) -> KeypointTrack:
    """Read what :func:`write_keypoints` wrote, or an edited copy of it.

    Raises:
        ApvgError: The file is missing, damaged, holds other points than `skeleton`, or numbers that
            cannot be (see :func:`usable_points`).
    """
    check_readable(path)
    try:
        read = _read_npz if path.suffix.lower() == ".npz" else _read_json
        names, fps, triples_TKD = read(path, skeleton)
    except _DAMAGES as error:
        raise ApvgError(
            f"cannot read {path}: it is not a whole keypoint file ({error})",
            "generate it again",
            options=["keypoints"],
        ) from None
    if names != skeleton.points or triples_TKD.shape[1:] != (len(skeleton), 3):
        raise ApvgError(
            f"{path} holds {len(names)} points that are not those of the layout {skeleton.name!r} "
            f"({len(skeleton)} points)",
            "name the performer that they were made with",
            options=["performer"],
        )
    if len(triples_TKD) == 0 or not 0 < fps < np.inf:
        raise ApvgError(f"{path} holds no frames", "generate it again", options=["keypoints"])
    try:
        keypoints_TKD, confidence_TK = usable_points(
            triples_TKD[..., :2], triples_TKD[..., 2], skeleton.points
        )
    except ValueError as error:
        raise ApvgError(f"cannot use {path}: {error}") from None
    return KeypointTrack(keypoints_TKD, confidence_TK, fps)


def usable_points(
    keypoints_TKD: np.ndarray, confidence_TK: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints and their confidence as a painter can take them: NaN is how other programs say that
    a point is not there.

    Args:
        keypoints_TKD: [T, K, 2] pixels.
        confidence_TK: [T, K] in 0..1.
        names: Of the K points, for messages.

    Returns:
        The same, float32; a point of which a number is NaN has confidence 0, and lies at 0, 0.

    Raises:
        ValueError: A point is infinitely far away or much too far to be in a picture, or a
            confidence is not in 0..1; says which one, and what to do.
    """
    keypoints_TKD = np.asarray(keypoints_TKD, np.float32)
    confidence_TK = np.asarray(confidence_TK, np.float32)
    gone_TK = np.isnan(confidence_TK) | np.isnan(keypoints_TKD).any(axis=-1)
    keypoints_TKD = np.where(gone_TK[..., None], np.float32(0), keypoints_TKD)
    confidence_TK = np.where(gone_TK, np.float32(0), confidence_TK)
    for wrong_TK, what, cure in (
        (
            (np.abs(keypoints_TKD) > _FURTHEST).any(axis=-1),
            f"lies more than {_FURTHEST:g} pixels away",
            "points are given in pixels of the frames, and NaN where they are not there",
        ),
        (
            (confidence_TK < -_ROUNDING) | (confidence_TK > 1 + _ROUNDING),
            "has a confidence that is not in 0 to 1",
            "give 1 to points that are sure, 0 to those that are not there",
        ),
    ):
        if wrong_TK.any():
            frame, point = np.argwhere(wrong_TK)[0]
            raise ValueError(f"{names[point]} of frame {frame} {what}; {cure}")
    return keypoints_TKD, confidence_TK.clip(0, 1)


def _read_npz(path: Path, skeleton: Skeleton) -> tuple[tuple[str, ...], float, np.ndarray]:
    """Names of the points, frames per second, and x, y and confidence [T, K, 3]."""
    # Of a damaged archive np.load leaves a file open that it has opened itself.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
        names = tuple(map(str, data["names"]))
        # What is too large for float32 is infinite there, and is found.
        with np.errstate(over="ignore"):
            triples_TKD = np.concatenate(
                [data["keypoints"], data["confidence"][..., None]], axis=-1, dtype=np.float32
            )
        return names, float(data["fps"]), triples_TKD


def _field(part: str) -> str:
    """The name of a part in OpenPose's files; such parts as a bow are our own addition."""
    return _FIELDS.get(part, f"{part}_keypoints_2d")


def _read_json(path: Path, skeleton: Skeleton) -> tuple[tuple[str, ...], float, np.ndarray]:
    """The same of a JSON file.

    As OpenPose has it, no people, or none of a hand's numbers, stand for what is not there.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    triples_TKD = np.zeros((len(data["frames"]), len(skeleton), 3), np.float32)
    for number, (triples_KD, frame) in enumerate(zip(triples_TKD, data["frames"], strict=True)):
        for part, ids in skeleton.parts.items() if frame["people"] else ():
            field = _field(part)
            with np.errstate(over="ignore"):
                found = np.array(frame["people"][0][field], np.float64).astype(np.float32)
            if found.size:
                if found.size != 3 * len(ids):
                    raise ValueError(
                        f"{field} of frame {number} holds {found.size} numbers, not {3 * len(ids)}"
                    )
                triples_KD[list(ids)] = found.reshape(-1, 3)
    return tuple(data["names"]), float(data["fps"]), triples_TKD
