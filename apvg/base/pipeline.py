"""A bounded pipeline of threads: stages work in parallel, and none gets far ahead of the next.

Each thread uses one core. A stage that spread every layer over all cores would wait at each layer
for the slowest core, and with other load on the machine these waits dominate; so cores work on
different blocks of frames instead. torch and FFmpeg release the GIL while they work.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
S = TypeVar("S")

_END = object()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same items, computed in a thread of their own, up to `depth` of them in advance.

    Exceptions are raised where the items are consumed. When the iterator is closed or the consumer
    fails, the thread ends after its current item.
    """
    iterator = iter(items)
    waiting: deque[Future[T | object]] = deque()
    with _threads(1) as pool:
        try:
            waiting.extend(pool.submit(next, iterator, _END) for _ in range(depth))
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(pool.submit(next, iterator, _END))
                yield item  # pyright: ignore[reportReturnType]
        finally:
            pool.shutdown(cancel_futures=True)
            if isinstance(iterator, Generator):
                iterator.close()


def spread(function: Callable[[S], T], items: Iterable[S], workers: int) -> Iterator[T]:
    """`function` of every item, in order, with up to `workers` items at a time in threads of their
    own."""
    waiting: deque[Future[T]] = deque()
    with _threads(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:  # one more than there are workers, so that none is idle
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads in which torch uses one core each."""
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)
