"""What every stage's trainer is made from."""

from __future__ import annotations

from dataclasses import dataclass

from lightning.fabric import Fabric

from apvg.training.data.cache import Cache
from apvg.training.plan import Plan
from apvg.training.weights import Weights


@dataclass(frozen=True)
class Material:
    """The means of a training.

    Attributes:
        plan: Which takes, which performer.
        weights: Where weights come from.
        cache: What datasets are made of.
        fabric: The device.
        workers: Threads that prepare batches ahead.
    """

    plan: Plan
    weights: Weights
    cache: Cache
    fabric: Fabric
    workers: int = 0
