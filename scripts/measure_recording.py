"""Does a string performer's bow turn where the notes of a real recording begin?

python scripts/measure_recording.py cello RECORDING.mp3 ALIGNMENT.csv --transpose -19 --later 1.00

ALIGNMENT has a row for each note, its start in seconds in the column `start`; its clock may be
another than the recording's. How the recording was bowed is not known: a bow change between two
notes is wrong for sure, one at a note's beginning may be right. So precision is printed, together
with what it is for the same bow changes at other times of the recording, which is what chance
gives.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from apvg import Performer
from apvg.instruments.strings import StringInstrument
from apvg.measures.bowing import CHANGE_TOLERANCE, bow_turns, matched
from apvg.music.reading import read_audio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("performer")
    parser.add_argument("recording", type=Path)
    parser.add_argument("alignment", type=Path)
    parser.add_argument("--transpose", type=int, default=0)
    parser.add_argument(
        "--later", type=float, default=0.0, help="how much later the sound is, seconds"
    )
    arguments = parser.parse_args()
    performer = Performer.from_pretrained(arguments.performer)
    with arguments.alignment.open() as file:
        onset_N = np.array([float(row["start"]) + arguments.later for row in csv.DictReader(file)])
    samples_S = read_audio(arguments.recording, performer.sample_rate)
    keypoints_TKD, _ = performer.predict_keypoints(samples_S, transpose=arguments.transpose)
    strings, camera = performer.instrument.surface, performer.instrument.camera
    if not isinstance(strings, StringInstrument) or camera is None:
        parser.error(f"{performer.name} plays no strings that are described")
    size, fps = performer.config.size, performer.fps
    turn_C = bow_turns(keypoints_TKD, performer.skeleton, strings, camera, size, fps)
    turn_C = turn_C[(turn_C > onset_N[0] - 0.1) & (turn_C < onset_N[-1] + 0.1)]
    span = onset_N[-1] - onset_N[0]
    elsewhere = [
        np.sort(onset_N[0] + (turn_C - onset_N[0] + shift) % span)
        for shift in np.linspace(0.1, 0.9, 33) * span
    ]
    seconds = len(samples_S) / performer.sample_rate
    print(f"{len(turn_C)} bow changes, {len(onset_N)} notes in {seconds:.0f} s")
    # Where notes are as short as twice the tolerance, every moment is near one: so tighter ones as
    # well.
    for tolerance in (CHANGE_TOLERANCE, 0.06, 0.04):
        precision, recall, _ = matched(turn_C, onset_N, tolerance)
        chance = np.mean([matched(times_C, onset_N, tolerance)[0] for times_C in elsewhere])
        print(
            f"within {1000 * tolerance:.0f} ms: {precision:.3f} of the bow changes are at a note's "
            f"beginning (at other times {chance:.3f}), {recall:.3f} of the notes have one"
        )


if __name__ == "__main__":
    main()
