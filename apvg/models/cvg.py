"""CVG: a coarse video straight from the music (source: "global appearance and texture").

An audio encoder as KHP's gives features of every pitch. A learned map, for a piano the keyboard,
lays them out along the picture's columns, and convolutions paint colour and matte at a quarter of
the frame's size, which are composited over the plate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.models.blocks import ResidualBlock
from apvg.models.transcription.encoder import (
    PITCHES,
    AudioEncoder,
    CausalStack,
    EncoderConfig,
    State,
)
from apvg.video.compositing import Layer, composite


@dataclass(frozen=True)
class CVGConfig:
    """Shape of CVG.

    Attributes:
        encoder: The audio encoder.
        channels: Channels per pitch, and per column of the picture.
        layers: Depth of the causal stack.
        picture: Channels of the coarse picture's features.
        lookahead_frames: Frames of music beyond the frame that is painted.
    """

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    channels: int = 32
    layers: int = 5
    picture: int = 24
    lookahead_frames: int = 8


class CVGState(NamedTuple):
    """CVG's state between chunks."""

    encoder: State
    stack: State


class Coarse(NamedTuple):
    """CVG's prediction for the frames that lie `lookahead_frames` before its input's.

    Attributes:
        colour_BTChw: Painted colour in 0..1.
        matte_logits_BThw: Its opacity, before the sigmoid.
        notes_B2TP: Logits of onset and sustained, the auxiliary task.
    """

    colour_BTChw: Tensor
    matte_logits_BThw: Tensor
    notes_B2TP: Tensor

    def over(self, plate_BChw: Tensor) -> Tensor:
        """The coarse video over a plate, [B, T, 3, h, w] in 0..1."""
        layer = Layer(self.colour_BTChw, self.matte_logits_BThw.sigmoid()[:, :, None])
        return composite(plate_BChw[:, None], [layer])


class CoarseVideoGenerator(nn.Module):
    """CVG: feature rows in, colour and matte of coarse frames out; causal, with its state carried
    across chunks.

    Args:
        size_hw: Height and width of the coarse video.
        columns_P: Column (0..w) over which each pitch lies at first; the map is learned from there.
    """

    def __init__(self, config: CVGConfig, size_hw: tuple[int, int], columns_P: Tensor) -> None:
        super().__init__()
        self.config, self.size_hw = config, size_hw
        height, width = size_hw
        self.encoder = AudioEncoder(config.encoder)
        self.embed = nn.Conv2d(config.encoder.channels + 2, config.channels, 1)
        self.stack = CausalStack(config.channels, config.layers)
        away_wP = torch.arange(width)[:, None] + 0.5 - columns_P[None]
        reach = 1.5 * width / PITCHES
        near_wP = torch.exp(-0.5 * (away_wP / reach) ** 2)
        self.to_columns_wP = nn.Parameter(
            near_wP / near_wP.sum(dim=1, keepdim=True).clamp(min=1e-3)
        )
        self.to_rows = nn.Conv1d(config.channels, config.picture * height, 5, padding=2)
        self.refine = ResidualBlock(config.picture)
        self.paint = nn.Conv2d(config.picture + 3, 4, 3, padding=1)
        with torch.no_grad():  # begins with hardly more than the plate
            torch.nn.init.constant_(self.paint.weight[3], 0.0)
            self.paint.bias[3] = -4.0  # pyright: ignore[reportOptionalSubscript]

    def forward(
        self,
        features_BRF: Tensor,
        plate_BChw: Tensor,
        state: CVGState | None = None,
        *,
        paint_from: int = 0,
    ) -> tuple[Coarse, CVGState]:
        """
        Args:
            features_BRF: Feature rows of whole frames, [B, T * rows_per_frame, F].
            plate_BChw: The plate in 0..1, at the coarse video's size.
            state: Of the call for the rows before; None at the start of the music.
            paint_from: First frame to paint; those before only fill the state, as training's
                warm-up does.
        """
        height, _ = self.size_hw
        features_BCTP, notes_B2TP, encoder = self.encoder(
            features_BRF, state.encoder if state else None
        )
        x_BCTP = self.embed(torch.cat([features_BCTP, notes_B2TP.sigmoid()], dim=1))
        x_BCTP, stack = self.stack(x_BCTP, state.stack if state else None)
        x_BCTP = x_BCTP[:, :, paint_from:]
        batch, _, frames, _ = x_BCTP.shape
        columns_NCw = (x_BCTP @ self.to_columns_wP.T.to(x_BCTP.dtype)).transpose(1, 2).flatten(0, 1)
        picture_NChw = self.to_rows(columns_NCw).unflatten(1, (-1, height))
        picture_NChw = F.relu(self.refine(picture_NChw))
        plate_NChw = plate_BChw[:, None].expand(-1, frames, -1, -1, -1).flatten(0, 1)
        painted_NChw = self.paint(torch.cat([picture_NChw, plate_NChw.to(picture_NChw)], dim=1))
        painted_NChw = painted_NChw.float()
        colour_NChw, matte_logits_Nhw = painted_NChw[:, :3].sigmoid(), painted_NChw[:, 3]
        coarse = Coarse(
            colour_NChw.unflatten(0, (batch, frames)),
            matte_logits_Nhw.unflatten(0, (batch, frames)),
            notes_B2TP.float(),
        )
        return coarse, CVGState(encoder, stack)
