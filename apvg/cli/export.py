"""``apvg export``: export the stages of a performer as ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from apvg.cli.progress import progress_bars
from apvg.tasks import ExportOptions, export


class Export(ExportOptions):
    """Export every stage of a performer as an ONNX file, and compare each with PyTorch."""

    performer: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PERFORMER")]
    output: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT_DIR")]

    def run(self) -> None:
        """Export the stages, and print how much each differs from PyTorch."""
        with progress_bars() as bars:
            result = export(self, progress=bars)
        for stage, difference in result.differences.items():
            print(f"{stage}.onnx: largest difference from PyTorch {difference:.1e}")
        print(f"{result.folder}: {len(result.differences)} stages of {result.performer}")
