"""Which engine works, by name or by what was measured to be fastest on such a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from apvg.engines.protocol import Engine
from apvg.engines.pytorch import PyTorchEngine

if TYPE_CHECKING:
    from apvg.performer import Performer

EngineName = Literal["auto", "torch", "torch-bf16"]


def choose_engine(performer: Performer, name: EngineName = "auto") -> Engine:
    """The engine of that name for a performer.

    `auto` takes bfloat16 for the painting stages where the processor multiplies matrices of it in hardware of its own (Intel's
    AMX: CVG takes half of its usual time there and the STU a third, at the same quality: docs/benchmark.md). Elsewhere
    bfloat16 is emulated and slow, and full precision is taken.
    """
    if name == "auto":
        name = "torch-bf16" if performer.device.type == "cpu" and has_bfloat16_units() else "torch"
    return PyTorchEngine(performer, bfloat16=name == "torch-bf16")


def has_bfloat16_units() -> bool:
    """Whether this processor has matrix units for bfloat16."""
    # Not there in torch before 2.9, which then works in full precision.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16"))
