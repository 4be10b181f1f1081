"""A performer's figures on takes, and reports side by side."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apvg.base.errors import ApvgError
from apvg.base.options import Jobs, Steps, check_options
from apvg.base.progress import Cancel, Progress, reporting

if TYPE_CHECKING:
    from apvg.evaluation.compare_reports import Comparison
    from apvg.evaluation.results import Block, Report
    from apvg.measures.read_back import Tracker


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of :func:`evaluate`."""

    performer: str
    """Name of an installed performer, or a performer's folder."""
    takes: Path
    """A folder of takes that `apvg prepare` made, or one take."""
    output: Path
    """The folder to write the report to."""
    block: tuple[tuple[str, float, float], ...] = ()
    """NAME START STOP: a stretch to evaluate, seconds of the take; may be given again. By default what the performer's card
    says was held out of its training; else all of a take whose split is test, and of others the middle fifth."""
    baselines: bool = False
    """Train baselines on the takes whose split is train, and compare their keypoints and pictures with the performer's; needs
    the extra `baselines`."""
    baseline_steps: Steps | None = None
    """How long the baselines are trained, for a quick look; as they were published, or as long as they need, by default."""
    fid_weights: Path | None = None
    """A TorchScript network for FID: pictures to features, as StyleGAN's inception-2015-12-05.pt."""
    lpips_weights: Path | None = None
    """A TorchScript network for LPIPS: StyleGAN's vgg16.pt, or one that takes two pictures."""
    fvd_weights: Path | None = None
    """A TorchScript network for FVD: clips to features, as i3d_torchscript.pt."""
    no_read_back: bool = False
    """Leave out the hand tracker on generated and real frames, which needs the extra `pose`."""
    device: str = "cpu"
    """Where the networks run: cpu, cuda, mps."""
    jobs: Jobs = os.cpu_count() or 1
    """Pieces of music that are evaluated side by side, on the CPU."""
    force: bool = False
    """Replace the report folder if it is there already."""


@dataclass(frozen=True)
class Evaluated:
    """A report on a performer."""

    folder: Path
    report: Report
    """All figures, as report.json has them."""

    @property
    def page(self) -> Path:
        """The report for people."""
        return self.folder / "report.html"


@dataclass(frozen=True)
class CompareOptions:
    """Options of :func:`compare`."""

    compare: tuple[Path, ...]
    """Folders of two reports or more, of the same takes: how the others differ from the first, with intervals."""
    output: Path
    """The folder to write the comparison to."""
    force: bool = False
    """Replace the folder if it is there already."""


@dataclass(frozen=True)
class Compared:
    """Reports side by side."""

    folder: Path
    comparison: Comparison

    @property
    def page(self) -> Path:
        """The comparison for people."""
        return self.folder / "compare.html"

    @property
    def certain(self) -> int:
        """How many differences are more than chance."""
        figures = self.comparison.figures.values()
        return sum(bool(difference and difference.certain) for row in figures for difference in row)


def evaluate(
    options: EvaluateOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Evaluated:
    """Measure a performer on takes: report.json, report.html and pictures.

    Args:
        options: Whom to measure, and on what.
        progress: Called before each stretch and each piece of music.
        cancel: Cancels the work once it is set.

    Raises:
        ApvgError: No take fits the performer, or something cannot be read or written.
        Stopped: The work was cancelled. As after any error, no report is left behind.
    """
    check_options(options)
    with reporting(progress, cancel):
        return _evaluate(options)


def compare(options: CompareOptions) -> Compared:
    """Put reports side by side: compare.json and compare.html.

    Raises:
        ApvgError: Fewer than two reports, one that shares no piece with the first, or the folder cannot be written.
    """
    check_options(options)
    from apvg.base.files import atomic_path
    from apvg.evaluation.compare_reports import compare_reports, read_report, write_comparison

    reports = [read_report(folder) for folder in options.compare]
    names = [folder.resolve().name for folder in options.compare]
    comparison = compare_reports(names, reports)
    with atomic_path(options.output, force=options.force) as folder:
        folder.mkdir()
        write_comparison(comparison, folder)
    return Compared(options.output, comparison)


def _evaluate(options: EvaluateOptions) -> Evaluated:
    from apvg.base.files import atomic_path
    from apvg.baselines.keypoints import Audio2BodyConfig
    from apvg.baselines.pictures import Pix2PixConfig
    from apvg.evaluation.comparison import train_baselines
    from apvg.evaluation.report import write_report
    from apvg.measures.learned import LearnedFigures
    from apvg.performer import Performer
    from apvg.takes.take import load_takes

    blocks = _blocks(options)
    performer = Performer.from_pretrained(options.performer, device=options.device)
    tracker = None if options.no_read_back else _tracker()
    learned = LearnedFigures.load(
        options.fid_weights, options.lpips_weights, options.fvd_weights, options.device
    )
    takes = load_takes(options.takes)
    steps = {} if options.baseline_steps is None else {"steps": options.baseline_steps}
    body, pictures = Audio2BodyConfig(**steps), Pix2PixConfig(**steps)
    with atomic_path(options.output, force=options.force) as folder:
        folder.mkdir()
        report = write_report(
            performer,
            takes,
            folder,
            blocks=blocks,
            tracker=tracker,
            baselines=train_baselines(performer, takes, body) if options.baselines else (),
            pix2pix=pictures if options.baselines else None,
            learned=learned,
            jobs=options.jobs if performer.device.type == "cpu" else 1,
        )
    return Evaluated(options.output, report)


def _blocks(options: EvaluateOptions) -> list[Block]:
    from apvg.evaluation.results import Block

    blocks = []
    for name, start, stop in options.block:
        if not 0 <= start < stop:
            raise ApvgError(
                f"the block {name}, {start:g} to {stop:g} s, holds no time",
                "let it start before it stops",
                ["block"],
            )
        blocks.append(Block(name, start, stop))
    return blocks


def _tracker() -> Tracker:
    try:
        from apvg.takes.pose.mediapipe import track_hands
    except ApvgError as error:
        cure = f"{error.cure}, or " if error.cure else ""
        options = [*error.options, "no_read_back"]
        raise ApvgError(error.what, f"{cure}leave the hand tracker out", options) from None
    return track_hands
