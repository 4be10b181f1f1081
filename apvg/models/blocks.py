"""Small layers that several stages share. Own choices throughout; the source names no shapes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), without normalisation.

    Statistics over the frame would differ between the hand crops of training and the whole frames
    of inference, and between chunk sizes; the last convolution starts small instead, so that depth
    does not blow up the signal.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.normal_(self.second.weight, std=1e-3)
        nn.init.zeros_(self.second.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, x_NCHW: Tensor) -> Tensor:
        between_NCHW = F.relu(self.first(F.relu(x_NCHW)), inplace=True)
        return x_NCHW + self.second(between_NCHW)


class ConvGRU(nn.Module):
    """Convolutional gated recurrent unit (Ballas et al., 2016), frame by frame along time."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Conv2d(channels, 3 * hidden, 3, padding=1)
        self.gates_from_state = nn.Conv2d(hidden, 2 * hidden, 3, padding=1, bias=False)
        self.candidate_from_state = nn.Conv2d(hidden, hidden, 3, padding=1, bias=False)

    def forward(self, x_BTCHW: Tensor, state_BCHW: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns all states [B, T, hidden, H, W] and the last one, to be handed to the next
        chunk."""
        batch, frames, _, height, width = x_BTCHW.shape
        if state_BCHW is None:
            state_BCHW = x_BTCHW.new_zeros(batch, self.hidden, height, width)
        # The input's share of all gates needs no state: one large convolution for the whole chunk.
        input_BTCHW = self.from_input(x_BTCHW.flatten(0, 1)).unflatten(0, (batch, frames))
        states = []
        for input_BCHW in input_BTCHW.unbind(1):
            update_in, reset_in, candidate_in = input_BCHW.chunk(3, dim=1)
            update_st, reset_st = self.gates_from_state(state_BCHW).chunk(2, dim=1)
            update = torch.sigmoid(update_in + update_st)
            reset = torch.sigmoid(reset_in + reset_st)
            candidate = torch.tanh(candidate_in + self.candidate_from_state(reset * state_BCHW))
            state_BCHW = state_BCHW + update * (candidate - state_BCHW)
            states.append(state_BCHW)
        return torch.stack(states, dim=1), state_BCHW


class CausalConv2d(nn.Module):
    """Convolution over (time, pitch): causal along time with its past carried between chunks,
    centred along pitch.

    Chunked and whole inputs give the same output: what a chunk needs of the past is its state.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        self.past = dilation[0] * (kernel[0] - 1) - (stride[0] - 1)
        if self.past < 0:
            raise ValueError(f"time kernel {kernel[0]} is shorter than its stride {stride[0]}")
        padding = (dilation[1] * (kernel[1] - 1) + 2 - stride[1]) // 2
        self.conv = nn.Conv2d(channels, out_channels, kernel, stride, (0, padding), dilation)

    def forward(self, x_BCTP: Tensor, past_BCTP: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the output (time / stride rows) and the rows of input that the next chunk
        needs."""
        if past_BCTP is None:
            batch, channels, _, pitches = x_BCTP.shape
            past_BCTP = x_BCTP.new_zeros(batch, channels, self.past, pitches)
        x_BCTP = torch.cat([past_BCTP, x_BCTP], dim=2)
        return self.conv(x_BCTP), x_BCTP[:, :, x_BCTP.shape[2] - self.past :]
