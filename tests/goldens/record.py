"""What the software gives at present, measured through its front doors: keypoints, frames, losses,
figures.

    PYTHONPATH=tests python -m goldens.record             # records them anew, in tests/goldens/data
    PYTHONPATH=tests python -m goldens.record --compare   # and with this only says how far they are
    from those

A change of shape or of words must leave all of it as it is. A change that means to alter something
records it anew, in one commit that says by how much.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tiny
from bowed import golden_string_take

from apvg.cli.main import main as apvg
from apvg.instruments.keyboard import Keyboard, key_x
from apvg.instruments.skeleton import HANDS
from apvg.music.notes import Notes
from apvg.music.reading import read_audio
from apvg.performer import Performer
from apvg.samples import AIR, SAMPLE
from apvg.takes.about import About
from apvg.takes.take import Take
from apvg.training.recipe import load_recipe
from apvg.training.run import Run, Stage
from apvg.video.drawing import draw_skeleton

DATA = Path(__file__).parent / "data"
PERFORMERS = {"piano": SAMPLE, "cello": AIR}
SECONDS = 6.0
#: Frames of each performance that are kept.
KEPT = (20, 75, 140)
#: Stages and steps of the trainings whose losses are kept.
STAGES: dict[str, tuple[Stage, ...]] = {
    "piano": ("transcription", "motion", "khp", "cvg", "fpvg", "joint"),
    "cello": ("transcription", "strokes", "motion", "khp", "cvg", "fpvg"),
}
STEPS = 3


def performance(name: str) -> dict[str, np.ndarray]:
    """A performer's keypoints and three of its frames, on six seconds of music."""
    performer = Performer.from_pretrained(name)
    samples_S = read_audio(PERFORMERS[name], performer.sample_rate, duration=SECONDS)
    played = performer.perform(samples_S)
    return {
        "keypoints_TKD": played.keypoints_TKD,
        "confidence_TK": played.confidence_TK,
        "coarse_ThwC": played.coarse_ThwC[list(KEPT)],
        "frames_THWC": played.frames_THWC[list(KEPT)],
    }


def losses(instrument: str) -> dict[str, float]:
    """Every trainer's losses in its first three steps, by `stage/step/loss`; in float32, for not
    all processors have bfloat16."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        take = tiny.take() if instrument == "piano" else golden_string_take()
        (folder / "recipe.toml").write_text(_recipe(instrument, take.name))
        recipe = load_recipe(folder / "recipe.toml")
        for stage in STAGES[instrument]:
            for step in range(1, STEPS + 1):
                run = Run(recipe, [take], folder, device="cpu", precision="32-true")
                run.train(stage, until=step)
            with (folder / "training" / f"{stage}.curve.csv").open() as file:
                for row in csv.DictReader(file):
                    if row["name"] != "steps_per_second":
                        found[f"{stage}/{row['step']}/{row['name']}"] = float(row["value"])
    return found


def figures(name: str) -> dict[str, Any]:
    """The figures of a small evaluation, without those of the machine."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "takes").mkdir()
        take = _scene_take() if name == "piano" else golden_string_take(size=256, split="test")
        take.save(folder / "takes" / take.name)
        command = ["evaluate", name, str(folder / "takes"), "-o", str(folder / "report")]
        block = ["--block", "middle", "5", "8"] if name == "piano" else []
        if (status := apvg([*command, *block, "--no-read-back", "--jobs", "1"])) != 0:
            raise RuntimeError(f"the evaluation failed with {status}")
        report = json.loads((folder / "report" / "report.json").read_text())
    return {key: value for key, value in report.items() if key not in ("performer", "software")}


def _recipe(instrument: str, take: str) -> str:
    """The tests' tiny recipe, of three steps, with discriminators and predictions from the second
    step on."""
    text = tiny.RECIPE.replace("steps = 6", f"steps = {STEPS}").replace("_from = 3", "_from = 1")
    text = text.replace("predicted_from = 2", "predicted_from = 1")
    if instrument == "piano":
        return text
    text = text.replace('"piano"', f'"{instrument}"').replace('"tiny"', f'"{take}"')
    text = text.replace("held_out.tiny", f"held_out.{take}").replace(
        "[joint]\nsteps = 3", "[joint]\nsteps = 0"
    )
    text = text.replace(
        "transcriber = {", 'transcriber = { kind = "bowed notes", strokes = { hidden = 4 },'
    )
    text = text.replace("lookahead_frames = 3", "lookahead_frames = 5", 1)
    text = text.replace(
        "hidden = 8\n[model.khp]",
        'hidden = 8\nbones = true\nrecurrent_level = "coarsest"\n[model.khp]',
    )
    return text + "[strokes]\nsteps = 3\nexcerpts = 2\nevents = 4\n"


