"""Types of options with their bounds, and the check that holds a task's options to them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from apvg.base.errors import ApvgError


@dataclass(frozen=True)
class Within:
    """The range of a number; stands in the type of an option."""

    least: float
    most: float
    above: bool = False
    """Whether the number must be above `least`."""

    def holds(self, number: float) -> bool:
        """Whether a number lies within the range."""
        return (self.least < number if self.above else self.least <= number) and number <= self.most

    def __str__(self) -> str:
        if self.above:
            return f"a number above {self.least:.15g}, up to {self.most:.15g}"
        return f"a number from {self.least:.15g} to {self.most:.15g}"


#: Longer than any music or footage, seconds: three years.
_FOREVER = 1e8
#: A position in music or footage, seconds from its start.
Moment = Annotated[float, Within(0, _FOREVER)]
Duration = Annotated[float, Within(0, _FOREVER, above=True)]
Offset = Annotated[float, Within(-_FOREVER, _FOREVER)]
#: Seeds that both torch and NumPy accept.
Seed = Annotated[int, Within(0, 2**63 - 1)]
#: The full range of a piano, up and down.
Semitones = Annotated[int, Within(-88, 88)]
Jobs = Annotated[int, Within(1, 1024)]
Steps = Annotated[int, Within(1, 10**9)]
FrameRate = Annotated[int, Within(1, 240)]
#: Up to what sound cards offer, Hz.
SampleRate = Annotated[int, Within(1000, 768_000)]
Channels = Annotated[int, Within(1, 64)]
#: Frames processed at a time in live music: ten seconds at most.
Block = Annotated[int, Within(1, 250)]
Port = Annotated[int, Within(0, 65_535)]
Share = Annotated[float, Within(0, 1)]
#: x, y, width, height in pixels.
Rectangle = tuple[int, int, int, int]
#: Width and height in pixels.
Size = tuple[int, int]
#: x and y of a keyboard's corners in pixels: top left, top right, bottom right, bottom left.
Corners = tuple[int, ...]
#: As apvg.engines.choosing.EngineName, whose module takes a second to import.
Engine = Literal["auto", "torch", "torch-bf16"]


def check_options(options: Any) -> None:
    """Check that options lie within their bounds, wherever they come from.

    Args:
        options: A dataclass. Numbers must lie :class:`Within` the range that their type states, and
            be finite in any case; no text or path may contain a NUL character, which file names
            cannot hold.

    Raises:
        ApvgError: An option is out of bounds; its `options` name it.
    """
    hints = get_type_hints(type(options), include_extras=True)
    for field in fields(options):
        value = getattr(options, field.name)
        if is_dataclass(value):
            check_options(value)
            continue
        bounds = list(_bounds(hints[field.name]))
        for item in _items(value):
            if isinstance(item, str | Path) and "\0" in str(item):
                raise ApvgError(
                    f"the name {str(item)!r} contains a NUL character", "remove it", [field.name]
                )
            if isinstance(item, bool) or not isinstance(item, int | float):
                continue
            what = f"{field.name.replace('_', ' ')} cannot be {item}"
            if isinstance(item, float) and not math.isfinite(item):
                raise ApvgError(what, f"give {next(iter(bounds), 'a number')}", [field.name])
            for bound in bounds:
                if not bound.holds(item):
                    raise ApvgError(what, f"give {bound}", [field.name])


def _bounds(hint: Any) -> Iterator[Within]:
    """The ranges that a type states, at any depth."""
    for argument in get_args(hint):
        if isinstance(argument, Within):
            yield argument
        else:
            yield from _bounds(argument)


def _items(value: Any) -> Iterator[Any]:
    """The values in a value."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from _items(item)
    else:
        yield value
