"""Stages that work side by side: order, bounds, errors, and threads that end."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.base.pipeline import ahead, spread


@settings(max_examples=20, deadline=None)
@given(
    numbers=st.lists(st.integers(), max_size=20),
    depth=st.integers(1, 4),
    workers=st.integers(1, 4),
)
def test_a_pipeline_gives_what_a_loop_gives(numbers: list[int], depth: int, workers: int):
    through = ahead(spread(lambda n: n * n, ahead(numbers, depth), workers), depth)
    assert list(through) == [n * n for n in numbers]


def test_no_stage_runs_far_ahead_of_the_next():
    made = 0

    def endless() -> Iterator[int]:
        nonlocal made
        for made in itertools.count(1):  # noqa: UP028 - what it has come to is looked at outside
            yield made

    through = ahead(spread(lambda n: n, ahead(endless(), 2), 3), 2)
    assert [next(through) for _ in range(5)] == [1, 2, 3, 4, 5]
    through.close()  # pyright: ignore[reportAttributeAccessIssue]
    # Five taken; two, three and one, and two may wait; each of the three stages may be at one more.
    assert made <= 5 + 2 + 4 + 2 + 3
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


@pytest.mark.parametrize("stage", ["source", "function"])
def test_an_error_comes_out_at_the_end_and_no_thread_stays(stage: str):
    def source() -> Iterator[int]:
        yield 1
        if stage == "source":
            raise OSError("no more")
        yield from (2, 3)

    def function(n: int) -> int:
        if stage == "function" and n == 2:
            raise OSError("no more")
        return n

    through = ahead(spread(function, ahead(source()), 2))
    with pytest.raises(OSError, match="no more"):
        list(through)
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_torch_works_alone_in_every_thread_and_as_before_outside():
    usual = torch.get_num_threads()
    inside = list(spread(lambda _: torch.get_num_threads(), ahead([0, 1, 2]), 2))
    assert inside == [1, 1, 1]
    assert torch.get_num_threads() == usual
