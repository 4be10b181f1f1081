"""The report's folder: report.json, report.html and the pictures."""

from __future__ import annotations

import base64
import json
import math
import os
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import metadata
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
import torch
from scipy.signal import resample_poly

from apvg import __version__
from apvg.errors import ApvgError
from apvg.evaluation.beside import (
    baseline_figures,
    mean_beside,
    picture_figures,
    train_pix2pix,
)
from apvg.evaluation.evaluate import (
    Block,
    BlockResult,
    evaluate_block,
    held_out_blocks,
    judged_blocks,
    mismatch,
)
from apvg.evaluation.figures import (
    component_figure,
    crop_sheet,
    frame_sheet,
    lag_figure,
    speed_figure,
)
from apvg.evaluation.motion import seen as only_seen
from apvg.evaluation.music import WAYS, MusicResult, by_style, evaluate_music
from apvg.evaluation.readback import Tracker
from apvg.evaluation.stills import still_answers
from apvg.evaluation.strings import by_style as by_string_style
from apvg.evaluation.strings import evaluate_strings, is_known
from apvg.evaluation.targets import (
    BOWING_TARGETS,
    MUSIC_TARGETS,
    picture_targets,
    targets_table,
)
from apvg.progress import track
from apvg.skeleton import draw_skeleton

if TYPE_CHECKING:
    from apvg.baselines.keypoints import KeypointBaseline
    from apvg.baselines.pictures import Pix2Pix, Pix2PixConfig
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: Libraries whose version can change a figure.
_SOFTWARE = ("torch", "numpy", "scipy", "av", "mediapipe")
_SHEET_ROWS = 10
_CROP_COLUMNS = 6
_CROP_SCALE = 3


def write_report(
    performer: Performer,
    takes: Sequence[Take],
    folder: Path,
    *,
    blocks: Sequence[Block] = (),
    tracker: Tracker | None = None,
    baselines: Sequence[KeypointBaseline] = (),
    pix2pix: Pix2PixConfig | None = None,
    jobs: int = 1,
) -> dict[str, Any]:
    """Evaluate a performer on takes and write the report.

    Args:
        performer: Whose figures these are.
        takes: Of those that do not fit the performer (:func:`mismatch`), the ones with notes are judged by their music
            alone; the others are left out, and the report says why. Takes of the split "test" are judged whole; beside
            them those of the split "train" are only compared with.
        folder: An empty folder to write to.
        blocks: What to judge of every take; by default what the performer's config says was held out of it, or else its
            middle fifth (then nothing is known about what was trained on).
        tracker: For read-back; left out when None.
        baselines: Whose keypoints to put beside the performer's (see :mod:`apvg.evaluation.beside`).
        pix2pix: Where given, it is trained on the frames that the still answers are chosen from, and its frames are judged
            beside the performer's, with those of CVG alone.
        jobs: How many processes judge music side by side; more than one for a performer on the CPU alone.

    Returns:
        What report.json holds.

    Raises:
        ApvgError: No take fits the performer, or one leaves no frames to compare with.
    """
    reasons = {take.name: mismatch(performer, take) for take in takes}
    bowed = [take for take in _judged(takes) if is_known(performer, take)]
    heard_only = [
        take
        for take in takes
        if reasons[take.name] and take.notes is not None and performer.config.corners is not None
    ]
    left_out = {
        take.name: reason
        for take in takes
        if (reason := reasons[take.name]) is not None and take not in (*heard_only, *bowed)
    }
    if len(left_out) == len(reasons):
        raise ApvgError(next(iter(left_out.values())))
    report: dict[str, Any] = {
        "performer": {
            "name": performer.name,
            "version": performer.version,
            "weights_sha256": performer.config.weights,
        },
        "software": {"apvg": __version__, "python": platform.python_version(), **_versions()},
        "left_out": left_out,
        "blocks": [],
        "beside": [],
    }
    sections = []
    painters: dict[tuple[str, ...], Pix2Pix] = {}
    seen = [take for take in takes if reasons[take.name] is None]
    trained_on = [take for take in seen if take.about.split == "train"]
    for take in _judged(seen):
        # No performer trains on test takes (see Run), and those of its scene that it trains on are there to compare with.
        whole = take.about.split == "test" and bool(trained_on)
        judged = judged_blocks(performer, take, blocks, whole=whole)
        avoid = [(b.start, b.stop) for b in (*held_out_blocks(performer, take), *judged)]
        others = trained_on if whole else [take]
        stills = still_answers(others, performer.plate_HWC, {take.name: avoid})
        music_S = resample_poly(take.samples_S, performer.sample_rate, take.sample_rate)
        heard = performer.predict_keypoints(music_S)
        for block in track(judged, f"evaluating on {take.name}", len(judged)):
            result = evaluate_block(performer, take, block, stills, music_S, heard, tracker)
            targets = targets_table(result.figures, picture_targets(performer.skeleton))
            figures = {**result.figures, "targets": targets}
            if pix2pix is not None:
                scene = tuple(other.name for other in others)
                if scene not in painters:
                    painters[scene] = train_pix2pix(performer, stills, pix2pix)
                figures["baselines"] = _beside_pictures(result, painters[scene], take, heard)
            stem = f"{take.name}-{block.name}".replace(" ", "-")
            pictures = _draw(result, take.fps, folder, stem)
            if baselines:
                report["beside"].append(baseline_figures(performer, baselines, take, block, heard))
            report["blocks"].append(figures)
            sections.append({"figures": figures, "pictures": pictures})
    unseen = [take for take in bowed if baselines and take not in seen]
    for take in track(unseen, "evaluating beside baselines", len(unseen)):
        music_S = resample_poly(take.samples_S, performer.sample_rate, take.sample_rate)
        whole, heard = Block("whole", 0.0, take.duration), performer.predict_keypoints(music_S)
        report["beside"].append(baseline_figures(performer, baselines, take, whole, heard))
    report["beside_mean"] = mean_beside(report["beside"])
    strings = [
        evaluate_strings(performer, take) for take in track(bowed, "evaluating bowing", len(bowed))
    ]
    report["bowing"] = [result.figures for result in strings]
    report["bowing_styles"] = by_string_style(strings)
    for row in report["bowing_styles"].values():
        row["targets"] = targets_table(row, BOWING_TARGETS)
    music = []
    results = _music_results(performer, heard_only, tracker, min(jobs, len(heard_only)))
    for result in track(results, "evaluating music", len(heard_only)):
        _draw_music(result, performer, folder)
        music.append(replace(result, painted=None))  # minutes of frames would fill the memory
    report["music"] = [result.figures for result in music]
    report["styles"] = _styles(music, report["blocks"])
    report = _plain(report)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "report.html").write_text(_page(report, sections, folder))
    return report