def _scene_take() -> Take:
    """Nine seconds of drawn hands in the scene of the performer `piano`."""
    small = tiny.take(9.0)
    performer = Performer.from_pretrained("piano")
    assert small.notes is not None
    assert performer.config.corners is not None
    keyboard = Keyboard(np.array(performer.config.corners))
    keypoints_TKD = np.stack(
        [_pose(small.notes, t / tiny.FPS, keyboard) for t in range(len(small))]
    )
    frames_THWC = np.stack(
        [
            draw_skeleton(performer.plate_HWC, pose_KD, np.ones(42), HANDS, thickness=4.0)
            for pose_KD in keypoints_TKD
        ]
    )
    return Take(
        name="drawn",
        fps=tiny.FPS,
        skeleton=HANDS,
        frames_THWC=frames_THWC,
        keypoints_TKD=keypoints_TKD.astype(np.float32),
        confidence_TK=np.ones(keypoints_TKD.shape[:2], np.float32),
        samples_S=small.samples_S,
        sample_rate=tiny.RATE,
        notes=small.notes,
        corners_42=np.array(performer.config.corners, np.float32),
        about=About(piece="drawn", instrument="piano", split="train"),
    )


def _pose(notes: Notes, time: float, keyboard: Keyboard) -> np.ndarray:
    """Both hands over the keys that they have struck last, somewhat late."""
    hands = []
    for hand in (0, 1):
        mine = np.flatnonzero((notes.pitch_N >= 60) == bool(hand))
        last = mine[max(np.searchsorted(notes.onset_N[mine], time + 0.1) - 1, 0)]
        place_2 = keyboard.to_pixels(np.array([key_x(notes.pitch_N[last]), 0.7]))
        hands.append((tiny.hand_KD(0, 0) * 3 + place_2).astype(np.float64))
    return np.concatenate(hands)


def read(name: str) -> dict[str, Any]:
    """What is kept of a name."""
    if (path := DATA / f"{name}.json").exists():
        return json.loads(path.read_text())
    with np.load(DATA / f"{name}.npz") as file:
        return dict(file)


def everything() -> Iterator[tuple[str, dict[str, Any]]]:
    """All of it by name, measured now, one after the other."""
    for name in PERFORMERS:
        yield f"performance-{name}", performance(name)
        yield f"losses-{name}", losses(name)
        yield f"figures-{name}", figures(name)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and word of nested plain data, by its path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from leaves(item, f"{name}[{index}]")
    else:
        yield name, value


def farthest(now: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Largest and mean difference of each array; of numbers, relative to their size where that is
    above 1."""
    if all(isinstance(value, np.ndarray) for value in kept.values()):
        away = {key: np.abs(now[key].astype(np.float64) - kept[key]) for key in kept}
        return {key: (float(a.max()), float(a.mean())) for key, a in away.items()}
    mine, others = dict(leaves(now)), dict(leaves(kept))
    differences: dict[str, tuple[float, float]] = {}
    for key in mine.keys() | others.keys():
        a, b = mine.get(key), others.get(key)
        if isinstance(a, int | float) and isinstance(b, int | float):
            difference = abs(a - b) / max(1.0, abs(b))
        else:
            difference = 0.0 if a == b else float("inf")
        differences[key] = difference, difference
    return differences


def main() -> None:
    compare = "--compare" in sys.argv
    for name, data in everything():
        if compare:
            away = farthest(data, read(name))
            worst = sorted(away.items(), key=lambda item: -item[1][0])[:4]
            print(
                name,
                *(f"{key}: {most:.2g} (mean {mean:.2g})" for key, (most, mean) in worst),
                sep="\n  ",
            )
        elif name.startswith("performance"):
            np.savez_compressed(DATA / f"{name}.npz", **data)
        else:
            (DATA / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
