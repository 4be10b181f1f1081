"""Losses on notes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def note_cross_entropy(
    logits_B2TP: Tensor, roll_B2TP: Tensor, positive_weight: float, valid_BT: Tensor | None = None
) -> Tensor:
    """Mean binary cross-entropy of onset and sustained planes.

    Args:
        logits_B2TP: Predicted.
        roll_B2TP: True, in 0..1.
        positive_weight: Weight of onset and sustained cells over empty ones, for notes are rare.
        valid_BT: 1 in frames that count; all by default.
    """
    logits_B2TP = logits_B2TP.float()
    error_B2TP = F.binary_cross_entropy_with_logits(
        logits_B2TP, roll_B2TP, reduction="none", pos_weight=logits_B2TP.new_tensor(positive_weight)
    )
    if valid_BT is None:
        return error_B2TP.mean()
    return (error_B2TP.mean(dim=(1, 3)) * valid_BT).sum() / valid_BT.sum().clamp(min=1.0)


def onset_f1(logits_B2TP: Tensor, roll_B2TP: Tensor) -> float:
    """F1 score of onsets, cell by cell, at a threshold of one half."""
    predicted_BTP, true_BTP = logits_B2TP[:, 0] > 0, roll_B2TP[:, 0] > 0
    right = float((predicted_BTP & true_BTP).sum())
    both = float(predicted_BTP.sum() + true_BTP.sum())
    return 2 * right / max(both, 1.0)
