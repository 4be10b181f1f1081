"""Takes to a performer, by a recipe."""

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
    """Folder of takes, as `apvg prepare` makes them."""
    out_dir: Path
    """Folder of the performer."""
    recipe: str
    """Name of a recipe that comes with apvg, or a TOML file."""
    stage: Stage = "all"
    """Which stage to train."""
    until: Steps | None = None
    """Stop after this step; the training can be resumed later."""
    start_from: Path | None = None
    """A performer to initialise the weights from, instead of random ones."""
    resume: bool = False
    """Resume a training that was stopped, exactly where its newest checkpoint is."""
    tensorboard: bool = False
    """Write curves, samples and the keypoints' figure for TensorBoard as well; needs the extra `tensorboard`. Look at them
    with: tensorboard --logdir OUT_DIR/training/tensorboard"""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""


@dataclass(frozen=True)
class Trained:
    """Where a training has got to."""

    training: Path
    """The folder of checkpoints, curves and pictures."""
    performer: Path | None
    """The performer's folder; None as long as a stage is missing."""


def train(
    options: TrainOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Trained:
    """Train a performer on prepared takes.

    The output folder becomes the performer; its folder `training` keeps checkpoints, curves and pictures of the training.

    Args:
        options: What to train on, by which recipe.
        progress: Called before each training step; the step's subject is the stage.
        cancel: Cancels the work once it is set.

    Raises:
        ApvgError: The takes do not fit the recipe, there is a training already, or the losses have diverged.
        Stopped: The work was cancelled; a checkpoint was written, and the training can be resumed.
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
    """Raise ApvgError where a training would be continued that nobody asked to resume."""
    stages = [name for name in get_args(Stage) if options.stage in (name, "all")]
    begun = [
        name
        for name in stages
        if (options.out_dir / "training" / f"{name}.ckpt.safetensors").exists()
    ]
    if begun and not options.resume:
        raise ApvgError(
            f"{options.out_dir} holds a training of {begun[0]} already",
            "resume it, or choose another folder",
            ["resume"],
        )
