"""Music in as it comes, frames out as soon as they can be: the one way that all music goes, whole
files too.

>>> with performer.stream(block=1) as stream:  # doctest: +SKIP
...     for samples_S in microphone:
...         show(stream.push(samples_S).frames_THWC)

Samples become feature rows (:class:`Features`), these become poses (:class:`Poses`) and the coarse
video (:class:`CoarseVideo`), and both become frames (:class:`Painter`). Each carries its state, so
that memory does not grow with the music and any cutting of it gives the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from apvg.base.conventions import STRIDE
from apvg.base.pipeline import ahead, cores, spread
from apvg.bundle import PerformerConfig
from apvg.engines.protocol import Engine, Pose
from apvg.models.fingering import (
    Agendas,
    FingeringPlanner,
    WrittenAgendas,
    plan,
    planned,
)
from apvg.models.motion import MOTION_DECODERS
from apvg.music.features import FeatureExtractor, shift_features
from apvg.music.pitch_range import RangeFolding, fold_pitch, melody_line
from apvg.stages import Stages
from apvg.video.compositing import composite

if TYPE_CHECKING:
    from apvg.music.fingering import Fingering
    from apvg.music.notes import Notes

#: Frames worked on at a time, where nobody waits for them: enough for the convolutions to be
#: efficient, little memory.
BLOCK = 8
#: Samples further from zero, 60 dB above full scale, are brought here: squares of much larger ones
#: are infinite, and would stay in the states.
_LOUDEST = 1000.0


@dataclass(frozen=True)
class Performance:
    """Frames and the keypoints behind them.

    Attributes:
        frames_THWC: RGB uint8 [T, H, W, 3].
        keypoints_TKD: float32 [T, K, 2], pixels of the frames.
        confidence_TK: float32 [T, K] in 0..1.
        coarse_ThwC: RGB uint8, CVG's coarse video at a quarter of the size.
        fps: Frames per second.
        heights_TK: float32, how high the points are above the surface that is played on (see
            :class:`apvg.models.motion.Motion`); [T, 0] where they are not known.
    """

    frames_THWC: np.ndarray
    keypoints_TKD: np.ndarray
    confidence_TK: np.ndarray
    coarse_ThwC: np.ndarray
    fps: int
    heights_TK: np.ndarray

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames_THWC)


class PredictedPoses(NamedTuple):
    """What KHP predicts of T frames.

    Attributes:
        keypoints_TKD: [T, K, 2] pixels.
        confidence_TK: 0..1.
        heights_TK: Above the surface that is played on, in white-key widths on a keyboard; [T, 0]
            where they are not known.
    """

    keypoints_TKD: np.ndarray
    confidence_TK: np.ndarray
    heights_TK: np.ndarray


class Posed(NamedTuple):
    """Frames that wait to be painted, on the engine's device.

    Attributes:
        keypoints_TKD: Pixels.
        confidence_TK: 0..1.
        coarse_TChw: CVG's coarse video in 0..1.
        heights_TK: Above the surface that is played on, pose units; [T, 0] where they are not
            known.
    """

    keypoints_TKD: Tensor
    confidence_TK: Tensor
    coarse_TChw: Tensor
    heights_TK: Tensor


class Stream:
    """One piece of music on its way through a performer. Make one with
    :meth:`apvg.Performer.stream`.

    There is a frame for every 1 / fps of the music, rounded. As a context manager it lets go of its
    states at the end.

    Attributes:
        fps: Frames per second that it gives.
        sample_rate: Of the samples that it takes, Hz.
        block: Frames that are worked on at a time.
        folding: Counts the notes that are played, and those that are moved into the pitch range.
    """

    def __init__(
        self,
        stages: Stages,
        engine: Engine,
        notes: Notes | None = None,
        *,
        fingering: Fingering | None = None,
        transpose: int = 0,
        block: int = BLOCK,
        live: bool = False,
    ) -> None:
        config = stages.config
        khp = config.khp
        # Known notes are planned as a whole, whatever sounds.
        known = live or notes is not None
        self._lookahead = khp.lookahead_frames if known else khp.longest_lookahead
        self.fps, self.sample_rate = config.features.fps, config.features.sample_rate
        self.block = block
        self._config = config
        self._features = Features(
            config, engine, transpose=transpose, block=block, lookahead=self._lookahead
        )
        self._poses = Poses(
            stages, engine, notes, fingering, transpose=transpose, lookahead=self._lookahead
        )
        self.folding = self._poses.folding
        self._coarse = CoarseVideo(config, engine)
        self._painter = Painter(stages.plate_1CHW, config, engine)
        self._over = False

    @property
    def latency_seconds(self) -> float:
        """How much later than its own moment a frame can be worked on: look-ahead and the rest of
        its block.

        What the work takes, and how long samples wait before they are pushed, comes on top.
        """
        further = self._lookahead - self._config.khp.lookahead_frames
        return self._config.lookahead_seconds + (further + self.block - 1) / self.fps

    def push(self, samples_S: np.ndarray) -> Performance:
        """Take the next samples and return what has become ready, in order; often nothing.

        Args:
            samples_S: Mono, any number of them, at :attr:`sample_rate`: floating point in -1..1, or
                signed integers of full scale. Samples that are not numbers are silence.

        Raises:
            ValueError: They are not mono samples of such a kind.
            RuntimeError: The stream is over.
        """
        return join([self.paint(posed) for posed in self.pose(samples_S)], self._config)

    def finish(self) -> Performance:
        """The frames that waited for what comes after the end of the music: silence.

        Then the stream is over.
        """
        return join([self.paint(posed) for posed in self.pose_rest()], self._config)

    def run(self, chunks: Iterable[np.ndarray]) -> Iterator[Performance]:
        """The whole of the music, in performances of one block; all stages work side by side (see
        :mod:`apvg.base.pipeline`)."""
        self._refuse_if_over()
        self._over = True
        poses = self._pose(ahead(self._features.run(chunks)))
        yield from self._painter.run(ahead(poses))

    def keypoints(self, chunks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of the whole of the music the keypoints alone, without a picture: [T, K, 2] in pixels and
        confidence [T, K], block by block."""
        for keypoints_TKD, confidence_TK, _ in self.poses(chunks):
            yield keypoints_TKD, confidence_TK

    def poses(self, chunks: Iterable[np.ndarray]) -> Iterator[PredictedPoses]:
        """The same with heights."""
        self._refuse_if_over()
        self._over = True
        for features_RF in ahead(self._features.run(chunks)):
            pose = self._poses.next(features_RF)
            if len(pose.keypoints_TKD):
                yield PredictedPoses._make(part.cpu().numpy() for part in pose)

    def pose(self, samples_S: np.ndarray) -> Iterator[Posed]:
        """The first half of :meth:`push`, for who paints elsewhere or not all; to be gone through
        to its end.

        Two threads can share the work: one goes through this, the other calls :meth:`paint` in the
        same order.
        """
        self._refuse_if_over()
        return self._pose(self._features.push(samples_S))

    def pose_rest(self) -> Iterator[Posed]:
        """The first half of :meth:`finish`."""
        self._refuse_if_over()
        self._over = True
        return self._pose(self._features.finish())

    def paint(self, posed: Posed) -> Performance:
        """The second half: frames of a block.

        Whole blocks can be left out; the picture's memory then skips them.
        """
        return self._painter.next(posed)

    def _pose(self, blocks: Iterable[Tensor]) -> Iterator[Posed]:
        """Every block as far as it can be had without painting; the first ones lie before the
        music."""
        for features_RF in blocks:
            pose = self._poses.next(features_RF)
            frames = len(pose.keypoints_TKD)
            # CVG looks less far ahead: where all that is wanted of it is there already, nobody need
            # wait for it.
            there = len(self._coarse.waiting) >= frames > 0
            if not there:
                self._coarse.feed(features_RF)
            if frames:
                coarse_TChw = torch.stack(self._coarse.take(frames))
                keypoints_TKD, confidence_TK, heights_TK = pose
                yield Posed(keypoints_TKD, confidence_TK, coarse_TChw, heights_TK)
            if there:
                self._coarse.feed(features_RF)

    def _refuse_if_over(self) -> None:
        if self._over:
            raise RuntimeError("this stream is over; open another one for other music")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self._over = True
        del self._features, self._poses, self._coarse, self._painter


