"""What datasets need of a plan's takes, made when it is first asked for; what is slow to make is
kept on disk."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from apvg.base.files import atomic_path
from apvg.base.progress import track
from apvg.engines.pytorch import PyTorchEngine
from apvg.models.khp import KeypointPredictor
from apvg.models.transcription.encoder import PITCHES
from apvg.models.transcription.transcriber import SUSTAINED, BowedNoteTranscriber
from apvg.music.features import extract_features
from apvg.stages import Stages
from apvg.streaming import CoarseVideo, Features, Poses
from apvg.takes.take import Take
from apvg.training.data.fpvg import Predictions
from apvg.training.data.music import Music, joined
from apvg.training.data.scene import Scene, build_scene
from apvg.training.data.strokes import StrokeTake, find_events, label_strokes
from apvg.training.plan import Plan

#: Frames that are read at a time.
_BLOCK = 250


class Cache:
    """Music, scene and predictions of a plan's takes.

    Args:
        plan: The training.
        folder: Where features, predicted notes and events are kept from one call to the next.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self._musics: dict[str, Music] = {}

    def music(self, take: Take) -> Music:
        """A take's music. Its features stay on disk: hours of them would fill the memory."""
        if take.name not in self._musics:
            config = self.plan.config.features
            digest = hashlib.sha256(take.samples_S.tobytes()).hexdigest()[:12]
            path = self.folder / "features" / f"{take.name}-{digest}.npy"
            if not path.exists():
                features_RF = extract_features(take.sound_at(config.sample_rate), config)
                _save(path, features_RF.astype(np.float16))
            features_RF = torch.from_numpy(np.load(path, mmap_mode="c"))
            self._musics[take.name] = Music(
                len(take), features_RF, take.notes, config, self.plan.config.pitch_range
            )
        return self._musics[take.name]

    @property
    def scene_music(self) -> Music:
        """The music of the scene's frames."""
        return joined([self.music(take) for take in self.plan.scene_takes])

    @cached_property
    def scene(self) -> Scene:
        """The scene's footage, in memory, with its plate and mattes."""
        takes = self.plan.scene_takes
        allowed = [self.plan.training_mask(take) for take in takes]
        for mask_T in allowed[:-1]:
            mask_T[-1] = False  # or a clip might go on from one take to the next
        frames = [
            np.asarray(take.frames_THWC[i : i + _BLOCK])
            for take in takes
            for i in range(0, len(take), _BLOCK)
        ]
        return build_scene(
            np.concatenate(frames),
            np.concatenate([take.keypoints_TKD for take in takes]),
            np.concatenate([take.confidence_TK for take in takes]),
            np.concatenate(allowed),
            self.plan.config.skeleton,
        )

    @property
    def plate_HWC(self) -> np.ndarray:
        """The scene's plate, RGB uint8."""
        return (self.scene.plate_CHW * 255).round().byte().permute(1, 2, 0).numpy()

    def predicted_notes(self, take: Take, khp: KeypointPredictor) -> Tensor:
        """Onset and sustained planes [2, T, 88], bool, that a transcriber predicts for a take."""
        path = self._path("predicted_notes", take, khp, khp.transcriber)
        if not path.exists():
            roll_2TP = khp.transcriber.transcribe(self._features_RF(take))
            _save(path, np.packbits(roll_2TP.numpy(), axis=-1))
        roll_2TP = np.unpackbits(np.load(path), axis=-1, count=PITCHES)
        return torch.from_numpy(roll_2TP.astype(bool))

    def events(self, take: Take, khp: KeypointPredictor) -> StrokeTake:
        """A take's events, as a transcriber finds them, and which of them are strokes."""
        path, notes = self._path("events", take, khp, khp.transcriber.encoder), take.notes
        assert notes is not None
        assert isinstance(khp.transcriber, BowedNoteTranscriber)
        if not path.exists():
            frame_N, known_NX = find_events(khp.transcriber, self._features_RF(take))
            _save(path, torch.cat([frame_N[:, None].float(), known_NX], dim=1).numpy())
        event_NX = torch.from_numpy(np.load(path))
        stroke_B = np.round(notes.onset_N[~notes.slurred_N] * self.plan.config.features.fps)
        return StrokeTake(event_NX[:, 1:], label_strokes(event_NX[:, 0].long(), stroke_B))

    def predictions(self, stages: Stages) -> Predictions:
        """What KHP and CVG predict for the scene's own music."""
        config, engine = stages.config, PyTorchEngine(stages)
        takes = self.plan.scene_takes
        keypoints, coarse = [], []
        for take in track(takes, "predicting", len(takes)):
            samples_S = take.sound_at(config.features.sample_rate)
            poses, coarse_video = Poses(stages, engine), CoarseVideo(config, engine)
            for features_RF in Features(config, engine).run([samples_S]):
                keypoints_TKD = poses.next(features_RF).keypoints_TKD
                keypoints.append(keypoints_TKD)
                coarse_video.feed(features_RF)
                for coarse_Chw in coarse_video.take(len(keypoints_TKD)):
                    coarse.append((coarse_Chw * 255).round().to(torch.uint8))
        return Predictions(torch.cat(keypoints).clone(), torch.stack(coarse).clone())

    def _features_RF(self, take: Take) -> Tensor:
        features_RF = self.music(take).features_RF
        assert features_RF is not None
        return features_RF

    def _path(self, what: str, take: Take, khp: KeypointPredictor, module: nn.Module) -> Path:
        """Where something is kept that a module of KHP predicts for a take."""
        digest = hashlib.sha256(repr((khp.config, self.plan.config.features, SUSTAINED)).encode())
        digest.update(take.samples_S.tobytes())
        for value in module.state_dict().values():
            digest.update(value.numpy().tobytes())
        return self.folder / what / f"{take.name}-{digest.hexdigest()[:12]}.npy"


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        np.save(partial, array)
