"""What a take says about itself: what is played, from where it comes, what it may be used for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Split: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[str, ...] = get_args(Split)
NOT_STATED = "not stated"


@dataclass(frozen=True)
class About:
    """Kept in every take.

    Attributes:
        piece: The music.
        instrument: What is played.
        split: Training uses takes of "train" alone; the others are for measuring.
        licence: Of the recording.
        source: Where the recording is to be had, and which part of it this is.
        credit: Whom to name.
    """

    piece: str = NOT_STATED
    instrument: str = NOT_STATED
    split: str = "train"
    licence: str = NOT_STATED
    source: str = NOT_STATED
    credit: str = NOT_STATED

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"a take's split is one of {', '.join(SPLITS)}, not {self.split!r}")
