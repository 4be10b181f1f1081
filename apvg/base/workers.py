"""Processes for work that goes side by side; they end when the program that began them ends, however that was."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread

from apvg.base.progress import silence


def worker_pool(
    jobs: int, threads: int | None = None, *, quiet: bool = False
) -> ProcessPoolExecutor:
    """Fresh processes, for MediaPipe's threads and PyTorch's do not survive a fork.

    Args:
        jobs: How many.
        threads: What PyTorch may use in each; None where the work does not need it.
        quiet: Whether they show no progress of their own.
    """
    return ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_begin, initargs=(threads, quiet)
    )


def _begin(threads: int | None, quiet: bool) -> None:
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    if quiet:
        silence()
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed tells nobody, and its workers would wait for it for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
