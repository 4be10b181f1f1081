"""Does a pianist play exercises with the fingers that are taught?

    python scripts/measure_fingering.py beringer.csv --performer piano

prints, for each kind of exercise: the share of the notes with the taught finger (of several taught
ways the one that agrees best), the same on random cuts of 12 notes, and the longest run of one
finger on different keys; for the virtual pianist's search, for the fingertips of a performer that
has the notes, and for the best finger if there were only one. Each hand plays by itself, four notes
a second.

The table has the columns exercise, hand (R, L), alternative, order, pitch and finger (1 thumb … 5),
as the Beringer & Dunhill corpus of pydactyl can be written.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apvg import Performer
from apvg.base.progress import track
from apvg.cli.progress import progress_bars
from apvg.instruments.keyboard import Keyboard
from apvg.instruments.skeleton import FINGERTIPS
from apvg.measures.fingering import agreement, longest_run, striking_fingers
from apvg.measures.motion import fingertip_x, seen
from apvg.models.fingering import plan
from apvg.music.fingering import LEFT, RIGHT
from apvg.music.notes import Notes

SIDES = {"L": LEFT, "R": RIGHT}
FINGERS = len(FINGERTIPS)
#: Of a note, in seconds: from one to the next, how long its key is down, and before the first.
STEP, HELD, BEFORE = 0.25, 0.24, 1.0
CUT, CUTS, SEED = 12, 5, 1


@dataclass(frozen=True)
class Exercise:
    """What one hand plays, and the fingers that are taught for it."""

    kind: str
    side: int
    pitch_N: np.ndarray
    taught: list[np.ndarray]

    def cut(self, first: int) -> Exercise:
        chosen = slice(first, first + CUT)
        taught = [finger_N[chosen] for finger_N in self.taught]
        return Exercise(self.kind, self.side, self.pitch_N[chosen], taught)

    def notes(self) -> Notes:
        count = len(self.pitch_N)
        onset_N = BEFORE + STEP * np.arange(count)
        return Notes(
            onset_N=onset_N,
            offset_N=onset_N + HELD,
            sounding_N=onset_N + HELD,
            pitch_N=self.pitch_N,
            velocity_N=np.full(count, 70),
        )


@progress_bars()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--performer", default="piano")
    arguments = parser.parse_args()
    performer = Performer.from_pretrained(arguments.performer)
    if not isinstance(performer.placement, Keyboard):
        parser.error("this is for performers at a keyboard")
    exercises = read_exercises(arguments.table)
    random = np.random.default_rng(SEED)
    cuts = [
        exercise.cut(int(first))
        for exercise in exercises
        for first in random.integers(0, len(exercise.pitch_N) - CUT + 1, CUTS)
    ]
    players = {
        "the plan": planned,
        performer.name: lambda exercise: predicted(performer, exercise),
        "one finger": best_constant,
    }
    print(f"{'':20}{'exercises':>20}  agreement  cuts of {CUT}  longest run")
    for who, fingers in players.items():
        found = defaultdict(list)
        for exercise in track(exercises, who, len(exercises)):
            finger_N = fingers(exercise)
            run = longest_run(finger_N, exercise.pitch_N)
            found[exercise.kind].append((agreement(finger_N, exercise.taught), run))
        in_cuts = defaultdict(list)
        for cut in track(cuts, f"{who}, cuts", len(cuts)):
            in_cuts[cut.kind].append(agreement(fingers(cut), cut.taught))
        found["all"] = [figures for kind in list(found) for figures in found[kind]]
        in_cuts["all"] = [share for kind in list(in_cuts) for share in in_cuts[kind]]
        for kind, figures in found.items():
            share, run = np.mean(figures, axis=0)
            print(f"{who:20}{kind:>20} {share:10.3f} {np.mean(in_cuts[kind]):11.3f} {run:12.1f}")


def read_exercises(path: Path) -> list[Exercise]:
    """The exercises of a table, in its order."""
    ways: dict[tuple[str, str], dict[str, list[tuple[int, int, int]]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            alternatives = ways.setdefault((row["exercise"], row["hand"]), {})
            finger = int(row["finger"]) - 1 if row["finger"].isdigit() else -1
            place = int(row["order"]), int(row["pitch"]), finger
            alternatives.setdefault(row["alternative"], []).append(place)
    exercises = []
    for (name, hand), alternatives in ways.items():
        sorted_ways = [np.array(sorted(way)).T for way in alternatives.values()]
        taught = [finger_N for _, _, finger_N in sorted_ways]
        kind = name.partition("/")[0]
        exercises.append(Exercise(kind, SIDES[hand], sorted_ways[0][1], taught))
    return exercises


def planned(exercise: Exercise) -> np.ndarray:
    """The fingers that the fingering stage plans for this hand; -1 for notes of the other."""
    fingering = plan(exercise.notes())
    return np.where(fingering.hand_N == exercise.side, fingering.finger_N, -1)


def predicted(performer: Performer, exercise: Exercise) -> np.ndarray:
    """The fingers whose tips are over the keys when a performer has the notes."""
    notes = exercise.notes()
    seconds = notes.offset_N[-1] + BEFORE
    silence_S = np.zeros(round(seconds * performer.sample_rate), np.float32)
    poses_TKD = seen(*performer.predict_keypoints(silence_S, notes))
    assert isinstance(performer.placement, Keyboard)
    tip_x_TF = fingertip_x(poses_TKD, performer.skeleton, performer.placement)
    of_hand = slice(exercise.side * FINGERS, (exercise.side + 1) * FINGERS)
    return striking_fingers(tip_x_TF[:, of_hand], notes, performer.fps)


def best_constant(exercise: Exercise) -> np.ndarray:
    """One finger for all notes: the one that agrees best. It knows the answer and nothing else."""
    ways = [np.full(len(exercise.pitch_N), finger) for finger in range(FINGERS)]
    return max(ways, key=lambda finger_N: agreement(finger_N, exercise.taught))


if __name__ == "__main__":
    main()
