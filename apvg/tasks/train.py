"""Train a performer on takes, following a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from apvg.base.errors import ApvgError
from apvg.base.options import Steps, check_options
from apvg.base.progress import Cancel, Progress, reporting

Stage = Literal["transcription", "strokes", "motion", "khp", "cvg", "fpvg", "joint", "all"]


@dataclass(frozen=True)
class TrainOptions:
    """Options of :func:`train`."""

    takes: Path
    """Folder of takes, made by `apvg prepare` or `apvg virtual`."""
    out_dir: Path
    """Folder to write the performer to."""
    recipe: str
    """Name of a built-in recipe, or path of a TOML file."""
    stage: Stage = "all"
    """Stage to train."""
    until: Steps | None = None
    """Stop after this step. Training can be resumed later."""
    start_from: Path | None = None
    """Folder of a performer to initialise the weights from, instead of random weights."""
    resume: bool = False
    """Resume training from the newest checkpoint."""
    tensorboard: bool = False
    """Also write losses, sample frames and a plot of the keypoints for TensorBoard (tensorboard
    --logdir OUT_DIR/training/tensorboard). Needs the extra `tensorboard`."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device to train on. auto is an NVIDIA GPU if there is one, otherwise the CPU."""


@dataclass(frozen=True)
class Trained:
    """The result of a training run."""

    training: Path
    """The folder with checkpoints, loss curves and sample frames."""
    performer: Path | None
    """The performer's folder. None while a stage has not been trained."""


def train(
    options: TrainOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Trained:
    """Train a performer on prepared takes.

    The output folder becomes the performer. Its subfolder `training` has checkpoints, loss curves
    and sample frames.

    Args:
        options: The takes, the recipe and the output folder.
        progress: Called before each training step. The step's subject is the stage.
        cancel: Cancels the work when it is set.

    Raises:
        ApvgError: The takes do not fit the recipe, the folder already has a training run, or the
            losses have diverged.
        Stopped: The work was cancelled. A checkpoint was written, and training can be resumed.
    """
    check_options(options)
    _refuse_another(options)
    with reporting(progress, cancel):
        from apvg.takes.take import load_takes
        from apvg.training.recipe import load_recipe
        from apvg.training.run import Run

        run = Run(
            load_recipe(options.recipe),
            load_takes(options.takes),
            options.out_dir,
            device=options.device,
            start_from=options.start_from,
        )
        run.train(
            options.stage,
            until=options.until,
            tensorboard=options.tensorboard,
        )
    whole = (options.out_dir / "config.json").exists()
    return Trained(options.out_dir / "training", options.out_dir if whole else None)


def _refuse_another(options: TrainOptions) -> None:
    """Raise ApvgError if the folder has a training run and `resume` is not set."""
    stages = [name for name in get_args(Stage) if options.stage in (name, "all")]
    begun = [
        name
        for name in stages
        if (options.out_dir / "training" / f"{name}.ckpt.safetensors").exists()
    ]
    if begun and not options.resume:
        raise ApvgError(
            f"{options.out_dir} already has a training run of {begun[0]}",
            "resume it, or choose another folder",
            ["resume"],
        )
