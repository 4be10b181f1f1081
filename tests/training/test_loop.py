"""The optimise step that all trainers share."""

from __future__ import annotations

import pytest
import torch
from lightning.fabric import Fabric
from torch import nn
from torch.optim import Adam

from apvg.training.trainers.step import clipped_step


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_gradients_that_are_not_finite_leave_the_weights_alone(bad: float) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    linear = nn.Linear(2, 1)
    module, optimizer = fabric.setup(linear, Adam(linear.parameters(), lr=0.1))
    before = [value.clone() for value in linear.parameters()]
    for factor in (bad, 1.0):
        optimizer.zero_grad()
        fabric.backward(factor * module(torch.ones(1, 2)).sum())
        clipped_step(fabric, module, optimizer)
        stayed = [
            torch.equal(old, new) for old, new in zip(before, linear.parameters(), strict=True)
        ]
        assert all(stayed) if factor is bad else not any(stayed)
    assert all(bool(value.isfinite().all()) for value in linear.parameters())
