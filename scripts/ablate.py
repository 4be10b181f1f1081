"""Train and evaluate every variant of an ablation with several seeds, and print the figures of
each.

    python scripts/ablate.py TAKES OUT_DIR

Each run is a folder OUT_DIR/VARIANT-SEED with the trained performer and its report. Runs that are
there already are kept, and a training that was stopped resumes from its checkpoint.
OUT_DIR/ablations.json and the printed Markdown table hold all runs.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from apvg.base.config import from_dict
from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path
from apvg.evaluation.evaluate import held_out_blocks
from apvg.evaluation.report import write_report
from apvg.performer import Performer
from apvg.takes.take import Take, load_takes
from apvg.training.recipe import Recipe
from apvg.training.run import Run

VARIANTS = Path(__file__).with_name("ablations.toml")
#: Column to figure, by its path in a block of the report.
FIGURES = {
    "hand PSNR, dB": ("from_keypoints", "hand_psnr"),
    "sharpness": ("from_keypoints", "sharpness"),
    "flicker": ("from_keypoints", "flicker"),
    "hand PSNR, jittered": ("from_jittered_keypoints", "hand_psnr"),
    "flicker, jittered": ("from_jittered_keypoints", "flicker"),
    "hands found": ("read_back", "from_keypoints", "hands_found_share"),
    "read-back": ("read_back", "from_keypoints", "skill_share"),
    "flicker from sound": ("from_sound", "flicker"),
    "sharpness from sound": ("from_sound", "sharpness"),
    "read-back from sound": ("read_back", "from_sound", "skill_share"),
    "hands found from sound": ("read_back", "from_sound", "hands_found_share"),
    "key-hit skill": ("from_sound", "key_hit", "skill"),
}


@dataclass(frozen=True)
class Ablate:
    """What to run."""

    takes: Annotated[Path, tyro.conf.Positional]
    """Folder of the takes that the base recipe names."""
    out_dir: Annotated[Path, tyro.conf.Positional]
    """Folder of the runs."""
    seeds: int = 2
    """How many seeds, from 0 on; their spread is the effect of chance."""
    only: tuple[str, ...] = ()
    """Variants to run; all by default."""
    variants: Path = VARIANTS
    """The base recipe and its variants."""
    seconds: float | None = None
    """How much of the held-out block is evaluated; all by default."""
    no_read_back: bool = False
    """Do not run the hand tracker on generated and real frames."""
    table_only: bool = False
    """Run nothing; print the runs that are there."""


def main(asked: Ablate) -> None:
    plan = tomllib.loads(asked.variants.read_text())
    if unknown := sorted(set(asked.only) - set(plan["variants"])):
        raise ApvgError(
            f"there is no variant {unknown[0]!r}", f"choose among {', '.join(plan['variants'])}"
        )
    if not asked.table_only:
        takes = load_takes(asked.takes)
        # Seed by seed, so that a table of all variants is there early.
        for seed in range(asked.seeds):
            for variant in asked.only or plan["variants"]:
                folder = train(plan, variant, seed, takes, asked.out_dir)
                evaluate(folder, takes, asked)
    runs = results(plan["variants"], asked.out_dir)
    with atomic_path(asked.out_dir / "ablations.json", force=True) as partial:
        partial.write_text(json.dumps(runs, indent=2))
    print(table(runs))


def recipe_of(plan: dict[str, Any], variant: str, seed: int) -> Recipe:
    """The base with what the variant changes, and the seed in every stage that is trained."""
    changes = {key: value for key, value in plan["variants"][variant].items() if key != "after"}
    data = merged(plan["base"], changes)
    data["name"] = variant
    for stage in ("fpvg", "joint"):
        data.setdefault(stage, {})["seed"] = seed
    return from_dict(Recipe, data, where=variant)


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged, all else replaced."""
    result = deepcopy(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def train(
    plan: dict[str, Any], variant: str, seed: int, takes: Sequence[Take], out_dir: Path
) -> Path:
    """Train a variant to its end, and return its folder."""
    folder = out_dir / f"{variant}-{seed}"
    if (folder / "config.json").exists():
        return folder
    print(f"training {folder.name}", flush=True)
    before = plan["variants"][variant].get("after")
    if before and not (folder / "training").exists():
        trained = train(plan, before, seed, takes, out_dir) / "training"
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / "training") as partial:
            shutil.copytree(trained, partial)
    Run(recipe_of(plan, variant, seed), takes, folder).train("all")
    return folder


def evaluate(folder: Path, takes: Sequence[Take], asked: Ablate) -> None:
    """A report on what was held out (of several blocks the first), unless it is there."""
    report = folder / "report"
    if report.exists():
        return
    tracker = None
    if not asked.no_read_back:
        from apvg.takes.pose.mediapipe import track_hands as tracker
    performer = Performer.from_pretrained(folder)
    blocks = [block for take in takes for block in held_out_blocks(performer, take)][:1]
    if asked.seconds is not None:
        blocks = [replace(block, stop=block.start + asked.seconds) for block in blocks]
    with atomic_path(report) as partial:
        partial.mkdir()
        write_report(performer, takes, partial, blocks=blocks, tracker=tracker)


def results(variants: Sequence[str], out_dir: Path) -> dict[str, list[dict[str, float | None]]]:
    """Variant to the figures of its runs, one for each seed."""
    runs: dict[str, list[dict[str, float | None]]] = {}
    for variant in variants:
        for report in sorted(out_dir.glob(f"{variant}-[0-9]*/report/report.json")):
            block = json.loads(report.read_text())["blocks"][0]
            energy = block["from_sound"]["motion_energy"].values()
            runs.setdefault(variant, []).append(
                {name: _find(block, path) for name, path in FIGURES.items()}
                | {"motion energy": float(np.mean([*energy]))}
            )
    return runs


def table(runs: dict[str, list[dict[str, float | None]]]) -> str:
    """Markdown: the mean over seeds, and half of what lies between the least and the greatest."""
    if not runs:
        return "nothing has been run"
    names = list(next(iter(runs.values()))[0])
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for variant, seeds in runs.items():
        cells = []
        for name in names:
            values = [run[name] for run in seeds if run[name] is not None]
            spread = f" ±{np.ptp(values) / 2:.2f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.2f}{spread}" if values else "–")
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _find(figures: Any, path: Sequence[str]) -> float | None:
    for key in path:
        figures = figures.get(key) if isinstance(figures, dict) else None
    return figures


if __name__ == "__main__":
    main(tyro.cli(Ablate, description=__doc__))