class Features:
    """Samples to feature rows of `block` frames at a time, then the silence that lets the
    look-ahead run out."""

    def __init__(
        self,
        config: PerformerConfig,
        engine: Engine,
        *,
        transpose: int = 0,
        block: int = BLOCK,
        lookahead: int | None = None,
    ) -> None:
        if block < 1:
            raise ValueError(f"a block has at least 1 frame, not {block}")
        features = config.features
        self._engine, self._transpose = engine, transpose
        self._rows = block * features.rows_per_frame
        self._samples = self._rows * features.hop
        lookahead = config.khp.lookahead_frames if lookahead is None else lookahead
        silence = lookahead * features.rows_per_frame
        self._silence_RF = np.zeros((silence, features.size), np.float32)
        self._extractor = FeatureExtractor(features)
        self._waiting_RF = self._silence_RF[:0]

    def push(self, samples_S: np.ndarray) -> Iterator[Tensor]:
        """The blocks [block * rows_per_frame, F] that these samples complete (see
        :meth:`Stream.push`)."""
        samples_S = as_samples(samples_S)
        # What comes at once need not be worked on at once: memory is a block's, whatever the chunk.
        for first in range(0, len(samples_S), self._samples):
            piece_S = samples_S[first : first + self._samples]
            yield from self._whole_blocks(self._extractor.push(piece_S))

    def finish(self) -> Iterator[Tensor]:
        """The rest; the last block may be shorter."""
        yield from self._whole_blocks(self._extractor.flush())
        yield from self._whole_blocks(self._silence_RF)
        if len(self._waiting_RF):
            yield self._for_engine(self._waiting_RF)

    def run(self, chunks: Iterable[np.ndarray]) -> Iterator[Tensor]:
        """All blocks of whole music."""
        for samples_S in chunks:
            yield from self.push(samples_S)
        yield from self.finish()

    def _whole_blocks(self, features_RF: np.ndarray) -> Iterator[Tensor]:
        self._waiting_RF = np.concatenate([self._waiting_RF, features_RF])
        while len(self._waiting_RF) >= self._rows:
            yield self._for_engine(self._waiting_RF[: self._rows])
            self._waiting_RF = self._waiting_RF[self._rows :]

    def _for_engine(self, features_RF: np.ndarray) -> Tensor:
        """Features for KHP, transposed, so that the music is played higher."""
        shifted_RF = shift_features(torch.from_numpy(features_RF), self._transpose)
        return shifted_RF.to(self._engine.device)


