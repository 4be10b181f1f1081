"""Worker processes end with the program that began them, even where it is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from apvg.base.progress import Stopped, reporting, track
from apvg.base.workers import as_finished, in_order, worker_pool

PARENT = """
import os, sys, time
from apvg.base.workers import worker_pool
if __name__ == "__main__":
    with worker_pool(2) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(8)}, flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_a_pool_works_in_order_and_with_the_threads_that_it_is_given():
    with worker_pool(2, threads=1) as pool:
        assert list(pool.map(abs, range(-6, 0))) == [6, 5, 4, 3, 2, 1]
        import torch

        assert pool.submit(torch.get_num_threads).result() == 1


def count_slowly(until: int) -> int:
    for _ in track(range(until), "counting"):
        time.sleep(0.01)
    return until


class SoonSet:
    """A flag that is set a moment after it is first looked at."""

    def __init__(self) -> None:
        self.first: float | None = None

    def is_set(self) -> bool:
        self.first = self.first or time.monotonic()
        return time.monotonic() - self.first > 1.0


def test_what_workers_do_is_cancelled_between_two_items():
    begin = time.monotonic()
    with pytest.raises(Stopped), reporting(cancel=SoonSet()), worker_pool(2) as pool:
        for _ in as_finished([pool.submit(count_slowly, 10**5) for _ in range(2)]):
            pass
    assert time.monotonic() - begin < 30  # not the quarter of an hour that they would take


def test_in_order():
    with worker_pool(2) as pool:
        assert list(in_order(pool, pow, [2, 3, 4], [4, 3, 2])) == [16, 27, 16]


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = parent.stdout.readline().split()
    assert workers
    parent.kill()
    # Its output is at an end when nobody holds it any more: neither it nor its workers.
    parent.communicate(timeout=30)
