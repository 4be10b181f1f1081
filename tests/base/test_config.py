"""Configuration from plain data: what fits is taken, and what does not is told where it stands."""

from __future__ import annotations

import pytest

from apvg.base.config import from_dict, to_dict
from apvg.models.stu import STUConfig


def test_a_config_is_its_plain_data() -> None:
    config = STUConfig(channels=(8, 16, 24), memory_at="fine")
    assert from_dict(STUConfig, to_dict(config)) == config
    assert from_dict(STUConfig, {"channels": [8, 16, 24], "memory_at": "fine"}) == config


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"memory_at": "middle"}, "stu.memory_at must be 'fine' or 'coarsest', not 'middle'"),
        ({"hidden": "many"}, "stu.hidden must be int, not 'many'"),
        ({"channels": [8, 16]}, "stu.channels must have 3 items, not 2"),
        ({"hiden": 8}, "stu has no setting 'hiden'"),
    ],
)
def test_what_does_not_fit_is_told(data: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_dict(STUConfig, data, where="stu")
