"""Does a string performer's bow turn where the notes of a real recording begin?

python scripts/measure_recording.py cello RECORDING.mp3 ALIGNMENT.csv --transpose -19

ALIGNMENT has a row for each note, its start in seconds in the column `start`. How the recording was bowed is not known: a bow
change between two notes is wrong for sure, one at a note's beginning may be right. So precision is printed, beside what it
is for the same bow changes at other times of the recording, which is what chance gives.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from apvg import Performer
from apvg.audio.reading import read_audio
from apvg.evaluation.bowing import CHANGE_TOLERANCE, bow_turns, matched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("performer")
    parser.add_argument("recording", type=Path)
    parser.add_argument("alignment", type=Path)
    parser.add_argument("--transpose", type=int, default=0)
    arguments = parser.parse_args()
    performer = Performer.from_pretrained(arguments.performer)
    with arguments.alignment.open() as file:
        onset_N = np.array([float(row["start"]) for row in csv.DictReader(file)])
    samples_S = read_audio(arguments.recording, performer.sample_rate)
    keypoints_TKD, _ = performer.predict_keypoints(samples_S, transpose=arguments.transpose)
    config = performer.config
    turn_C = bow_turns(
        keypoints_TKD, performer.skeleton, config.instrument, config.size, performer.fps
    )
    turn_C = turn_C[(turn_C > onset_N[0] - 0.1) & (turn_C < onset_N[-1] + 0.1)]
    precision, recall, _ = matched(turn_C, onset_N)
    span = onset_N[-1] - onset_N[0]
    elsewhere = [
        matched(np.sort(onset_N[0] + (turn_C - onset_N[0] + shift) % span), onset_N)[0]
        for shift in np.linspace(0.1, 0.9, 33) * span
    ]
    seconds = len(samples_S) / performer.sample_rate
    print(f"{len(turn_C)} bow changes, {len(onset_N)} notes in {seconds:.0f} s")
    print(
        f"bow changes within {1000 * CHANGE_TOLERANCE:.0f} ms of a note's beginning: {precision:.3f}"
    )
    print(f"the same, at other times: {np.mean(elsewhere):.3f}")
    print(f"notes with a bow change: {recall:.3f}")


if __name__ == "__main__":
    main()
