"""Stages that work side by side, none far ahead of the next: a bounded pipeline of threads.

Every thread works alone. A stage that spread each of its layers over all cores would wait at every layer for the slowest
of them, and with anything else at work on the machine these waits become most of the time; so cores are kept busy by
different blocks of frames instead. torch and FFmpeg let go of Python's lock while they work.
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
    """The same items, made in a thread of its own, up to `depth` of them before they are asked for.

    What making them raises is raised where they are asked for. When nobody asks any more (the iterator is closed, or the
    consumer fails), the thread ends after the item that it is at.
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
    """`function` of every item, in order, for up to `workers` items at a time, one thread each."""
    waiting: deque[Future[T]] = deque()
    with _threads(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:  # one more than are at work, so that none waits for work
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads in each of which torch works alone."""
    usual = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(usual)
