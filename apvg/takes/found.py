"""A value that was found or given, and how certain it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: From this certainty on a value is called sure, and likely; below that it is a guess. Own choice.
SURE, LIKELY = 0.8, 0.4


@dataclass(frozen=True)
class Found:
    """A value, and where it comes from.

    Attributes:
        value: Plain data.
        sure: How certain it is, 0..1; 1 for what was given.
        how: How it was found, in words, with the figure behind `sure`.
        given: Whether the user gave it.
    """

    value: Any
    sure: float
    how: str
    given: bool = False

    @property
    def word(self) -> str:
        """ "given", "sure", "likely", "a guess" or "not found"."""
        if self.given:
            return "given"
        if self.sure <= 0:
            return "not found"
        return "sure" if self.sure >= SURE else "likely" if self.sure >= LIKELY else "a guess"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the report."""
        return {"value": self.value, "sure": self.sure, "word": self.word, "how": self.how}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Found:
        """Inverse of :meth:`to_dict`."""
        return cls(data["value"], data["sure"], data["how"], data["word"] == "given")


def given(value: Any) -> Found:
    """A value that the user gave."""
    return Found(value, 1.0, "given", given=True)
