"""How options are written on a command line.

A verb is a subclass of its task's options. It only changes annotations: which options are
positional, which have a short name, and how rectangles are written. Defaults and help texts are
those of the task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.constructors import PrimitiveConstructorSpec


def _numbers(shape: str, separators: str) -> PrimitiveConstructorSpec[Any]:
    """Integers in one argument, in the form of `shape`: each capital letter stands for a number."""

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


#: The output, with the short name ``-o``.
Output = Annotated[Path, tyro.conf.arg(aliases=["-o"])]
#: ``X,Y,W,H`` in pixels.
Rectangle = Annotated[tuple[int, int, int, int], _numbers("X,Y,W,H", ",")]
#: ``WxH`` in pixels.
Size = Annotated[tuple[int, int], _numbers("WxH", "x,")]
#: A keyboard's corners in pixels: top left, top right, bottom right, bottom left.
Corners = Annotated[tuple[int, ...], _numbers("X,Y,X,Y,X,Y,X,Y", ",")]
