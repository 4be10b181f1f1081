"""The folder of a report: report.json, report.html and the pictures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apvg.base.plain import to_plain
from apvg.base.progress import track
from apvg.base.version import __version__
from apvg.base.workers import in_order, worker_pool
from apvg.evaluation.comparison import (
    can_be_moved,
    compare_keypoints,
    mean_figures,
    train_pix2pix,
    with_baselines,
)
from apvg.evaluation.drawing import draw_block
from apvg.evaluation.evaluate import (
    BlockResult,
    blocks_to_evaluate,
    evaluate_block,
    held_out_blocks,
    mismatch,
    too_short,
)
from apvg.evaluation.figures.base import Figures, Piece
from apvg.evaluation.figures.registry import FIGURES, figures_of
from apvg.evaluation.page import Section, write_page
from apvg.evaluation.results import Block, PerformerName, Report, SetReport
from apvg.evaluation.retrieval import retrieval_baselines
from apvg.measures.learned import LearnedFigures, set_figures
from apvg.measures.read_back import Tracker
from apvg.measures.targets import target_rows

if TYPE_CHECKING:
    from apvg.baselines.keypoints import KeypointBaseline
    from apvg.baselines.pictures import Pix2Pix, Pix2PixConfig
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: Libraries whose version can change a figure.
_SOFTWARE = ("torch", "numpy", "scipy", "av", "mediapipe", "torchmetrics")
#: Answers whose pictures FID, FVD and LPIPS evaluate.
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
) -> Report:
    """Evaluate a performer on takes and write the report.

    Args:
        performer: Which one.
        takes: Those of another scene (:func:`mismatch`) are evaluated on their music alone where
            the figures of the performer's instrument can; others are left out, and the report says
            why. Takes of the split "test" are evaluated whole; where there are any, those of the
            split "train" are only compared with.
        folder: An empty folder to write to.
        blocks: What to evaluate of every take; by default what the performer's config says was held
            out of it, or else its middle fifth (then nothing is known about what was trained on).
        tracker: For read-back; left out when None.
        baselines: Keypoint baselines to compare with (see :mod:`apvg.evaluation.comparison`).
        pix2pix: Where given, it is trained on the frames of the retrieval baselines, and its frames
            are evaluated as well, with those of CVG alone.
        learned: Networks for FID, FVD and LPIPS.
        jobs: How many processes evaluate pieces of music side by side; more than one for a
            performer on the CPU alone.

    Returns:
        What report.json holds.

    Raises:
        ApvgError: No take fits the performer, no block is long enough, or one leaves no frames to
            compare with.
    """
    chosen = _choose(performer, takes, blocks)
    features: dict[str, list[Any]] = {name: [] for name in ("real", *_GENERATED)}
    shown: list[Section] = []
    for result, take in _block_results(performer, takes, chosen, tracker, pix2pix):
        if learned:
            result = _with_lpips(result, learned)
            for name in features:
                features[name].append(learned.features(result.clips[name]))
        stem = f"{take.name}-{result.block.name}".replace(" ", "-")
        shown.append(Section(result.figures, draw_block(result, take, folder, stem)))

    comparison = [
        compare_keypoints(performer, baselines, take, block)
        for take, block in track(chosen.moving if baselines else [], "comparing with baselines")
        if can_be_moved(performer, take)
    ]
    report = Report(
        performer=PerformerName(performer.name, performer.version, performer.config.weights),
        software={"apvg": __version__, "python": platform.python_version(), **_versions()},
        left_out=chosen.left_out,
        blocks=[section.figures for section in shown],
        comparison=comparison,
        comparison_mean=mean_figures(comparison),
        pieces={c.section: [] for c in FIGURES.values() if c.section},
        styles={c.section: {} for c in FIGURES.values() if c.section},
        learned=SetReport(learned.weights(), set_figures(features)) if learned else None,
    )
    pieces: dict[str, list[Section]] = {}
    for component, music_takes in chosen.pieces:
        sections, done = [], []
        for piece, take in _pieces(performer, component, music_takes, tracker, jobs):
            sections.append(Section(piece.figures, component.draw(piece, take, performer, folder)))
            done.append(replace(piece, shown=None))  # minutes of frames would fill the memory
        section = component.section
        report = replace(
            report,
            pieces={**report.pieces, section: [piece.figures for piece in done]},
            styles={**report.styles, section: component.by_style(done, report.blocks)},
        )
        pieces[section] = sections
    (folder / "report.json").write_text(json.dumps(to_plain(report), indent=2) + "\n")
    write_page(report, shown, pieces, folder)
    return report


@dataclass(frozen=True)
class _Chosen:
    """What of the takes is evaluated, and by what.

    Attributes:
        shown: By their pictures, in these blocks: takes of the performer's scene.
        pieces: As music alone, by each component of figures.
        left_out: Why others are not, by take and block.
        asked: Whether the blocks are the user's own.
    """

    shown: list[tuple[Take, list[Block]]]
    pieces: list[tuple[Figures, list[Take]]]
    left_out: dict[str, str]
    asked: bool

    @property
    def moving(self) -> list[tuple[Take, Block]]:
        """Where keypoints can be compared with the take's own: the blocks, and all of the takes
        that have none."""
        blocks = [(take, block) for take, chosen in self.shown for block in chosen]
        shown = [take.name for take, _ in self.shown]
        others = [take for _, takes in self.pieces for take in takes if take.name not in shown]
        return blocks + [(take, Block("whole", 0.0, take.duration)) for take in others]


def _choose(performer: Performer, takes: Sequence[Take], blocks: Sequence[Block]) -> _Chosen:
    """Raises ApvgError where nothing can be evaluated."""
    # Music that is only there to be trained on is neither evaluated nor missed.
    tests = _tests_or_all(takes)
    takes = [take for take in takes if take in tests or take.filmed]
    reasons = {take.name: mismatch(performer, take) for take in takes}
    pieces: list[tuple[Figures, list[Take]]] = []
    for component in figures_of(performer.instrument, performer.skeleton, performer.placement):
        # What fits is evaluated on its pictures, unless the component evaluates music in whole
        # pieces alone.
        wanted = [t for t in takes if reasons[t.name] or (t in tests and not component.by_block)]
        if known := [take for take in wanted if component.knows(performer, take)]:
            pieces.append((component, known))
    unfit = {
        take.name: reason
        for take in takes
        if (reason := reasons[take.name]) is not None
        and not any(take in known for _, known in pieces)
    }
    shown = []
    for take in _tests_or_all([take for take in takes if reasons[take.name] is None]):
        chosen = []
        for block in blocks_to_evaluate(performer, take, blocks, whole=take.about.split == "test"):
            if reason := too_short(block, take):
                unfit[f"{take.name}, {block.name}"] = reason
            else:
                chosen.append(block)
        if chosen:
            shown.append((take, chosen))
    if not (shown or pieces):
        raise next(iter(unfit.values()))
    left_out = {name: str(reason) for name, reason in unfit.items()}
    return _Chosen(shown, pieces, left_out, asked=bool(blocks))


def _tests_or_all(takes: Sequence[Take]) -> list[Take]:
    """The test takes, where there are any: the others were trained on; all takes, where there are
    none."""
    return [take for take in takes if take.about.split == "test"] or list(takes)


def _block_results(
    performer: Performer,
    takes: Sequence[Take],
    chosen: _Chosen,
    tracker: Tracker | None,
    pix2pix: Pix2PixConfig | None,
) -> Iterator[tuple[BlockResult, Take]]:
    """The figures of pictures, block by block, each with the baselines of its scene."""
    trained_on = [
        take for take in takes if take.about.split == "train" and not mismatch(performer, take)
    ]
    targets = [
        target
        for c in figures_of(performer.instrument, performer.skeleton, performer.placement)
        for target in c.targets(performer.skeleton)
    ]
    painters: dict[tuple[str, ...], Pix2Pix] = {}
    for take, blocks in chosen.shown:
        # No performer trains on test takes (see Run), and those of its scene that it trains on are
        # there to compare with.
        whole = take.about.split == "test"
        avoid = [(b.start, b.stop) for b in (*held_out_blocks(performer, take), *blocks)]
        others = trained_on if whole and (trained_on or not chosen.asked) else [take]
        retrieval = retrieval_baselines(others, performer.plate_HWC, {take.name: avoid})
        music_S = take.sound_at(performer.sample_rate)
        predicted = performer.predict_keypoints(music_S)
        for block in track(blocks, "evaluating", subject=take.name):
            result = evaluate_block(performer, take, block, retrieval, music_S, predicted, tracker)
            if pix2pix is not None and retrieval.frames:
                scene = tuple(other.name for other in others)
                if scene not in painters:
                    painters[scene] = train_pix2pix(performer, retrieval, pix2pix)
                result = with_baselines(result, painters[scene])
            rows = target_rows(result.figures, targets)
            yield replace(result, figures=replace(result.figures, targets=rows)), take


def _with_lpips(result: BlockResult, learned: LearnedFigures) -> BlockResult:
    figures, real_THWC = result.figures, result.clips["real"]
    painted, performed = (
        learned.distance(result.clips[name], real_THWC) for name in _GENERATED
    )  # fmt: skip
    sound = figures.from_sound
    return replace(
        result,
        figures=replace(
            figures,
            from_keypoints=replace(figures.from_keypoints, lpips=painted),
            from_sound=replace(sound, picture=replace(sound.picture, lpips=performed)),
        ),
    )


def _pieces(
    performer: Performer,
    component: Figures,
    takes: Sequence[Take],
    tracker: Tracker | None,
    jobs: int,
) -> Iterator[tuple[Piece, Take]]:
    """Every take as a piece of music, in order."""
    evaluate = partial(component.evaluate, performer, tracker=tracker)
    said = f"evaluating {component.title.lower()}"
    jobs = min(jobs, len(takes))
    if jobs <= 1:
        yield from ((evaluate(take), take) for take in track(takes, said))
        return
    # Frame by frame there is little to share out: processes of their own are used better than
    # threads.
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with worker_pool(jobs, threads) as pool:
        yield from track(zip(in_order(pool, evaluate, takes), takes, strict=True), said, len(takes))


def _versions() -> dict[str, str]:
    found = {}
    for name in _SOFTWARE:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
