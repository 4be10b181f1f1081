"""Adversarial losses that own their discriminator and its optimiser, so that a training step reads as one story."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from apvg.training.loop import descend


class AdversarialLoss:
    """Hinge loss (Lim & Ye, 2017) with feature matching (Salimans et al., 2016) against one discriminator.

    Args:
        fabric: Places the discriminator on the devices.
        discriminator: Returns (scores, features) for a batch.
        rate: Learning rate of its Adam (betas 0 and 0.9, as usual with spectral normalisation).
    """

    def __init__(self, fabric: Fabric, discriminator: nn.Module, rate: float) -> None:
        optimizer = Adam(discriminator.parameters(), lr=rate, betas=(0.0, 0.9))
        self.fabric = fabric
        self.discriminator, self.optimizer = fabric.setup(discriminator, optimizer)

    def train_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """One step of the discriminator; returns its loss."""
        real_score, _ = self.discriminator(real.detach())
        fake_score, _ = self.discriminator(fake.detach())
        loss = F.relu(1 - real_score).mean() + F.relu(1 + fake_score).mean()
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        descend(self.fabric, self.discriminator, self.optimizer, max_norm=float("inf"))
        return loss.detach()

    def __call__(self, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """The generator's adversarial loss and its feature-matching loss."""
        self.discriminator.requires_grad_(False)
        fake_score, fake_features = self.discriminator(fake)
        with torch.no_grad():
            _, real_features = self.discriminator(real)
        self.discriminator.requires_grad_(True)
        return -fake_score.mean(), _mean_distance(fake_features, real_features)


def _mean_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    return torch.stack([F.l1_loss(a, b) for a, b in zip(fake, real, strict=True)]).mean()
