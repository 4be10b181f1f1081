"""Baselines for keypoints from sound: the mean pose, the pose of the nearest sound, and
Audio2BodyDynamics.

All are trained on the same :class:`SoundAndPoses` and predict whole pieces. Poses may be in pixels
or in any other space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.base.progress import track

#: MFCC and their derivatives, log energy and its derivative: 28 numbers a frame, as
#: Audio2BodyDynamics has them.
MFCC = 13
#: Sample rate of the baselines, Hz.
SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class SoundAndPoses:
    """Training data of baselines: one stretch of music, and the poses that it was played with.

    Attributes:
        sound_TC: Features of the sound (:func:`mfcc`).
        poses_TKD: A pose for each frame; NaN where a point was not seen.
    """

    sound_TC: np.ndarray
    poses_TKD: np.ndarray

    def __post_init__(self) -> None:
        if len(self.sound_TC) != len(self.poses_TKD):
            raise ValueError(f"{len(self.sound_TC)} frames of sound, {len(self.poses_TKD)} poses")


class KeypointBaseline(Protocol):
    """Predicts a pose for every frame of some music."""

    name: str

    def predict(self, samples_S: np.ndarray) -> np.ndarray:
        """Poses [T, K, 2] for mono sound at SAMPLE_RATE; T = round(seconds × fps)."""
        ...


class MeanPose:
    """Always the mean of the training poses: a good pixel error, and it never moves."""

    name = "mean pose"

    def __init__(self, takes: Sequence[SoundAndPoses], fps: int) -> None:
        self.fps = fps
        self.mean_KD = np.nanmean(np.concatenate([take.poses_TKD for take in takes]), axis=0)

    def predict(self, samples_S: np.ndarray) -> np.ndarray:
        """The same pose for every frame."""
        return np.repeat(self.mean_KD[None], _frames(samples_S, self.fps), axis=0)


class NearestSound:
    """For every frame the pose of the training frame with the most similar sound around it."""

    name = "nearest sound"

    def __init__(
        self,
        takes: Sequence[SoundAndPoses],
        fps: int,
        *,
        around: int = 3,
        most: int = 30_000,
        seed: int = 0,
    ) -> None:
        """
        Args:
            takes: Training data.
            fps: Frames per second.
            around: Frames before and after that are compared as well.
            most: Training frames that are kept at most; of more, a random sample.
            seed: Of that sample.
        """
        self.fps, self.around = fps, around
        self.mean_C, self.scale_C = _statistics(takes)
        known = [
            (self._windows(take.sound_TC)[whole_T], take.poses_TKD[whole_T])
            for take in takes
            for whole_T in (~np.isnan(take.poses_TKD).any(axis=(1, 2)),)
        ]
        sound_NC = np.concatenate([sound for sound, _ in known])
        self.poses_NKD = np.concatenate([poses for _, poses in known])
        if len(sound_NC) > most:
            chosen = np.random.default_rng(seed).choice(len(sound_NC), most, replace=False)
            sound_NC, self.poses_NKD = sound_NC[chosen], self.poses_NKD[chosen]
        self.sound_NC = torch.from_numpy(sound_NC)

    def predict(self, samples_S: np.ndarray) -> np.ndarray:
        """Each frame is retrieved by itself, so the pose jumps."""
        sound_TC = torch.from_numpy(self._windows(mfcc(samples_S, self.fps)))
        nearest_T = torch.cat(
            [torch.cdist(part_TC, self.sound_NC).argmin(dim=1) for part_TC in sound_TC.split(500)]
        )
        return self.poses_NKD[nearest_T.numpy()]

    def _windows(self, sound_TC: np.ndarray) -> np.ndarray:
        """The features of every frame and of those around it, [T, (2 around + 1) C]."""
        scaled_TC = (sound_TC - self.mean_C) / self.scale_C
        padded_TC = np.pad(scaled_TC, ((self.around, self.around), (0, 0)), mode="edge")
        windows_TCW = np.lib.stride_tricks.sliding_window_view(padded_TC, 2 * self.around + 1, 0)
        return windows_TCW.reshape(len(sound_TC), -1).astype(np.float32)


@dataclass(frozen=True)
class Audio2BodyConfig:
    """As described by Shlizerman et al. (CVPR 2018), but for the lengths that they do not give.

    Attributes:
        hidden: Of the one-layer LSTM.
        components: Of the poses' PCA, which is what is predicted.
        delay: Steps that the output is later than the input, so that the network sees some of the
            sound that follows.
        rate: Of Adam.
        dropout: Before the last layer.
        steps, excerpts, frames: Length of the training, excerpts a step, and their length (own
            choice).
        seed: Of everything random.
    """

    hidden: int = 200
    components: int = 15
    delay: int = 6
    rate: float = 1e-3
    dropout: float = 0.1
    steps: int = 3000
    excerpts: int = 16
    frames: int = 150
    seed: int = 0


class _DelayedLSTM(nn.Module):
    def __init__(self, inputs: int, config: Audio2BodyConfig, outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, config.hidden, batch_first=True)
        self.drop = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.hidden, outputs)

    def forward(self, sound_BTC: Tensor) -> Tensor:
        hidden_BTC, _ = self.lstm(sound_BTC)
        return self.out(self.drop(hidden_BTC))


class Audio2BodyDynamics:
    """MFCC to PCA coefficients of the pose by a one-layer LSTM with a delay (Shlizerman et al.,
    CVPR 2018)."""

    name = "Audio2BodyDynamics"

    def __init__(
        self,
        takes: Sequence[SoundAndPoses],
        fps: int,
        config: Audio2BodyConfig | None = None,
    ) -> None:
        """Train on takes; a few minutes on one core."""
        self.fps, self.config = fps, config or Audio2BodyConfig()
        self.mean_C, self.scale_C = _statistics(takes)
        # A point that was not seen is at its mean place.
        mean_KD = np.nanmean(np.concatenate([take.poses_TKD for take in takes]), axis=0)
        poses = [np.where(np.isnan(take.poses_TKD), mean_KD, take.poses_TKD) for take in takes]
        self.shape = mean_KD.shape
        flat_NX = np.concatenate(poses).reshape(-1, mean_KD.size)
        self.mean_X = flat_NX.mean(axis=0)
        # The covariance is small, whatever the number of frames.
        values, vectors = np.linalg.eigh(np.cov(flat_NX - self.mean_X, rowvar=False))
        kept = slice(None, -self.config.components - 1, -1)
        self.components_XP = vectors[:, kept]
        self.spread_P = np.sqrt(np.maximum(values[kept], 1e-12))
        pairs = [
            (self._scaled(take.sound_TC), torch.from_numpy(self._coefficients(poses_TKD)).float())
            for take, poses_TKD in zip(takes, poses, strict=True)
        ]
        torch.manual_seed(self.config.seed)
        self.network = _DelayedLSTM(2 * MFCC + 2, self.config, self.components_XP.shape[1])
        self._train(pairs)

    def predict(self, samples_S: np.ndarray) -> np.ndarray:
        """Poses for a whole piece; after its end the input is silence."""
        sound_TC = self._scaled(mfcc(samples_S, self.fps))
        padded_1TC = F.pad(sound_TC, (0, 0, 0, self.config.delay))[None]
        with torch.inference_mode():
            predicted_TP = self.network.eval()(padded_1TC)[0, self.config.delay :].double().numpy()
        flat_TX = self.mean_X + (predicted_TP * self.spread_P) @ self.components_XP.T
        return flat_TX.reshape(-1, *self.shape)

    def _train(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        config, network = self.config, self.network.train()
        random = np.random.default_rng(config.seed)
        optimizer = torch.optim.Adam(network.parameters(), lr=config.rate)
        length = min(config.frames, min(len(sound_TC) for sound_TC, _ in pairs))
        share = np.array([len(sound_TC) for sound_TC, _ in pairs], float)
        for _ in track(range(config.steps), self.name):
            drawn = []
            for take in random.choice(len(pairs), config.excerpts, p=share / share.sum()):
                sound_TC, true_TP = pairs[take]
                first = int(random.integers(len(sound_TC) - length + 1))
                drawn.append((sound_TC[first : first + length], true_TP[first : first + length]))
            sound_BTC, true_BTP = (torch.stack(part) for part in zip(*drawn, strict=True))
            predicted_BTP = network(sound_BTC)[:, config.delay :]
            loss = F.mse_loss(predicted_BTP, true_BTP[:, : length - config.delay])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def _scaled(self, sound_TC: np.ndarray) -> Tensor:
        return torch.from_numpy((sound_TC - self.mean_C) / self.scale_C).float()

    def _coefficients(self, poses_TKD: np.ndarray) -> np.ndarray:
        flat_TX = poses_TKD.reshape(len(poses_TKD), -1) - self.mean_X
        return flat_TX @ self.components_XP / self.spread_P


def mfcc(samples_S: np.ndarray, fps: int) -> np.ndarray:
    """MFCC, log energy, and the derivatives of both for every frame of mono sound at SAMPLE_RATE,
    [T, 28]."""
    import librosa

    hop = SAMPLE_RATE // fps
    frames = _frames(samples_S, fps)
    padded_S = np.pad(samples_S.astype(np.float32), (0, hop * frames + hop - len(samples_S) % hop))
    mfcc_CT = librosa.feature.mfcc(
        y=padded_S, sr=SAMPLE_RATE, n_mfcc=MFCC, n_fft=1024, hop_length=hop
    )
    power_1T = librosa.feature.rms(y=padded_S, frame_length=1024, hop_length=hop)
    mfcc_CT = np.concatenate([mfcc_CT, np.log(power_1T + 1e-5)])[:, :frames]
    slope_CT = librosa.feature.delta(mfcc_CT, width=min(9, frames - 1 + frames % 2), mode="nearest")
    return np.concatenate([mfcc_CT, slope_CT]).T.astype(np.float64)


def _frames(samples_S: np.ndarray, fps: int) -> int:
    return round(len(samples_S) * fps / SAMPLE_RATE)


def _statistics(takes: Sequence[SoundAndPoses]) -> tuple[np.ndarray, np.ndarray]:
    sound_NC = np.concatenate([take.sound_TC for take in takes])
    return sound_NC.mean(axis=0), np.maximum(sound_NC.std(axis=0), 1e-6)
