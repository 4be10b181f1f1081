"""Which hand plays each note: a small transformer over the notes around it.

Every note attends to the others; what it sees of them is how far they lie in time and in pitch, and
whether their keys are still down. It is trained on songs whose two staves say what each hand plays
(:mod:`scripts.train_fingering`). Hands are not asked to stay apart, so voices may cross (own
choice).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: A note attends to notes that begin so many seconds before it at most.
PAST = 8.0
#: Numbers that describe a note by itself, and a pair of notes.
_OWN, _PAIR = 6, 9
#: Notes of a plan that are looked at together.
WINDOW = 96
#: Longest duration that makes a difference, seconds.
_LONGEST = 3.0


@dataclass(frozen=True)
class HandTaggerConfig:
    """Shape of the tagger.

    Attributes:
        channels: Of a note.
        heads: Of its attention.
        layers: Of attention.
        dropout: While it is trained.
    """

    channels: int = 48
    heads: int = 6
    layers: int = 3
    dropout: float = 0.1


class HandTagger(nn.Module):
    """Logits of the right hand for each of some notes in the order of their onsets."""

    def __init__(self, config: HandTaggerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or HandTaggerConfig()
        pair = 4 * config.heads
        self.own = nn.Linear(_OWN, config.channels)
        self.pair = nn.Sequential(
            nn.Linear(_PAIR, pair), nn.ReLU(), nn.Linear(pair, pair), nn.ReLU()
        )
        self.layers = nn.ModuleList(_Layer(config, pair) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.channels)
        self.right = nn.Linear(config.channels, 1)

    def forward(
        self, onset_BN: Tensor, offset_BN: Tensor, pitch_BN: Tensor, lookahead_B: Tensor
    ) -> Tensor:
        """
        Args:
            onset_BN, offset_BN: Seconds.
            pitch_BN: MIDI pitches.
            lookahead_B: How far after its own onset a note may attend, seconds.

        Returns:
            Logits [B, N]; positive for the right hand.
        """
        later_BNN = onset_BN[:, None] - onset_BN[:, :, None]
        pair_BNNX = self.pair(_pairs(onset_BN, offset_BN, pitch_BN))
        seen_BNN = (later_BNN <= lookahead_B[:, None, None] + 1e-4) & (later_BNN > -PAST)
        duration_BN = (offset_BN - onset_BN).clamp(max=_LONGEST)
        height_BN = (pitch_BN - 60) / 12
        own = [
            height_BN,
            height_BN**2,
            height_BN.abs(),
            duration_BN,
            torch.exp(-duration_BN),
            torch.ones_like(height_BN),
        ]
        x_BNC = self.own(torch.stack(own, dim=-1))
        for layer in self.layers:
            x_BNC = layer(x_BNC, pair_BNNX, seen_BNN)
        return self.right(self.norm(x_BNC))[..., 0]

    @torch.inference_mode()
    def tag(self, onset_N: np.ndarray, offset_N: np.ndarray, pitch_N: np.ndarray) -> np.ndarray:
        """Logits [N] of notes of which all that is there may be looked at."""
        if not len(onset_N):
            return np.zeros(0)
        # Of differences alone, for large times would lose their digits.
        arrays = (onset_N - onset_N[0], offset_N - onset_N[0], pitch_N)
        onset_1N, offset_1N, pitch_1N = (
            torch.from_numpy(np.asarray(array, np.float32))[None] for array in arrays
        )
        everything_1 = torch.full((1,), torch.inf)
        return self(onset_1N, offset_1N, pitch_1N, everything_1)[0].double().numpy()


def _pairs(onset_BN: Tensor, offset_BN: Tensor, pitch_BN: Tensor) -> Tensor:
    """What each note sees of each other: [B, N, N, 9]."""
    later_BNN = onset_BN[:, None] - onset_BN[:, :, None]
    higher_BNN = (pitch_BN[:, None] - pitch_BN[:, :, None]) / 12
    earlier_BNN = later_BNN < -0.03
    down_BNN = (offset_BN[:, None] > onset_BN[:, :, None] + 0.03) & earlier_BNN
    numbers = [
        higher_BNN,
        higher_BNN.abs(),
        later_BNN,
        torch.exp(-4 * later_BNN.abs()),
        torch.exp(-later_BNN.abs()),
        down_BNN,
        later_BNN.abs() < 0.03,
        higher_BNN > 0,
        higher_BNN < 0,
    ]
    return torch.stack([number.to(onset_BN.dtype) for number in numbers], dim=-1)


class _Layer(nn.Module):
    """Attention whose scores depend on what notes see of each other, and a network for each
    note."""

    def __init__(self, config: HandTaggerConfig, pair: int) -> None:
        super().__init__()
        channels = config.channels
        self.heads, self.dropout = config.heads, config.dropout
        self.before_attention, self.before_network = (nn.LayerNorm(channels) for _ in range(2))
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.bias = nn.Linear(pair, config.heads)
        self.out = nn.Linear(channels, channels)
        self.network = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, x_BNC: Tensor, pair_BNNX: Tensor, seen_BNN: Tensor) -> Tensor:
        parts_BN3C = self.query_key_value(self.before_attention(x_BNC))
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in parts_BN3C.chunk(3, dim=-1)
        )
        bias_BHNN = self.bias(pair_BNNX).permute(0, 3, 1, 2)
        bias_BHNN = bias_BHNN.masked_fill(~seen_BNN[:, None], -1e9)
        mixed_BHNC = F.scaled_dot_product_attention(query, key, value, bias_BHNN)
        mixed_BNC = self.out(mixed_BHNC.transpose(1, 2).flatten(2))
        x_BNC = x_BNC + F.dropout(mixed_BNC, self.dropout, self.training)
        more_BNC = self.network(self.before_network(x_BNC))
        return x_BNC + F.dropout(more_BNC, self.dropout, self.training)
