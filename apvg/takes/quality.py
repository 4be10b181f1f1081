"""How good are a take's keypoints? Figures, a plain verdict with its reasons, and pictures to look at."""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from apvg import __version__
from apvg.evaluation.motion import fingertip_x, key_hit, seen
from apvg.skeleton import draw_skeleton
from apvg.takes.pose.tracks import hand_size, runs
from apvg.takes.take import Take
from apvg.video.images import contact_sheet, save_png

REPORT_FORMAT = 1
#: A hand that moves further than its own size between two frames has jumped.
JUMP_SIZES = 1.0
#: Frames in the contact sheet: evenly spread ones, and flagged ones at most.
_SHEET_FRAMES = 16
_FLAGGED_FRAMES = 16
_SHEET_COLUMNS = 2
_SHEET_WIDTH = 640

#: The verdict is the worst of these: figure, least value for "good", least for "usable", and what to do.
_GRADES = (
    (
        "both_hands_found",
        0.99,
        0.90,
        "light the hands better, film closer, or check --crop and --person",
    ),
    ("mean_confidence", 0.80, 0.60, "sharper footage or a shorter exposure helps"),
)
#: … and figures that should be small: greatest value for "good", for "usable".
_LIMITS = (
    (
        "jumps_per_minute",
        2.0,
        12.0,
        "look at the flagged frames; is someone else in the picture (--person)?",
    ),
    ("jitter", 0.02, 0.05, "film with more light or closer"),
)
_WORDS = {
    "both_hands_found": "both hands were found in {:.1%} of the playing frames",
    "mean_confidence": "the tracker's mean confidence is {:.2f}",
    "jumps_per_minute": "hands jump {:.1f} times a minute",
    "jitter": "points tremble by {:.1%} of a hand's size",
}
_ORDER = ("good", "usable", "poor")


