"""The report's folder: report.json, report.html and the pictures."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import resample_poly

from apvg import __version__
from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.base.workers import in_order, worker_pool
from apvg.evaluation.comparison import (
    baseline_figures,
    can_be_moved,
    mean_beside,
    train_pix2pix,
    with_baselines,
)
from apvg.evaluation.drawing import draw_block, draw_music, draw_strings
from apvg.evaluation.evaluate import (
    Block,
    BlockResult,
    evaluate_block,
    held_out_blocks,
    judged_blocks,
    mismatch,
    too_short,
)
from apvg.evaluation.music import WAYS, MusicResult, by_style, evaluate_music
from apvg.evaluation.page import Section, write_page
from apvg.evaluation.retrieval import still_answers
from apvg.evaluation.strings import by_style as by_string_style
from apvg.evaluation.strings import evaluate_strings, is_known
from apvg.measures.learned import LearnedFigures, set_figures
from apvg.measures.motion import share
from apvg.measures.read_back import Tracker
from apvg.measures.targets import (
    BOWING_TARGETS,
    MUSIC_TARGETS,
    picture_targets,
    targets_table,
)

if TYPE_CHECKING:
    from apvg.baselines.keypoints import KeypointBaseline
    from apvg.baselines.pictures import Pix2Pix, Pix2PixConfig
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: Libraries whose version can change a figure.
_SOFTWARE = ("torch", "numpy", "scipy", "av", "mediapipe", "torchmetrics")
#: Whose pictures FID, FVD and LPIPS judge.
_GENERATED = ("from keypoints", "from sound")


def write_report(
    performer: Performer,
    takes: Sequence[Take],
    folder: Path,
    *,
    blocks: Sequence[Block] = (),
    tracker: Tracker | None = None,
    baselines: Sequence[KeypointBaseline] = (),
    pix2pix: Pix2PixConfig | None = None,
    learned: LearnedFigures | None = None,
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
        baselines: Whose keypoints to put beside the performer's (see :mod:`apvg.evaluation.comparison`).
        pix2pix: Where given, it is trained on the frames that the still answers are chosen from, and its frames are judged
            beside the performer's, with those of CVG alone.
        learned: Networks for FID, FVD and LPIPS.
        jobs: How many processes judge music side by side; more than one for a performer on the CPU alone.

    Returns:
        What report.json holds.

    Raises:
        ApvgError: No take fits the performer, no block is long enough, or one leaves no frames to compare with.
    """
    judged = _sort(performer, takes, blocks)
    report: dict[str, Any] = {
        "performer": {
            "name": performer.name,
            "version": performer.version,
            "weights_sha256": performer.config.weights,
        },
        "software": {"apvg": __version__, "python": platform.python_version(), **_versions()},
        "left_out": judged.left_out,
    }
    features: dict[str, list[Any]] = {name: [] for name in ("real", *_GENERATED)}
    sections: list[Section] = []
    for result, take in _block_results(performer, takes, judged, tracker, pix2pix):
        if learned:
            for name in _GENERATED:
                distance = learned.distance(result.clips[name], result.clips["real"])
                result.figures[name.replace(" ", "_")] |= distance
            for name in features:
                features[name].append(learned.features(result.clips[name]))
        stem = f"{take.name}-{result.block.name}".replace(" ", "-")
        sections.append(Section(result.figures, draw_block(result, take, folder, stem)))
    report["blocks"] = [dict(section.figures) for section in sections]
    if learned:
        report["learned"] = {"weights": learned.weights(), **set_figures(features)}

    report["beside"] = [
        baseline_figures(performer, baselines, take, block)
        for take, block in track(judged.moving if baselines else [], "beside the baselines")
        if can_be_moved(performer, take)
    ]
    report["beside_mean"] = mean_beside(report["beside"])

    strings, pieces = [], []
    for take in track(judged.bowed, "evaluating bowing"):
        result = evaluate_strings(performer, take)
        pieces.append(Section(result.figures, draw_strings(result, take, performer, folder)))
        strings.append(result)
    report["bowing"] = [result.figures for result in strings]
    report["bowing_styles"] = by_string_style(strings)
    for row in report["bowing_styles"].values():
        row["targets"] = targets_table(row, BOWING_TARGETS)

    music = []
    results = _music_results(performer, judged.heard, tracker, min(jobs, len(judged.heard)))
    for result in track(results, "evaluating music", len(judged.heard)):
        pieces.append(Section(result.figures, draw_music(result, performer, folder)))
        music.append(replace(result, painted=None))  # minutes of frames would fill the memory
    report["music"] = [result.figures for result in music]
    report["styles"] = _styles(music, report["blocks"])

    report = _plain(report)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    write_page(
        report, [_shown(section) for section in sections], [_shown(p) for p in pieces], folder
    )
    return report


