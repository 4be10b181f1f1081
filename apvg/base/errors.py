"""The exceptions that are meant for the person who uses apvg, through whatever door."""

from __future__ import annotations

from collections.abc import Sequence


class ApvgError(Exception):
    """Something that the user can act on.

    >>> str(ApvgError("the take has 30 frames/s", "prepare it again at 25", options=["fps"]))
    'the take has 30 frames/s; prepare it again at 25'

    Args:
        what: What is wrong, and where; one line without a full stop.
        cure: What to do about it, in words that hold for every door.
        options: Names of the library's options that the cure is about. The command line names its
            flags after them.

    Attributes:
        what, cure, options: As given.
    """

    def __init__(self, what: str = "", cure: str = "", options: Sequence[str] = ()) -> None:
        super().__init__(what, cure, tuple(options))  # all of it, or it could not be pickled
        self.what, self.cure, self.options = what, cure, tuple(options)

    def __str__(self) -> str:
        return f"{self.what}; {self.cure}" if self.cure else self.what


class ApvgWarning(UserWarning):
    """Something the user should know though the work goes on; one line."""
