"""Memory that is freed and wanted again a moment later."""

from __future__ import annotations

import ctypes

#: glibc's mallopt parameters, from malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
_MEBIBYTE = 2**20


def keep_freed_memory() -> None:
    """Let the process keep what tensors free, for the next ones.

    glibc hands large blocks back to the system at once, and the system clears every page anew when the next tensor touches
    it: for networks as small as these that is much of their time. Elsewhere than on glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, 32 * _MEBIBYTE)  # the most that it takes
    mallopt(_TRIM_THRESHOLD, 512 * _MEBIBYTE)
    mallopt(_TOP_PAD, 16 * _MEBIBYTE)
    # Every thread with a heap of its own would keep the blocks that it frees for others from them.
    mallopt(_ARENA_MAX, 2)
