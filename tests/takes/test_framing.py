"""The crop that is found holds the hands, has the shape wanted, and says how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.takes.prepare.framing import find_crop

SIZE = (1280, 720)


def sampled(
    rng: np.random.Generator, frames: int, low: float, high: float, y: float
) -> list[list[np.ndarray]]:
    """Two hands 100 pixels large in each frame, somewhere between two places along x."""
    shape_PD = rng.uniform(0, 70, (21, 2))
    shape_PD[0], shape_PD[9] = (35, 70), (35, 30)  # wrist nearer to the player than the knuckles
    return [
        [shape_PD + (x, y + rng.normal(scale=3)) for x in rng.uniform(low, high, 2)]
        for _ in range(frames)
    ]


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    low=st.floats(5, 500),
    wide=st.floats(50, 600),
    y=st.floats(20, 600),
    aspect=st.sampled_from([None, 1.0, 2.0, 4.0]),
)
def test_the_crop_holds_the_hands_inside_the_picture(seed, low, wide, y, aspect):
    hands = sampled(np.random.default_rng(seed), 60, low, low + wide, y)
    found = find_crop(hands, SIZE, None, aspect)
    left, top, width, height = found.value
    assert 0 <= left <= left + width <= SIZE[0]
    assert 0 <= top <= top + height <= SIZE[1]
    assert all(number % 2 == 0 for number in found.value)
    if aspect is not None:
        assert width / height == pytest.approx(aspect, rel=0.03)
    else:
        assert 0.95 < width / height < 4.1
    if aspect in (None, 2.0):
        assert found.word == "sure"
        assert found.sure > 0.85


def test_few_strays_do_not_widen_it_and_the_keyboard_does():
    rng = np.random.default_rng(0)
    hands = sampled(rng, 60, 400, 700, 300)
    plain = find_crop(hands, SIZE, None)
    for frame in (3, 40):
        hands[frame] = [hands[frame][0] + (-380, 330)]
    assert np.abs(np.subtract(find_crop(hands, SIZE, None).value, plain.value)).max() < 40
    corners_42 = np.array([[8, 288], [1275, 298], [1259, 452], [22, 435]])
    left, top, width, height = find_crop(hands, SIZE, corners_42).value
    assert left <= 8
    assert left + width >= 1275
    assert top <= 288
    assert top + height >= 452


def test_without_hands_it_is_everything_and_not_found():
    rng = np.random.default_rng(0)
    found = find_crop([[]] * 58 + sampled(rng, 2, 400, 500, 300), SIZE, None)
    assert found.value == [0, 0, *SIZE]
    assert found.word == "not found"
    few = find_crop([[]] * 52 + sampled(rng, 8, 400, 500, 300), SIZE, None)
    assert few.word in ("a guess", "likely")
