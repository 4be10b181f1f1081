"""Losses on pictures: weighted reconstruction, edges, and mattes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def weighted_l1(painted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of |painted - target| times a weight that is broadcast over colours; pictures [..., C,
    H, W] in 0..1."""
    return ((painted - target).abs() * weight).mean()


def edges(painted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """The same of differences between neighbouring pixels, across and down."""
    error = painted - target
    across, down = error.diff(dim=-1).abs(), error.diff(dim=-2).abs()
    return (across * weight[..., 1:]).mean() + (down * weight[..., 1:, :]).mean()


def matte_cross_entropy(logits: Tensor, matte: Tensor) -> Tensor:
    """Mean binary cross-entropy of an opacity in 0..1."""
    return F.binary_cross_entropy_with_logits(logits, matte)
