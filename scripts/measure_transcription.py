"""How well does a pianist's transcriber work, and what does each kind of its errors cost the
motion?

    python scripts/measure_transcription.py piano-eval TAKES

prints, over all takes with notes: how many onsets are transcribed within two frames (precision,
recall, F1), for several thresholds; what the missed ones have in common; and the key-hit skill and
motion energy of hands that play the transcribed notes, those without false ones, those with the
missed ones added, and the true notes.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
import torch

from apvg import Performer
from apvg.base.progress import track
from apvg.cli.progress import progress_bars
from apvg.instruments.keyboard import Keyboard
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.measures.motion import fingertip_x, key_hit, motion_energy, seen
from apvg.models.transcription.transcriber import SUSTAINED
from apvg.music.features import extract_features
from apvg.music.notes import Notes
from apvg.takes.take import Take, load_takes

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
#: A predicted onset is right if it is at most so many frames early or late.
TOLERANCE = 2
#: A key pressed again within so many frames is repeated.
REPEATED = 6
OCTAVES = np.array((-24, -12, 12, 24))


@progress_bars()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("performer")
    parser.add_argument("takes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    performer = Performer.from_pretrained(arguments.performer)
    takes = [take for take in load_takes(arguments.takes) if take.notes is not None]
    if not isinstance(performer.placement, Keyboard) or not takes:
        parser.error("this is for performers at a keyboard, and takes whose notes are known")
    counts = {threshold: np.zeros(3) for threshold in THRESHOLDS}
    missed: Counter[str] = Counter()
    results: dict[str, list[tuple[float, float, float, int]]] = {}
    for take in track(takes, "transcribing and playing", len(takes)):
        notes, frames = take.notes, len(take)
        assert notes is not None
        probability_TP, sustained_TP = transcribe(performer, take)
        true_TP = notes.roll(performer.fps, frames)[0] > 0
        for threshold, count in counts.items():
            onset_TP = onsets(probability_TP, threshold)
            count += [match(onset_TP, true_TP)[0].sum(), onset_TP.sum(), true_TP.sum()]
        onset_TP = onsets(probability_TP, performer.config.khp.transcriber.onset_threshold)
        right_TP, found_TP = match(onset_TP, true_TP)
        missed.update(kinds(true_TP & ~found_TP, true_TP))
        ways = {
            "as transcribed": as_notes(onset_TP, sustained_TP, performer.fps),
            "without false onsets": as_notes(right_TP, sustained_TP, performer.fps),
            "with the missed onsets": as_notes(
                onset_TP | (true_TP & ~found_TP), sustained_TP, performer.fps
            ),
            "the true notes": notes,
        }
        for way, these in ways.items():
            results.setdefault(way, []).append(play(performer, take, these))
    print(" threshold  precision  recall     F1")
    for threshold, (right, predicted, true) in counts.items():
        precision, recall = right / max(predicted, 1), right / max(true, 1)
        print(
            f"{threshold:10} {precision:10.3f} {recall:7.3f} "
            f"{2 * right / max(predicted + true, 1):6.3f}"
        )
    print(
        f"missed at {performer.config.khp.transcriber.onset_threshold}:", dict(missed.most_common())
    )
    print(f"{'notes':28} skill  energy of left, right hand")
    for way, figures in results.items():
        skill_N, left_N, right_N, notes_N = np.array(figures).T
        skill = np.average(skill_N, weights=notes_N)
        print(f"{way:28} {skill:.3f}  {np.nanmean(left_N):.2f}, {np.nanmean(right_N):.2f}")


def transcribe(performer: Performer, take: Take) -> tuple[np.ndarray, np.ndarray]:
    """Probability of an onset in each frame of a take, and whether keys are sustained; both [T,
    88]."""
    features = performer.config.features
    rows_RF = torch.from_numpy(extract_features(take.sound_at(features.sample_rate), features))
    late = performer.config.khp.delay
    rows_RF = torch.cat(
        [rows_RF, rows_RF.new_zeros(late * features.rows_per_frame, rows_RF.shape[1])]
    )
    with torch.inference_mode():
        notes, _ = performer.stages.khp.transcriber(rows_RF[None].float())
    probability_2TP = notes.logits_B2TP[0].float().sigmoid()[:, late : late + len(take)].numpy()
    return probability_2TP[0], probability_2TP[1] > SUSTAINED


def onsets(probability_TP: np.ndarray, threshold: float) -> np.ndarray:
    """Where the probability of an onset rises above a threshold, bool [T, 88]."""
    above_TP = probability_TP > threshold
    return above_TP & ~np.pad(above_TP, ((1, 0), (0, 0)))[:-1]


def match(predicted_TP: np.ndarray, true_TP: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which onsets are right, and which true ones they stand for; each counts once."""
    right_TP, found_TP = np.zeros_like(predicted_TP), np.zeros_like(true_TP)
    for key in np.flatnonzero(predicted_TP.any(axis=0) & true_TP.any(axis=0)):
        predicted, true = (
            list(np.flatnonzero(predicted_TP[:, key])),
            list(np.flatnonzero(true_TP[:, key])),
        )
        while predicted and true:
            if abs(predicted[0] - true[0]) <= TOLERANCE:
                right_TP[predicted.pop(0), key] = found_TP[true.pop(0), key] = True
            else:
                (predicted if predicted[0] < true[0] else true).pop(0)
    return right_TP, found_TP


