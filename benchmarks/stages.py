"""Every stage by itself: how long a frame takes, compared with the least that its arithmetic would
take."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from apvg.engines.choosing import EngineName, choose_engine
from apvg.engines.protocol import Engine
from apvg.music.features import FeatureExtractor
from apvg.performer import Performer
from apvg.stages import Stages
from apvg.streaming import Stream
from apvg.video.writing import VideoWriter
from benchmarks.arithmetic import multiply_adds, synchronize

#: The engine's stages, in the order of the data.
STAGES = ("transcribe", "pose", "coarse", "encode", "recur", "paint")


@dataclass(frozen=True)
class Stage:
    """One stage of one performer.

    Attributes:
        name: Of the stage.
        seconds: That a frame takes.
        multiply_adds: Of a frame.
    """

    name: str
    seconds: float
    multiply_adds: int


class Watched:
    """An engine whose every call is timed, or counted."""

    def __init__(self, engine: Engine, *, count: bool = False) -> None:
        self._engine, self._count = engine, count
        self.spent: dict[str, float] = defaultdict(float)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._engine, name)
        return self._watch(name, value) if name in STAGES else value

    def _watch(self, name: str, stage: Any) -> Any:
        def watched(*inputs: Any) -> Any:
            if self._count:
                outputs: list[Any] = []
                self.spent[name] += multiply_adds(lambda: outputs.append(stage(*inputs)))
                return outputs[0]
            begin = perf_counter()
            output = stage(*inputs)
            synchronize(self._engine.device.type)
            self.spent[name] += perf_counter() - begin
            return output

        return watched


def measure_stages(
    performer: Performer, samples_S: np.ndarray, *, block: int, rounds: int = 3
) -> list[Stage]:
    """Features, all stages and the encoder on this music, one after the other; of several rounds
    the fastest of each."""
    frames = performer.config.features.frames(len(samples_S))
    counted = Watched(performer.engine, count=True)
    _stream(performer, counted, samples_S, block)
    best: dict[str, float] = {}
    for _ in range(rounds):
        timed = Watched(performer.engine)
        begin = perf_counter()
        FeatureExtractor(performer.config.features).push(samples_S)
        timed.spent["features"] = perf_counter() - begin
        frames_THWC = _stream(performer, timed, samples_S, block)
        timed.spent["write"] = _write(frames_THWC, performer.fps)
        for name, seconds in timed.spent.items():
            best[name] = min(best.get(name, seconds), seconds)
    # The look-ahead is worked on, too, though it gives no frames of its own.
    worked = frames + performer.config.khp.lookahead_frames
    return [
        Stage(name, best[name] / worked, round(counted.spent.get(name, 0) / worked))
        for name in ("features", *STAGES, "write")
    ]


def _stream(performer: Performer, engine: Any, samples_S: np.ndarray, block: int) -> np.ndarray:
    """The frames of this music, one stage after the other."""
    with Stream(performer.stages, engine, block=block) as stream:
        parts = [stream.push(samples_S), stream.finish()]
    return np.concatenate([part.frames_THWC for part in parts])


def _write(frames_THWC: np.ndarray, fps: int) -> float:
    """Seconds that the encoder takes for these frames, without sound."""
    height, width = frames_THWC.shape[1:3]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "frames.mp4"
        begin = perf_counter()
        with VideoWriter(
            path, width=width, height=height, fps=fps, audio=None, comment="benchmark"
        ) as writer:
            for frame_HWC in frames_THWC:
                writer.write(frame_HWC)
        return perf_counter() - begin


def resized(performer: Performer, size: tuple[int, int], engine: EngineName) -> Performer:
    """A performer of the same shape for pictures of another size (width, height), with fresh
    weights: as fast as a trained one."""
    width, height = size
    scale = np.array(size) / performer.config.size
    corners = performer.config.corners
    moved = corners and tuple((x * scale[0], y * scale[1]) for x, y in corners)
    config = replace(performer.config, size=size, corners=moved)
    grey_HWC = np.full((height, width, 3), 128, np.uint8)
    stages = Stages(config, grey_HWC).to(performer.device.type)
    return Performer(stages, choose_engine(stages, engine))


def measure_latency(
    performer: Performer, samples_S: np.ndarray, *, block: int
) -> tuple[float, Tensor]:
    """The stated latency of a stream that is pushed a frame's samples at a time, and the seconds
    [N] that each push with frames took. A sample's frame is there after their sum and the frame's
    own length."""
    chunk = performer.sample_rate // performer.fps
    took: list[float] = []
    with performer.stream(block=block) as stream:
        for first in range(0, len(samples_S), chunk):
            begin = perf_counter()
            if len(stream.push(samples_S[first : first + chunk])):
                took.append(perf_counter() - begin)
        return stream.latency_seconds, torch.tensor(took)
