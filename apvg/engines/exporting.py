"""Every stage of a performer as an ONNX file, for programs that have no Python, with its state as
inputs and outputs."""

from __future__ import annotations

import inspect
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from apvg.base.conventions import STRIDE
from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.engines.pytorch import PyTorchEngine
from apvg.instruments.pitch_grid import PITCHES
from apvg.models.fingering import FingeringPlanner
from apvg.models.motion import MotionState
from apvg.models.stu import Encoded
from apvg.stages import Stages

LAYOUT, START = "stages.json", "start.safetensors"
#: Largest difference from PyTorch that is let pass: absolute up to 1, beyond that a share of the
#: largest number.
TOLERANCE = 1e-4
#: Frames of the pieces that files are made and checked with.
_EXAMPLE, _CHECKED = 4, (3, 1)


@dataclass(frozen=True)
class Function:
    """One stage as a function of tensors.

    Attributes:
        name: Of the stage: a method of :class:`apvg.engines.protocol.Engine`.
        work: Inputs and state to outputs and state.
        inputs: From a number of frames to examples, by name.
        outputs: Names.
        frames: From the name of an input or output to how many of its rows make a frame; none where
            it has no time axis.
        state: What it begins with, nested as `work` takes it; None without one.
        one_by_one: Whether it takes one frame at a time (it goes through them in a loop, which a
            file cannot).
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

    def __init__(self, function: Function, modules: list[nn.Module]) -> None:
        super().__init__()
        self.function, self.owned = function, nn.ModuleList(modules)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(tensors) - len(self.function.states)
        state = _unflatten(self.function.state, iter(tensors[count:]))
        outputs, after = self.function.work(*tensors[:count], state)
        return (*outputs, *(tensor for _, tensor in _flatten(after)))


def export_stages(stages: Stages, folder: Path) -> dict[str, float]:
    """Write every stage, what states begin with, and a description of all into an existing folder.

    Returns:
        The largest difference of every stage from PyTorch.

    Raises:
        ApvgError: One of them differs by more than :data:`TOLERANCE`.
        ImportError: The extra `onnx` is missing.
    """
    import onnxruntime
    import onnxscript  # noqa: F401 - torch's exporter needs it; without it, better said at once

    modules: list[nn.Module] = [stages.space, stages.khp, stages.cvg, stages.stu]
    functions = functions_of(stages)
    described: dict[str, Any] = {}
    differences: dict[str, float] = {}
    for function in track(functions, "exporting"):
        path = folder / f"{function.name}.onnx"
        flat = _Flat(function, modules).eval()
        _export(flat, path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        differences[function.name] = _check(flat, session, path)
        described[function.name] = {
            "file": path.name,
            "frames": 1 if function.one_by_one else "any",
            "inputs": [_describe(tensor) for tensor in session.get_inputs()],
            "outputs": [_describe(tensor) for tensor in session.get_outputs()],
            "largest_difference": differences[function.name],
        }
    start = {f"{f.name}.{name}": tensor for f in functions for name, tensor in f.states.items()}
    save_file({name: tensor.contiguous().clone() for name, tensor in start.items()}, folder / START)
    config = stages.config
    width, height = config.size
    about = {
        "performer": config.name,
        "version": config.version,
        "size": [width, height],
        "fps": config.features.fps,
        "sample_rate": config.features.sample_rate,
        "states_begin_with": START,
        "stages": described,
    }
    (folder / LAYOUT).write_text(json.dumps(about, indent=1) + "\n")
    return differences


def functions_of(stages: Stages) -> list[Function]:
    """All stages of a performer as functions, in the order of the data."""
    config, engine = stages.config, PyTorchEngine(stages)
    random = torch.Generator().manual_seed(0)
    (width, height), points = config.size, len(config.skeleton)
    rows = config.features.rows_per_frame
    cell = {"fine": STRIDE, "coarsest": 4 * STRIDE}[config.stu.recurrent_level]
    hidden_Chw = config.stu.hidden, height // cell, width // cell

    of_pose = ("keypoints", "confidence", "heights")[: 3 if stages.khp.motion.planned else 2]

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random)

    def features(frames: int) -> dict[str, Tensor]:
        return {"features": 2 * rand(frames * rows, config.features.size) ** 3}

    def notes(frames: int) -> dict[str, Tensor]:
        notes_2TP = (rand(2, frames, PITCHES) > 0.96).float()
        if not stages.khp.motion.planned:
            return {"notes": notes_2TP}
        planner = FingeringPlanner(config.features.fps, 0)
        return {"agenda": torch.from_numpy(planner.next(notes_2TP.numpy()))}

    def poses(frames: int) -> dict[str, Tensor]:
        return {
            "keypoints": rand(frames, points, 2) * torch.tensor([width, height]),
            "confidence": rand(frames, points),
            "coarse": rand(frames, 3, height // STRIDE, width // STRIDE),
        }

    def encoded(frames: int) -> dict[str, Tensor]:
        with torch.no_grad():
            blocks = _plain(engine.encode)(*poses(frames).values())
        return dict(zip(("fine", "middle", "coarsest"), blocks, strict=True))

    def recurred(frames: int) -> dict[str, Tensor]:
        hidden = {"hidden": rand(frames, *hidden_Chw)} if config.stu.hidden else {}
        return encoded(frames) | hidden

    def transcribe(features_RF: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        notes_2TP, after = _plain(engine.transcribe)(features_RF, state)
        return (notes_2TP,), after

    def pose(played: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        predicted, after = _plain(engine.pose)(played, state)
        return tuple(predicted[: len(of_pose)]), after

    def coarse(features_RF: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        coarse_TChw, after = _plain(engine.coarse)(features_RF, state)
        return (coarse_TChw,), after

    def encode(*tensors: Any) -> tuple[tuple[Tensor, ...], Any]:
        return tuple(_plain(engine.encode)(*tensors[:-1])), None

    def recur(block_TChw: Tensor, state: Any) -> tuple[tuple[Tensor, ...], Any]:
        hidden_TChw, after = stages.stu.recur(block_TChw, 1, state)
        assert hidden_TChw is not None
        return (hidden_TChw,), after

    def paint(*tensors: Any) -> tuple[tuple[Tensor, ...], Any]:
        blocks, hidden = Encoded(*tensors[:3]), tensors[3] if config.stu.hidden else None
        layer = _plain(engine.paint)((blocks, hidden))
        return (layer.colour_TCHW, layer.matte_TCHW), None

    with torch.no_grad():
        # Convolutions begin after silence: zeros of the shapes that they hand on.
        transcriber = _silence(transcribe(features(1)["features"], None)[1])
        cvg = _silence(coarse(features(1)["features"], None)[1])
        motion = pose(next(iter(notes(1).values())), None)[1]
        player = stages.khp.motion.initial_state(1)
        motion = MotionState(_silence(motion.stack), player)
        hidden = torch.zeros(1, *hidden_Chw)
    blocks: dict[str, int] = dict.fromkeys(("fine", "middle", "coarsest", "hidden"), 1)
    inputs: dict[str, int] = dict.fromkeys(("keypoints", "confidence", "coarse"), 1)
    one_by_one = stages.khp.transcriber.one_by_one
    rows_of = {} if one_by_one else {"features": rows}
    functions = [
        Function("transcribe", transcribe, features, ("notes",), rows_of, transcriber, one_by_one),
        Function("pose", pose, notes, of_pose, {}, motion, one_by_one=True),
        Function("coarse", coarse, features, ("coarse",), {"features": rows, "coarse": 1}, cvg),
        Function("encode", encode, poses, ("fine", "middle", "coarsest"), inputs | blocks),
        Function("paint", paint, recurred, ("colour", "matte"), blocks | {"colour": 1, "matte": 1}),
    ]
    if config.stu.hidden:
        level = config.stu.recurrent_level
        block = lambda frames: {level: encoded(frames)[level]}  # noqa: E731
        function = Function("recur", recur, block, ("hidden",), {}, hidden, one_by_one=True)
        functions.insert(-1, function)
    return functions


def _export(flat: _Flat, path: Path) -> None:
    function = flat.function
    inputs = function.inputs(1 if function.one_by_one else _EXAMPLE)
    frames = torch.export.Dim("frames", min=1, max=4096)
    axes: list[dict[int, Any] | None] = [
        {0: function.frames[name] * frames if function.frames[name] > 1 else frames}
        if name in function.frames
        else None
        for name in inputs
    ]
    after = [f"{name}_after" for name in function.states]
    with warnings.catch_warnings(), _quiet_exporter():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            flat,
            (*inputs.values(), *function.states.values()),
            str(path),
            input_names=[*inputs, *function.states],
            output_names=[*function.outputs, *after],
            dynamic_shapes=((*axes, *(None for _ in function.states)),),
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
    """The largest difference over several pieces, each begun with the state that the one before
    left."""
    function, largest = flat.function, 0.0
    state = list(function.states.values())
    for frames in (1, 1) if function.one_by_one else _CHECKED:
        inputs = function.inputs(frames)
        expected = flat(*inputs.values(), *state)
        feed = dict(zip([*inputs, *function.states], [*inputs.values(), *state], strict=True))
        given = session.run(None, {name: tensor.numpy() for name, tensor in feed.items()})
        for right, got in zip(expected, given, strict=True):
            right = right.numpy().astype(np.float64)
            scale = max(1.0, float(np.abs(right).max(initial=0)))
            largest = max(largest, float(np.abs(got - right).max(initial=0)) / scale)
        state = list(expected[len(function.outputs) :])
    if not largest <= TOLERANCE:
        raise ApvgError(
            f"{path.name} differs from PyTorch by {largest:.2g}, and {TOLERANCE:g} is the most",
            "another version of onnxscript or onnxruntime may do better",
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
