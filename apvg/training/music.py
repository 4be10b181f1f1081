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
        notes_2TP: 1 in the frames where a key is struck, and where it is held.
        octaves: Shifts, in octaves, that keep every note on the keyboard.
        rows_per_frame: R / T.
    """

    features_GRF: Tensor
    notes_2TP: Tensor
    octaves: Sequence[int]
    rows_per_frame: int

    def __len__(self) -> int:
        return self.notes_2TP.shape[1]

    def excerpt(
        self, random: np.random.Generator, start: float, frames: int, speed: float, octave: int
    ) -> tuple[Tensor, Tensor]:
        """Feature rows and notes of `frames` frames from frame `start`, played `speed` times as fast, `octave` higher.

        Times outside the take are silence.
        """
        rows = torch.arange(frames * self.rows_per_frame) * speed + start * self.rows_per_frame
        features_RF = _at(self.features_GRF[random.integers(len(self.features_GRF))], rows)
        times = torch.arange(frames) * speed + start
        notes_T2P = self.notes_2TP.transpose(0, 1)
        # A struck key may fall between the frames of faster music: take the larger neighbour.
        inside = ((times > -0.5) & (times < len(self) - 0.5))[:, None, None]
        near = [notes_T2P[t.long().clamp(0, len(self) - 1)] for t in (times.floor(), times.ceil())]
        notes = (
            torch.maximum(*near)
            if speed > 1
            else notes_T2P[times.round().long().clamp(0, len(self) - 1)]
        )
        return shift_features(features_RF, octave), _shift(
            notes * inside, octave * OCTAVE
        ).transpose(0, 1)


def shift_features(features_RF: Tensor, octave: int) -> Tensor:
    """The features of the same music some octaves higher."""
    bins = octave * OCTAVE * BINS_PER_SEMITONE
    long_RN, short_RN, onset_R1 = features_RF.split((N_BINS, N_BINS, 1), dim=-1)
    return torch.cat([_shift(long_RN, bins), _shift(short_RN, bins), onset_R1], dim=-1)


def build_music(
    samples_S: np.ndarray,
    notes: Notes | None,
    frames: int,
    config: FeatureConfig,
    gains_db: Sequence[float],
) -> Music:
    """Features at every gain and the piano roll of a take; without notes the roll is empty (samples at config's rate)."""
    loudnesses = [
        extract_features(samples_S * np.float32(10 ** (gain / 20)), config) for gain in gains_db
    ]
    features_GRF = torch.from_numpy(np.stack(loudnesses)).half()
    roll_2TP = torch.zeros(2, frames, KEY_COUNT)
    octaves: Sequence[int] = (0,)
    if notes is not None and len(notes):
        keys_N = notes.pitch_N - LOWEST_PITCH
        for onset, offset, key in zip(notes.onset_N, notes.offset_N, keys_N, strict=True):
            first, last = round(onset * config.fps), round(offset * config.fps)
            if 0 <= first < frames:
                roll_2TP[0, first, key] = 1.0
            roll_2TP[1, max(first, 0) : max(last, first + 1, 0), key] = 1.0
        lowest, highest = int(keys_N.min()), int(keys_N.max())
        octaves = range(-(lowest // OCTAVE), (KEY_COUNT - 1 - highest) // OCTAVE + 1)
    return Music(features_GRF, roll_2TP, octaves, config.rows_per_frame)


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
