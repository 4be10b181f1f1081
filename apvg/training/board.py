"""TensorBoard: the curves of a training as it runs, and pictures at each checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from apvg.training.plan import Plan
    from apvg.training.weights import Weights

#: Called at a checkpoint: a panel's name to an RGB uint8 picture [H, W, 3].
Panels = Callable[[], Mapping[str, np.ndarray]]
#: How much of a take the figure of keypoints shows, seconds.
_SHOWN = 20.0


class Board:
    """One stage's event files, in a folder that `tensorboard --logdir` reads."""

    def __init__(self, folder: Path, panels: Panels | None = None) -> None:
        """
        Args:
            folder: Of the stage.
            panels: Makes pictures in addition to the trainer's own, at each checkpoint.
        """
        from torch.utils.tensorboard import SummaryWriter

        self._writer_of, self._folder, self._panels = SummaryWriter, folder, panels
        self._writer: SummaryWriter | None = None

    def begin(self, step: int) -> None:
        """Drop what an earlier run wrote after this step."""
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


def keypoint_panels(plan: Plan, weights: Weights, *, joint: bool) -> Panels:
    """The paper's figure of predicted and true keypoints, of a held-out block of the scene where
    there is one.

    Args:
        plan: The training.
        weights: Where KHP's come from.
        joint: Whether those of the stage `joint` are wanted.
    """
    from apvg.evaluation.charts import component_picture
    from apvg.measures.motion import pose_component, seen

    take = plan.scene_takes[0]
    held_out = list(plan.recipe.held_out.get(take.name, {}).values())
    start, stop = held_out[0] if held_out else (0.0, take.duration)
    shown = slice(round(start * take.fps), round(min(stop, start + _SHOWN) * take.fps))

    def panels() -> dict[str, np.ndarray]:
        from apvg.performer import Performer

        # Nothing is painted, so any picture will do as the plate.
        plate_HWC = np.asarray(take.frames_THWC[0])
        performer = Performer(weights.stages(plate_HWC, ("khp",), joint=joint))
        predicted = performer.predict_keypoints(take.sound_at(performer.sample_rate))
        true_TKD = seen(take.keypoints_TKD, take.confidence_TK)
        component = pose_component(seen(*predicted)[shown], true_TKD[shown])
        return {"keypoints": component_picture(component, take.fps, start)}

    return panels
