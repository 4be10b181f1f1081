"""Export the stages of a performer as ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apvg.base.options import check_options
from apvg.base.progress import Cancel, Progress, reporting


@dataclass(frozen=True)
class ExportOptions:
    """Options of :func:`export`."""

    performer: str
    """Name of an installed performer, or path of a performer's folder."""
    output: Path
    """The folder to write to: one .onnx file for each stage, stages.json and the initial states."""
    force: bool = False
    """Replace the folder if it already exists."""


@dataclass(frozen=True)
class Exported:
    """A folder of ONNX files."""

    folder: Path
    performer: str
    """The performer's name."""
    differences: Mapping[str, float]
    """For each stage, the largest difference between its outputs and PyTorch's."""


def export(
    options: ExportOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Exported:
    """Export every stage of a performer as an ONNX file, and compare each with PyTorch.

    Args:
        options: The performer and the output folder.
        progress: Called before each stage.
        cancel: Cancels the work when it is set.

    Raises:
        ApvgError: The performer cannot be read or exported, or the folder cannot be written.
        Stopped: The work was cancelled. No partial folder is left behind, as after any error.
    """
    check_options(options)
    with reporting(progress, cancel):
        from apvg import Performer
        from apvg.base.files import atomic_path
        from apvg.engines.exporting import export_stages

        with atomic_path(options.output, force=options.force) as folder:
            folder.mkdir()
            performer = Performer.from_pretrained(options.performer)
            differences = export_stages(performer.stages, folder)
    return Exported(options.output, performer.name, differences)
