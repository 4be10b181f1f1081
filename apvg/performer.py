"""The public door: a performer turns music into keypoints and frames.

>>> performance = Performer.from_pretrained("piano").perform("song.wav")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from apvg.base.errors import ApvgError
from apvg.base.pipeline import ahead
from apvg.bundle import PerformerConfig, load_stage, read_config, read_plate
from apvg.engines.choosing import EngineName, choose_engine
from apvg.engines.protocol import Engine
from apvg.engines.pytorch import PyTorchEngine
from apvg.installed import find_performer
from apvg.instruments.instrument import Instrument, find_instrument
from apvg.instruments.keyboard import KEY_COUNT, KEY_X, Keyboard, Keys
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.keypoint_files import usable_points
from apvg.models.cvg import CoarseVideoGenerator
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.khp import KeypointPredictor
from apvg.models.pose_space import PoseSpace
from apvg.models.stu import STRIDE, StructuredTemporalUNet
from apvg.music.reading import read_audio
from apvg.music.source import open_music
from apvg.streaming import (
    BLOCK,
    CoarseVideo,
    Features,
    Painter,
    Performance,
    Posed,
    Stream,
    join,
)

if TYPE_CHECKING:
    from apvg.music.notes import Notes


#: Kinds of device that the stages run on. Others that torch knows, as "meta", compute nothing.
_DEVICES = ("cpu", "cuda", "mps", "xpu")


class Performer:
    """A trained performer: all stages, ready to play. Make one with :meth:`from_pretrained`."""

    def __init__(self, config: PerformerConfig, plate_HWC: np.ndarray) -> None:
        self.config = config
        self.plate_HWC = plate_HWC
        self.skeleton: Skeleton = config.skeleton
        stages = build_stages(config)
        self.space, self.khp, self.dlt, self.cvg, self.stu = stages
        plate_HWC1 = torch.from_numpy(np.array(plate_HWC)).permute(2, 0, 1)[None]
        self.plate_1CHW = plate_HWC1.float() / 255
        self.coarse_plate_1Chw = F.avg_pool2d(self.plate_1CHW, STRIDE)
        self.device = torch.device("cpu")
        self.engine: Engine = PyTorchEngine(self)

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "piano", device: str = "cpu", engine: EngineName = "torch"
    ) -> Performer:
        """Load a performer by name, from a folder, or from a repository "owner/name" of the Hugging Face hub.

        Args:
            name: Which one.
            device: Where its networks run: "cpu", "cuda", "mps".
            engine: What runs them: see :func:`apvg.engines.choosing.choose_engine`.

        Raises:
            ApvgError: There is no such performer, or its files are damaged.
        """
        folder = find_performer(name)
        config = read_config(folder)
        performer = cls(config, read_plate(folder, config))
        for stage in ("khp", "cvg", "fpvg"):
            load_stage(folder, config, stage, performer.stages[stage])
        performer.to(device)
        performer.engine = choose_engine(performer, engine)
        return performer

    @property
    def stages(self) -> dict[str, torch.nn.Module]:
        """The networks that have weights, by the name of their file."""
        return {"khp": self.khp, "cvg": self.cvg, "fpvg": self.stu}

    @property
    def name(self) -> str:
        """What ``--performer`` calls it."""
        return self.config.name

    @property
    def version(self) -> str:
        """First digits of the weights' joint hash: says which training a video came from."""
        return "".join(self.config.weights.get(stage, "")[:4] for stage in ("khp", "cvg", "fpvg"))

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
        """Music heard beyond the frame that is painted, seconds."""
        return self.config.lookahead_seconds

    @cached_property
    def instrument(self) -> Instrument:
        """What it plays, as far as its scene lets that be known."""
        return find_instrument(self.config.instrument).seen(self._corners_42)

    @cached_property
    def placement(self) -> Placement:
        """Where the surface that is played on lies in the picture."""
        return self.instrument.surface.place(self._corners_42)

    @property
    def _corners_42(self) -> np.ndarray | None:
        return np.array(self.config.corners) if self.config.corners else None

    @cached_property
    def keyboard(self) -> Keyboard | None:
        """The keyboard in the picture, where there is one."""
        return Keyboard(np.array(self.config.corners)) if self.config.corners else None

    def to(self, device: str) -> Performer:
        """Move all networks to a device ("cpu", "cuda", "mps").

        Raises:
            ApvgError: There is no such device here, or it is of another kind.
        """
        try:
            self.device = torch.device(device)
            if self.device.type not in _DEVICES:
                raise RuntimeError(f"of {', '.join(_DEVICES)}, it is none")
            for module in (self.space, self.khp, self.cvg, self.stu):
                module.eval().requires_grad_(False).to(self.device)
            if self.device.type == "cpu":
                for painter in (self.cvg, self.stu):
                    painter.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            self.plate_1CHW = self.plate_1CHW.to(self.device)
            self.coarse_plate_1Chw = self.coarse_plate_1Chw.to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise ApvgError(
                f"the device {device!r} is not to be had here ({str(error).splitlines()[0]}); use --device cpu"
            ) from None
        return self

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
            music: A file that FFmpeg reads, a MIDI file (played with the first soundfont that is found), or mono samples
                at :attr:`sample_rate`.
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
        transpose: int = 0,
        block: int = BLOCK,
    ) -> Stream:
        """Play music of any length as it comes: see :class:`apvg.streaming.Stream`.

        Args:
            notes: The notes, where they are known (seconds from the first sample): the hands play those rather than what
                is heard.
            transpose: How many semitones higher it is played. Pitches beyond the performer's compass are played in the
                nearest octave.
            block: Frames worked on at a time. Many are efficient, few come soon.
        """
        return Stream(self.config, self.engine, notes, transpose=transpose, block=block)

    def predict_keypoints(
        self, samples_S: np.ndarray, notes: Notes | None = None, *, transpose: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """KHP alone: keypoints [T, K, 2] in pixels and their confidence [T, K] for mono samples at `sample_rate`."""
        points = len(self.skeleton)
        keypoints = [np.zeros((0, points, 2), np.float32)]
        confidence = [np.zeros((0, points), np.float32)]
        with self.stream(notes, transpose=transpose) as stream:
            for keypoints_TKD, confidence_TK in stream.keypoints([samples_S]):
                keypoints.append(keypoints_TKD)
                confidence.append(confidence_TK)
        return np.concatenate(keypoints), np.concatenate(confidence)

    def render(
        self,
        keypoints_TKD: np.ndarray,
        confidence_TK: np.ndarray,
        samples_S: np.ndarray | None = None,
    ) -> Iterator[Performance]:
        """Paint given keypoints; with music (mono, at `sample_rate`) the coarse video is CVG's, without it the plate.

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
        yield from Painter(self.config, self.engine).run(blocks)

    def _posed(
        self, keypoints_TKD: np.ndarray, confidence_TK: np.ndarray, samples_S: np.ndarray | None
    ) -> Iterator[Posed]:
        """Given keypoints and their confidence, block by block, with the coarse video of the music."""
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
            painted += [self.coarse_plate_1Chw[0]] * (frames - len(painted))
            yield Posed(keypoints.to(self.device), confidence.to(self.device), torch.stack(painted))


def build_stages(
    config: PerformerConfig,
) -> tuple[
    PoseSpace,
    KeypointPredictor,
    DifferentiableLandmarkTransformer,
    CoarseVideoGenerator,
    StructuredTemporalUNet,
]:
    """The stages of a performer, with fresh weights, in the order that data passes them."""
    width, height = config.size
    corners_42 = np.array(config.corners) if config.corners else None
    space = PoseSpace(width, Keys().place(corners_42))
    khp = KeypointPredictor(config.khp, config.skeleton, on_keys=corners_42 is not None)
    # Pitches lie over the columns of their keys' near ends, where the hands are.
    keys_P2 = torch.tensor(np.stack([KEY_X, np.full(KEY_COUNT, 6.0)], axis=1)).float()
    columns_P = space.to_pixels(keys_P2)[:, 0] / STRIDE
    cvg = CoarseVideoGenerator(config.cvg, (height // STRIDE, width // STRIDE), columns_P)
    stu = StructuredTemporalUNet(config.stu, config.skeleton)
    bones = config.skeleton.bones if config.stu.bones else ()
    dlt = DifferentiableLandmarkTransformer(stride=STRIDE, sigma=config.sigma, bones=bones)
    return space, khp, dlt, cvg, stu
