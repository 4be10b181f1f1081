"""Worker processes; they end when the program that started them ends, in whatever way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from apvg.base.progress import Cancel, cancelled_by, check_cancelled

T = TypeVar("T")
_CONTEXT = get_context("spawn")  # MediaPipe's threads and PyTorch's do not survive a fork
#: How often whoever waits for results looks whether the work was cancelled, seconds.
_CHECK_SECONDS = 0.2


@contextmanager
def worker_pool(jobs: int, threads: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes, which show no progress of their own.

    When the block is left by an exception, what they work on is cancelled (see
    :func:`apvg.base.progress.track`).

    Args:
        jobs: How many.
        threads: What PyTorch may use in each; None where the work does not need it.
    """
    cancel = _CONTEXT.Event()
    with ProcessPoolExecutor(
        jobs, _CONTEXT, initializer=_begin, initargs=(threads, cancel)
    ) as pool:
        try:
            yield pool
        except BaseException:
            cancel.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def in_order(
    pool: ProcessPoolExecutor, function: Callable[..., T], *arguments: Iterable[Any]
) -> Iterator[T]:
    """`function` of every item in a pool, in order; unlike the pool's own `map` it can be cancelled
    while it waits."""
    for future in [pool.submit(function, *each) for each in zip(*arguments, strict=True)]:
        next(as_finished([future]))
        yield future.result()


def as_finished(futures: Iterable[Future[T]]) -> Iterator[Future[T]]:
    """Futures as they finish.

    Raises:
        Stopped: The work of this context was cancelled.
    """
    waiting = set(futures)
    while waiting:
        check_cancelled()
        done, waiting = wait(waiting, _CHECK_SECONDS, FIRST_COMPLETED)
        yield from done


def _begin(threads: int | None, cancel: Cancel) -> None:
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    cancelled_by(cancel)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed tells nobody, and its workers would wait for it for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
