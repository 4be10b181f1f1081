"""The audio encoder of KHP and CVG: from feature rows to features and note logits of every pitch
and frame.

It is causal along time. Its target lies some frames in the past of its input, which gives it a
little look-ahead. Chunks of any size, with the state carried from one to the next, give the output
of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.models.blocks import CausalConv2d
from apvg.music.features import BINS_PER_SEMITONE, N_BINS

PITCHES = N_BINS // BINS_PER_SEMITONE
#: Semitones above (or below) a pitch at which it, or what it could be mistaken for, sounds: octave
#: below, then partials 1 to 6, 8.
PARTIALS = (-12, 0, 12, 19, 24, 28, 31, 36)

#: Semitones between the taps of the encoder's layers, in turn: neighbours, octaves, fifths. An
#: octave and a fifth make the third partial, two octaves and four semitones the fifth, and so on: a
#: layer sees where the one before found notes.
_INTERVALS = (1, 12, 7)

#: State of a causal stack between chunks: one tensor (or None at the start) per layer.
State = list[Tensor | None]


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of the audio encoder.

    Attributes:
        rows_per_frame: Feature rows per frame of video.
        spectral: Channels on the log-frequency axis.
        channels: Channels per pitch and frame.
        layers: Convolutions in time and pitch, three taps each; the receptive field in time doubles
            every third.
        delay: Look-ahead of the note logits, frames: they come so many frames late.
    """

    rows_per_frame: int = 4
    spectral: int = 24
    channels: int = 32
    layers: int = 6
    delay: int = 2


class AudioEncoder(nn.Module):
    """Feature rows → per-pitch features and note logits (onset, sustained), equivariant to a shift
    in pitch.

    The bins of a pitch's partials become its channels (harmonic stacking, as in Bittner et al.,
    2022). The layers then reach along octaves and fifths (as the harmonic dilations of Wei et al.,
    2022), so that a partial of a lower note can be distinguished from a note of its own.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        rows, spectral, channels = config.rows_per_frame, config.spectral, config.channels
        self.rows_per_frame = rows
        step = 2 if rows % 2 == 0 else 1  # every other row is enough for a frame's notes
        self.spectral = CausalConv2d(2 * len(PARTIALS) + 1, spectral, (4, 3), stride=(step, 1))
        whole = (rows // step, BINS_PER_SEMITONE)
        self.to_frames = CausalConv2d(spectral, channels, whole, stride=whole)
        self.layers = nn.ModuleList(
            CausalConv2d(channels, channels, (3, 3), dilation=(2 ** (i // 3), _INTERVALS[i % 3]))
            for i in range(config.layers)
        )
        self.notes = nn.Conv2d(channels, 2, 1)
        nn.init.constant_(self.notes.bias, -3.0)  # pyright: ignore[reportArgumentType]

    def forward(
        self, features_BRF: Tensor, state: Sequence[Tensor | None] | None
    ) -> tuple[Tensor, Tensor, State]:
        """
        Args:
            features_BRF: Rows of whole frames, [B, T * rows_per_frame, F].
            state: What the call for the rows before returned.

        Returns:
            Per-pitch features [B, channels, T, 88], note logits [B, 2, T, 88] (onset, sustained;
            `delay` frames late), and the state.
        """
        past = list(state) if state is not None else [None] * (2 + len(self.layers))
        after: State = []
        x_BCRN = self._stack_partials(features_BRF)
        x_BCRN, kept = self.spectral(x_BCRN, past[0])
        after.append(kept)
        x_BCTP, kept = self.to_frames(F.relu(x_BCRN), past[1])
        after.append(kept)
        for layer, before in zip(self.layers, past[2:], strict=True):
            residual_BCTP, kept = layer(F.relu(x_BCTP), before)
            x_BCTP = x_BCTP + residual_BCTP
            after.append(kept)
        x_BCTP = F.relu(x_BCTP)
        return x_BCTP, self.notes(x_BCTP), after

    def _stack_partials(self, features_BRF: Tensor) -> Tensor:
        """[B, R, F] → [B, channels, R, bins]: both windows at every partial's place, and the onset
        strength."""
        spectra_B2RN = torch.stack(features_BRF[..., : 2 * N_BINS].split(N_BINS, dim=-1), dim=1)
        below, above = -min(PARTIALS) * BINS_PER_SEMITONE, max(PARTIALS) * BINS_PER_SEMITONE
        padded_B2RN = F.pad(spectra_B2RN, (below, above))
        shifted = [
            padded_B2RN.narrow(-1, below + partial * BINS_PER_SEMITONE, N_BINS)
            for partial in PARTIALS
        ]
        onset_B1RN = features_BRF[:, None, :, -1:].expand(-1, -1, -1, N_BINS)
        return torch.cat([*shifted, onset_B1RN], dim=1)


class CausalStack(nn.Module):
    """Residual causal convolutions over (time, pitch).

    From layer to layer the reach into the past doubles, and that to other pitches grows by a
    semitone: five layers of 3×3 taps see 64 frames and 15 semitones to each side, at 3/7 of what
    undilated pitches would cost.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            CausalConv2d(channels, channels, (3, 3), dilation=(2**i, i + 1)) for i in range(layers)
        )

    def forward(
        self, x_BCTP: Tensor, state: Sequence[Tensor | None] | None
    ) -> tuple[Tensor, State]:
        past = state if state is not None else [None] * len(self.layers)
        after: State = []
        for layer, before in zip(self.layers, past, strict=True):
            residual_BCTP, kept = layer(F.relu(x_BCTP), before)
            x_BCTP = x_BCTP + residual_BCTP
            after.append(kept)
        return F.relu(x_BCTP), after
