"""TensorBoard: the curves of a training as it runs, and at each checkpoint what it makes at present."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

#: Called at a checkpoint: a panel's name to an RGB uint8 picture [H, W, 3].
Panels = Callable[[], Mapping[str, np.ndarray]]


class Board:
    """One stage's event files, in a folder that `tensorboard --logdir` reads."""

    def __init__(self, folder: Path, panels: Panels | None = None) -> None:
        """
        Args:
            folder: Of this stage.
            panels: Pictures beside the trainer's own, made when a checkpoint has been written.
        """
        from torch.utils.tensorboard import SummaryWriter

        self._writer_of, self._folder, self._panels = SummaryWriter, folder, panels
        self._writer: SummaryWriter | None = None

    def begin(self, step: int) -> None:
        """What an earlier run wrote after this step is dropped, as its curve is."""
        self._writer = self._writer_of(str(self._folder), purge_step=step + 1 if step else None)

    def curve(self, step: int, row: Mapping[str, float]) -> None:
        """Mean losses up to a step."""
        assert self._writer is not None
        for name, value in row.items():
            self._writer.add_scalar(name, value, step)

    def pictures(self, step: int, sample_HWC: np.ndarray | None) -> None:
        """The trainer's own picture at a checkpoint, and the panels."""
        assert self._writer is not None
        shown = {} if sample_HWC is None else {"sample": sample_HWC}
        if self._panels is not None:
            shown |= self._panels()
        for name, picture_HWC in shown.items():
            self._writer.add_image(name, picture_HWC, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
