"""How good are a take's keypoints? Figures, a plain verdict with its reasons, and pictures to look at."""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from apvg import __version__
from apvg.measures.motion import fingertip_x, key_hit, seen
from apvg.takes.pose.tracks import hand_size, runs
from apvg.takes.take import Take
from apvg.video.drawing import draw_skeleton
from apvg.video.images import contact_sheet, jpeg, save_png

REPORT_FORMAT = 1
#: A hand that moves further than its own size between two frames has jumped.
JUMP_SIZES = 1.0
#: Frames in the contact sheet: evenly spread ones, and flagged ones at most.
_SHEET_FRAMES = 16
_FLAGGED_FRAMES = 16
#: … and those where the tracker was least sure, this far apart at least, seconds.
_UNSURE_FRAMES = 4
_UNSURE_APART = 2.0
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
#: The verdict as a sentence that says what to do.
_HEADLINES = {
    "good": "This take is ready to train on.",
    "usable": "This take can be trained on, but it has weak spots: have a look at what is listed here first.",
    "poor": "This take should not be trained on as it is: put right what is listed here and prepare it again.",
}
#: How many values a strip along the time has.
_STRIP_VALUES = 600


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
        for frame in map(int, jumped):
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
        "silent": not _levels(take, 1).any(),
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
    """Write quality.json, quality.html (complete in itself) and contact_sheet.png into a folder.

    Frames and sound are read from the take a few at a time.
    """
    import jinja2

    (folder / "quality.json").write_text(json.dumps(report, indent=2) + "\n")
    pictures = _pictures(report, take)
    columns = max(1, round(_SHEET_COLUMNS * _SHEET_WIDTH / pictures[0][1].shape[1]))
    images = [image_HWC for _, image_HWC in pictures]
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    save_png(folder / "contact_sheet.png", contact_sheet(rows))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        files("apvg.takes").joinpath("quality.html.jinja").read_text()
    )
    (folder / "quality.html").write_text(
        template.render(
            report=report,
            headline=_HEADLINES[report["verdict"]],
            about=take.about,
            figures=_figures(report),
            strips=_strips(report, take),
            clock=_clock,
            pictures=[
                (caption, base64.b64encode(jpeg(image_HWC)).decode())
                for caption, image_HWC in pictures
            ],
        )
    )


