"""Step 4: how good are a take's keypoints? Figures, a verdict with its reasons, and pictures to
look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.version import __version__
from apvg.takes.pose.detections import hand_size, runs
from apvg.takes.prepare.clean import Cleaned
from apvg.takes.prepare.options import Rectangle
from apvg.takes.prepare.page import sound_levels, write_page
from apvg.takes.prepare.playing import playing_of
from apvg.takes.prepare.quality import REPORT_FORMAT, Flag, HandQuality, QualityReport, with_verdict
from apvg.takes.prepare.track import Tracked
from apvg.takes.take import Take

#: A hand that moves further than its own size between two frames has jumped.
JUMP_SIZES = 1.0
#: Hands closer to each other than this share of a hand's size are in one place.
_ONE_PLACE = 0.25


def assess(
    take: Take, tracked: Tracked, cleaned: Cleaned, found: dict[str, dict[str, Any]], staging: Path
) -> QualityReport:
    """Measure the quality of a take, and write the report for people into `staging`, next to the
    artefact.

    Args:
        take: As the steps before have made it.
        tracked: Of the first step.
        cleaned: Of the second step.
        found: What was given or found.
        staging: The take's folder.
    """
    report = measure(
        take,
        tracked.framing.to_take(cleaned.raw_TKD),
        cleaned.raw_TK,
        cleaned.re_detected_TH,
        crop=tracked.framing.crop,
        region=tracked.framing.region,
        found=found,
    )
    write_page(report, take, staging)
    return report


def measure(
    take: Take,
    raw_TKD: np.ndarray,
    raw_TK: np.ndarray,
    re_detected_TH: np.ndarray,
    *,
    crop: Rectangle,
    region: Rectangle,
    found: dict[str, dict[str, Any]] | None = None,
) -> QualityReport:
    """The quality report of a take.

    Args:
        take: The prepared take.
        raw_TKD: Keypoints before gaps were filled and paths smoothed, pixels of the take.
        raw_TK: Their confidence, 0 where not detected.
        re_detected_TH: Where a hand was found only by looking for it in that frame alone.
        crop: x, y, width, height, source pixels.
        region: Where the tracker looked, source pixels.
        found: What was found or given: crop, corners, offset; see :class:`apvg.takes.found.Found`.
    """
    fps = take.fps
    hands = take.skeleton.hands
    centre_THD = np.stack([raw_TKD[:, ids].mean(axis=1) for ids in hands.values()], axis=1)
    seen_TH = np.stack([(raw_TK[:, ids] > 0).all(axis=1) for ids in hands.values()], axis=1)
    score_TH = np.stack([raw_TK[:, ids].mean(axis=1) for ids in hands.values()], axis=1)
    filled_TH = np.stack([take.confidence_TK[:, ids[0]] > 0 for ids in hands.values()], axis=1)
    first, stop = _playing(take, seen_TH)
    playing_T = np.zeros(len(take), bool)
    playing_T[first:stop] = True

    flags: list[Flag] = []

    def flag(frame: int, why: str) -> None:
        flags.append(Flag(int(frame), round(frame / fps, 3), why))

    per_hand: dict[str, HandQuality] = {}
    for h, (name, ids) in enumerate(hands.items()):
        words = name.replace("_", " ")
        gaps = runs(~seen_TH[:, h] & playing_T)
        for a, _ in gaps:
            flag(a, f"{words} not found")
        pairs_T = seen_TH[1:, h] & seen_TH[:-1, h]
        sizes = [hand_size(hand_PD) for hand_PD in raw_TKD[seen_TH[:, h]][:, ids]]
        size = float(np.median(sizes)) if sizes else 1.0
        step_T = np.linalg.norm(np.diff(centre_THD[:, h], axis=0), axis=1) * pairs_T
        jumped = np.flatnonzero(step_T > JUMP_SIZES * size) + 1
        for frame in map(int, jumped):
            flag(frame, f"{words} jumps by {step_T[frame - 1] / size:.1f} of its size")
        per_hand[name] = HandQuality(
            found=_share(seen_TH[playing_T, h]),
            found_in_all_frames=_share(seen_TH[:, h]),
            re_detected_frames=int(re_detected_TH[:, h].sum()),
            mean_confidence=_mean(score_TH[seen_TH[:, h], h]),
            filled_frames=int((filled_TH[:, h] & ~seen_TH[:, h]).sum()),
            longest_gap_seconds=max((b - a for a, b in gaps), default=0) / fps,
            size_pixels=size,
            jitter=_jitter(raw_TKD[:, ids], seen_TH[:, h]) / size,
            jumps=len(jumped),
        )
    swaps = _swaps(centre_THD, seen_TH)
    for frame in swaps:
        flag(frame, "left and right seem to change places")
    overlaps = _overlaps(raw_TKD, seen_TH, list(hands.values()))
    for a, _ in overlaps:
        flag(a, "hands lie over each other: one hand taken for both?")

    body = list(take.skeleton.part("body"))
    points = take.skeleton.points
    playing = {
        name: figures
        for name, playing in playing_of(take.instrument).items()
        if (figures := playing.measure(take)) is not None
    }
    return with_verdict(
        QualityReport(
            format=REPORT_FORMAT,
            apvg=__version__,
            take=take.name,
            frames=len(take),
            fps=fps,
            seconds=take.duration,
            size=take.size,
            layout=take.skeleton.name,
            crop=crop,
            tracked_region=region,
            found=found or {},
            playing_seconds=(first / fps, stop / fps),
            both_hands_found=_share(seen_TH[playing_T].all(axis=1)),
            both_hands_found_in_all_frames=_share(seen_TH.all(axis=1)),
            mean_confidence=_mean(score_TH[seen_TH]),
            jitter=max(hand.jitter for hand in per_hand.values()),
            jumps_per_minute=sum(hand.jumps for hand in per_hand.values())
            / max(take.duration / 60, 1e-9),
            label_swaps=len(swaps),
            overlapping_frames=sum(b - a for a, b in overlaps),
            hands=per_hand,
            silent=not sound_levels(take, 1).any(),
            body_found=_share((raw_TK[:, body] > 0).any(axis=1)) if body else None,
            body_confidence={points[k]: _mean(raw_TK[playing_T, k]) for k in body},
            playing=playing,
            flagged=tuple(sorted(flags, key=lambda entry: entry.frame)),
        )
    )


def _playing(take: Take, seen_TH: np.ndarray) -> tuple[int, int]:
    """First frame and stop of the playing."""
    frames = len(take)
    if take.notes is not None:
        onset_N = take.notes.onset_N[
            (take.notes.onset_N >= 0) & (take.notes.onset_N < take.duration)
        ]
        if len(onset_N):
            first, last = onset_N.min() * take.fps, onset_N.max() * take.fps
            return int(np.ceil(first)), min(int(last) + 1, frames)
    at = np.flatnonzero(seen_TH.any(axis=1))
    return (int(at[0]), int(at[-1]) + 1) if len(at) else (0, frames)


def _jitter(hand_TPD: np.ndarray, seen_T: np.ndarray) -> float:
    """Typical noise of a point, pixels: its deviation from the line between its neighbours in time,
    as real motion is smooth."""
    whole_T = seen_T[2:] & seen_T[1:-1] & seen_T[:-2]
    if not whole_T.any():
        return 0.0
    bend_TPD = hand_TPD[1:-1] - (hand_TPD[2:] + hand_TPD[:-2]) / 2
    # White noise of deviation s bends by s * sqrt(3/2) along each axis.
    return float(np.median(np.linalg.norm(bend_TPD[whole_T], axis=-1)) / np.sqrt(1.5))


def _swaps(centre_THD: np.ndarray, seen_TH: np.ndarray) -> list[int]:
    """Frames before which the hands would have moved less had they exchanged their names."""
    both_T = seen_TH[1:].all(axis=1) & seen_TH[:-1].all(axis=1)
    now_THD, before_THD = centre_THD[1:], centre_THD[:-1]
    kept_T = np.linalg.norm(now_THD - before_THD, axis=-1).sum(axis=1)
    changed_T = np.linalg.norm(now_THD - before_THD[:, ::-1], axis=-1).sum(axis=1)
    return [int(t) + 1 for t in np.flatnonzero(both_T & (changed_T < kept_T))]


def _overlaps(
    raw_TKD: np.ndarray, seen_TH: np.ndarray, hands: list[tuple[int, ...]]
) -> list[tuple[int, int]]:
    """Runs of frames in which both hands are in about the same place."""
    left_TPD, right_TPD = (raw_TKD[:, ids] for ids in hands)
    distance_T = np.linalg.norm(left_TPD - right_TPD, axis=-1).mean(axis=1)
    size_T = np.array(
        [min(hand_size(a), hand_size(b)) for a, b in zip(left_TPD, right_TPD, strict=True)]
    )
    return runs(seen_TH.all(axis=1) & (distance_T < _ONE_PLACE * size_T))


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else 0.0


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
