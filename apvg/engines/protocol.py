"""What an engine is: something that runs the stages, each with the state that it hands on."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Engine(Protocol):
    """Runs the stages of one performer, for one piece of music at a time.

    Every method that has a state takes the next frames, however many, and the state that it returned with those before (None
    at the start of the music), and gives for any cutting what it gives for the whole. States belong to the engine; nobody
    else looks into them. An engine itself remembers nothing, so that any number of streams, and of threads, can share it.
    """

    @property
    def name(self) -> str:
        """What it is called where the user is told which one works."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its tensors lie."""
        ...

    def hear(self, features_RF: Tensor, state: Any) -> tuple[Tensor, Any]:
        """KHP's ears: feature rows of T whole frames to keys struck and held [2, T, 88], 0..1, `KHPConfig.delay` frames late."""
        ...

    def play(self, notes_2TP: Tensor, state: Any) -> tuple[Tensor, Tensor, Any]:
        """KHP's hands: those notes to keypoints [T, K, 2] in pixels and confidence [T, K], `khp.lookahead_frames` late."""
        ...

    def cvg(self, features_RF: Tensor, state: Any) -> tuple[Tensor, Any]:
        """CVG: feature rows of T whole frames to coarse video [T, 3, h, w] in 0..1, `cvg.lookahead_frames` late."""
        ...

    def encode(self, keypoints_TKD: Tensor, confidence_TK: Tensor, coarse_TChw: Tensor) -> Any:
        """DLT and the STU's way down: every frame by itself, so without a state."""
        ...

    def remember(self, encoded: Any, state: Any) -> tuple[Any, Any]:
        """The STU's memory from frame to frame: what :meth:`encode` gave, with what it calls to mind."""
        ...

    def decode(self, remembered: Any) -> Tensor:
        """The STU's way up: frames [T, 3, H, W] in 0..1; every frame by itself again."""
        ...
