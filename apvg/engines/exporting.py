"""Every stage of a performer as an ONNX file, for programs that have no Python, with its state as inputs and outputs."""

from __future__ import annotations

import inspect
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.engines.pytorch import PyTorchEngine
from apvg.instruments.keyboard import KEY_COUNT
from apvg.models.khp import HearingState
from apvg.models.motion.hands import MovingState
from apvg.models.stu import Encoded

if TYPE_CHECKING:
    from apvg.performer import Performer

LAYOUT, START = "stages.json", "start.safetensors"
#: Largest difference from PyTorch that is let pass: absolute up to 1, beyond that a share of the largest number.
TOLERANCE = 1e-4
#: Frames of the pieces that files are made and checked with.
_EXAMPLE, _CHECKED = 4, (3, 1)


@dataclass(frozen=True)
class Stage:
    """One stage as a function of tensors.

    Attributes:
        name: Of the stage: a method of :class:`apvg.engines.protocol.Engine`.
        work: Inputs and state to outputs and state.
        inputs: From a number of frames to examples, by name.
        outputs: Names.
        frames: From the name of an input or output to how many of its rows make a frame; none where it has no time axis.
        state: What it begins with, nested as `work` takes it; None without one.
        one_by_one: Whether it takes one frame at a time (it goes through them in a loop, which a file cannot).
    """

    name: str
    work: Callable[..., tuple[tuple[Tensor, ...], Any]]
    inputs: Callable[[int], dict[str, Tensor]]
    outputs: tuple[str, ...]
    frames: Mapping[str, int]
    state: Any = None
    one_by_one: bool = False
    #: Names of the state's tensors, in order.
    states: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", dict(_flatten(self.state)))


class _Flat(nn.Module):
    """A stage as the exporter wants it: tensors in, tensors out."""

    def __init__(self, stage: Stage, modules: list[nn.Module]) -> None:
        super().__init__()
        self.stage, self.owned = stage, nn.ModuleList(modules)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(tensors) - len(self.stage.states)
        state = _unflatten(self.stage.state, iter(tensors[count:]))
        outputs, after = self.stage.work(*tensors[:count], state)
        return (*outputs, *(tensor for _, tensor in _flatten(after)))


