"""The steps that all trainers share: of a network, and of the discriminators that it trains
against.

As in audiocraft, an adversarial loss owns its discriminator and that one's optimiser, so that a
training step reads as one story.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from apvg.training.losses.adversarial import feature_matching, hinge_discriminator, hinge_generator

#: Learning rates end at this share of their peak.
_FLOOR = 0.05


class Learner:
    """A network in training, with all that follows its gradients: optimiser, learning rate,
    clipping, average.

    Attributes:
        network: The network on the training's device; call this one.
        module: The same without Fabric's wrapper, whose weights are saved.
        average: The averaged weights, which ship.
        optimizer: The optimiser whose state is saved.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: nn.Module,
        optimizer: Optimizer,
        *,
        rate: Callable[[int], float],
        ema: float,
        max_norm: float = 1.0,
        methods: tuple[str, ...] = (),
    ) -> None:
        """
        Args:
            fabric: Places everything.
            network: What is trained.
            optimizer: Of its parameters.
            rate: Learning rate at a step.
            ema: Decay of the average.
            max_norm: What the norm of gradients is clipped to.
            methods: Methods of the network, other than forward, that losses are computed with.
        """
        self.fabric, self.rate, self.max_norm = fabric, rate, max_norm
        self.average = fabric.to_device(copy.deepcopy(network))
        wrapped, self._stepper = fabric.setup(network, optimizer)
        for method in methods:
            wrapped.mark_forward_method(method)
        self.network: Any = wrapped
        self.module: Any = wrapped.module
        self.optimizer = optimizer
        self._ema = ExponentialMovingAverage(self.module, self.average, ema)

    def clear(self) -> None:
        """Drop the gradients of the step before."""
        self._stepper.zero_grad(set_to_none=True)

    def follow(self, step: int) -> None:
        """One step down the clipped gradients, and the average after it."""
        for group in self._stepper.param_groups:
            group["lr"] = self.rate(step)
        clipped_step(self.fabric, self.network, self._stepper, self.max_norm)
        self._ema.update(step)


def optimise(losses: Mapping[str, Tensor], step: int, *learners: Learner) -> dict[str, float]:
    """One step of some networks down the sum of losses; returns the losses as numbers, for the
    curve."""
    for learner in learners:
        learner.clear()
    learners[0].fabric.backward(torch.stack(list(losses.values())).sum())
    for learner in learners:
        learner.follow(step)
    return {name: float(loss.detach()) for name, loss in losses.items()}


def clipped_step(
    fabric: Fabric, module: nn.Module, optimizer: Optimizer, max_norm: float = 1.0
) -> None:
    """One step down clipped gradients; none where they are not finite, which would spoil every
    weight for good."""
    norm = fabric.clip_gradients(module, optimizer, max_norm=max_norm, error_if_nonfinite=False)
    assert norm is not None
    if bool(norm.isfinite()):
        optimizer.step()


def cosine(rate: float, steps: int, warmup: int = 200) -> Callable[[int], float]:
    """A learning rate by step: linear warm-up to `rate`, then half a cosine down to a twentieth of
    it."""

    def at(step: int) -> float:
        if step < warmup:
            return rate * ((step + 1) / warmup)
        progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
        return rate * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + float(np.cos(np.pi * progress))))

    return at


class ExponentialMovingAverage:
    """A slowly following copy of a module's weights, which is what ships."""

    def __init__(self, module: nn.Module, average: nn.Module, decay: float) -> None:
        self.module, self.average, self.decay = module, average, decay
        average.load_state_dict(module.state_dict())
        average.requires_grad_(False)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the module; quickly at first, when its weights are still far from anything."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, values = self.average.state_dict(), self.module.state_dict()
        for name, average in averages.items():
            if average.is_floating_point():
                average.lerp_(values[name].to(average.dtype), 1 - decay)
            else:
                average.copy_(values[name])


class StageTrainer:
    """What the trainers of single networks have in common.

    Attributes:
        name: Of the stage.
        steps: In all.
        learner: What is trained.
        adversaries: What it is trained against; nobody by default.
    """

    learner: Learner

    def __init__(self, name: str, fabric: Fabric, steps: int) -> None:
        self.name, self.fabric, self.steps = name, fabric, steps
        self.adversaries = Adversaries(fabric, {})

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All weights of a checkpoint: the network, its average as "ema", the discriminators."""
        own = {"network": self.learner.module, "ema": self.learner.average}
        return own | self.adversaries.modules

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """All optimiser states of a checkpoint."""
        own = {"network": self.learner.optimizer}
        return own | self.adversaries.optimizers

    def picture_HWC(self) -> np.ndarray | None:
        """None: the losses say enough."""
        return None


class AdversarialLoss:
    """Hinge loss with feature matching against one discriminator, which it trains.

    Args:
        fabric: Places the discriminator.
        discriminator: Returns (scores, features) for a batch.
        rate: Learning rate of its Adam (betas 0 and 0.9, as usual with spectral normalisation).
    """

    def __init__(self, fabric: Fabric, discriminator: nn.Module, rate: float) -> None:
        optimizer = Adam(discriminator.parameters(), lr=rate, betas=(0.0, 0.9))
        self.fabric = fabric
        self.discriminator, self.optimizer = fabric.setup(discriminator, optimizer)

    def train_discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        """One step of the discriminator; returns its loss, detached."""
        real_score, _ = self.discriminator(real.detach())
        fake_score, _ = self.discriminator(fake.detach())
        loss = hinge_discriminator(real_score, fake_score)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        clipped_step(self.fabric, self.discriminator, self.optimizer, max_norm=float("inf"))
        return loss.detach()

    def __call__(self, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """The generator's adversarial loss and its feature-matching loss."""
        self.discriminator.requires_grad_(False)
        fake_score, fake_features = self.discriminator(fake)
        with torch.no_grad():
            _, real_features = self.discriminator(real)
        self.discriminator.requires_grad_(True)
        return hinge_generator(fake_score), feature_matching(fake_features, real_features)


class Adversaries:
    """The discriminators of a stage, by what they are shown. They learn every second step, or they
    would be ahead too soon.

    Args:
        fabric: Places them.
        discriminators: By name.
        rate: Their learning rate.
        adversarial_weight, feature_weight: Weights of the generator's losses.
    """

    def __init__(
        self,
        fabric: Fabric,
        discriminators: Mapping[str, nn.Module],
        *,
        rate: float = 2e-4,
        adversarial_weight: float = 1.0,
        feature_weight: float = 1.0,
    ) -> None:
        self.adversarial_weight, self.feature_weight = adversarial_weight, feature_weight
        self.losses = {
            name: AdversarialLoss(fabric, discriminator, rate)
            for name, discriminator in discriminators.items()
        }

    def __call__(self, step: int, views: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Weighted losses of the generator; and those of discriminators that learn, which are
        detached and move nothing else.

        Args:
            step: Number of the step.
            views: What each discriminator is shown: of what was made, and of what is real.
        """
        losses: dict[str, Tensor] = {}
        for name, (fake, real) in views.items():
            loss = self.losses[name]
            if step % 2 == 0:
                losses[f"discriminator_{name}"] = loss.train_discriminator(fake, real)
            adversarial, matching = loss(fake, real)
            losses[f"adversarial_{name}"] = self.adversarial_weight * adversarial
            losses[f"feature_matching_{name}"] = self.feature_weight * matching
        return losses

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The discriminators, for checkpoints."""
        return {name: loss.discriminator.module for name, loss in self.losses.items()}

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """Their optimisers, for checkpoints."""
        return {name: loss.optimizer.optimizer for name, loss in self.losses.items()}
