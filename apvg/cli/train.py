"""``apvg train``: takes to a performer, by a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from apvg.base.errors import ApvgError
from apvg.cli.arguments import Steps


@dataclass(frozen=True)
class Train:
    """Train a performer on prepared takes.

    OUT_DIR becomes the performer (`apvg generate --performer OUT_DIR`); its folder `training` keeps checkpoints,
    curves and pictures of how it came about.
    """

    takes: tyro.conf.Positional[Path]
    """Folder of takes, as `apvg prepare` makes them."""
    out_dir: tyro.conf.Positional[Path]
    """Folder of the performer."""
    recipe: str
    """Name of a recipe that comes with apvg, or a TOML file."""
    stage: Literal["transcription", "strokes", "motion", "khp", "cvg", "fpvg", "joint", "all"] = (
        "all"
    )
    """Which stage to train."""
    until: Steps | None = None
    """Stop after this step, to go on later with --resume."""
    start_from: Path | None = None
    """A performer whose weights to begin with, instead of random ones."""
    resume: bool = False
    """Go on with a training that was stopped, exactly where its newest checkpoint is."""
    tensorboard: bool = False
    """Write curves, samples and the keypoints' figure for TensorBoard as well; needs the extra `tensorboard`. Look at them
    with: tensorboard --logdir OUT_DIR/training/tensorboard"""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""

    def run(self) -> None:
        """Run the recipe's stages and write the performer."""
        from apvg.takes.take import load_takes
        from apvg.training.recipe import load_recipe
        from apvg.training.run import Run

        recipe = load_recipe(self.recipe)
        stages = (
            ("transcription", "strokes", "motion", "khp", "cvg", "fpvg", "joint")
            if self.stage == "all"
            else (self.stage,)
        )
        begun = [
            s for s in stages if (self.out_dir / "training" / f"{s}.ckpt.safetensors").exists()
        ]
        if begun and not self.resume:
            raise ApvgError(
                f"{self.out_dir} holds a training of {begun[0]} already; "
                "go on with it by --resume, or choose another folder"
            )
        run = Run(
            recipe,
            load_takes(self.takes),
            self.out_dir,
            device=self.device,
            start_from=self.start_from,
        )
        run.train(self.stage, until=self.until, tensorboard=self.tensorboard)
