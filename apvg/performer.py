"""The public door: a performer turns music into keypoints and frames.

>>> performance = Performer.from_pretrained("piano").perform("song.wav")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from apvg.base.pipeline import ahead
from apvg.engines.choosing import EngineName, choose_engine
from apvg.engines.protocol import Engine
from apvg.engines.pytorch import PyTorchEngine
from apvg.installed import find_performer
from apvg.instruments.instrument import Instrument
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.keypoint_files import usable_points
from apvg.music.reading import read_audio
from apvg.music.source import open_music
from apvg.stages import Stages
from apvg.streaming import (
    BLOCK,
    CoarseVideo,
    Features,
    Painter,
    Performance,
    Posed,
    PredictedPoses,
    Stream,
    join,
)

if TYPE_CHECKING:
    from apvg.music.fingering import Fingering
    from apvg.music.notes import Notes


class Performer:
    """A trained performer: all stages, ready to play. Make one with :meth:`from_pretrained`."""

    def __init__(self, stages: Stages, engine: Engine | None = None) -> None:
        """
        Args:
            stages: Its networks and plate.
            engine: What runs them; PyTorch in full precision by default.
        """
        self.stages, self.config = stages, stages.config
        self.skeleton: Skeleton = stages.config.skeleton
        self.plate_HWC = stages.plate_HWC
        self.engine: Engine = engine or PyTorchEngine(stages)

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "piano", device: str = "cpu", engine: EngineName = "torch"
    ) -> Performer:
        """Load a performer by name, from a folder, or from a repository "owner/name" of the Hugging
        Face hub.

        Args:
            name: Which one.
            device: Where its networks run: "cpu", "cuda", "mps".
            engine: What runs them: see :func:`apvg.engines.choosing.choose_engine`.

        Raises:
            ApvgError: There is no such performer, or its files are damaged.
        """
        stages = Stages.load(find_performer(name)).to(device)
        return cls(stages, choose_engine(stages, engine))

    @property
    def name(self) -> str:
        """What ``--performer`` calls it."""
        return self.config.name

    @property
    def version(self) -> str:
        """First digits of the hashes of its weights: says which training a video came from."""
        return self.config.version

    @property
    def fps(self) -> int:
        """Frames of video per second."""
        return self.config.features.fps

    @property
    def sample_rate(self) -> int:
        """Rate of the samples that :meth:`stream` takes, Hz."""
        return self.config.features.sample_rate

    @property
    def lookahead_seconds(self) -> float:
        """Look-ahead: music beyond the frame that is painted, seconds."""
        return self.config.lookahead_seconds

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.stages.device

    @property
    def instrument(self) -> Instrument:
        """What is played."""
        return self.stages.instrument

    @property
    def placement(self) -> Placement:
        """Where the surface that is played on lies in the picture."""
        return self.stages.placement

    def perform(
        self,
        music: str | Path | np.ndarray,
        *,
        start: float = 0.0,
        duration: float | None = None,
        notes: Notes | None = None,
        transpose: int = 0,
    ) -> Performance:
        """Play short music whole; for any length use :meth:`stream`.

        Args:
            music: A file that FFmpeg reads, a MIDI file (played with the first soundfont that is
                found), or mono samples at :attr:`sample_rate`.
            start: Where in a file to begin, seconds.
            duration: How much of a file to play, seconds; all by default.
            notes: The notes of samples, where they are known: see :meth:`stream`.
            transpose: How many semitones higher it is played.
        """
        if isinstance(music, np.ndarray):
            return self._perform(music, notes, transpose)
        with open_music(music) as opened:
            samples_S = read_audio(opened.audio, self.sample_rate, start=start, duration=duration)
            notes = opened.notes.shifted(-start) if opened.notes is not None else None
        return self._perform(samples_S, notes, transpose)

    def _perform(self, samples_S: np.ndarray, notes: Notes | None, transpose: int) -> Performance:
        with self.stream(notes, transpose=transpose) as stream:
            return join(list(stream.run([samples_S])), self.config)

    def stream(
        self,
        notes: Notes | None = None,
        *,
        fingering: Fingering | None = None,
        transpose: int = 0,
        block: int = BLOCK,
        live: bool = False,
    ) -> Stream:
        """Play music of any length as it comes: see :class:`apvg.streaming.Stream`.

        Args:
            notes: The notes, where they are known (seconds from the first sample): the performer
                plays those rather than transcribed ones.
            fingering: Hands and fingers of these notes, as far as they are given; the performer
                plans the others.
            transpose: How many semitones higher it is played. Pitches beyond the performer's pitch
                range are played in the nearest octave.
            block: Frames worked on at a time. Many are efficient, few come soon.
            live: Look no further ahead than live music allows. Otherwise fingers are planned
                further ahead, and frames come later.
        """
        return Stream(
            self.stages,
            self.engine,
            notes,
            fingering=fingering,
            transpose=transpose,
            block=block,
            live=live,
        )

    def predict_keypoints(
        self, samples_S: np.ndarray, notes: Notes | None = None, *, transpose: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """KHP alone: keypoints [T, K, 2] in pixels and their confidence [T, K] for mono samples at
        `sample_rate`."""
        keypoints_TKD, confidence_TK, _ = self.predict_poses(samples_S, notes, transpose=transpose)
        return keypoints_TKD, confidence_TK

    def predict_poses(
        self,
        samples_S: np.ndarray,
        notes: Notes | None = None,
        *,
        fingering: Fingering | None = None,
        transpose: int = 0,
    ) -> PredictedPoses:
        """The same with heights, and with the fingering of known notes where it is given."""
        points = len(self.skeleton)
        heights = points if self.stages.khp.motion.planned else 0
        nothing = PredictedPoses(
            np.zeros((0, points, 2), np.float32),
            np.zeros((0, points), np.float32),
            np.zeros((0, heights), np.float32),
        )
        with self.stream(notes, fingering=fingering, transpose=transpose) as stream:
            parts = [nothing, *stream.poses([samples_S])]
        return PredictedPoses._make(np.concatenate(part) for part in zip(*parts, strict=True))

    def render(
        self,
        keypoints_TKD: np.ndarray,
        confidence_TK: np.ndarray,
        samples_S: np.ndarray | None = None,
    ) -> Iterator[Performance]:
        """Paint given keypoints; with music (mono, at `sample_rate`) the coarse video is CVG's,
        without it the plate.

        Args:
            keypoints_TKD: [T, K, 2] pixels; NaN where a point is not there.
            confidence_TK: [T, K] in 0..1.
            samples_S: The music.

        Raises:
            ValueError: A number cannot be; see :func:`apvg.keypoint_files.usable_points`.
        """
        keypoints_TKD, confidence_TK = usable_points(
            keypoints_TKD, confidence_TK, self.skeleton.points
        )
        blocks = ahead(self._posed(keypoints_TKD, confidence_TK, samples_S))
        yield from Painter(self.stages.plate_1CHW, self.config, self.engine).run(blocks)

    def _posed(
        self, keypoints_TKD: np.ndarray, confidence_TK: np.ndarray, samples_S: np.ndarray | None
    ) -> Iterator[Posed]:
        """Given keypoints and their confidence, block by block, with the coarse video of the
        music."""
        features, coarse = Features(self.config, self.engine), CoarseVideo(self.config, self.engine)
        blocks = features.run([samples_S]) if samples_S is not None else iter(())
        for first in range(0, len(keypoints_TKD), BLOCK):
            block = slice(first, first + BLOCK)
            keypoints = torch.from_numpy(np.asarray(keypoints_TKD[block], np.float32))
            confidence = torch.from_numpy(np.asarray(confidence_TK[block], np.float32))
            frames = len(keypoints)
            while len(coarse.waiting) < frames and (features_RF := next(blocks, None)) is not None:
                coarse.feed(features_RF)
            # Music shorter than the keypoints: the rest is painted from the plate.
            painted = coarse.take(frames)
            painted += [self.stages.coarse_plate_1Chw[0]] * (frames - len(painted))
            yield Posed(
                keypoints.to(self.device),
                confidence.to(self.device),
                torch.stack(painted),
                torch.zeros(frames, 0),
            )
