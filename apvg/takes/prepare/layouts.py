"""Which points can be looked for in footage, and what a take with them shows by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apvg.base.registry import Registry
from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS, Skeleton


@dataclass(frozen=True)
class Layout:
    """What is looked for.

    Attributes:
        skeleton: Its points: those of a body, if any, then those of the left and of the right hand.
        subject: What messages call it.
        shows: What of the picture a take shows by default: the part where the hands are, or
            everything.
        reason: Why everything is shown, for the report.
    """

    skeleton: Skeleton
    subject: str
    shows: Literal["hands", "everything"]
    reason: str = ""


LAYOUTS: Registry[Layout] = Registry("layout")
LAYOUTS.register(HANDS.name, Layout(HANDS, subject="hands", shows="hands"))
LAYOUTS.register(
    BODY_AND_HANDS.name,
    Layout(
        BODY_AND_HANDS,
        subject="person",
        shows="everything",
        reason="the whole picture, as the body belongs to it",
    ),
)
