"""Adversarial losses: hinge (Lim & Ye, 2017) and feature matching (Salimans et al., 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def hinge_discriminator(real_score: Tensor, fake_score: Tensor) -> Tensor:
    """What the discriminator minimises: real scores below 1, fake ones above -1."""
    return F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean()


def hinge_generator(fake_score: Tensor) -> Tensor:
    """What the generator minimises."""
    return -fake_score.mean()


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean L1 distance of the discriminator's features, layer by layer."""
    return torch.stack([F.l1_loss(a, b) for a, b in zip(fake, real, strict=True)]).mean()
