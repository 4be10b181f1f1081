"""What the figures of a quality report should be, as data; each threshold stands here once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

#: From best to worst.
Grade: TypeAlias = Literal["good", "usable", "poor"]
GRADES: tuple[Grade, ...] = get_args(Grade)


@dataclass(frozen=True)
class Check:
    """A figure with its target.

    Attributes:
        label: What is measured.
        value: The figure, in words.
        wanted: What would be good; empty where another figure says it.
        grade: What the figure earns.
        reason: The figure as a sentence, and what to do where it is not good; empty where another
            figure says it.
    """

    label: str
    value: str
    wanted: str
    grade: Grade
    reason: str = ""


@dataclass(frozen=True)
class Target:
    """What a figure should be.

    Attributes:
        label: What is measured.
        good: Least value for "good", or the greatest one where smaller is better.
        usable: The same for "usable".
        shown: How the value is written.
        sentence: The figure as a sentence, with one place for the value.
        cure: What to do where it is not good.
        larger_is_better: Which side of the bounds is good.
    """

    label: str
    good: float
    usable: float
    shown: str
    sentence: str = ""
    cure: str = ""
    larger_is_better: bool = False

    def grade(self, value: float) -> Grade:
        """What a value earns."""
        sign = 1 if self.larger_is_better else -1
        if sign * value < sign * self.usable:
            return "poor"
        return "usable" if sign * value < sign * self.good else "good"

    def check(self, value: float) -> Check:
        """A value compared with this target."""
        shown, grade = self.shown.format(value), self.grade(value)
        wanted = f"{'≥' if self.larger_is_better else '≤'} {self.shown.format(self.good)}"
        reason = self.sentence.format(shown)
        if self.cure and grade != "good":
            reason = f"{reason}; {self.cure}"
        return Check(self.label, shown, wanted, grade, reason)