@dataclass(frozen=True)
class _Judged:
    """What of the takes is judged, and by what.

    Attributes:
        shown: By their pictures, in these blocks: takes of the performer's scene.
        bowed: By their bowing: a string player's.
        heard: By their music alone: with notes, of another scene or none.
        left_out: Why others are not, by take and block.
        asked: Whether the blocks are the user's own.
    """

    shown: list[tuple[Take, list[Block]]]
    bowed: list[Take]
    heard: list[Take]
    left_out: dict[str, str]
    asked: bool

    @property
    def moving(self) -> list[tuple[Take, Block]]:
        """Where keypoints can be compared with the take's own: the blocks, and all of the takes that have none."""
        blocks = [(take, block) for take, judged in self.shown for block in judged]
        shown = [take.name for take, _ in self.shown]
        whole = [take for take in (*self.bowed, *self.heard) if take.name not in shown]
        return blocks + [(take, Block("whole", 0.0, take.duration)) for take in whole]


def _sort(performer: Performer, takes: Sequence[Take], blocks: Sequence[Block]) -> _Judged:
    """Raises ApvgError where nothing can be judged."""
    # Music that is only there to be learnt from is neither judged nor missed.
    tests = _tests_or_all(takes)
    takes = [take for take in takes if take in tests or take.filmed]
    reasons = {take.name: mismatch(performer, take) for take in takes}
    bowed = [take for take in tests if is_known(performer, take)]
    heard = [
        take
        for take in takes
        if reasons[take.name] and take.notes is not None and performer.config.corners is not None
    ]
    left_out = {
        take.name: reason
        for take in takes
        if (reason := reasons[take.name]) is not None and take not in (*heard, *bowed)
    }
    shown = []
    for take in _tests_or_all([take for take in takes if reasons[take.name] is None]):
        judged = []
        for block in judged_blocks(performer, take, blocks, whole=take.about.split == "test"):
            if reason := too_short(block, take):
                left_out[f"{take.name}, {block.name}"] = reason
            else:
                judged.append(block)
        if judged:
            shown.append((take, judged))
    if not (shown or bowed or heard):
        raise ApvgError(next(iter(left_out.values())))
    return _Judged(shown, bowed, heard, left_out, asked=bool(blocks))


def _tests_or_all(takes: Sequence[Take]) -> list[Take]:
    """The test takes, where there are any: those beside them were trained on; all takes, where there are none."""
    return [take for take in takes if take.about.split == "test"] or list(takes)


def _block_results(
    performer: Performer,
    takes: Sequence[Take],
    judged: _Judged,
    tracker: Tracker | None,
    pix2pix: Pix2PixConfig | None,
) -> Iterator[tuple[BlockResult, Take]]:
    """The pictures' figures, block by block, each with the still answers and baselines of its scene."""
    trained_on = [
        take for take in takes if take.about.split == "train" and not mismatch(performer, take)
    ]
    painters: dict[tuple[str, ...], Pix2Pix] = {}
    for take, blocks in judged.shown:
        # No performer trains on test takes (see Run), and those of its scene that it trains on are there to compare with.
        whole = take.about.split == "test"
        avoid = [(b.start, b.stop) for b in (*held_out_blocks(performer, take), *blocks)]
        others = trained_on if whole and (trained_on or not judged.asked) else [take]
        stills = still_answers(others, performer.plate_HWC, {take.name: avoid})
        music_S = resample_poly(take.samples_S, performer.sample_rate, take.sample_rate)
        heard = performer.predict_keypoints(music_S)
        for block in track(blocks, "evaluating", subject=take.name):
            result = evaluate_block(performer, take, block, stills, music_S, heard, tracker)
            if pix2pix is not None and stills.frames:
                scene = tuple(other.name for other in others)
                if scene not in painters:
                    painters[scene] = train_pix2pix(performer, stills, pix2pix)
                result = with_baselines(result, painters[scene])
            result.figures["targets"] = targets_table(
                result.figures, picture_targets(performer.skeleton)
            )
            yield result, take


def _shown(section: Section) -> Section:
    """With its figures as report.json has them."""
    return replace(section, figures=_plain(section.figures))


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
    with worker_pool(jobs, threads) as pool:
        yield from in_order(pool, judge, takes)


def _styles(music: list[MusicResult], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Every style's figures and targets; read-back as shares of what was found in real frames, where there are any."""
    styles = by_style(music)
    real = [block["read_back"]["real"] for block in blocks if "read_back" in block]
    for row in styles.values():
        for back in (row[way]["read_back"] for way in WAYS if real and "read_back" in row[way]):
            found = [block["hands_found"] for block in real]
            skill = [block["key_hit"]["skill"] for block in real if "key_hit" in block]
            back["hands_found_share"] = share(back["hands_found"], _mean(found))
            back["skill_share"] = share(back["skill"], _mean(skill))
        row["targets"] = targets_table(row, MUSIC_TARGETS)
    return styles


def _mean(values: list[float]) -> float:
    """Of those that are known; NaN where none is."""
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


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
