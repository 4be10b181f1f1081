"""Recipes: what a performer is trained on and how, to the seed; one TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from apvg.base.config import from_dict
from apvg.base.errors import ApvgError
from apvg.bundle import STAGES
from apvg.models.cvg import CVGConfig
from apvg.models.khp import KHPConfig
from apvg.models.stu import STUConfig
from apvg.training.bowing import BowingTrainingConfig
from apvg.training.cvg import CVGTrainingConfig
from apvg.training.fpvg import FPVGTrainingConfig
from apvg.training.hearing import HearingTrainingConfig
from apvg.training.joint import JointTrainingConfig
from apvg.training.khp import KHPTrainingConfig

#: Trainings of a part of KHP, and the part's name in it.
PARTS = {"hear": "listen", "bow": "strokes", "move": "move"}


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
        scene: The take whose picture the performer has; CVG and FPVG train on it. The longest, when empty; a pattern as
            "evening-*" for several that one still camera has filmed.
        takes: The filmed takes whose motion KHP trains on; empty for all. It trains on all generated ones.
        held_out: Take to block name to (start, stop) in seconds, kept out of every stage's training.
        start_from: Name or folder of a performer whose weights to begin with; random ones, when empty.
        start_stages: The stages that begin with those weights; the others begin with random ones. "hear", "bow" and "move" are
            the parts of "khp".
        guard: Seconds on each side of a held-out block that are not trained on either.
        model: Shapes of the stages; KHP that starts from another performer's is of that one's.
        hear, bow, move, khp, cvg, fpvg, joint: How each stage is trained; one without steps stays as it begins.
    """

    name: str
    instrument: str
    licence: str
    credit: str
    scene: str = ""
    takes: tuple[str, ...] = ()
    held_out: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    start_from: str = ""
    start_stages: tuple[str, ...] = STAGES
    guard: float = 2.0
    model: ModelConfig = field(default_factory=ModelConfig)
    hear: HearingTrainingConfig = field(default_factory=HearingTrainingConfig)
    bow: BowingTrainingConfig = field(default_factory=BowingTrainingConfig)
    move: KHPTrainingConfig = field(default_factory=lambda: KHPTrainingConfig(steps=0, heard=0))
    khp: KHPTrainingConfig = field(default_factory=KHPTrainingConfig)
    cvg: CVGTrainingConfig = field(default_factory=CVGTrainingConfig)
    fpvg: FPVGTrainingConfig = field(default_factory=FPVGTrainingConfig)
    joint: JointTrainingConfig = field(default_factory=JointTrainingConfig)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.start_stages) - {*STAGES, *PARTS})
        if unknown:
            raise ValueError(
                f"start_stages: no stage {unknown[0]}; there are {', '.join((*STAGES, *PARTS))}"
            )
        if self.bow.steps and not self.model.khp.bowing.hidden:
            raise ValueError(
                "the stage bow is for a model whose khp has a bowing of some hidden size"
            )
        own = not self.start_from  # else KHP is of the shape that it starts from
        if self.move.by_ear or (self.khp.by_ear and own and not self.model.khp.decided):
            raise ValueError("by_ear is for the stage khp, of a model whose khp has decided = true")


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
        raise ApvgError(f"there is no recipe {name}; known here: {known}") from None
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise ApvgError(f"recipe {path}: {error}") from None
