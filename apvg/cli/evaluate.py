"""``apvg evaluate``: a performer's figures on takes, or reports of several side by side."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from apvg.base.errors import ApvgError
from apvg.cli.arguments import Jobs, Output, Steps

if TYPE_CHECKING:
    from apvg.measures.targets import TargetRow


@dataclass(frozen=True)
class Evaluate:
    """Measure a performer on takes: report.json, report.html and pictures. Or, with --compare, compare reports."""

    output: Output
    """The folder to write the report to."""
    performer: tyro.conf.Positional[str] = ""
    """Name of an installed performer, or a performer's folder."""
    takes: tyro.conf.Positional[Path | None] = None
    """A folder of takes that `apvg prepare` made, or one take."""
    compare: tuple[Path, ...] = ()
    """Folders of two reports or more, of the same takes: how the others differ from the first, with intervals."""
    block: tyro.conf.UseAppendAction[tuple[tuple[str, float, float], ...]] = field(
        default_factory=tuple
    )
    """NAME START STOP: a stretch to judge, seconds of the take; may be given again. By default what the performer's card
    says was held out of its training; else all of a take whose split is test, and of others the middle fifth."""
    baselines: bool = False
    """Train baselines on the takes whose split is train, and compare their keypoints and pictures with the performer's;
    needs the extra `baselines`."""
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
    """Pieces of music that are judged in parallel, on the CPU."""
    force: bool = False
    """Replace the report folder if it is there already."""

    def run(self) -> None:
        """Write the report; see :mod:`apvg.evaluation.report` and :mod:`apvg.evaluation.compare_reports`."""
        if self.compare:
            self._compare()
            return
        if not self.performer or self.takes is None:
            print(
                "apvg: error: give a performer and takes, or reports to --compare", file=sys.stderr
            )
            raise SystemExit(2)
        self._evaluate(self.performer, self.takes)

    def _compare(self) -> None:
        from apvg.base.files import atomic_path
        from apvg.evaluation.compare_reports import compare_reports, read_report, write_comparison

        if self.performer:
            raise ApvgError("--compare takes reports alone, without a performer and takes")
        reports = [read_report(folder) for folder in self.compare]
        comparison = compare_reports([folder.resolve().name for folder in self.compare], reports)
        with atomic_path(self.output, force=self.force) as folder:
            folder.mkdir()
            write_comparison(comparison, folder)
        certain = sum(bool(d and d.certain) for row in comparison.figures.values() for d in row)
        print(f"{len(comparison.figures)} figures; {certain} differences are more than chance")
        print(f"wrote {self.output / 'compare.html'}")

    def _evaluate(self, performer_name: str, takes_path: Path) -> None:
        from apvg.base.files import atomic_path
        from apvg.baselines.keypoints import Audio2BodyConfig
        from apvg.baselines.pictures import Pix2PixConfig
        from apvg.evaluation.comparison import train_baselines
        from apvg.evaluation.report import write_report
        from apvg.evaluation.results import Block
        from apvg.measures.learned import LearnedFigures
        from apvg.performer import Performer
        from apvg.takes.take import load_takes

        blocks = []
        for name, start, stop in self.block:
            if not 0 <= start < stop:
                raise ApvgError(
                    f"--block {name} {start:g} {stop:g} holds no time; give START < STOP"
                )
            blocks.append(Block(name, start, stop))
        performer = Performer.from_pretrained(performer_name, device=self.device)
        tracker = None
        if not self.no_read_back:
            try:
                from apvg.takes.pose.mediapipe import track_hands as tracker
            except ApvgError as error:
                raise ApvgError(f"{error}; or leave the tracker out with --no-read-back") from None
        learned = LearnedFigures.load(
            self.fid_weights, self.lpips_weights, self.fvd_weights, self.device
        )
        takes = load_takes(takes_path)
        steps = {} if self.baseline_steps is None else {"steps": self.baseline_steps}
        body, pictures = Audio2BodyConfig(**steps), Pix2PixConfig(**steps)
        with atomic_path(self.output, force=self.force) as folder:
            folder.mkdir()
            jobs = self.jobs if performer.device.type == "cpu" else 1
            report = write_report(
                performer,
                takes,
                folder,
                blocks=blocks,
                tracker=tracker,
                baselines=train_baselines(performer, takes, body) if self.baselines else (),
                pix2pix=pictures if self.baselines else None,
                learned=learned,
                jobs=jobs,
            )
        for reason in report.left_out.values():
            print(f"left out: {reason}")
        for figures in report.blocks:
            print(f"{figures.setting.take}, {figures.setting.block.name}:")
            for row in figures.targets:
                print(_target(row))
        for name, row in report.learned.sets.items() if report.learned else ():
            for figure, value in (("FID", row.fid), ("FVD", row.fvd)):
                if value is not None:
                    print(f"{figure} {name.replace('_', ' ')}: {_shown(value)}")
        for style, row in (item for styles in report.styles.values() for item in styles.items()):
            print(f"music, {style} ({row.pieces} pieces, {row.notes} notes):")
            for target in row.targets:
                print(_target(target))
        for name, row in report.comparison_mean.items():
            energy = [value for figure, value in row.items() if figure.startswith("motion_energy")]
            least, most = (_shown(bound(energy, default=None)) for bound in (min, max))
            print(
                f"{name}: pixel error {_shown(row.get('pixel_error'))} px, motion energy {least} to {most}"
            )
        print(f"wrote {self.output / 'report.html'}")


def _target(row: TargetRow) -> str:
    mark = "met" if row.met else "short"
    return f"  {row.figure}: {_shown(row.value)} (target {row.target}; {mark})"


def _shown(figure: float | None) -> str:
    """A figure for people; one that is missing or infinite cannot be measured."""
    return "not measurable" if figure is None or not isfinite(figure) else f"{figure:.3g}"
