"""Evaluate a performer on takes, and compare reports."""

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
    """Name of an installed performer, or path of a performer's folder."""
    takes: Path
    """A folder of takes, or a single take, made by `apvg prepare` or `apvg virtual`."""
    output: Path
    """The folder to write the report to."""
    block: tuple[tuple[str, float, float], ...] = ()
    """NAME START STOP: block of every take to evaluate, in seconds. By default, all of each take
    with split test. If there are none, the blocks that the performer's card lists as held out,
    or else the middle fifth of each take."""
    baselines: bool = False
    """Train baselines on the takes with split train, and compare their keypoints and frames with
    the performer's. Needs the extra `baselines`."""
    baseline_steps: Steps | None = None
    """Number of training steps of the baselines, for a quick test. By default, 3000 for
    Audio2BodyDynamics and 2000 for pix2pix."""
    fid_weights: Path | None = None
    """TorchScript network for FID, from pictures to features, such as StyleGAN's
    inception-2015-12-05.pt."""
    lpips_weights: Path | None = None
    """TorchScript network for LPIPS: StyleGAN's vgg16.pt, or a network that takes two pictures."""
    fvd_weights: Path | None = None
    """TorchScript network for FVD, from clips to features, such as i3d_torchscript.pt."""
    no_read_back: bool = False
    """Do not run the hand tracker on generated and real frames. The hand tracker needs the extra
    `pose`."""
    device: str = "cpu"
    """Device that the networks run on: cpu, cuda or mps."""
    jobs: Jobs = os.cpu_count() or 1
    """Number of pieces of music that are evaluated in parallel. CPU only."""
    force: bool = False
    """Replace the report folder if it already exists."""


@dataclass(frozen=True)
class Evaluated:
    """A report on a performer."""

    folder: Path
    report: Report
    """All figures: the content of report.json."""

    @property
    def page(self) -> Path:
        """The report as a web page."""
        return self.folder / "report.html"


@dataclass(frozen=True)
class CompareOptions:
    """Options of :func:`compare`."""

    compare: tuple[Path, ...]
    """Folders of two or more reports on the same takes. The comparison has each report's
    differences from the first, with confidence intervals."""
    output: Path
    """The folder to write the comparison to."""
    force: bool = False
    """Replace the folder if it already exists."""


@dataclass(frozen=True)
class Compared:
    """A comparison of reports."""

    folder: Path
    comparison: Comparison

    @property
    def page(self) -> Path:
        """The comparison as a web page."""
        return self.folder / "compare.html"

    @property
    def certain(self) -> int:
        """Number of differences that are significant: their interval does not contain 0."""
        figures = self.comparison.figures.values()
        return sum(bool(difference and difference.certain) for row in figures for difference in row)


def evaluate(
    options: EvaluateOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Evaluated:
    """Evaluate a performer on takes, and write report.json, report.html and pictures.

    Args:
        options: The performer, the takes and the output folder.
        progress: Called before each block and each piece of music.
        cancel: Cancels the work when it is set.

    Raises:
        ApvgError: No take fits the performer, or a file cannot be read or written.
        Stopped: The work was cancelled. No partial report is left behind, as after any error.
    """
    check_options(options)
    with reporting(progress, cancel):
        return _evaluate(options)


def compare(options: CompareOptions) -> Compared:
    """Compare reports, and write compare.json and compare.html.

    Raises:
        ApvgError: There are fewer than two reports, a report has no piece in common with the first,
            or the folder cannot be written.
    """
    check_options(options)
    from apvg.base.files import atomic_path
    from apvg.evaluation.reading import read_report

    reports = [read_report(folder) for folder in options.compare]
    from apvg.evaluation.compare_reports import compare_reports, write_comparison

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
                f"the block {name}, {start:g} to {stop:g} s, is empty or starts before 0 s",
                "choose a start of at least 0 s, and a later stop",
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
        raise ApvgError(error.what, f"{cure}leave out the hand tracker", options) from None
    return track_hands
