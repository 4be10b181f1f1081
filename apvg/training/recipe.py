"""Recipes: what a performer is trained on and how, down to the seeds; one TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from apvg.base.config import from_dict
from apvg.base.errors import ApvgError
from apvg.bundle import NETWORKS
from apvg.models.cvg import CVGConfig
from apvg.models.khp import KHPConfig
from apvg.models.stu import STUConfig
from apvg.training.configs import (
    CVGTrainingConfig,
    FPVGTrainingConfig,
    JointTrainingConfig,
    MotionTrainingConfig,
    StrokeTrainingConfig,
    TranscriptionTrainingConfig,
)

#: Stages that train one part of KHP each.
KHP_PARTS = ("transcription", "strokes", "motion")


@dataclass(frozen=True)
class ModelConfig:
    """Shapes of the stages and width of the heatmaps; see PerformerConfig."""

    khp: KHPConfig = field(default_factory=KHPConfig)
    cvg: CVGConfig = field(default_factory=CVGConfig)
    stu: STUConfig = field(default_factory=STUConfig)
    sigma: float = 0.03


@dataclass(frozen=True)
class Recipe:
    """How a performer is made.

    Attributes:
        name: The performer's name.
        instrument: What it plays.
        licence: Of the performer.
        credit: Whom to name.
        scene: The take that gives the performer's picture; CVG and FPVG train on it. The longest
            filmed take, when empty; a pattern such as "evening-*" for several takes of one fixed
            camera.
        takes: The filmed takes whose motion KHP trains on; all of them, when empty. It also trains
            on all generated takes.
        held_out: Take name to block name to (start, stop) in seconds, excluded from the training of
            every stage.
        start_from: Name or folder of a performer whose weights to start from; random weights, when
            empty.
        start_stages: The stages that start from those weights; the others start from random ones.
            "transcription", "strokes" and "motion" are the parts of "khp".
        guard: Seconds before and after each held-out block that are excluded as well.
        model: Shapes of the stages. KHP that starts from another performer has the shape of that
            one's.
        transcription, strokes, motion, khp, cvg, fpvg, joint: How each stage is trained; one
            without steps keeps its initial weights.
    """

    name: str
    instrument: str
    licence: str
    credit: str
    scene: str = ""
    takes: tuple[str, ...] = ()
    held_out: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    start_from: str = ""
    start_stages: tuple[str, ...] = NETWORKS
    guard: float = 2.0
    model: ModelConfig = field(default_factory=ModelConfig)
    transcription: TranscriptionTrainingConfig = field(default_factory=TranscriptionTrainingConfig)
    strokes: StrokeTrainingConfig = field(default_factory=StrokeTrainingConfig)
    motion: MotionTrainingConfig = field(
        default_factory=lambda: MotionTrainingConfig(steps=0, transcribed=0)
    )
    khp: MotionTrainingConfig = field(default_factory=MotionTrainingConfig)
    cvg: CVGTrainingConfig = field(default_factory=CVGTrainingConfig)
    fpvg: FPVGTrainingConfig = field(default_factory=FPVGTrainingConfig)
    joint: JointTrainingConfig = field(default_factory=JointTrainingConfig)

    def __post_init__(self) -> None:
        known = (*NETWORKS, *KHP_PARTS)
        unknown = sorted(set(self.start_stages) - set(known))
        if unknown:
            raise ValueError(f"start_stages: no stage {unknown[0]}; there are {', '.join(known)}")
        own = not self.start_from  # else KHP has the shape of the one that it starts from
        if self.motion.on_predicted_notes:
            raise ValueError("on_predicted_notes can be set for the stage khp, not for motion")
        if self.khp.on_predicted_notes and own and not self.model.khp.transcriber.decided:
            raise ValueError("khp.on_predicted_notes needs decided = true in model.khp.transcriber")

    def steps(self, stage: str) -> int:
        """How many steps a stage is trained for."""
        return getattr(self, stage).steps


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by the name of one that comes with the package, or from a TOML file.

    Raises:
        ApvgError: There is no such recipe, or it has a mistake; says where.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = Path(str(resources.files("apvg"))) / "recipes" / f"{name}.toml"
    try:
        return from_dict(Recipe, tomllib.loads(path.read_text()), where=path.name)
    except OSError:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.toml"))) or "none"
        raise ApvgError(
            f"there is no recipe {name}",
            f"choose one of those that are there ({known}), or name a TOML file",
        ) from None
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise ApvgError(f"recipe {path}: {error}") from None
