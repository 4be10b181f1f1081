"""A package of somebody else's: a player with two sticks, who strikes a row of bars.

See docs/add-an-instrument.md.
"""

from __future__ import annotations

from sticks.instrument import STICKS

__all__ = ["STICKS"]
