"""Keypoints in files that other programs read and write: NPZ, or JSON with OpenPose's fields."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apvg.errors import ApvgError
from apvg.skeleton import Skeleton

SUFFIXES = (".npz", ".json")
#: Points that are less sure are not there for whoever looks.
_SEEN = 0.05
#: Part of a skeleton to OpenPose's name for it (openpose/doc/02_output.md); the instrument is our own addition.
_FIELDS = {
    "body": "pose_keypoints_2d",
    "left_hand": "hand_left_keypoints_2d",
    "right_hand": "hand_right_keypoints_2d",
    "instrument": "instrument_keypoints_2d",
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
        raise ApvgError(f"{path} is no keypoint file; give it a name that ends in .npz or .json")


def write_keypoints(path: Path, track: KeypointTrack, skeleton: Skeleton) -> None:
    """Write an NPZ (keypoints, confidence, names, fps) or a JSON file, as the suffix says.

    The JSON holds fps, names, and for each frame one person in OpenPose's fields: x, y, confidence per point.
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
            _FIELDS[part]: triples_KD[list(ids)].ravel().tolist()
            for part, ids in skeleton.parts.items()
        }
        frames.append({"people": [person]})
    data = {"version": 1.3, "fps": track.fps, "names": list(skeleton.points), "frames": frames}
    path.write_text(json.dumps(data), encoding="utf-8")


def read_keypoints(path: Path, skeleton: Skeleton) -> KeypointTrack:
    """Read what :func:`write_keypoints` wrote, or an edited copy of it.

    Raises:
        ApvgError: The file is missing, damaged, or holds other points than `skeleton`.
    """
    check_suffix(path)
    if not path.is_file():
        raise ApvgError(f"cannot read {path}: there is no such file; check the name")
    try:
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as data:
                names = tuple(map(str, data["names"]))
                triples_TKD = np.concatenate(
                    [data["keypoints"], data["confidence"][..., None]], axis=-1, dtype=np.float32
                )
                fps = float(data["fps"])
        else:
            data = json.loads(path.read_text(encoding="utf-8"))
            names, fps = tuple(data["names"]), float(data["fps"])
            triples_TKD = np.zeros((len(data["frames"]), len(skeleton), 3), np.float32)
            for triples_KD, frame in zip(triples_TKD, data["frames"], strict=True):
                for part, ids in skeleton.parts.items():
                    triples_KD[list(ids)] = np.reshape(frame["people"][0][_FIELDS[part]], (-1, 3))
    except (KeyError, IndexError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ApvgError(
            f"cannot read {path}: it is not a whole keypoint file ({error}); write it again with "
            "apvg generate --keypoints"
        ) from None
    if names != skeleton.points or triples_TKD.shape[1:] != (len(skeleton), 3):
        raise ApvgError(
            f"{path} holds {len(names)} points that are not those of the layout {skeleton.name!r} "
            f"({len(skeleton)} points); name the performer that they were made with"
        )
    if len(triples_TKD) == 0 or not fps > 0:
        raise ApvgError(f"{path} holds no frames; write it again with apvg generate --keypoints")
    return KeypointTrack(triples_TKD[..., :2], triples_TKD[..., 2], fps)
