"""Targets: the least and the greatest good value of a figure, as data.

Each instrument's stand with its figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

F = TypeVar("F")


@dataclass(frozen=True)
class TargetRow:
    """A figure and its target, for people.

    Attributes:
        figure: Its label.
        value: As measured; null where it is infinite.
        target: The bounds in words.
        met: Whether the value lies within them.
    """

    figure: str
    value: float
    target: str
    met: bool


@dataclass(frozen=True)
class Target(Generic[F]):
    """What a figure should be.

    Attributes:
        label: What reports call it.
        get: Reads it from figures; None where they lack it.
        low, high: Bounds.
        unit: Of the bounds.
    """

    label: str
    get: Callable[[F], float | None]
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""

    @property
    def wanted(self) -> str:
        """The bounds in words."""
        if self.high == math.inf:
            return f"≥ {self.low:g} {self.unit}".strip()
        return f"{self.low:g} to {self.high:g} {self.unit}".strip()


def target_rows(figures: F, targets: Iterable[Target[F]]) -> list[TargetRow]:
    """Every target with its value and whether it is met; figures that are missing, or NaN, are left
    out."""
    rows = []
    for target in targets:
        value = target.get(figures)
        if value is not None and not math.isnan(value):
            met = bool(target.low <= value <= target.high)
            rows.append(TargetRow(target.label, value, target.wanted, met))
    return rows