def _figures(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """What is measured, its value, what would be good, and the grade it earns."""
    rows = []
    for name, good, usable, what, show, sign in (
        ("both_hands_found", 0.99, 0.90, "Both hands found while playing", "{:.1%}", "≥"),
        ("mean_confidence", 0.80, 0.60, "The tracker's confidence", "{:.2f}", "≥"),
        ("jumps_per_minute", 2.0, 12.0, "Jumps a minute", "{:.1f}", "≤"),
        ("jitter", 0.02, 0.05, "Trembling, share of a hand's size", "{:.1%}", "≤"),
        ("label_swaps", 0, 0, "Left and right change places", "{:.0f} times", "≤"),
        ("overlapping_frames", 0, 10**9, "Frames with both hands in one place", "{:.0f}", "≤"),
    ):
        value = report[name]
        worse = value < good if sign == "≥" else value > good
        bad = value < usable if sign == "≥" else value > usable
        grade = "poor" if bad else "usable" if worse else "good"
        rows.append((what, show.format(value), f"{sign} {show.format(good)}", grade))
    if "key_hit" in report:
        hit = report["key_hit"]
        grade = "poor" if hit["skill"] < 0.3 else "usable" if hit["skill"] < 0.7 else "good"
        shown = f"{hit['rate']:.1%} of {hit['notes']} (by chance {hit['floor']:.1%})"
        rows.append(("Struck keys under a fingertip", shown, "", grade))
        rows.append(("… skill above chance", f"{hit['skill']:.2f}", "≥ 0.70", grade))
    return rows


def _strips(report: dict[str, Any], take: Take) -> list[tuple[str, str, str]]:
    """Name, kind and outline (SVG, 600 x 30) of every curve along the time."""
    count = min(_STRIP_VALUES, len(take))
    strips = []
    for name, ids in take.skeleton.hands.items():
        parts = np.array_split(take.confidence_TK[:, list(ids)].mean(axis=1), count)
        values = np.array([part.mean() for part in parts])
        strips.append((f"{name.replace('_', ' ')}: confidence", name, _outline(values)))
    places = [entry["second"] for entry in report["flagged"]]
    flagged = np.histogram(places, bins=count, range=(0, take.duration))[0] > 0
    flagged = np.convolve(flagged, np.ones(5), mode="same") > 0  # wide enough for the eye
    strips.append(("frames to look at", "flags", _outline(flagged.astype(float))))
    strips.append(("sound", "sound", _outline(_levels(take, count))))
    if take.notes is not None:
        struck = np.histogram(take.notes.onset_N, bins=count, range=(0, take.duration))[0]
        strips.append(("notes struck", "notes", _outline(np.sqrt(struck / max(1, struck.max())))))
    return strips


def _outline(values: np.ndarray) -> str:
    """An area under steps, as an SVG path."""
    width, height = 600, 30
    steps = [
        f"L{i * width / len(values):.1f},{height * (1 - value):.1f}H{(i + 1) * width / len(values):.1f}"
        for i, value in enumerate(values)
    ]
    return f"M0,{height}" + "".join(steps) + f"V{height}Z"


def _levels(take: Take, count: int) -> np.ndarray:
    """The sound's level in so many equal parts, from -60 dB (0) to full (1); 0 where it is silent."""
    samples = take.samples_S.shape[0]
    edges = np.linspace(0, samples, count + 1).round().astype(int)
    square = np.zeros(count)
    step = 10 * take.sample_rate
    for first in range(0, samples, step):
        part_S = np.square(np.asarray(take.samples_S[first : first + step], np.float64))
        # Sums up to each edge within this part.
        sums = np.concatenate([[0.0], np.cumsum(part_S)])
        at = np.clip(edges - first, 0, len(part_S))
        square += np.diff(sums[at])
    power = square / np.maximum(np.diff(edges), 1)
    decibel = 10 * np.log10(np.maximum(power, 1e-12))
    return np.where(square > 0, np.clip(1 + decibel / 60, 0.02, 1), 0.0)


def _clock(seconds: float) -> str:
    """1:02.3, or 1:00:02.3 after an hour."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


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
        mark(
            1,
            "the sound is silent throughout: only a painter can learn from it (recipe pianist-silent); "
            "check --audio and --offset if there should be sound",
        )
    if "key_hit" in report and report["key_hit"]["skill"] < 0.7:
        skill = report["key_hit"]["skill"]
        mark(
            2 if skill < 0.3 else 1,
            f"fingers are over the keys that sound with a skill of only {skill:.2f}; "
            "check --offset, --corners and that the notes are of this recording",
        )
    for what, option in (("crop", "--crop"), ("offset", "--offset"), ("notes_offset", "--offset")):
        find = report["found"].get(what)
        if find is not None and find["word"] in ("a guess", "not found"):
            name = {"notes_offset": "notes' offset"}.get(what, what)
            mark(1, f"the {name} is {find['word']}: {find['how']}; give {option}")
    if not reasons:
        reasons = [_WORDS[name].format(report[name]) for name in _WORDS]
    return _ORDER[worst], reasons


def _pictures(report: dict[str, Any], take: Take) -> list[tuple[str, np.ndarray]]:
    """Evenly spread frames, then the least sure and flagged ones, with the skeleton drawn in; each with what it shows."""
    spread = np.linspace(0, len(take) - 1, min(_SHEET_FRAMES, len(take))).round().astype(int)
    wanted = [(int(t), "") for t in spread]
    wanted += [(t, "the tracker is least sure") for t in _least_sure(report, take)]
    flagged = report["flagged"]
    chosen = (
        np.linspace(0, len(flagged) - 1, min(_FLAGGED_FRAMES, len(flagged))).round().astype(int)
    )
    wanted += [(flagged[i]["frame"], flagged[i]["why"]) for i in chosen]
    scale = max(1, round(_SHEET_WIDTH / take.size[0]))
    pictures = []
    for t, why in wanted:
        frame_HWC = np.asarray(take.frames_THWC[t]).repeat(scale, axis=0).repeat(scale, axis=1)
        picture_HWC = draw_skeleton(
            frame_HWC,
            take.keypoints_TKD[t] * scale,
            take.confidence_TK[t],
            take.skeleton,
            thickness=0.7 * scale,
        )
        pictures.append((f"{_clock(t / take.fps)}{': ' + why if why else ''}", picture_HWC))
    return pictures


def _least_sure(report: dict[str, Any], take: Take) -> list[int]:
    """Frames of the playing where hands are seen with the least confidence, some way apart."""
    ids = [k for hand in take.skeleton.hands.values() for k in hand]
    confidence_T = take.confidence_TK[:, ids].mean(axis=1).astype(np.float64)
    seen_T = (take.confidence_TK[:, ids] > 0).any(axis=1)
    first, stop = (round(second * take.fps) for second in report["playing_seconds"])
    confidence_T[:first] = confidence_T[stop:] = np.inf
    confidence_T[~seen_T] = np.inf
    chosen = []
    apart = round(_UNSURE_APART * take.fps)
    for _ in range(_UNSURE_FRAMES):
        t = int(np.argmin(confidence_T))
        if not np.isfinite(confidence_T[t]):
            break
        chosen.append(t)
        confidence_T[max(0, t - apart) : t + apart + 1] = np.inf
    return chosen


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else 0.0


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
