"""Worker processes end with the program that began them, even where it is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from apvg.base.workers import worker_pool

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
