"""The arithmetic floor: how many multiply-adds something needs, and how many the machine does in a
second."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(work: Callable[[], Any]) -> int:
    """Multiply-adds of the convolutions and matrix products that `work` does; nothing else is
    counted."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() // 2


@torch.inference_mode()
def matrix_rate(device: str, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """Multiply-adds a second, the best of a large matrix product and of convolutions such as the
    STU's.

    A product of matrices alone would be no ceiling: convolutions are faster on some processors.
    """
    like: dict[str, Any] = {"device": device, "dtype": dtype}
    left_MK, right_KN = torch.randn(1024, 1024, **like), torch.randn(1024, 1024, **like)
    convolution = nn.Conv2d(64, 64, 3, padding=1, **like).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    image_NCHW = torch.randn(8, 64, 64, 64, **like).contiguous(memory_format=torch.channels_last)
    works: list[Callable[[], Tensor]] = [
        lambda: left_MK @ right_KN,
        lambda: convolution(image_NCHW),
    ]
    return max(multiply_adds(work) / fastest(work, device, seconds / 2) for work in works)


def fastest(work: Callable[[], Any], device: str, seconds: float) -> float:
    """Seconds that `work` takes at best, tried for so long: what else the machine does only ever
    adds."""
    work()
    best, end = float("inf"), perf_counter() + seconds
    while perf_counter() < end:
        begin = perf_counter()
        work()
        synchronize(device)
        best = min(best, perf_counter() - begin)
    return best


def synchronize(device: str) -> None:
    """Wait until the GPU has finished its work."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
