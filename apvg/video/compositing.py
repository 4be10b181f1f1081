"""Layers over a plate: the "over" operator (Porter & Duff, 1984) on colours that are not
premultiplied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layer:
    """Something painted, and where it lies in the picture. All axes before [C, H, W] broadcast: one
    frame may stand for many.

    Attributes:
        colour_TCHW: Colour in 0..1.
        matte_TCHW: Opacity in 0..1, [T, C, H, W] or, the same for all channels, [T, 1, H, W].
        top, left: Pixels of the picture above and to the left of the layer; negative where it
            begins outside.
    """

    colour_TCHW: Tensor
    matte_TCHW: Tensor
    top: int = 0
    left: int = 0

    def __post_init__(self) -> None:
        colour, matte = self.colour_TCHW.shape, self.matte_TCHW.shape
        if colour[-2:] != matte[-2:] or matte[-3] not in (1, colour[-3]):
            raise ValueError(f"a matte {list(matte)} does not fit a colour {list(colour)}")


def composite(plate_CHW: Tensor, layers: Sequence[Layer]) -> Tensor:
    """Lay layers over a plate, later ones over earlier ones; what lies beyond the picture is cut
    off.

    Args:
        plate_CHW: What is seen where no layer is, 0..1, [C, H, W] or with further axes in front.
        layers: From the back to the front.

    Returns:
        [T, C, H, W], 0..1. One layer as large as the plate gives `torch.lerp(plate, colour,
        matte)`, to the bit.
    """
    height, width = plate_CHW.shape[-2:]
    frames_TCHW = plate_CHW.expand(1, *plate_CHW.shape) if plate_CHW.ndim == 3 else plate_CHW
    for rows, columns, colour_TCHW, matte_TCHW in _clipped(layers, height, width):
        below_TCHW = frames_TCHW[..., rows, columns]
        laid_TCHW = torch.lerp(below_TCHW, colour_TCHW, matte_TCHW)
        frames_TCHW = _replaced(frames_TCHW, rows, columns, laid_TCHW)
    return frames_TCHW


def alpha(layers: Sequence[Layer], height: int, width: int) -> Tensor:
    """The joint opacity of layers in a picture: 1 - (1 - a)(1 - b)…, whatever the colours are.

    Args:
        layers: At least one.
        height, width: Of the picture, pixels.

    Returns:
        Like the mattes, [T, 1, H, W] or [T, C, H, W], 0..1; 0 where no layer is.
    """
    matte_TCHW = layers[0].matte_TCHW
    alpha_TCHW = matte_TCHW.new_zeros(*matte_TCHW.shape[:-2], height, width)
    for rows, columns, _, matte_TCHW in _clipped(layers, height, width):
        below_TCHW = alpha_TCHW[..., rows, columns]
        joint_TCHW = below_TCHW + matte_TCHW * (1 - below_TCHW)
        alpha_TCHW = _replaced(alpha_TCHW, rows, columns, joint_TCHW)
    return alpha_TCHW


def _clipped(
    layers: Sequence[Layer], height: int, width: int
) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
    """The part of each layer that lies in the picture: its rows and columns there, its colour and
    its matte."""
    for layer in layers:
        rows = slice(max(layer.top, 0), min(layer.top + layer.colour_TCHW.shape[-2], height))
        columns = slice(max(layer.left, 0), min(layer.left + layer.colour_TCHW.shape[-1], width))
        if rows.start < rows.stop and columns.start < columns.stop:
            own = (
                ...,
                slice(rows.start - layer.top, rows.stop - layer.top),
                slice(columns.start - layer.left, columns.stop - layer.left),
            )
            yield rows, columns, layer.colour_TCHW[own], layer.matte_TCHW[own]


def _replaced(frames_TCHW: Tensor, rows: slice, columns: slice, part_TCHW: Tensor) -> Tensor:
    """The frames with other pixels in a rectangle; the frames that are given stay as they are."""
    height, width = frames_TCHW.shape[-2:]
    if part_TCHW.shape[-2:] == (height, width):
        return part_TCHW
    whole_TCHW = frames_TCHW.expand(*part_TCHW.shape[:-2], height, width).clone()
    whole_TCHW[..., rows, columns] = part_TCHW
    return whole_TCHW
