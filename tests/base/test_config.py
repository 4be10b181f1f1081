"""Configuration from plain data: valid data is read, and errors name the place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from apvg.base.config import from_dict, to_dict


@dataclass(frozen=True)
class Inner:
    channels: tuple[int, int, int] = (8, 16, 24)
    place: Literal["fine", "coarsest"] = "fine"
    hidden: int = 4
    rate: float | None = None


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    by_name: dict[str, float] = field(default_factory=dict)


def test_a_config_is_its_plain_data() -> None:
    config = Outer(Inner((1, 2, 3), "coarsest", rate=0.5), {"a": 1.0})
    assert from_dict(Outer, to_dict(config)) == config
    data = {"inner": {"channels": [1, 2, 3], "place": "coarsest", "rate": 0.5}, "by_name": {"a": 1}}
    assert from_dict(Outer, data) == config
    assert from_dict(Outer, {}) == Outer()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"place": "middle"}, "outer.inner.place must be 'fine' or 'coarsest', not 'middle'"),
        ({"hidden": "many"}, "outer.inner.hidden must be int, not 'many'"),
        ({"hidden": True}, "outer.inner.hidden must be int, not True"),
        ({"channels": [8, 16]}, "outer.inner.channels must have 3 items, not 2"),
        ({"hiden": 8}, "outer.inner has no setting 'hiden'"),
    ],
)
def test_errors_name_the_place(data: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_dict(Outer, {"inner": data}, where="outer")
