"""``apvg export``: a performer's stages as ONNX files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Export:
    """Write every stage of a performer as an ONNX file, each checked against PyTorch."""

    performer: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PERFORMER")]
    """Name of an installed performer, or a performer's folder."""
    output: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT_DIR")]
    """The folder to write: one .onnx file per stage, stages.json and the states to begin with."""
    force: bool = False
    """Replace the folder if it is there already."""

    def run(self) -> None:
        """Export and check the stages, and print how far each is from PyTorch."""
        from apvg import Performer
        from apvg.base.files import atomic_path
        from apvg.engines.exporting import export_stages

        with atomic_path(self.output, force=self.force) as folder:
            folder.mkdir()
            performer = Performer.from_pretrained(self.performer)
            differences = export_stages(performer.stages, folder)
        for stage, difference in differences.items():
            print(f"{stage}.onnx: largest difference from PyTorch {difference:.1e}")
        print(f"{self.output}: {len(differences)} stages of {performer.name}")
