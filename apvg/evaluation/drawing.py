"""Which pictures belong to what was judged, and their files in a report's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apvg.evaluation.evaluate import BlockResult
from apvg.evaluation.failure_cases import WorstMoment, crop_parts
from apvg.evaluation.figures import (
    PREDICTED,
    TRUE,
    component_figure,
    crop_sheet,
    frame_sheet,
    lag_figure,
    speed_figure,
)
from apvg.evaluation.music import MusicResult
from apvg.evaluation.strings import StringResult
from apvg.instruments.skeleton import Skeleton
from apvg.measures.motion import pose_component
from apvg.video.drawing import draw_skeleton
from apvg.video.images import contact_sheet, save_png

if TYPE_CHECKING:
    from apvg.performer import Performer
    from apvg.takes.take import Take

_SHEET_ROWS = 8
_CROP_COLUMNS = 4
_CROP_SCALE = 3
#: So many seconds of a long piece are enough for the curves of a page.
_CURVE_SECONDS = 60.0


@dataclass(frozen=True)
class Picture:
    """A picture of the report: its file's name in the folder, what is to be seen, and whether it is made of frames."""

    name: str
    caption: str
    frames: bool = False


def draw_block(result: BlockResult, take: Take, folder: Path, stem: str) -> list[Picture]:
    """A block's worst moments, curves and sheets."""
    fps, start = take.fps, round(result.block.start * take.fps) / take.fps
    pictures: list[Picture] = []

    def picture(kind: str, caption: str, *, frames: bool = False) -> Path:
        pictures.append(Picture(f"{stem}-{kind}.png", caption, frames))
        return folder / pictures[-1].name

    overlays = {
        t: _overlay(result.clips["real"][t], result.true_TKD[t], result.sound_TKD[t], take.skeleton)
        for t in [m.frame for m in result.worst if m.kind == "keypoints"]
    }
    for number, moment in enumerate(result.worst):
        path = picture(f"worst-{number + 1}", moment.sentence, frames=True)
        _draw_moment(path, moment, result, overlays)
    component_figure(
        picture(
            "component",
            "The paper's figure: the keypoints' first principal component, predicted from sound (red) and true (green).",
        ),
        result.component,
        fps,
        start,
    )
    if result.lags:
        lag_figure(
            picture("lag", "Between sound and picture: the lowest point is the lag."),
            result.lags,
            bowed=take.keyboard is None,
        )
    speed_figure(
        picture("motion", "Speed of each part: the motion-energy ratio is that of the means."),
        result.speeds,
        result.figures["from_sound"]["motion_energy"],
        fps,
        start,
        result.unit,
    )
    candidates_T = np.flatnonzero([bool(boxes) for boxes in result.boxes["real"]])
    if len(candidates_T):
        spread_R = np.linspace(0, len(candidates_T) - 1, _SHEET_ROWS).round().astype(int)
        rows = {int(t): f"{start + t / fps:.2f} s" for t in candidates_T[np.unique(spread_R)]}
        # CVG paints at a fraction of the size.
        scale = result.clips["real"].shape[1] // result.coarse_ThwC.shape[1]
        coarse_THWC = result.coarse_ThwC.repeat(scale, axis=1).repeat(scale, axis=2)
        keypoints = {
            t: _overlay(result.clips["real"][t], result.true_TKD[t], result.sound_TKD[t], take.skeleton)
            for t in rows
        }  # fmt: skip
        clips: Mapping = {**result.clips, "coarse": coarse_THWC, "keypoints": keypoints}
        caption = "Evenly spaced frames; last, keypoints true (green) and from sound (red) over the real frame."
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
            caption = "Hands as the baselines paint them, where the true ones are."
            path = picture("baselines", caption, frames=True)
            crop_sheet(path, real | others, columns, _CROP_SCALE)
    return pictures


