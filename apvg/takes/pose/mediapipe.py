"""Keypoints by MediaPipe's own models, the ones in its wheel (0.10.21): nothing is downloaded."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS, Skeleton
from apvg.takes.pose.assignment import assign_hands
from apvg.takes.pose.detections import Detections


@contextmanager
def _without_opencv() -> Iterator[None]:
    """Where OpenCV cannot be loaded, an empty module stands in its place meanwhile.

    Its library wants the system's OpenGL, which servers lack. MediaPipe needs it for drawing alone,
    and we draw nothing.
    """
    try:
        import cv2  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError:
        sys.modules["cv2"] = ModuleType("cv2")
        try:
            yield
        finally:
            del sys.modules["cv2"]
    else:
        yield


try:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without_opencv():
        from mediapipe.python.solutions.hands import Hands  # pyright: ignore[reportMissingImports]
        from mediapipe.python.solutions.holistic import Holistic  # pyright: ignore[reportMissingImports]
except ImportError as error:
    found = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    raise ApvgError(
        *(
            (
                f"MediaPipe 0.10.21, which finds the keypoints, has no build for {found}",
                "use Python 3.11 or 3.12 and: pip install 'apvg[pose]'",
            )
            if sys.version_info >= (3, 13)
            else (
                f"keypoints are found with MediaPipe, which cannot be loaded ({error})",
                "pip install 'apvg[pose]'",
            )
        )
    ) from error

#: The 33 points of MediaPipe's pose model that the layout's body keeps.
_POSE_POINTS = {
    "nose": 0,
    "left_ear": 7,
    "right_ear": 8,
    "left_shoulder": 11,
    "right_shoulder": 12,
    "left_elbow": 13,
    "right_elbow": 14,
    "left_hip": 23,
    "right_hip": 24,
}
_FOUND = 0.5
#: Where a hand is known to be, less evidence is enough.
_FOUND_AGAIN = 0.3


class Tracker:
    """Tracks one performer through the frames of a video; a
    :class:`apvg.takes.pose.detections.PoseTracker`.

    Args:
        skeleton: ``HANDS`` (hands alone, the hands model) or ``BODY_AND_HANDS`` (the holistic
            model: the body first, then each hand around the wrist that belongs to it).
    """

    def __init__(self, skeleton: Skeleton) -> None:
        if skeleton not in (HANDS, BODY_AND_HANDS):
            raise ValueError(f"MediaPipe knows no layout {skeleton.name!r}")
        self.skeleton = skeleton
        self.body_points = len(skeleton.part("body"))
        # The models take a second to load, so each is loaded when it is first used.
        self._moving: Any = None
        self._still: Any = None

    def restart(self) -> None:
        """Forget the frames so far."""
        if self._moving is not None:
            self._moving.close()
            self._moving = None

    def _load_moving(self) -> Any:
        settings: dict[str, Any] = {
            "min_detection_confidence": _FOUND,
            "min_tracking_confidence": _FOUND,
        }
        if self.body_points:
            # Its own smoothing lags behind.
            settings |= {"model_complexity": 1, "smooth_landmarks": False}
            return _Quiet(Holistic, **settings)
        return _Quiet(Hands, max_num_hands=2, model_complexity=1, **settings)

    def close(self) -> None:
        """Free the models."""
        for model in (self._moving, self._still):
            if model is not None:
                model.close()

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def see(self, image_HWC: np.ndarray) -> Detections:
        """What is detected in the next frame (RGB uint8, all of one size), in its pixels; one
        frame."""
        if self._moving is None:
            self._moving = self._load_moving()
        detections = Detections.empty(1, self.body_points)
        result = self._moving.process(image_HWC)
        if not self.body_points:
            # The graph sometimes gives three hands, though two were asked for.
            hands = sorted(_hands(result, image_HWC), key=lambda hand: -hand.score)[:2]
            for m, hand in enumerate(hands):
                detections.hands_TMPD[0, m] = hand.points_PD
                detections.score_TM[0, m] = hand.score
                detections.right_TM[0, m] = hand.right
            return detections
        if result.pose_landmarks is not None:
            landmarks = result.pose_landmarks.landmark
            for k, name in enumerate(self.skeleton.points[: self.body_points]):
                landmark = landmarks[_POSE_POINTS[name]]
                detections.visibility_TB[0, k] = landmark.visibility
                detections.body_TBD[0, k] = _pixels([landmark], image_HWC)[0]
        for m, hand in enumerate((result.left_hand_landmarks, result.right_hand_landmarks)):
            if hand is not None:
                detections.hands_TMPD[0, m] = _pixels(hand.landmark, image_HWC)
                detections.score_TM[0, m] = 1.0
                detections.right_TM[0, m] = float(m)
        return detections

    def find_hands(self, image_HWC: np.ndarray) -> list[np.ndarray]:
        """The hands [21, 2] in a still picture, in its pixels, whatever was seen before."""
        if self._still is None:
            self._still = _Quiet(
                Hands,
                static_image_mode=True,
                max_num_hands=2,
                model_complexity=1,
                min_detection_confidence=_FOUND_AGAIN,
            )
        return [hand.points_PD for hand in _hands(self._still.process(image_HWC), image_HWC)]


def track_hands(frames: Iterable[np.ndarray], fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Both hands as tracked: no gap filled, nothing smoothed.

    Args:
        frames: RGB uint8 [H, W, 3], all of one size.
        fps: Frames per second; the tracker goes by the order alone.

    Returns:
        keypoints_TKD: [T, 42, 2] float32 in pixels, layout ``HANDS``; 0 where not seen.
        confidence_TK: [T, 42] float32; 0 where the hand was not seen in that frame.
    """
    with Tracker(HANDS) as tracker:
        detections = Detections.concatenate(
            [Detections.empty(0, 0), *(tracker.see(frame_HWC) for frame_HWC in frames)]
        )
    hands_THPD, score_TH = assign_hands(detections)
    keypoints_TKD = np.nan_to_num(hands_THPD).reshape(-1, len(HANDS), 2)
    return keypoints_TKD, np.repeat(score_TH, len(HANDS) // 2, axis=1)


@dataclass(frozen=True)
class _Hand:
    points_PD: np.ndarray
    score: float
    right: float


def _hands(result: Any, image_HWC: np.ndarray) -> list[_Hand]:
    found = []
    for landmarks, handedness in zip(
        result.multi_hand_landmarks or (), result.multi_handedness or (), strict=True
    ):
        label = handedness.classification[0]
        # The model takes every picture for a mirrored one: what it calls left is a right hand.
        right = label.score if label.label == "Left" else 1 - label.score
        found.append(_Hand(_pixels(landmarks.landmark, image_HWC), label.score, right))
    return found


def _pixels(landmarks: Iterable[Any], image_HWC: np.ndarray) -> np.ndarray:
    height, width = image_HWC.shape[:2]
    return np.array([(point.x * width, point.y * height) for point in landmarks], np.float32)


class _Quiet:
    """A MediaPipe model that does not fill the terminal with notes to its developers, which no
    setting turns off."""

    def __init__(self, kind: type, **settings: Any) -> None:
        with _native_stderr_silenced():
            self._model = kind(**settings)
            # Its threads would still be talking as they load the networks, were the first picture
            # not awaited.
            self._process(np.zeros((64, 64, 3), np.uint8))

    def process(self, image_HWC: np.ndarray) -> Any:
        with _native_stderr_silenced():
            return self._process(image_HWC)

    def close(self) -> None:
        self._model.close()

    def _process(self, image_HWC: np.ndarray) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # protobuf's deprecations
            return self._model.process(np.ascontiguousarray(image_HWC))


@contextmanager
def _native_stderr_silenced() -> Iterator[None]:
    """Nothing that C++ prints reaches the terminal meanwhile."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
