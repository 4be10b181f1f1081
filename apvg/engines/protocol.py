"""What an engine is: something that runs the stages of one performer."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from apvg.video.compositing import Layer


class Pose(NamedTuple):
    """Poses of T frames, as KHP predicts them.

    Attributes:
        keypoints_TKD: Pixels [T, K, 2].
        confidence_TK: 0..1.
        heights_TK: Above the surface that is played on, pose units; [T, 0] where they are not
            known.
    """

    keypoints_TKD: Tensor
    confidence_TK: Tensor
    heights_TK: Tensor


class Engine(Protocol):
    """Runs the stages of one performer, for one piece of music at a time.

    A method with a state takes the next frames, however many, and the state that it returned with
    those before (None at the start of the music). Any cutting into chunks gives the output of the
    whole. States belong to the engine; nobody else looks into them. An engine itself has no state,
    so that any number of streams, and of threads, can share it.
    """

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        ...

    def transcribe(self, features_RF: Tensor, state: Any) -> tuple[Tensor, Any]:
        """KHP's transcriber: feature rows of T whole frames to onset and sustained [2, T, 88],
        0..1, `KHPConfig.delay` frames late."""
        ...

    def pose(self, played: Tensor, state: Any) -> tuple[Pose, Any]:
        """KHP's motion decoder: those notes to poses `khp.lookahead_frames` late; or the agendas
        [T, 2, 5, 15] of the fingering stage to poses of the same frames."""
        ...

    def coarse(self, features_RF: Tensor, state: Any) -> tuple[Tensor, Any]:
        """CVG: feature rows of T whole frames to coarse video [T, 3, h, w] in 0..1,
        `cvg.lookahead_frames` late."""
        ...

    def encode(self, keypoints_TKD: Tensor, confidence_TK: Tensor, coarse_TChw: Tensor) -> Any:
        """DLT and the STU's encoder: every frame by itself, so without a state."""
        ...

    def recur(self, encoded: Any, state: Any) -> tuple[Any, Any]:
        """The STU's recurrence from frame to frame: what :meth:`encode` gave, with its hidden
        states."""
        ...

    def paint(self, recurred: Any) -> Layer:
        """The STU's decoder: colour [T, 3, H, W] and matte [T, 1, H, W] in 0..1; every frame by
        itself again."""
        ...