def draw_strings(
    result: StringResult, take: Take, performer: Performer, folder: Path
) -> list[Picture]:
    """The paper's figure of a string player's piece, its lag, and its worst moments over the clean plate."""
    pictures = []
    for number, moment in enumerate(result.worst):
        pictures.append(Picture(f"{take.name}-moment-{number + 1}.png", moment.sentence, True))
        t = moment.frame
        drawn_HWC = _overlay(
            performer.plate_HWC, result.true_TKD[t], result.sound_TKD[t], take.skeleton
        )
        save_png(folder / pictures[-1].name, drawn_HWC)
    shown = round(_CURVE_SECONDS * take.fps)
    component = pose_component(result.sound_TKD[:shown], result.true_TKD[:shown])
    pictures.append(
        Picture(
            f"{take.name}-component.png",
            "The paper's figure: predicted from sound (red) and true (green).",
        )
    )
    component_figure(folder / pictures[-1].name, component, take.fps, 0.0)
    if result.lags:
        pictures.append(Picture(f"{take.name}-lag.png", "Between sound and picture."))
        lag_figure(folder / pictures[-1].name, result.lags, bowed=True)
    return pictures


def draw_music(result: MusicResult, performer: Performer, folder: Path) -> list[Picture]:
    """A sheet of a piece's frames with the keypoints behind them, and its lag's curve where there are notes to tell it by."""
    name = result.figures["setting"]["take"]
    pictures = []
    if known := {way: curve for way, curve in result.lags.items() if curve.known}:
        caption = "Between sound and picture: the lowest point is the lag."
        pictures.append(Picture(f"{name}-lag.png", caption))
        lag_figure(folder / pictures[-1].name, known)
    if result.painted is None:
        return pictures
    frames_THWC, keypoints_TKD = result.painted.frames_THWC, result.painted.keypoints_TKD
    chosen_T = np.linspace(0, len(frames_THWC) - 1, _SHEET_ROWS + 2).round().astype(int)[1:-1]
    sure_K = np.ones(len(performer.skeleton))
    drawn_THWC = {
        int(t): draw_skeleton(performer.plate_HWC, keypoints_TKD[t], sure_K, performer.skeleton)
        for t in chosen_T
    }
    clips = {"from sound": frames_THWC, "keypoints": drawn_THWC}
    times = {int(t): f"{result.begin + t / performer.fps:.2f} s" for t in chosen_T}
    pictures.insert(0, Picture(f"{name}-frames.png", "Evenly spaced frames.", frames=True))
    frame_sheet(folder / pictures[0].name, clips, times)
    return pictures


def _overlay(
    frame_HWC: np.ndarray, true_KD: np.ndarray, predicted_KD: np.ndarray, skeleton: Skeleton
) -> np.ndarray:
    """True keypoints in green and predicted ones in red over a frame."""
    sure_K = np.ones(len(skeleton))
    for points_KD, colour in ((true_KD, TRUE), (predicted_KD, PREDICTED)):
        rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        frame_HWC = draw_skeleton(frame_HWC, points_KD, sure_K, skeleton, thickness=0.6, colour=rgb)
    return frame_HWC


def _draw_moment(
    path: Path, moment: WorstMoment, result: BlockResult, overlays: Mapping[int, np.ndarray]
) -> None:
    """The true frame, the generated one, and keypoints over the true one, or the worst part of both enlarged, the true one above."""
    t, clips = moment.frame, result.clips
    if moment.kind == "keypoints":
        save_png(
            path, contact_sheet([[clips["real"][t], clips["from sound"][t], overlays[t]]], gap=3)
        )
        return
    true_HWC, made_HWC = clips["real"][t], clips["from keypoints"][t]
    names = crop_parts(result.skeleton)
    left, top, right, bottom = result.boxes["real"][t][names.index(moment.part)]
    height, width = true_HWC.shape[:2]
    scale = max(1, min(width // (right - left), (height - 3) // (2 * (bottom - top))))
    crops = [
        [frame[top:bottom, left:right].repeat(scale, axis=0).repeat(scale, axis=1)]
        for frame in (true_HWC, made_HWC)
    ]
    save_png(path, contact_sheet([[true_HWC, made_HWC, contact_sheet(crops, gap=3)]], gap=3))
