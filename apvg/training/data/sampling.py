"""Random numbers of a step, and how often each take is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch


class StepRandom(NamedTuple):
    """The random generators of one step.

    They belong to the step alone: neither the steps before nor other threads change what they give.
    """

    numpy: np.random.Generator
    torch: torch.Generator


def step_random(seed: int, step: int, rank: int = 0) -> StepRandom:
    """Generators of a step of one process (`rank`) of a training."""
    generator = np.random.default_rng((seed, step, rank))
    return StepRandom(generator, torch.Generator().manual_seed(int(generator.integers(2**31))))


def sampling_weights(
    seconds: Sequence[float], filmed: Sequence[bool], filmed_share: float
) -> np.ndarray:
    """How likely each take is: in proportion to its length; where both kinds are there, filmed ones
    together `filmed_share`."""
    seconds_N, filmed_N = np.array(seconds), np.array(filmed)
    if filmed_N.all() or not filmed_N.any():
        return seconds_N / seconds_N.sum()
    filmed_share_N = filmed_share * seconds_N * filmed_N / seconds_N[filmed_N].sum()
    return filmed_share_N + (1 - filmed_share) * seconds_N * ~filmed_N / seconds_N[~filmed_N].sum()
