"""Layers over a plate."""

from __future__ import annotations

import torch
from torch import Tensor


def over(below: Tensor, colour: Tensor, matte: Tensor) -> Tensor:
    """Colour [..., C, H, W] over what is below it, by its opacity [..., 1, H, W] in 0..1 (Porter & Duff, 1984)."""
    return torch.lerp(below, colour, matte)