def _beside_pictures(
    result: BlockResult, painter: Pix2Pix, take: Take, heard: tuple[np.ndarray, np.ndarray]
) -> dict[str, Any]:
    first = round(result.block.start * take.fps)
    now = slice(first, first + len(result.playing_T))
    true_TKD, sound_TKD = (
        only_seen(keypoints_TKD[now], confidence_TK[now])
        for keypoints_TKD, confidence_TK in ((take.keypoints_TKD, take.confidence_TK), heard)
    )
    return picture_figures(result, painter, true_TKD, sound_TKD)


def _judged(takes: Sequence[Take]) -> list[Take]:
    """The test takes, where there are any: those beside them were trained on; all takes, where there are none."""
    return [take for take in takes if take.about.split == "test"] or list(takes)


def _music_results(
    performer: Performer, takes: Sequence[Take], tracker: Tracker | None, jobs: int
) -> Iterator[MusicResult]:
    """Every take's figures, in order."""
    judge = partial(evaluate_music, performer, tracker=tracker)
    if jobs <= 1:
        yield from map(judge, takes)
        return
    # Frame by frame there is little to share out: processes of their own are used better than threads.
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        yield from pool.map(judge, takes)


def _styles(music: list[MusicResult], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Every style's figures and targets; read-back as shares of what was found in real frames, where there are any."""
    styles = by_style(music)
    real = [block["read_back"]["real"] for block in blocks if "read_back" in block]
    for row in styles.values():
        for back in (row[way]["read_back"] for way in WAYS if real and "read_back" in row[way]):
            back["hands_found_share"] = back["hands_found"] / np.mean(
                [block["hands_found"] for block in real]
            )
            back["skill_share"] = back["skill"] / np.mean(
                [block["key_hit"]["skill"] for block in real]
            )
        row["targets"] = targets_table(row, MUSIC_TARGETS)
    return styles


def _draw_music(result: MusicResult, performer: Performer, folder: Path) -> None:
    """A sheet of a piece's frames with the keypoints behind them, and its lag's curve."""
    name = result.figures["setting"]["take"]
    lag_figure(folder / f"{name}-lag.png", result.lags)
    if result.painted is None:
        return
    frames_THWC, keypoints_TKD = result.painted.frames_THWC, result.painted.keypoints_TKD
    chosen_T = np.linspace(0, len(frames_THWC) - 1, _SHEET_ROWS + 2).round().astype(int)[1:-1]
    drawn_THWC = {
        int(t): draw_skeleton(
            performer.plate_HWC,
            keypoints_TKD[t],
            np.ones(len(performer.skeleton)),
            performer.skeleton,
        )
        for t in chosen_T
    }
    clips = {"from sound": frames_THWC, "keypoints": drawn_THWC}
    times = {int(t): f"{result.begin + t / performer.fps:.2f} s" for t in chosen_T}
    frame_sheet(folder / f"{name}-frames.png", clips, times)


def _draw(result: BlockResult, fps: int, folder: Path, stem: str) -> list[tuple[str, str]]:
    """Write a block's pictures; their file names with captions."""
    start = round(result.block.start * fps) / fps
    pictures = []

    def picture(kind: str, caption: str) -> Path:
        pictures.append((f"{stem}-{kind}.png", caption))
        return folder / pictures[-1][0]

    component_figure(
        picture("component", "The paper's figure: keypoints predicted from sound and tracked."),
        result.component,
        fps,
        start,
    )
    if result.lags:
        lag_figure(
            picture("lag", "Between sound and picture: the lowest point is the lag."),
            result.lags,
            bowed=result.unit != "white keys",
        )
    speed_figure(
        picture("motion", "Speed of each hand."),
        result.speeds,
        result.figures["from_sound"]["motion_energy"],
        fps,
        start,
        result.unit,
    )
    candidates_T = np.flatnonzero([bool(boxes) for boxes in result.boxes["real"]])
    if len(candidates_T):
        spread_R = np.linspace(0, len(candidates_T) - 1, _SHEET_ROWS).round().astype(int)
        rows = {int(t): f"{start + t / fps:.2f} s" for t in candidates_T[np.unique(spread_R)]}
        # CVG paints at a fraction of the size.
        scale = result.clips["real"].shape[1] // result.coarse_ThwC.shape[1]
        coarse_THWC = result.coarse_ThwC.repeat(scale, axis=1).repeat(scale, axis=2)
        clips = {**result.clips, "coarse": coarse_THWC}
        frame_sheet(picture("frames", "Evenly spaced frames."), clips, rows)
        spread_R = np.linspace(0, len(candidates_T) - 1, _CROP_COLUMNS + 2).round().astype(int)
        columns = [int(t) for t in candidates_T[np.unique(spread_R[1:-1])]]
        clips = {name: (clip, result.boxes[name]) for name, clip in result.clips.items()}
        crop_sheet(picture("hands", "Hands, enlarged three times."), clips, columns, _CROP_SCALE)
        # Consecutive frames show what a still sheet hides: fingers that melt or jump.
        middle = int(candidates_T[len(candidates_T) // 2])
        run = [t for t in range(middle, middle + _CROP_COLUMNS) if t < len(result.playing_T)]
        crop_sheet(picture("run", "The same for consecutive frames."), clips, run, _CROP_SCALE)
    return pictures


def _page(report: dict[str, Any], sections: list[dict[str, Any]], folder: Path) -> str:
    """report.html, its pictures inside it."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["number"] = _number
    template = environment.from_string((files("apvg.evaluation") / "report.html.jinja").read_text())
    for section in sections:
        section["pictures"] = [
            (base64.b64encode((folder / name).read_bytes()).decode(), caption)
            for name, caption in section["pictures"]
        ]
        section["rows"] = list(_flatten(section["figures"]))
    music_pictures = [
        (base64.b64encode(path.read_bytes()).decode(), f"{figures['setting']['take']}: {what}")
        for figures in report["music"]
        for kind, what in (("frames", "evenly spaced frames"), ("lag", "lag"))
        if (path := folder / f"{figures['setting']['take']}-{kind}.png").exists()
    ]
    return template.render(report=report, sections=sections, music_pictures=music_pictures)


def _flatten(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested figures as (dotted name, value) rows; the targets have a table of their own."""
    rows = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += _flatten(value, f"{prefix}{name}.")
        elif name != "targets":
            rows.append((prefix + name, value))
    return rows


def _number(value: Any) -> str:
    """A figure for people."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """NumPy scalars to Python's; numbers that JSON lacks (NaN, infinity) to null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _versions() -> dict[str, str]:
    found = {}
    for name in _SOFTWARE:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
