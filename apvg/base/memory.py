"""Tuning of the memory allocator."""

from __future__ import annotations

import ctypes

#: glibc's mallopt parameters, from malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
_MEBIBYTE = 2**20


def keep_freed_memory() -> None:
    """Let the process keep the memory of freed tensors for the next ones.

    By default glibc returns large blocks to the system at once, and the system clears every page
    again for the next tensor, which takes much of the time of networks as small as these. Without
    glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, 32 * _MEBIBYTE)  # the highest value that is allowed
    mallopt(_TRIM_THRESHOLD, 512 * _MEBIBYTE)
    mallopt(_TOP_PAD, 16 * _MEBIBYTE)
    # With a heap per thread, blocks that one thread frees are not available to the others.
    mallopt(_ARENA_MAX, 2)
