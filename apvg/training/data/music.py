"""The music of takes as networks train on it: features and notes, and their augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.instruments.pitch_grid import HIGHEST_PITCH, LOWEST_PITCH, PITCHES
from apvg.music.features import (
    FLUX_ROWS,
    FLUX_SCALE,
    N_BINS,
    FeatureConfig,
    shift_features,
)
from apvg.music.notes import Notes, concatenated

#: Semitones.
OCTAVE = 12


@dataclass(frozen=True)
class Music:
    """A take's music on the clock of its frames.

    Attributes:
        frames: Its length.
        features_RF: Feature rows of the sound, float16; may be mapped from disk. None where only
            the notes are needed.
        notes: The notes played; None where they are not known.
        config: Of the features.
        pitch_range: Lowest and highest MIDI pitch of the instrument that is played.
    """

    frames: int
    features_RF: Tensor | None
    notes: Notes | None
    config: FeatureConfig
    pitch_range: tuple[int, int] = (LOWEST_PITCH, HIGHEST_PITCH)

    def __len__(self) -> int:
        """Frames."""
        return self.frames

    @property
    def octaves(self) -> Sequence[int]:
        """Shifts, in octaves, that keep every note within the 88 pitches: of sound alone."""
        return self._shifts(LOWEST_PITCH, HIGHEST_PITCH)

    @property
    def playable_octaves(self) -> Sequence[int]:
        """Shifts, in octaves, that keep every note within the instrument's pitch range: of sound
        and picture together."""
        return self._shifts(*self.pitch_range)

    def _shifts(self, lowest: int, highest: int) -> Sequence[int]:
        if self.notes is None or not len(self.notes):
            return (0,)
        down = (int(self.notes.pitch_N.min()) - lowest) // OCTAVE
        up = (highest - int(self.notes.pitch_N.max())) // OCTAVE
        return range(-max(down, 0), max(up, 0) + 1)

    def excerpt(
        self, start: float, frames: int, speed: float = 1.0, octave: int = 0, gain_db: float = 0.0
    ) -> Tensor:
        """Feature rows of `frames` frames from frame `start`, played `speed` times as fast,
        `octave` octaves higher, `gain_db` louder.

        Times outside the take are silence.
        """
        if self.features_RF is None:
            raise ValueError("this music has no features")
        per_frame = self.config.rows_per_frame
        rows = torch.arange(frames * per_frame) * speed + start * per_frame
        features_RF = shift_features(_at(self.features_RF, rows), octave * OCTAVE)
        return louder(features_RF, gain_db) if gain_db else features_RF

    def roll(self, start: float, frames: int, speed: float = 1.0, octave: int = 0) -> Tensor:
        """Onset and sustained planes of the same frames, [2, frames, 88] in 0..1; zeros where the
        notes are not known."""
        if self.notes is None:
            return torch.zeros(2, frames, PITCHES)
        moved = self.notes.transposed(octave * OCTAVE)
        return torch.from_numpy(moved.roll(self.config.fps, frames, start=start, speed=speed))


def joined(musics: Sequence[Music]) -> Music:
    """The music of takes, one after the other.

    Notes and features are known if those of all takes are.
    """
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
        musics[0].pitch_range,
    )


def louder(features_RF: Tensor, gain_db: float) -> Tensor:
    """The features of the same sound at another gain: the compression is undone, and applied again.

    Exact but for the onset strength of the first rows, which depends on the rows before them.
    """
    loud_RN = torch.expm1(features_RF[:, :-1].float())
    return _compressed(10 ** (gain_db / 20) * loud_RN, features_RF)


def octave_mixing(features_RF: Tensor, gain_db: float = 0.0) -> Tensor:
    """Octave mixing: the features of the same music with every note doubled an octave lower.

    An octave lower, because the windows are equally wide in hertz for low and for high notes:
    features that are shifted down are sharper than those of real low notes, but not smeared.
    Magnitudes are added as if in phase.

    Args:
        features_RF: Feature rows.
        gain_db: Of the lower notes.
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
    roll_2TP: Tensor, start: float, frames: int, speed: float = 1.0, octave: int = 0
) -> Tensor:
    """`frames` frames of a roll from frame `start`, `speed` times as fast and `octave` octaves
    higher, as :meth:`Music.roll` gives them.

    Every onset stays one, whatever the speed. Times outside the roll are silence.

    Args:
        roll_2TP: Onset and sustained planes, [2, T, 88], bool.
    """
    onset_TP, sustained_TP = roll_2TP.int()
    moved_2TP = torch.zeros(2, frames, PITCHES)

    def moved(frame_N: Tensor) -> Tensor:
        return ((frame_N.double() - start) / speed).round().long()  # as exact as notes are

    # Notes begin and end at frames that are rounded as onsets are, or they might be sustained too
    # soon.
    turns_TP = F.pad(sustained_TP, (0, 0, 1, 1)).diff(dim=0)
    turn_N, pitch_N = torch.nonzero(turns_TP, as_tuple=True)
    changes_TP = torch.zeros(frames + 1, PITCHES, dtype=torch.int)
    changes_TP.index_put_(
        (moved(turn_N).clamp(0, frames), pitch_N), turns_TP[turn_N, pitch_N], accumulate=True
    )
    moved_2TP[1] = changes_TP.cumsum(dim=0)[:-1] > 0
    onset_N, pitch_N = torch.nonzero(onset_TP, as_tuple=True)
    at_N = moved(onset_N)
    shown_N = (at_N >= 0) & (at_N < frames)
    moved_2TP[:, at_N[shown_N], pitch_N[shown_N]] = 1.0
    return _shift(moved_2TP, octave * OCTAVE)


def interpolate(values_TX: Tensor, times: Tensor) -> Tensor:
    """Rows of `values_TX` [T, ...] at fractional indices, linearly; beyond both ends the last
    one."""
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