class Poses:
    """KHP: feature rows to poses; known notes are used in place of transcribed ones.

    Args:
        stages: Of the performer.
        engine: What runs them.
        notes: The notes, where they are known.
        fingering: Their hands and fingers, as far as they are given.
        transpose: How many semitones higher the notes are played.
        lookahead: Frames of music beyond the frame that is predicted; those of live music by
            default.
    """

    def __init__(
        self,
        stages: Stages,
        engine: Engine,
        notes: Notes | None = None,
        fingering: Fingering | None = None,
        *,
        transpose: int = 0,
        lookahead: int | None = None,
    ) -> None:
        config = stages.config
        self._config, self._engine = config, engine
        self._early = config.khp.lookahead_frames if lookahead is None else lookahead
        self._notes = _playable(notes, config, transpose)
        self._agendas: Agendas | None = None
        if stages.khp.motion.planned:
            self._agendas = _agendas(config, self._notes, fingering, self._early)
        self.folding = RangeFolding(config.pitch_range)
        self._taken = 0
        self._transcriber: Any = None
        self._motion: Any = None

    @torch.inference_mode()
    def next(self, features_RF: Tensor) -> Pose:
        """Poses of the frames that these rows of whole frames complete."""
        frames = len(features_RF) // self._config.features.rows_per_frame
        notes_2TP = self._next_notes(features_RF, frames)
        self._taken += frames
        played = self.folding.fold(notes_2TP[None])[0]
        if self._agendas is not None:
            agenda_THFE = self._agendas.next(played.cpu().numpy())
            played = torch.from_numpy(agenda_THFE).to(self._engine.device)
        pose, self._motion = self._engine.pose(played, self._motion)
        early = min(self._early, frames)
        self._early -= early
        return Pose._make(part[early:] for part in pose)

    def _next_notes(self, features_RF: Tensor, frames: int) -> Tensor:
        """Onsets and sustained notes [2, T, 88] of the next frames, `delay` frames late."""
        config = self._config
        if self._notes is None:
            notes_2TP, self._transcriber = self._engine.transcribe(features_RF, self._transcriber)
            return notes_2TP
        since = self._taken - config.khp.delay
        roll_2TP = self._notes.roll(config.features.fps, frames, start=since)
        return torch.from_numpy(roll_2TP).to(self._engine.device)


def _playable(notes: Notes | None, config: PerformerConfig, transpose: int) -> Notes | None:
    """Known notes as the performer plays them: transposed, and a melody where it has one voice."""
    if notes is None:
        return None
    notes = notes.transposed(transpose)
    return melody_line(notes) if config.voices == 1 else notes


def _agendas(
    config: PerformerConfig, notes: Notes | None, fingering: Fingering | None, lookahead: int
) -> Agendas:
    """The fingering stage: of known notes planned as a whole, of transcribed ones as they come."""
    khp, fps = config.khp, config.features.fps
    if notes is None:
        held = khp.motion.held_frames
        return FingeringPlanner(
            fps,
            lookahead - khp.delay,
            first=-khp.delay,
            longest=held / fps if held else math.inf,
        )
    folded_N = [fold_pitch(int(pitch), *config.pitch_range) for pitch in notes.pitch_N]
    notes = replace(notes, pitch_N=np.array(folded_N, np.int64))
    return WrittenAgendas(planned(notes, plan(notes, fingering)), fps, first=-lookahead)


