"""Kinds of command-line argument, the values that they may have, and the one place that holds commands to them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from apvg.base.errors import ApvgError


def _numbers(shape: str, separators: str) -> PrimitiveConstructorSpec[Any]:
    """Whole numbers in one argument, written like `shape` (whose letters stand for them)."""

    def parse(args: list[str]) -> tuple[int, ...]:
        text = args[0].translate(str.maketrans(separators, " " * len(separators)))
        numbers = tuple(int(part) for part in text.split())
        if len(numbers) != sum(letter.isalpha() and letter.isupper() for letter in shape):
            raise ValueError(f"expected {shape}, got {args[0]}")
        return numbers

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=shape,
        instance_from_str=parse,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(map(str, value))],
    )


#: The result, ``-o`` for short.
Output = Annotated[Path, tyro.conf.arg(aliases=["-o"])]
#: ``X,Y,W,H`` in pixels.
Rectangle = Annotated[tuple[int, int, int, int], _numbers("X,Y,W,H", ",")]
#: ``WxH`` in pixels.
Size = Annotated[tuple[int, int], _numbers("WxH", "x,")]
#: A keyboard's corners in pixels: top left, top right, bottom right, bottom left.
Corners = Annotated[tuple[int, ...], _numbers("X,Y,X,Y,X,Y,X,Y", ",")]


@dataclass(frozen=True)
class Within:
    """The numbers that an option may be; stands in its type."""

    least: float
    most: float
    above: bool = False
    """Whether it must be above `least`."""

    def holds(self, number: float) -> bool:
        return (self.least < number if self.above else self.least <= number) and number <= self.most

    def __str__(self) -> str:
        return f"{'above ' if self.above else ''}{self.least:.15g} to {self.most:.15g}"


#: Longer than anything that is played or filmed, seconds: three years.
_FOREVER = 1e8
#: A moment, in seconds, from the start of something.
Moment = Annotated[float, Within(0, _FOREVER)]
Duration = Annotated[float, Within(0, _FOREVER, above=True)]
Offset = Annotated[float, Within(-_FOREVER, _FOREVER)]
#: Of random numbers: what both torch and NumPy take.
Seed = Annotated[int, Within(0, 2**63 - 1)]
#: Up and down over all keys of a piano.
Semitones = Annotated[int, Within(-88, 88)]
Jobs = Annotated[int, Within(1, 1024)]
Steps = Annotated[int, Within(1, 10**9)]
FrameRate = Annotated[int, Within(1, 240)]
#: Up to where sound cards go, Hz.
SampleRate = Annotated[int, Within(1000, 768_000)]
Channels = Annotated[int, Within(1, 64)]
#: Of frames worked on at a time in live music: ten seconds at most.
Block = Annotated[int, Within(1, 250)]
Port = Annotated[int, Within(0, 65_535)]
Share = Annotated[float, Within(0, 1)]


def check_options(command: Any) -> None:
    """Hold the options of a verb to what they may be, whoever gave them.

    Args:
        command: A dataclass of options. Numbers must lie :class:`Within` what their type says, and be finite in any case; no text
            or path may hold a NUL character, which no file's name can.

    Raises:
        ApvgError: One of them does not.
    """
    hints = get_type_hints(type(command), include_extras=True)
    for field in fields(command):
        value = getattr(command, field.name)
        if is_dataclass(value):
            check_options(value)
            continue
        option = f"--{field.name.replace('_', '-')}"
        bounds = list(_bounds(hints[field.name]))
        for item in _items(value):
            if isinstance(item, str | Path) and "\0" in str(item):
                raise ApvgError(
                    f"the name {str(item)!r} holds a NUL character, which no name can; leave it out"
                )
            if isinstance(item, bool) or not isinstance(item, int | float):
                continue
            if isinstance(item, float) and not math.isfinite(item):
                limits = f", {bounds[0]}" if bounds else ""
                raise ApvgError(f"{option} {item} cannot be; give a number{limits}")
            for bound in bounds:
                if not bound.holds(item):
                    raise ApvgError(f"{option} {item} cannot be; give {bound}")


def _bounds(hint: Any) -> Iterator[Within]:
    """What a type says of its numbers, however deep it says it."""
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
