"""The public door: a performer turns music into keypoints and frames.

>>> performance = Performer.from_pretrained("piano").perform("song.wav")  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.audio.features import FeatureExtractor, shift_features
from apvg.audio.music import open_music
from apvg.audio.reading import read_audio
from apvg.bundle import PerformerConfig, load_stage, read_config, read_plate
from apvg.errors import ApvgError
from apvg.keyboard import KEY_COUNT, KEY_X, Keyboard
from apvg.models.cvg import CoarseVideoGenerator, CVGState
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.khp import HearingState, KeypointPredictor
from apvg.models.moving import MovingState
from apvg.models.space import PoseSpace
from apvg.models.stu import STRIDE, StructuredTemporalUNet
from apvg.part import Part, one_voice
from apvg.skeleton import Skeleton

if TYPE_CHECKING:
    from apvg.midi import Notes

BLOCK = 8  # frames worked on at a time: enough for the convolutions to be efficient, little memory, little delay


@dataclass(frozen=True)
class Performance:
    """Frames and the keypoints behind them.

    Attributes:
        frames_THWC: RGB uint8 [T, H, W, 3].
        keypoints_TKD: float32 [T, K, 2], pixels of the frames.
        confidence_TK: float32 [T, K] in 0..1.
        coarse_ThwC: RGB uint8, CVG's coarse video at a quarter of the size.
        fps: Frames per second.
    """

    frames_THWC: np.ndarray
    keypoints_TKD: np.ndarray
    confidence_TK: np.ndarray
    coarse_ThwC: np.ndarray
    fps: int


@dataclass(frozen=True)
class Installed:
    """A performer that is there to be used: `size` in bytes."""

    name: str
    instrument: str
    size: int
    licence: str


class Performer:
    """A trained performer: all stages, ready to play. Make one with :meth:`from_pretrained`."""

    def __init__(self, config: PerformerConfig, plate_HWC: np.ndarray) -> None:
        width, height = config.size
        self.config = config
        self.plate_HWC = plate_HWC
        self.skeleton: Skeleton = config.skeleton
        stages = build_stages(config)
        self.space, self.khp, self.dlt, self.cvg, self.stu = stages
        plate_HWC1 = torch.from_numpy(np.array(plate_HWC)).permute(2, 0, 1)[None]
        self._plate_1CHW = plate_HWC1.float() / 255
        self._plate_1Chw = F.avg_pool2d(self._plate_1CHW, STRIDE)
        self.device = torch.device("cpu")
        self._size_HW = (height, width)

    @classmethod
    def from_pretrained(cls, name: str | Path = "piano", device: str = "cpu") -> Performer:
        """Load a performer by name, from a folder, or from a repository "owner/name" of the Hugging Face hub.

        Raises:
            ApvgError: There is no such performer, or its files are damaged.
        """
        folder = find_performer(name)
        config = read_config(folder)
        performer = cls(config, read_plate(folder, config))
        for stage in ("khp", "cvg", "fpvg"):
            load_stage(folder, config, stage, performer.stages[stage])
        return performer.to(device)

    @property
    def stages(self) -> dict[str, torch.nn.Module]:
        """The networks that have weights, by the name of their file."""
        return {"khp": self.khp, "cvg": self.cvg, "fpvg": self.stu}

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def version(self) -> str:
        """First digits of the weights' joint hash: says which training a video came from."""
        return "".join(self.config.weights.get(stage, "")[:4] for stage in ("khp", "cvg", "fpvg"))

    @property
    def fps(self) -> int:
        return self.config.features.fps

    @property
    def sample_rate(self) -> int:
        """Rate of the samples that :meth:`stream` takes, Hz."""
        return self.config.features.sample_rate

    @property
    def lookahead_seconds(self) -> float:
        """Music heard beyond the frame that is painted."""
        features = self.config.features
        group = (features.rows_per_frame - 1) / (features.rows_per_frame * features.fps)
        return self.config.khp.lookahead_frames / features.fps + group + features.lookahead_seconds

    @cached_property
    def keyboard(self) -> Keyboard | None:
        """The keyboard in the picture, where there is one."""
        return Keyboard(np.array(self.config.corners)) if self.config.corners else None

    def to(self, device: str) -> Performer:
        """Move all networks to a device ("cpu", "cuda", "mps")."""
        try:
            self.device = torch.device(device)
            for module in (self.space, self.khp, self.cvg, self.stu):
                module.eval().requires_grad_(False).to(self.device)
            if self.device.type == "cpu":
                self.stu.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            self._plate_1CHW = self._plate_1CHW.to(self.device)
            self._plate_1Chw = self._plate_1Chw.to(self.device)
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
            return _join(list(self.stream([music], notes, transpose=transpose)), self)
        with open_music(music) as opened:
            samples_S = read_audio(opened.audio, self.sample_rate, start=start, duration=duration)
            notes = opened.notes.shifted(-start) if opened.notes is not None else None
        return _join(list(self.stream([samples_S], notes, transpose=transpose)), self)

    @torch.inference_mode()
    def stream(
        self,
        chunks: Iterable[np.ndarray],
        notes: Notes | None = None,
        *,
        transpose: int = 0,
        part: Part | None = None,
    ) -> Iterator[Performance]:
        """Play music of any length: mono samples at :attr:`sample_rate` in, short performances out, in order.

        There is a frame for every 1 / fps of the music, rounded; memory does not grow. Where the notes are known (seconds
        from the first sample), the hands play those rather than what is heard. Pitches beyond the performer's compass are
        played in the nearest octave; :meth:`part`, where given, counts them.
        """
        painter = _Painter(self)
        for poses in self._predict(
            chunks, coarse=True, notes=notes, transpose=transpose, part=part
        ):
            yield painter.paint(*poses)

    def part(self) -> Part:
        """What this performer plays of some music; for one call of :meth:`stream`."""
        return Part(self.config.compass)

    @torch.inference_mode()
    def predict_keypoints(
        self, samples_S: np.ndarray, notes: Notes | None = None, *, transpose: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """KHP alone: keypoints [T, K, 2] in pixels and their confidence [T, K] for mono samples at `sample_rate`."""
        predicted = self._predict([samples_S], coarse=False, notes=notes, transpose=transpose)
        blocks = list(predicted)
        keypoints = [keypoints_TKD.cpu().numpy() for keypoints_TKD, _, _ in blocks]
        confidence = [confidence_TK.cpu().numpy() for _, confidence_TK, _ in blocks]
        points = len(self.skeleton)
        return (
            np.concatenate([np.zeros((0, points, 2), np.float32), *keypoints]),
            np.concatenate([np.zeros((0, points), np.float32), *confidence]),
        )

    @torch.inference_mode()
    def render(
        self,
        keypoints_TKD: np.ndarray,
        confidence_TK: np.ndarray,
        samples_S: np.ndarray | None = None,
    ) -> Iterator[Performance]:
        """Paint given keypoints; with music (mono, at `sample_rate`) the coarse video is CVG's, without it the plate."""
        frames = len(keypoints_TKD)
        coarse_blocks = (
            (coarse for _, _, coarse in self._predict([samples_S], coarse=True))
            if samples_S is not None
            else iter(())
        )
        held_TChw = self._plate_1Chw[:0]
        painter = _Painter(self)
        for first in range(0, frames, BLOCK):
            span = slice(first, min(first + BLOCK, frames))
            wanted = span.stop - span.start
            while len(held_TChw) < wanted and (block := next(coarse_blocks, None)) is not None:
                held_TChw = torch.cat([held_TChw, block])
            # Music shorter than the keypoints: the rest is painted from the plate.
            missing = self._plate_1Chw.expand(max(wanted - len(held_TChw), 0), -1, -1, -1)
            coarse_TChw = torch.cat([held_TChw[:wanted], missing])
            held_TChw = held_TChw[wanted:]
            keypoints = torch.from_numpy(np.asarray(keypoints_TKD[span], np.float32))
            confidence = torch.from_numpy(np.asarray(confidence_TK[span], np.float32))
            yield painter.paint(keypoints.to(self.device), confidence.to(self.device), coarse_TChw)

    def _predict(
        self,
        chunks: Iterable[np.ndarray],
        *,
        coarse: bool,
        notes: Notes | None = None,
        transpose: int = 0,
        part: Part | None = None,
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Keypoints [T, K, 2], confidence [T, K] and coarse video [T, 3, h, w], block by block.

        Where the notes are given, KHP need not listen for them.
        """
        config = self.config
        part = part or self.part()
        if notes is not None:
            notes = notes.transposed(transpose)
            notes = one_voice(notes) if config.voices == 1 else notes
        hearing: HearingState | None = None
        moving: MovingState | None = None
        cvg_state: CVGState | None = None
        early = config.khp.lookahead_frames  # the first outputs lie before the music
        # CVG may look less far ahead than KHP; its frames then wait for KHP's.
        behind = config.khp.lookahead_frames - config.cvg.lookahead_frames
        waiting_TChw = self._plate_1Chw.expand(behind, -1, -1, -1)
        first = 0
        for features_RF in self._feature_blocks(chunks):
            # Music that is heard higher is played higher.
            heard_RF = shift_features(torch.from_numpy(features_RF), transpose)
            features_1RF = heard_RF[None].to(self.device)
            frames = len(features_RF) // config.features.rows_per_frame
            if notes is None:
                heard, hearing = self.khp.hear(features_1RF, hearing)
                told_12TP = heard.notes_B2TP
            else:
                since = first - config.khp.listening.delay
                roll_2TP = notes.roll(self.fps, frames, start=since)
                told_12TP = torch.from_numpy(roll_2TP)[None].to(self.device)
            motion, moving = self.khp.play(part.take(told_12TP), moving)
            first += frames
            coarse_TChw = self._plate_1Chw.expand(frames, -1, -1, -1)
            if coarse:
                painted, cvg_state = self.cvg(features_1RF, self._plate_1Chw, cvg_state)
                coarse_TChw = torch.cat([waiting_TChw, painted.frames_BTChw[0]])
                coarse_TChw, waiting_TChw = coarse_TChw[:frames], coarse_TChw[frames:]
            if early >= frames:
                early -= frames
                continue
            keypoints_TKD = self.space.to_pixels(motion.poses_BTKD[0, early:])
            confidence_TK = self._confidence(motion.seen_BTH[0, early:])
            yield keypoints_TKD, confidence_TK, coarse_TChw[early:]
            early = 0

    def _confidence(self, seen_TH: Tensor) -> Tensor:
        """Every point of a hand is as sure as the hand; points of no hand are taken as seen."""
        confidence_TK = seen_TH.new_ones(len(seen_TH), len(self.skeleton))
        for hand, ids in enumerate(self.skeleton.hands.values()):
            confidence_TK[:, list(ids)] = seen_TH[:, hand, None].sigmoid()
        return confidence_TK

    def _feature_blocks(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Feature rows in blocks of BLOCK frames, then the silence that lets the lookahead run out."""
        config = self.config.features
        rows = BLOCK * config.rows_per_frame
        extractor = FeatureExtractor(config)
        waiting_RF = np.zeros((0, config.size), np.float32)
        for samples_S in chunks:
            waiting_RF = np.concatenate([waiting_RF, extractor.push(samples_S)])
            while len(waiting_RF) >= rows:
                yield waiting_RF[:rows]
                waiting_RF = waiting_RF[rows:]
        silence_RF = np.zeros(
            (self.config.khp.lookahead_frames * config.rows_per_frame, config.size), np.float32
        )
        waiting_RF = np.concatenate([waiting_RF, extractor.flush(), silence_RF])
        for first in range(0, len(waiting_RF), rows):
            yield waiting_RF[first : first + rows]


class _Painter:
    """DLT and STU with the state that goes from block to block."""

    def __init__(self, performer: Performer) -> None:
        self.performer = performer
        self.state_BCHW: Tensor | None = None

    def paint(
        self, keypoints_TKD: Tensor, confidence_TK: Tensor, coarse_TChw: Tensor
    ) -> Performance:
        performer = self.performer
        heatmaps_1TKhw = performer.dlt(keypoints_TKD[None], confidence_TK[None], performer._size_HW)
        painting, self.state_BCHW = performer.stu(
            coarse_TChw[None],
            heatmaps_1TKhw,
            keypoints_TKD[None],
            performer._plate_1CHW,
            self.state_BCHW,
        )
        return Performance(
            frames_THWC=_to_uint8(painting.frames_BTCHW[0]),
            keypoints_TKD=keypoints_TKD.cpu().numpy(),
            confidence_TK=confidence_TK.cpu().numpy(),
            coarse_ThwC=_to_uint8(coarse_TChw),
            fps=performer.fps,
        )


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
    space = PoseSpace(width, corners_42)
    khp = KeypointPredictor(config.khp, config.skeleton, on_keys=corners_42 is not None)
    # Pitches lie over the columns of their keys' near ends, where the hands are.
    keys_P2 = torch.tensor(np.stack([KEY_X, np.full(KEY_COUNT, 6.0)], axis=1)).float()
    columns_P = space.to_pixels(keys_P2)[:, 0] / STRIDE
    cvg = CoarseVideoGenerator(config.cvg, (height // STRIDE, width // STRIDE), columns_P)
    stu = StructuredTemporalUNet(config.stu, config.skeleton)
    bones = config.skeleton.bones if config.stu.bones else ()
    dlt = DifferentiableLandmarkTransformer(stride=STRIDE, sigma=config.sigma, bones=bones)
    return space, khp, dlt, cvg, stu


def performers() -> list[Installed]:
    """All performers that come with the package."""
    found = []
    for path in sorted(_installed_folder().glob("*/config.json")):
        config = read_config(path.parent)
        size = sum(file.stat().st_size for file in path.parent.iterdir())
        found.append(Installed(config.name, config.instrument, size, config.licence))
    return found


def find_performer(name: str | Path) -> Path:
    """The folder of a performer: an existing folder, an installed name, or a download of "owner/name" from the hub."""
    if Path(name).is_dir():
        return Path(name)
    installed = _installed_folder() / str(name)
    if (installed / "config.json").exists():
        return installed
    names = ", ".join(p.name for p in performers()) or "none"
    if str(name).count("/") == 1 and not str(name).startswith((".", "/")):
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(str(name)))
        except Exception as error:
            raise ApvgError(
                f"there is no folder {name}, and the hub gives no performer of that name "
                f"({type(error).__name__}); installed are: {names}"
            ) from None
    raise ApvgError(f"there is no performer {str(name)!r}; installed are: {names}")


def _installed_folder() -> Path:
    return Path(str(resources.files("apvg"))) / "performers"


def _to_uint8(frames_TCHW: Tensor) -> np.ndarray:
    """[T, C, H, W] in 0..1 to RGB uint8 [T, H, W, C]."""
    scaled = frames_TCHW.clamp(0, 1).mul(255).round().to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _join(parts: list[Performance], performer: Performer) -> Performance:
    """Consecutive performances as one; music of no frames gives empty arrays."""
    if not parts:
        height, width = performer._size_HW
        points = len(performer.skeleton)
        empty_THWC = np.zeros((0, height, width, 3), np.uint8)
        empty_ThwC = np.zeros((0, height // STRIDE, width // STRIDE, 3), np.uint8)
        empty_TKD = np.zeros((0, points, 2), np.float32)
        return Performance(empty_THWC, empty_TKD, empty_TKD[..., 0], empty_ThwC, performer.fps)
    return Performance(
        np.concatenate([part.frames_THWC for part in parts]),
        np.concatenate([part.keypoints_TKD for part in parts]),
        np.concatenate([part.confidence_TK for part in parts]),
        np.concatenate([part.coarse_ThwC for part in parts]),
        performer.fps,
    )