def assess(
    take: Take,
    raw_TKD: np.ndarray,
    raw_TK: np.ndarray,
    again_TH: np.ndarray,
    *,
    crop: tuple[int, int, int, int],
    region: tuple[int, int, int, int],
    found: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Judge a take's keypoints.

    Playing frames lie between the first and the last note; without notes, between the first and the last frame in which
    a hand was seen.

    Args:
        take: The prepared take.
        raw_TKD: Keypoints before gaps were filled and paths smoothed, pixels of the take.
        raw_TK: Their confidence, 0 where not seen.
        again_TH: Where a hand was found only by looking again in that frame alone.
        crop: x, y, width, height, source pixels.
        region: Where the tracker looked, source pixels.
        found: What was found by itself or given: crop, corners, offset; see :class:`apvg.takes.found.Found`.

    Returns:
        Plain data, the whole report; see ``quality.json``.
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

    flags: list[dict[str, Any]] = []

    def flag(frame: int, why: str) -> None:
        flags.append({"frame": int(frame), "second": round(frame / fps, 3), "why": why})

    per_hand = {}
    jumps = 0
    jitters = []
    for h, (name, ids) in enumerate(hands.items()):
        words = name.replace("_", " ")
        gaps = [(a, b) for a, b in runs(~seen_TH[:, h] & playing_T)]
        for a, _ in gaps:
            flag(a, f"{words} not found")
        pairs_T = seen_TH[1:, h] & seen_TH[:-1, h]
        sizes = [hand_size(hand_PD) for hand_PD in raw_TKD[seen_TH[:, h]][:, ids]]
        size = float(np.median(sizes)) if sizes else 1.0
        step_T = np.linalg.norm(np.diff(centre_THD[:, h], axis=0), axis=1) * pairs_T
        jumped = np.flatnonzero(step_T > JUMP_SIZES * size) + 1
        for frame in jumped:
            flag(frame, f"{words} jumps by {step_T[frame - 1] / size:.1f} of its size")
        jumps += len(jumped)
        jitter = _jitter(raw_TKD[:, ids], seen_TH[:, h]) / size
        jitters.append(jitter)
        per_hand[name] = {
            "found": _share(seen_TH[playing_T, h]),
            "found_in_all_frames": _share(seen_TH[:, h]),
            "found_by_looking_again": int(again_TH[:, h].sum()),
            "mean_confidence": _mean(score_TH[seen_TH[:, h], h]),
            "filled_frames": int((filled_TH[:, h] & ~seen_TH[:, h]).sum()),
            "longest_gap_seconds": max((b - a for a, b in gaps), default=0) / fps,
            "size_pixels": size,
            "jitter": jitter,
            "jumps": len(jumped),
        }
    swaps = _swaps(centre_THD, seen_TH)
    for frame in swaps:
        flag(frame, "left and right seem to change places")
    overlaps = _overlaps(raw_TKD, seen_TH, list(hands.values()))
    for a, _ in overlaps:
        flag(a, "hands lie over each other: one hand taken for both?")

    report: dict[str, Any] = {
        "format": REPORT_FORMAT,
        "apvg": __version__,
        "take": take.name,
        "frames": len(take),
        "fps": fps,
        "seconds": take.duration,
        "size": list(take.size),
        "layout": take.skeleton.name,
        "crop": list(crop),
        "tracked_region": list(region),
        "found": found or {},
        "playing_seconds": [first / fps, stop / fps],
        "both_hands_found": _share(seen_TH[playing_T].all(axis=1)),
        "both_hands_found_in_all_frames": _share(seen_TH.all(axis=1)),
        "mean_confidence": _mean(score_TH[seen_TH]),
        "jitter": max(jitters),
        "jumps_per_minute": jumps / max(take.duration / 60, 1e-9),
        "label_swaps": len(swaps),
        "overlapping_frames": sum(b - a for a, b in overlaps),
        "hands": per_hand,
        "silent": not bool(np.any(take.samples_S)),
    }
    if "body" in take.skeleton.parts:
        body = list(take.skeleton.parts["body"])
        report["body_found"] = _share((raw_TK[:, body] > 0).any(axis=1))
        report["body_confidence"] = {
            take.skeleton.points[k]: _mean(raw_TK[playing_T, k]) for k in body
        }
    if take.notes is not None and take.keyboard is not None:
        points_TKD = seen(take.keypoints_TKD, take.confidence_TK)
        hit = key_hit(fingertip_x(points_TKD, take.skeleton, take.keyboard), take.notes, fps)
        report["key_hit"] = {
            "rate": hit.rate,
            "floor": max(hit.shifted_floor, hit.transposed_floor),
            "skill": hit.skill,
            "notes": hit.notes,
        }
    report["flagged"] = sorted(flags, key=lambda entry: entry["frame"])
    report["verdict"], report["reasons"] = _verdict(report)
    return report


def write_report(report: dict[str, Any], take: Take, folder: Path) -> None:
    """Write quality.json, quality.html (complete in itself) and contact_sheet.png into a folder."""
    import jinja2

    (folder / "quality.json").write_text(json.dumps(report, indent=2) + "\n")
    sheet = folder / "contact_sheet.png"
    captions = _draw_sheet(report, take, sheet)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        files("apvg.takes").joinpath("quality.html.jinja").read_text()
    )
    (folder / "quality.html").write_text(
        template.render(
            report=report,
            metadata=take.metadata,
            sheet=base64.b64encode(sheet.read_bytes()).decode(),
            captions=captions,
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
    """Typical deviation of a point from the line between its neighbours in time, pixels: noise, as real motion is smooth."""
    whole_T = seen_T[2:] & seen_T[1:-1] & seen_T[:-2]
    if not whole_T.any():
        return 0.0
    bend_TPD = hand_TPD[1:-1] - (hand_TPD[2:] + hand_TPD[:-2]) / 2
    # White noise of deviation s bends by s * sqrt(3/2) along each axis.
    return float(np.median(np.linalg.norm(bend_TPD[whole_T], axis=-1)) / np.sqrt(1.5))


def _swaps(centre_THD: np.ndarray, seen_TH: np.ndarray) -> list[int]:
    """Frames in which the hands would have moved less had they not kept their names."""
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
    return runs(seen_TH.all(axis=1) & (distance_T < 0.25 * size_T))


def _verdict(report: dict[str, Any]) -> tuple[str, list[str]]:
    """The worst grade that a figure earns, and every reason to mark it down; without any, what was found good."""
    worst = 0
    reasons = []

    def mark(grade: int, reason: str) -> None:
        nonlocal worst
        worst = max(worst, grade)
        reasons.append(reason)

    for name, good, usable, advice in _GRADES:
        value = report[name]
        if value < good:
            mark(1 if value >= usable else 2, f"{_WORDS[name].format(value)}; {advice}")
    for name, good, usable, advice in _LIMITS:
        value = report[name]
        if value > good:
            mark(1 if value <= usable else 2, f"{_WORDS[name].format(value)}; {advice}")
    if report["label_swaps"]:
        mark(
            2,
            f"left and right change places {report['label_swaps']} times; look at the flagged frames",
        )
    if report["overlapping_frames"]:
        mark(1, f"both hands are in one place in {report['overlapping_frames']} frames")
    if report["silent"]:
        mark(2, "the sound is silent throughout; check --audio and --offset")
    if "key_hit" in report and report["key_hit"]["skill"] < 0.7:
        skill = report["key_hit"]["skill"]
        mark(
            2 if skill < 0.3 else 1,
            f"fingers are over the keys that sound with a skill of only {skill:.2f}; "
            "check --offset, --corners and that the notes are of this recording",
        )
    if not reasons:
        reasons = [_WORDS[name].format(report[name]) for name in _WORDS]
    return _ORDER[worst], reasons


def _draw_sheet(report: dict[str, Any], take: Take, path: Path) -> list[str]:
    """Evenly spread frames, then flagged ones, with the skeleton drawn in; what each shows, in reading order."""
    spread = np.linspace(0, len(take) - 1, min(_SHEET_FRAMES, len(take))).round().astype(int)
    wanted = [(int(t), "") for t in spread]
    flagged = report["flagged"]
    chosen = (
        np.linspace(0, len(flagged) - 1, min(_FLAGGED_FRAMES, len(flagged))).round().astype(int)
    )
    wanted += [(flagged[i]["frame"], flagged[i]["why"]) for i in chosen]
    scale = max(1, round(_SHEET_WIDTH / take.size[0]))
    columns = max(1, round(_SHEET_COLUMNS * _SHEET_WIDTH / (take.size[0] * scale)))
    pictures = []
    for t, _ in wanted:
        frame_HWC = np.asarray(take.frames_THWC[t]).repeat(scale, axis=0).repeat(scale, axis=1)
        pictures.append(
            draw_skeleton(
                frame_HWC,
                take.keypoints_TKD[t] * scale,
                take.confidence_TK[t],
                take.skeleton,
                thickness=0.7 * scale,
            )
        )
    rows = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    save_png(path, contact_sheet(rows))
    return [f"{t / take.fps:.2f} s{': ' + why if why else ''}" for t, why in wanted]


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else 0.0


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
