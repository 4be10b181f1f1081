"""Which engine works, by name or by what was measured to be fastest on such a machine."""

from __future__ import annotations

from typing import Literal

import torch

from apvg.engines.protocol import Engine
from apvg.engines.pytorch import PyTorchEngine
from apvg.stages import Stages

EngineName = Literal["auto", "torch", "torch-bf16"]


def choose_engine(stages: Stages, name: EngineName = "auto") -> Engine:
    """The engine of that name for the stages of a performer.

    `auto` takes bfloat16 for the painting stages where the processor multiplies it in hardware of
    its own, at the same quality: with Intel's AMX CVG takes half of its usual time and the STU a
    third, with AVX-512's products of it whole files take three quarters (docs/benchmark.md).
    Elsewhere bfloat16 is emulated and slow, and full precision is taken.
    """
    return PyTorchEngine(stages, bfloat16=resolve(name, stages.device.type) == "torch-bf16")


def resolve(name: EngineName, device: str) -> EngineName:
    """The engine that a name stands for on this machine: `auto` is one of the others."""
    if name != "auto":
        return name
    return "torch-bf16" if device == "cpu" and multiplies_bfloat16() else "torch"


def multiplies_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware of its own."""
    # Not there in torch before 2.9, which then works in full precision.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
