"""Options are held to their bounds, and errors name them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.base.options import Moment, Within, check_options


@dataclass(frozen=True)
class Inner:
    kept: Annotated[int, Within(1, 5)] = 2


@dataclass(frozen=True)
class Options:
    start_at: Moment = 0.0
    speed: Annotated[float, Within(0, 2, above=True)] | None = None
    path: Path | None = None
    block: tuple[tuple[str, float], ...] = ()
    inner: Inner = Inner()
    fast: bool = True


def test_what_lies_within_is_taken() -> None:
    check_options(Options(1e8, 2.0, Path("a"), (("a", -5.0),)))


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        (Options(start_at=-1.0), "start_at", "give a number from 0 to 100000000"),
        (Options(float("nan")), "start_at", "cannot be nan; give a number from 0 to 100000000"),
        (Options(speed=0.0), "speed", "speed cannot be 0.0; give a number above 0, up to 2"),
        (Options(block=(("a", float("inf")),)), "block", "cannot be inf; give a number"),
        (Options(block=(("a\0b", 1.0),)), "block", "NUL"),
        (Options(path=Path("a\0")), "path", "NUL"),
        (Options(inner=Inner(0)), "kept", "kept cannot be 0; give a number from 1 to 5"),
    ],
)
def test_the_option_is_named(options: Options, name: str, message: str) -> None:
    with pytest.raises(ApvgError) as refusal:
        check_options(options)
    assert message in str(refusal.value)
    assert refusal.value.options == (name,)


@given(number=st.floats(allow_nan=False))
def test_bounds(number: float) -> None:
    assert Within(-1, 2).holds(number) == (-1 <= number <= 2)
    assert Within(-1, 2, above=True).holds(number) == (-1 < number <= 2)