def kinds(missed_TP: np.ndarray, true_TP: np.ndarray) -> list[str]:
    """What missed notes have in common."""
    found = []
    for frame, key in zip(*np.nonzero(missed_TP), strict=True):
        near_P = true_TP[max(0, frame - 1) : frame + 2].any(axis=0)
        if true_TP[max(0, frame - REPEATED) : frame, key].any():
            found.append("repeated")
        elif any(near_P[other] for other in key + OCTAVES if 0 <= other < len(near_P)):
            found.append("in octaves")
        else:
            found.append("others")
    return found


def as_notes(onset_TP: np.ndarray, sustained_TP: np.ndarray, fps: int) -> Notes:
    """Onsets as notes, each as long as its key is sustained and not pressed again."""
    frame_N, key_N = np.nonzero(onset_TP)
    length_N = []
    for frame, key in zip(frame_N, key_N, strict=True):
        goes_on_T = sustained_TP[frame + 1 :, key] & ~onset_TP[frame + 1 :, key]
        length_N.append(1 + (len(goes_on_T) if goes_on_T.all() else int(goes_on_T.argmin())))
    let_go_N = (frame_N + np.array(length_N, int)) / fps
    return Notes(
        onset_N=frame_N / fps,
        offset_N=let_go_N,
        sounding_N=let_go_N,
        pitch_N=key_N + LOWEST_PITCH,
        velocity_N=np.full(len(frame_N), 64),
    )


def play(performer: Performer, take: Take, notes: Notes) -> tuple[float, float, float, int]:
    """Key-hit skill by the true notes, motion energy of both hands (nan where there is no
    keyboard), and how many notes count."""
    silence_S = np.zeros(round(take.duration * performer.sample_rate), np.float32)
    poses_TKD = seen(*performer.predict_keypoints(silence_S, notes))
    keyboard = performer.placement
    assert isinstance(keyboard, Keyboard)
    assert take.notes is not None
    hit = key_hit(fingertip_x(poses_TKD, performer.skeleton, keyboard), take.notes, performer.fps)
    left = right = float("nan")
    if isinstance(take.placement, Keyboard) and take.fps == performer.fps:
        frames = min(len(poses_TKD), len(take))
        true_TKD = seen(take.keypoints_TKD, take.confidence_TK)[:frames]
        by_part = motion_energy(
            keyboard.to_keyboard(poses_TKD[:frames]),
            take.placement.to_keyboard(true_TKD),
            take.skeleton,
            take.fps,
        )
        left, right = by_part["left_hand"], by_part["right_hand"]
    return hit.skill, left, right, hit.notes


if __name__ == "__main__":
    main()
