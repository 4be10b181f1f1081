"""Losses on poses in pose space: where points are, how they move, where limbs are and whether they
are visible."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_mean(error: Tensor, weight: Tensor) -> Tensor:
    """Mean by weight; 0 where nothing weighs anything.

    Weights that sum to less than 1 count as 1.
    """
    return (error * weight).sum() / weight.sum().clamp(min=1.0)


def position(predicted_BTKD: Tensor, true_BTKD: Tensor, weight_BTK: Tensor) -> Tensor:
    """Mean L1 distance of points."""
    return weighted_mean((predicted_BTKD - true_BTKD).abs().sum(-1), weight_BTK)


def velocity(predicted_BTKD: Tensor, true_BTKD: Tensor, weight_BSK: Tensor) -> Tensor:
    """Mean L1 distance of velocities, pose units per frame; S is T - 1."""
    error_BTKD = predicted_BTKD - true_BTKD
    return weighted_mean(error_BTKD.diff(dim=1).abs().sum(-1), weight_BSK)


def heights(predicted_BTK: Tensor, true_BTK: Tensor, weight_BTK: Tensor) -> Tensor:
    """Mean L1 distance of points' heights and of their velocities; true ones are NaN where they are
    not known."""
    known_BTK = true_BTK.isfinite()
    error_BTK = torch.where(known_BTK, predicted_BTK - true_BTK, 0.0)
    weight_BTK = weight_BTK * known_BTK
    moved_BSK = error_BTK.diff(dim=1).abs()
    return weighted_mean(error_BTK.abs(), weight_BTK) + weighted_mean(
        moved_BSK, weight_BTK[:, 1:] * weight_BTK[:, :-1]
    )


def centroid(predicted_BTH: Tensor, true_BTH: Tensor, weight_BTH: Tensor) -> Tensor:
    """Mean distance of limbs' centroids along the surface."""
    return weighted_mean((predicted_BTH - true_BTH).abs(), weight_BTH)


def visibility(logits_BTH: Tensor, visible_BTH: Tensor, weight_BT: Tensor) -> Tensor:
    """Mean binary cross-entropy of whether limbs are in the picture."""
    error_BTH = F.binary_cross_entropy_with_logits(logits_BTH, visible_BTH, reduction="none")
    return weighted_mean(error_BTH.mean(-1), weight_BT)