def export_stages(performer: Performer, folder: Path) -> dict[str, float]:
    """Write every stage, what states begin with, and a description of all into an existing folder.

    Returns:
        The largest difference of every stage from PyTorch.

    Raises:
        ApvgError: One of them differs by more than :data:`TOLERANCE`.
        ImportError: The extra `onnx` is missing.
    """
    import onnxruntime
    import onnxscript  # noqa: F401 - torch's exporter needs it; without it, better said at once

    modules: list[nn.Module] = [performer.space, performer.khp, performer.cvg, performer.stu]
    stages = stages_of(performer)
    told: dict[str, Any] = {}
    differences: dict[str, float] = {}
    for stage in track(stages, "exporting"):
        path = folder / f"{stage.name}.onnx"
        flat = _Flat(stage, modules).eval()
        _export(flat, path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        differences[stage.name] = _check(flat, session, path)
        told[stage.name] = {
            "file": path.name,
            "frames": 1 if stage.one_by_one else "any",
            "inputs": [_describe(tensor) for tensor in session.get_inputs()],
            "outputs": [_describe(tensor) for tensor in session.get_outputs()],
            "largest_difference": differences[stage.name],
        }
    start = {f"{stage.name}.{name}": t for stage in stages for name, t in stage.states.items()}
    save_file({name: tensor.contiguous().clone() for name, tensor in start.items()}, folder / START)
    width, height = performer.config.size
    about = {
        "performer": performer.name,
        "version": performer.version,
        "size": [width, height],
        "fps": performer.fps,
        "sample_rate": performer.sample_rate,
        "states_begin_with": START,
        "stages": told,
    }
    (folder / LAYOUT).write_text(json.dumps(about, indent=1) + "\n")
    return differences


def stages_of(performer: Performer) -> list[Stage]:
    """All stages of a performer, in the order of the data."""
    config, engine = performer.config, PyTorchEngine(performer)
    random = torch.Generator().manual_seed(0)
    (width, height), points = config.size, len(config.skeleton)
    rows = config.features.rows_per_frame
    level = config.stu.memory_at
    cell = {"fine": 4, "coarsest": 16}[level]
    memory_Chw = config.stu.hidden, height // cell, width // cell

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random)

    def features(frames: int) -> dict[str, Tensor]:
        return {"features": 2 * rand(frames * rows, config.features.size) ** 3}

    def notes(frames: int) -> dict[str, Tensor]:
        return {"notes": (rand(2, frames, KEY_COUNT) > 0.96).float()}

    def poses(frames: int) -> dict[str, Tensor]:
        return {
            "keypoints": rand(frames, points, 2) * torch.tensor([width, height]),
            "confidence": rand(frames, points),
            "coarse": rand(frames, 3, height // 4, width // 4),
        }

    def encoded(frames: int) -> dict[str, Tensor]:
        with torch.no_grad():
            blocks = _plain(engine.encode)(*poses(frames).values())
        return dict(zip(("fine", "middle", "coarsest"), blocks, strict=True))

    def remembered(frames: int) -> dict[str, Tensor]:
        memory = {}
        if config.stu.hidden:
            memory = {"memory": rand(frames, *memory_Chw)}
        return encoded(frames) | memory

    def hear(features_RF: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        notes_2TP, after = _plain(engine.hear)(features_RF, state)
        return (notes_2TP,), after

    def play(notes_2TP: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        keypoints_TKD, confidence_TK, after = _plain(engine.play)(notes_2TP, state)
        return (keypoints_TKD, confidence_TK), after

    def cvg(features_RF: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        coarse_TChw, after = _plain(engine.cvg)(features_RF, state)
        return (coarse_TChw,), after

    def encode(*tensors: Any) -> tuple[tuple[Tensor, ...], Any]:
        return tuple(_plain(engine.encode)(*tensors[:-1])), None

    def remember(block_TChw: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        memory_TChw, after = performer.stu.remember(block_TChw, 1, state)
        assert memory_TChw is not None
        return (memory_TChw,), after

    def decode(*tensors: Any) -> tuple[tuple[Tensor, ...], Any]:
        blocks, memory = Encoded(*tensors[:3]), tensors[3] if config.stu.hidden else None
        return (_plain(engine.decode)((blocks, memory)),), None

    with torch.no_grad():
        # Convolutions begin after silence: zeros of the shapes that they hand on.
        hearing = _silence(hear(features(1)["features"], None)[1])
        watching = _silence(cvg(features(1)["features"], None)[1])
        moving = play(notes(1)["notes"], None)[1]
        player = performer.khp.move.at_rest(1)
        moving = MovingState(_silence(moving.stack), player)
        memory = torch.zeros(1, *memory_Chw)
    assert isinstance(hearing, HearingState)
    blocks: dict[str, int] = dict.fromkeys(("fine", "middle", "coarsest", "memory"), 1)
    shown: dict[str, int] = dict.fromkeys(("keypoints", "confidence", "coarse"), 1)
    stages = [
        # Strokes of the bow are told one after the other.
        Stage("hear", hear, features, ("notes",), {}, hearing, one_by_one=True)
        if config.khp.bowing.hidden
        else Stage("hear", hear, features, ("notes",), {"features": rows}, hearing),
        Stage("play", play, notes, ("keypoints", "confidence"), {}, moving, one_by_one=True),
        Stage("cvg", cvg, features, ("coarse",), {"features": rows, "coarse": 1}, watching),
        Stage("encode", encode, poses, ("fine", "middle", "coarsest"), shown | blocks),
        Stage("decode", decode, remembered, ("frames",), blocks | {"frames": 1}),
    ]
    if config.stu.hidden:
        block = lambda frames: {level: encoded(frames)[level]}  # noqa: E731
        stage = Stage("remember", remember, block, ("memory",), {}, memory, one_by_one=True)
        stages.insert(-1, stage)
    return stages


def _export(flat: _Flat, path: Path) -> None:
    stage = flat.stage
    inputs = stage.inputs(1 if stage.one_by_one else _EXAMPLE)
    frames = torch.export.Dim("frames", min=1, max=4096)
    axes: list[dict[int, Any] | None] = [
        {0: stage.frames[name] * frames if stage.frames[name] > 1 else frames}
        if name in stage.frames
        else None
        for name in inputs
    ]
    after = [f"{name}_after" for name in stage.states]
    with warnings.catch_warnings(), _quiet_exporter():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            flat,
            (*inputs.values(), *stage.states.values()),
            str(path),
            input_names=[*inputs, *stage.states],
            output_names=[*stage.outputs, *after],
            dynamic_shapes=((*axes, *(None for _ in stage.states)),),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


class _quiet_exporter:
    """Its remarks are for those who work on it."""

    def __enter__(self) -> None:
        logging.disable(logging.WARNING)

    def __exit__(self, *error: object) -> None:
        logging.disable(logging.NOTSET)


@torch.no_grad()
def _check(flat: _Flat, session: Any, path: Path) -> float:
    """The largest difference over several pieces, each begun with the state that the one before left."""
    stage, largest = flat.stage, 0.0
    state = list(stage.states.values())
    for frames in (1, 1) if stage.one_by_one else _CHECKED:
        inputs = stage.inputs(frames)
        expected = flat(*inputs.values(), *state)
        feed = dict(zip([*inputs, *stage.states], [*inputs.values(), *state], strict=True))
        given = session.run(None, {name: tensor.numpy() for name, tensor in feed.items()})
        for right, got in zip(expected, given, strict=True):
            right = right.numpy().astype(np.float64)
            scale = max(1.0, float(np.abs(right).max(initial=0)))
            largest = max(largest, float(np.abs(got - right).max(initial=0)) / scale)
        state = list(expected[len(stage.outputs) :])
    if not largest <= TOLERANCE:
        raise ApvgError(
            f"{path.name} differs from PyTorch by {largest:.2g}, and {TOLERANCE:g} is the most; "
            "another version of onnxscript or onnxruntime may do better"
        )
    return largest


def _describe(tensor: Any) -> dict[str, Any]:
    """Name, kind and shape of an input or output as its file says them."""
    return {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}


def _plain(method: Callable[..., Any]) -> Callable[..., Any]:
    """An engine's method without its inference mode, which the exporter cannot follow."""
    function = inspect.unwrap(method)
    return lambda *args: function(method.__self__, *args)  # pyright: ignore[reportFunctionMemberAccess]


def _flatten(state: Any, name: str = "state") -> Iterator[tuple[str, Tensor]]:
    """The tensors of a nested state, with names that say where they are."""
    if isinstance(state, Tensor):
        yield name, state
    elif state is not None:
        for place, part in enumerate(state):
            yield from _flatten(part, f"{name}_{place}")


def _unflatten(like: Any, tensors: Iterator[Tensor]) -> Any:
    """The next tensors, nested as another state is."""
    if isinstance(like, Tensor):
        return next(tensors)
    if like is None:
        return None
    parts = [_unflatten(part, tensors) for part in like]
    return type(like)(*parts) if hasattr(like, "_fields") else parts


def _silence(state: Any) -> Any:
    return _unflatten(state, (torch.zeros_like(tensor) for _, tensor in _flatten(state)))
