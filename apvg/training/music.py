"""The music of takes as KHP and CVG train on it: features, notes, and the shifts and stretches that multiply them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.audio.features import BINS_PER_SEMITONE, N_BINS, FeatureConfig, extract_features
from apvg.keyboard import KEY_COUNT, LOWEST_PITCH
from apvg.midi import Notes

OCTAVE = 12
OCTAVE_IN_WHITE_KEYS = 7.0


@dataclass(frozen=True)
class Music:
    """A take's music on the clock of its frames.

    Attributes:
        features_GRF: float16 feature rows of the sound at G loudnesses.
        notes: The notes played; None where they are not known.
        config: Of the features.
    """

    features_GRF: Tensor
    notes: Notes | None
    config: FeatureConfig

    def __len__(self) -> int:
        """Frames."""
        return self.features_GRF.shape[1] // self.config.rows_per_frame

    @property
    def octaves(self) -> Sequence[int]:
        """Shifts, in octaves, that keep every note on the keyboard."""
        return octave_shifts(self.notes) if self.notes is not None and len(self.notes) else (0,)

    def excerpt(
        self, random: np.random.Generator, start: float, frames: int, speed: float, octave: int
    ) -> tuple[Tensor, Tensor]:
        """Feature rows and notes of `frames` frames from frame `start`, played `speed` times as fast, `octave` higher.

        Times outside the take are silence.
        """
        per_frame = self.config.rows_per_frame
        rows = torch.arange(frames * per_frame) * speed + start * per_frame
        features_RF = _at(self.features_GRF[random.integers(len(self.features_GRF))], rows)
        notes_2TP = torch.zeros(2, frames, KEY_COUNT)
        if self.notes is not None:
            moved = self.notes.transposed(octave * OCTAVE)
            notes_2TP = roll_excerpt(moved, self.config.fps, start, frames, speed)
        return shift_features(features_RF, octave), notes_2TP


def roll_excerpt(notes: Notes, fps: int, start: float, frames: int, speed: float) -> Tensor:
    """Piano roll of `frames` frames from frame `start` on, played `speed` times as fast."""
    onset_N = (notes.onset_N * fps - start) / speed
    offset_N = (notes.offset_N * fps - start) / speed
    near_N = (offset_N >= 0) & (onset_N < frames)
    keys_N = notes.pitch_N - LOWEST_PITCH
    return _roll(onset_N[near_N], offset_N[near_N], keys_N[near_N], frames)


def octave_shifts(notes: Notes) -> range:
    """Shifts, in octaves, that keep every note on the keyboard."""
    keys_N = notes.pitch_N - LOWEST_PITCH
    return range(-(int(keys_N.min()) // OCTAVE), (KEY_COUNT - 1 - int(keys_N.max())) // OCTAVE + 1)


def _roll(onset_N: np.ndarray, offset_N: np.ndarray, keys_N: np.ndarray, frames: int) -> Tensor:
    """[2, T, 88]: 1 in the frames where a key is struck, and where it is held; times in frames."""
    roll_2TP = torch.zeros(2, frames, KEY_COUNT)
    first_N = np.round(onset_N).astype(int)
    last_N = np.maximum(np.round(offset_N).astype(int), first_N + 1)
    for first, last, key in zip(first_N, last_N, keys_N, strict=True):
        if 0 <= first < frames:
            roll_2TP[0, first, key] = 1.0
        roll_2TP[1, max(first, 0) : max(last, 0), key] = 1.0
    return roll_2TP


def shift_features(features_RF: Tensor, octave: int) -> Tensor:
    """The features of the same music some octaves higher."""
    bins = octave * OCTAVE * BINS_PER_SEMITONE
    long_RN, short_RN, onset_R1 = features_RF.split((N_BINS, N_BINS, 1), dim=-1)
    return torch.cat([_shift(long_RN, bins), _shift(short_RN, bins), onset_R1], dim=-1)


def build_music(
    samples_S: np.ndarray, notes: Notes | None, config: FeatureConfig, gains_db: Sequence[float]
) -> Music:
    """A take's music from its mono samples at the features' rate, heard at every gain."""
    loudnesses = [
        extract_features(samples_S * np.float32(10 ** (gain / 20)), config) for gain in gains_db
    ]
    return Music(torch.from_numpy(np.stack(loudnesses)).half(), notes, config)


def interpolate(values_TX: Tensor, times: Tensor) -> Tensor:
    """Rows of `values_TX` [T, ...] at fractional indices, linearly; the ends are held."""
    times = times.clamp(0, len(values_TX) - 1)
    below = times.floor().long()
    above = (below + 1).clamp(max=len(values_TX) - 1)
    share = (times - below).reshape(-1, *[1] * (values_TX.ndim - 1))
    return torch.lerp(values_TX[below].float(), values_TX[above].float(), share)


def _at(features_RF: Tensor, rows: Tensor) -> Tensor:
    outside = (rows < 0) | (rows > len(features_RF) - 1)
    return interpolate(features_RF, rows).masked_fill(outside[:, None], 0.0)


def _shift(values: Tensor, by: int) -> Tensor:
    """Shift along the last axis, zeros moving in."""
    return F.pad(values, (by, -by))
