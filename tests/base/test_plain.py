"""Dataclasses as plain data: which keys there are, what becomes of numbers, and a schema that says
the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from apvg.base.plain import Flat, Key, OptionalKey, descriptions, json_schema, to_plain


@dataclass(frozen=True)
class Inner:
    """Something inside.

    Attributes:
        here, there: Two of
            a kind.
    """

    here: float
    there: int


@dataclass(frozen=True)
class Outer:
    """All that can be said."""

    odd: Annotated[float, Key("odd@1")]
    inner: Annotated[Inner, Flat()]
    lost: Annotated[Inner | None, Flat()]
    parts: Annotated[Mapping[str, float], Flat("energy_{}")]
    others: Annotated[Mapping[str, Any], Flat("{}_more", open_to="others")]
    rows: Sequence[Inner]
    kind: Literal["a", "b"] = "a"
    known: int | None = None
    seldom: Annotated[str | None, OptionalKey()] = None
    total: float = field(init=False, default=7.0)


OUTER = Outer(
    odd=np.float32(0.5),  # pyright: ignore[reportArgumentType]
    inner=Inner(float("nan"), 3),
    lost=None,
    parts={"left": float("inf")},
    others={"sticks": Inner(1.0, 1)},
    rows=(Inner(2.0, 2),),
)
PLAIN = {
    "odd@1": 0.5,
    "here": None,
    "there": 3,
    "energy_left": None,
    "sticks_more": {"here": 1.0, "there": 1},
    "rows": [{"here": 2.0, "there": 2}],
    "kind": "a",
    "known": None,
    "total": 7.0,
}


def test_keys_and_numbers() -> None:
    assert to_plain(OUTER) == PLAIN


def _valid(data: Any) -> bool:
    schema = json_schema(Outer, {"others": {"sticks": Inner}})
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(data)


def test_the_schema_takes_what_is_written() -> None:
    assert _valid(PLAIN)
    assert _valid(PLAIN | {"seldom": "now", "known": 3, "drums_more": "anything"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"here": "far"},
        {"rows": [{"here": 1.0}]},
        {"kind": "c"},
        {"seldom": None},
        {"energy_right": "much"},
        {"sticks_more": {"here": 1.0}},
        {"odd@1": True},
    ],
)
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, Any]) -> None:
    assert not _valid(PLAIN | wrong)


@pytest.mark.parametrize("key", ["odd@1", "there", "rows", "known", "total"])
def test_the_schema_misses_what_is_left_out(key: str) -> None:
    assert not _valid({name: value for name, value in PLAIN.items() if name != key})


def test_objects_that_are_not_open_have_no_other_keys() -> None:
    schema = json_schema(Inner)
    assert not Draft202012Validator(schema).is_valid({"here": 1.0, "there": 1, "where": 2})


def test_descriptions_are_those_of_the_docstring() -> None:
    assert descriptions(Inner) == {"here": "Two of a kind.", "there": "Two of a kind."}
    assert json_schema(Inner)["properties"]["here"]["description"] == "Two of a kind."
