"""The pictures of a block, and their files in the folder of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apvg.evaluation.charts import (
    PREDICTED,
    TRUE,
    component_figure,
    crop_sheet,
    frame_sheet,
    lag_figure,
    speed_figure,
)
from apvg.evaluation.failure_cases import sentence
from apvg.instruments.skeleton import Skeleton
from apvg.video.drawing import draw_skeleton
from apvg.video.images import contact_sheet, save_png

if TYPE_CHECKING:
    from apvg.evaluation.evaluate import BlockResult
    from apvg.evaluation.results import FailureCase
    from apvg.takes.take import Take

#: Frames in a sheet.
SHEET_ROWS = 8
_CROP_COLUMNS = 4
_CROP_SCALE = 3


@dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Attributes:
        name: Of its file in the folder.
        caption: What it shows.
        frames: Whether it is made of frames.
        failure: Whether it is a failure case.
    """

    name: str
    caption: str
    frames: bool = False
    failure: bool = False


def draw_block(result: BlockResult, take: Take, folder: Path, stem: str) -> list[Picture]:
    """Failure cases, curves and sheets of a block."""
    fps, start = take.fps, round(result.block.start * take.fps) / take.fps
    pictures: list[Picture] = []

    def picture(kind: str, caption: str, *, frames: bool = False, failure: bool = False) -> Path:
        pictures.append(Picture(f"{stem}-{kind}.png", caption, frames, failure))
        return folder / pictures[-1].name

    def overlaid(t: int) -> np.ndarray:
        real_HWC = result.clips["real"][t]
        return overlay(real_HWC, result.true_TKD[t], result.sound_TKD[t], take.skeleton)

    for number, case in enumerate(result.figures.failure_cases, start=1):
        said = sentence(case, take.skeleton)
        path = picture(f"failure-{number}", said, frames=True, failure=True)
        _draw_case(path, case, result, overlaid)
    component_figure(
        picture(
            "component",
            "The paper's figure: the keypoints' first principal component, predicted from sound "
            "(red) and true (green).",
        ),
        result.component,
        fps,
        start,
    )
    if result.curves:
        caption = "Lag between sound and picture: the minimum of the curve."
        lag_figure(picture("lag", caption), result.curves)
    speed_figure(
        picture("motion", "Speed of each part: the motion-energy ratio is that of the means."),
        result.speeds,
        result.figures.from_sound.motion.motion_energy,
        fps,
        start,
        result.figures.setting.motion_energy_unit,
    )
    candidates_T = np.flatnonzero([bool(boxes) for boxes in result.boxes["real"]])
    if len(candidates_T):
        spread_R = np.linspace(0, len(candidates_T) - 1, SHEET_ROWS).round().astype(int)
        rows = {int(t): f"{start + t / fps:.2f} s" for t in candidates_T[np.unique(spread_R)]}
        # CVG paints at a fraction of the size.
        scale = result.clips["real"].shape[1] // result.coarse_ThwC.shape[1]
        coarse_THWC = result.coarse_ThwC.repeat(scale, axis=1).repeat(scale, axis=2)
        keypoints = {t: overlaid(t) for t in rows}
        clips: Mapping = {**result.clips, "coarse": coarse_THWC, "keypoints": keypoints}
        caption = (
            "Evenly spaced frames; last, keypoints true (green) and from sound (red) over the real "
            "frame."
        )
        frame_sheet(picture("frames", caption, frames=True), clips, rows)
        spread_R = np.linspace(0, len(candidates_T) - 1, _CROP_COLUMNS + 2).round().astype(int)
        columns = [int(t) for t in candidates_T[np.unique(spread_R[1:-1])]]
        crops = {name: (clip, result.boxes[name]) for name, clip in result.clips.items()}
        path = picture("hands", "Hands, enlarged three times.", frames=True)
        crop_sheet(path, crops, columns, _CROP_SCALE)
        # Consecutive frames show what a still sheet hides: fingers that melt or jump.
        middle = int(candidates_T[len(candidates_T) // 2])
        run = [t for t in range(middle, middle + _CROP_COLUMNS) if t < len(result.playing_T)]
        path = picture("run", "The same for consecutive frames.", frames=True)
        crop_sheet(path, crops, run, _CROP_SCALE)
        if result.baselines:
            real = {"real": crops["real"], "from keypoints": crops["from keypoints"]}
            others = {name: (clip, result.boxes["real"]) for name, clip in result.baselines.items()}
            caption = "The same by the baselines, in the boxes of the true hands."
            path = picture("baselines", caption, frames=True)
            crop_sheet(path, real | others, columns, _CROP_SCALE)
    return pictures


def overlay(
    frame_HWC: np.ndarray, true_KD: np.ndarray, predicted_KD: np.ndarray, skeleton: Skeleton
) -> np.ndarray:
    """True keypoints in green and predicted ones in red over a frame."""
    sure_K = np.ones(len(skeleton))
    for points_KD, colour in ((true_KD, TRUE), (predicted_KD, PREDICTED)):
        rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        frame_HWC = draw_skeleton(frame_HWC, points_KD, sure_K, skeleton, thickness=0.6, colour=rgb)
    return frame_HWC


def _draw_case(
    path: Path, case: FailureCase, result: BlockResult, overlaid: Callable[[int], np.ndarray]
) -> None:
    """The real frame, the generated one, and keypoints over the real one, or the worst part of both
    enlarged, the real one above."""
    t, clips = case.frame, result.clips
    if case.kind == "keypoints":
        frames = [clips["real"][t], clips["from sound"][t], overlaid(t)]
        save_png(path, contact_sheet([frames], gap=3))
        return
    true_HWC, made_HWC = clips["real"][t], clips["from keypoints"][t]
    names = list(result.skeleton.close_ups)
    left, top, right, bottom = result.boxes["real"][t][names.index(case.part)]
    height, width = true_HWC.shape[:2]
    scale = max(1, min(width // (right - left), (height - 3) // (2 * (bottom - top))))
    crops = [
        [frame[top:bottom, left:right].repeat(scale, axis=0).repeat(scale, axis=1)]
        for frame in (true_HWC, made_HWC)
    ]
    save_png(path, contact_sheet([[true_HWC, made_HWC, contact_sheet(crops, gap=3)]], gap=3))
