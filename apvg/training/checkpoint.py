"""Checkpoints that a training resumes from exactly: all weights and optimiser states in one
safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path


def save_checkpoint(
    path: Path, step: int, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]
) -> None:
    """Write the state after `step` steps.

    Random numbers need no saving: they depend on (seed, step) alone.
    """
    tensors: dict[str, Tensor] = {}
    settings: dict[str, Any] = {"step": step}
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            tensors[f"module/{name}/{key}"] = value
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        settings[f"optimizer/{name}"] = state["param_groups"]
        for index, slots in state["state"].items():
            for slot, value in slots.items():
                tensors[f"optimizer/{name}/{index}/{slot}"] = torch.as_tensor(value)
    contiguous = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in tensors.items()
    }
    with atomic_path(path) as partial:
        save_file(contiguous, partial, metadata={"settings": json.dumps(settings)})


def load_checkpoint(
    path: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]
) -> int:
    """Restore what :func:`save_checkpoint` wrote into modules and optimisers of the same shapes;
    returns the step."""
    try:
        with safe_open(path, framework="pt") as file:
            settings = json.loads(file.metadata()["settings"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise ApvgError(
            f"{path} is not a readable checkpoint", "delete it to start anew"
        ) from error
    for name, module in modules.items():
        module.load_state_dict(_below(tensors, f"module/{name}/"))
    for name, optimizer in optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _below(tensors, f"optimizer/{name}/").items():
            index, slot = key.split("/")
            state.setdefault(int(index), {})[slot] = value
        groups = settings[f"optimizer/{name}"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    return int(settings["step"])


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
