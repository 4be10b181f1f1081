"""Which frames of a scene are trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from apvg.errors import ApvgError
from apvg.skeleton import HANDS
from apvg.training.scene import Scene


def scene(allowed: list[bool]) -> Scene:
    nothing = torch.zeros(len(allowed), 1)
    return Scene(nothing, nothing, nothing, nothing, nothing, np.flatnonzero(allowed), HANDS)


@given(allowed=st.lists(st.booleans(), min_size=1, max_size=40), length=st.integers(1, 50))
def test_stretches_lie_within_what_may_be_trained_on(allowed: list[bool], length: int) -> None:
    whole = [
        first for first in range(len(allowed) - length + 1) if all(allowed[first : first + length])
    ]
    if whole:
        assert scene(allowed).stretches(length).tolist() == whole
        return
    with pytest.raises(ApvgError, match=f"{length} frames in a row"):
        scene(allowed).stretches(length)
