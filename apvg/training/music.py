"""The music of takes as KHP and CVG train on it: features, notes, and the shifts and stretches that multiply them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.instruments.keyboard import KEY_COUNT, LOWEST_PITCH
from apvg.music.features import (
    FLUX_ROWS,
    FLUX_SCALE,
    N_BINS,
    FeatureConfig,
    shift_features,
)
from apvg.music.notes import Notes, concatenated

OCTAVE = 12
OCTAVE_IN_WHITE_KEYS = 7.0


@dataclass(frozen=True)
class Music:
    """A take's music on the clock of its frames.

    Attributes:
        frames: How long it is.
        features_RF: Feature rows of the sound, float16; may lie on disk. None where it is only played from, not heard.
        notes: The notes played; None where they are not known.
        config: Of the features.
    """

    frames: int
    features_RF: Tensor | None
    notes: Notes | None
    config: FeatureConfig

    def __len__(self) -> int:
        """Frames."""
        return self.frames

    @property
    def octaves(self) -> Sequence[int]:
        """Shifts, in octaves, that keep every note on the keyboard."""
        return octave_shifts(self.notes) if self.notes is not None and len(self.notes) else (0,)

    def excerpt(
        self, start: float, frames: int, speed: float = 1.0, octave: int = 0, gain_db: float = 0.0
    ) -> Tensor:
        """Feature rows of `frames` frames from frame `start`, played `speed` times as fast, `octave` higher, louder.

        Times outside the take are silence.
        """
        if self.features_RF is None:
            raise ValueError("this music was loaded without its sound")
        per_frame = self.config.rows_per_frame
        rows = torch.arange(frames * per_frame) * speed + start * per_frame
        features_RF = shift_features(_at(self.features_RF, rows), octave * OCTAVE)
        return louder(features_RF, gain_db) if gain_db else features_RF

    def roll(self, start: float, frames: int, speed: float = 1.0, octave: int = 0) -> Tensor:
        """[2, frames, 88]: the keys struck and held in the same frames; zeros where the notes are not known."""
        if self.notes is None:
            return torch.zeros(2, frames, KEY_COUNT)
        moved = self.notes.transposed(octave * OCTAVE)
        return torch.from_numpy(moved.roll(self.config.fps, frames, start=start, speed=speed))


def joined(musics: Sequence[Music]) -> Music:
    """The music of takes, one after the other; its notes are known where those of all are."""
    if len(musics) == 1:
        return musics[0]
    config, notes, frames = musics[0].config, [], 0
    for music in musics:
        if music.notes is not None:
            notes.append(music.notes.shifted(frames / config.fps))
        frames += len(music)
    features = [music.features_RF for music in musics if music.features_RF is not None]
    return Music(
        frames,
        torch.cat(features) if len(features) == len(musics) else None,
        concatenated(notes) if len(notes) == len(musics) else None,
        config,
    )


def octave_shifts(notes: Notes) -> range:
    """Shifts, in octaves, that keep every note on the keyboard."""
    keys_N = notes.pitch_N - LOWEST_PITCH
    return range(-(int(keys_N.min()) // OCTAVE), (KEY_COUNT - 1 - int(keys_N.max())) // OCTAVE + 1)


def louder(features_RF: Tensor, gain_db: float) -> Tensor:
    """The features of the same music so much louder: their compression undone, and done again.

    Exact but for the onset strength of the first rows, which the rows before them would tell.
    """
    loud_RN = torch.expm1(features_RF[:, :-1].float())
    return _compressed(10 ** (gain_db / 20) * loud_RN, features_RF)


def doubled(features_RF: Tensor, gain_db: float = 0.0) -> Tensor:
    """The features of the same music with every note doubled an octave lower, the lower ones so much louder.

    Lower ones, for the windows are as wide in hertz for low notes as for high ones: features that are moved down are
    sharper than those of low notes, but not smeared. Spectra are added as if in phase, which they are nowhere for long.
    """
    lower_RF = shift_features(features_RF, -OCTAVE)
    own_RN, lower_RN = (torch.expm1(f_RF[:, :-1].float()) for f_RF in (features_RF, lower_RF))
    return _compressed(own_RN + 10 ** (gain_db / 20) * lower_RN, features_RF)


def _compressed(loud_RN: Tensor, before_RF: Tensor) -> Tensor:
    """Spectra as features; the onset strength of the first rows is what it was before."""
    spectra_RN = torch.log1p(loud_RN)
    short_RN = spectra_RN[:, N_BINS:]
    rise_RN = (short_RN[FLUX_ROWS:] - short_RN[:-FLUX_ROWS]).clamp(min=0)
    onset_R1 = FLUX_SCALE * rise_RN.mean(dim=1, keepdim=True)
    first_R1 = before_RF[:FLUX_ROWS, -1:].float()
    return torch.cat([spectra_RN, torch.cat([first_R1, onset_R1])], dim=1)


def retimed(
    told_2TP: Tensor, start: float, frames: int, speed: float = 1.0, octave: int = 0
) -> Tensor:
    """`frames` frames of a roll of struck and held keys [2, T, 88] from frame `start` on, as :meth:`Music.roll` gives them.

    Every strike stays one, whatever the speed; outside the roll nothing sounds.
    """
    struck_TP, held_TP = told_2TP.int()
    roll_2TP = torch.zeros(2, frames, KEY_COUNT)

    def moved(frame_N: Tensor) -> Tensor:
        return ((frame_N.double() - start) / speed).round().long()  # as exact as notes are

    # Keys go down and up at the frames that strikes are moved to by the same rule, or they might be held too soon.
    turns_TP = F.pad(held_TP, (0, 0, 1, 1)).diff(dim=0)
    turn_N, key_N = torch.nonzero(turns_TP, as_tuple=True)
    changes_TP = torch.zeros(frames + 1, KEY_COUNT, dtype=torch.int)
    changes_TP.index_put_(
        (moved(turn_N).clamp(0, frames), key_N), turns_TP[turn_N, key_N], accumulate=True
    )
    roll_2TP[1] = changes_TP.cumsum(dim=0)[:-1] > 0
    struck_N, key_N = torch.nonzero(struck_TP, as_tuple=True)
    at_N = moved(struck_N)
    shown_N = (at_N >= 0) & (at_N < frames)
    roll_2TP[:, at_N[shown_N], key_N[shown_N]] = 1.0
    return _shift(roll_2TP, octave * OCTAVE)


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