class CoarseVideo:
    """CVG: feature rows to coarse frames.

    It may look less far ahead than KHP; its frames then wait for KHP's.
    """

    def __init__(self, config: PerformerConfig, engine: Engine) -> None:
        self._engine = engine
        self._early = config.cvg.lookahead_frames  # the first outputs lie before the music
        self.waiting: list[Tensor] = []
        self._state: Any = None

    @torch.inference_mode()
    def feed(self, features_RF: Tensor) -> None:
        """Paint the frames that these rows of whole frames complete."""
        coarse_TChw, self._state = self._engine.coarse(features_RF, self._state)
        early = min(self._early, len(coarse_TChw))
        self._early -= early
        self.waiting += coarse_TChw[early:].unbind(0)

    def take(self, frames: int) -> list[Tensor]:
        """The next frames, each [3, h, w] in 0..1: so many, or as many as there are."""
        taken, self.waiting = self.waiting[:frames], self.waiting[frames:]
        return taken


class Painter:
    """DLT and STU: keypoints and coarse video to frames."""

    def __init__(self, plate_1CHW: Tensor, config: PerformerConfig, engine: Engine) -> None:
        self._plate_1CHW, self._fps, self._engine = plate_1CHW, config.features.fps, engine
        self._state: Any = None

    def next(self, posed: Posed) -> Performance:
        """The next frames."""
        encoded = self._encode(posed)
        return self._paint(self._recur(encoded))

    def run(self, blocks: Iterable[Posed]) -> Iterator[Performance]:
        """The frames of block after block of keypoints, confidence and coarse video, several blocks
        at work at once."""
        encoded = spread(self._encode, blocks, cores())
        recurred = ahead(map(self._recur, encoded))
        yield from spread(self._paint, recurred, cores())

    def _encode(self, block: Posed) -> _Block:
        return _Block(block, self._engine.encode(*block[:3]))

    def _recur(self, block: _Block) -> _Block:
        painted, self._state = self._engine.recur(block.painted, self._state)
        return block._replace(painted=painted)

    @torch.inference_mode()
    def _paint(self, block: _Block) -> Performance:
        layer = self._engine.paint(block.painted)
        return Performance(
            frames_THWC=_to_uint8(composite(self._plate_1CHW, [layer])),
            keypoints_TKD=block.posed.keypoints_TKD.cpu().numpy(),
            confidence_TK=block.posed.confidence_TK.cpu().numpy(),
            coarse_ThwC=_to_uint8(block.posed.coarse_TChw),
            fps=self._fps,
            heights_TK=block.posed.heights_TK.cpu().numpy(),
        )


class _Block(NamedTuple):
    """Some frames on their way through the STU; `painted` is as far as the engine has come with
    them."""

    posed: Posed
    painted: Any


def as_samples(samples_S: np.ndarray) -> np.ndarray:
    """Mono samples of any kind that :meth:`Stream.push` takes as float32 in -1..1, finite."""
    if samples_S.ndim != 1 or samples_S.dtype.kind not in "fi":
        raise ValueError(
            "mono samples are wanted, [S] of floating point or signed integers, "
            f"not {samples_S.dtype} {list(samples_S.shape)}"
        )
    if samples_S.dtype.kind == "i":
        return samples_S.astype(np.float32) / 2.0 ** (8 * samples_S.itemsize - 1)
    samples_S = samples_S.astype(np.float32, copy=False)
    samples_S = np.nan_to_num(samples_S, nan=0.0, posinf=0.0, neginf=0.0)
    return samples_S.clip(-_LOUDEST, _LOUDEST)


def join(parts: Sequence[Performance], config: PerformerConfig) -> Performance:
    """Consecutive performances as one; none give empty arrays."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        width, height = config.size
        empty_THWC = np.zeros((0, height, width, 3), np.uint8)
        empty_ThwC = np.zeros((0, height // STRIDE, width // STRIDE, 3), np.uint8)
        empty_TKD = np.zeros((0, len(config.skeleton), 2), np.float32)
        fps = config.features.fps
        # Of as many points as the motion decoder says the heights of.
        planned = MOTION_DECODERS[config.khp.motion.decoder].planned
        heights_TK = np.zeros((0, len(config.skeleton) if planned else 0), np.float32)
        return Performance(empty_THWC, empty_TKD, empty_TKD[..., 0], empty_ThwC, fps, heights_TK)
    return Performance(
        np.concatenate([part.frames_THWC for part in parts]),
        np.concatenate([part.keypoints_TKD for part in parts]),
        np.concatenate([part.confidence_TK for part in parts]),
        np.concatenate([part.coarse_ThwC for part in parts]),
        parts[0].fps,
        np.concatenate([part.heights_TK for part in parts]),
    )


def _to_uint8(frames_TCHW: Tensor) -> np.ndarray:
    """[T, C, H, W] in 0..1 to RGB uint8 [T, H, W, C]."""
    scaled = frames_TCHW.clamp(0, 1).mul(255).round().to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()
