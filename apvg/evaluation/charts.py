"""Charts and sheets of the report: curves by matplotlib, frames pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from apvg.measures.lag import LagCurve
from apvg.measures.motion import PoseComponent
from apvg.measures.pictures import Box
from apvg.video.images import contact_sheet, save_png

#: As in the paper's figure: predicted red, ground truth green.
PREDICTED, TRUE = "#d62728", "#2ca02c"
_COLOURS = {"real": TRUE, "from sound": PREDICTED, "from_sound": PREDICTED, "from_notes": "#1f77b4"}


def _axes(rows: int = 1) -> tuple[Figure, list]:
    figure = Figure(figsize=(9, 2.6 * rows), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, 1, row + 1) for row in range(rows)]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25)
    return figure, axes


def component_figure(path: Path, component: PoseComponent, fps: float, start: float) -> None:
    """The paper's first experiment: the pose's first principal component over time."""
    _component(component, fps, start).savefig(path)


def component_picture(component: PoseComponent, fps: float, start: float) -> np.ndarray:
    """The same as a picture, RGB uint8 [H, W, 3]."""
    return _pixels(_component(component, fps, start))


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _component(component: PoseComponent, fps: float, start: float) -> Figure:
    figure, (ax,) = _axes()
    time_T = start + np.arange(len(component.true_T)) / fps
    ax.plot(time_T, component.true_T, color=TRUE, lw=1.3, label="ground truth")
    ax.plot(time_T, component.predicted_T, color=PREDICTED, lw=1.3, label="predicted from sound")
    ax.set(xlabel="seconds of the take", ylabel="standard deviations", xmargin=0.0)
    ax.set_title(
        f"First principal component of the keypoints ({component.explained:.0%} of the variance), "
        f"correlation {component.correlation:.2f}",
        fontsize=10,
    )
    ax.legend(frameon=False, ncols=2, fontsize=9)
    return figure


def lag_figure(path: Path, curves: Mapping[str, LagCurve]) -> None:
    """The distance between picture and sound for each shift between them; curves of one kind, by
    the source of their keypoints."""
    figure, (ax,) = _axes()
    for name, curve in curves.items():
        lag, colour = 1000 * curve.lag, _COLOURS[name]
        label = f"{name.replace('_', ' ')}: {lag:+.0f} ms"
        ax.plot(1000 * curve.lag_L, curve.distance_L, color=colour, label=label)
        ax.axvline(lag, color=colour, lw=0.8, ls=":")
    ax.set(xlabel="picture later than sound, ms", xmargin=0.0)
    kind = next(iter(curves.values()))
    ax.set_ylabel(kind.unit)
    ax.set_title(kind.distance, fontsize=10)
    ax.legend(frameon=False, fontsize=9)
    figure.savefig(path)


def speed_figure(
    path: Path,
    speeds: Mapping[str, tuple[np.ndarray, np.ndarray]],
    ratios: Mapping[str, float],
    fps: float,
    start: float,
    unit: str,
) -> None:
    """Speed of every part over time, predicted and true, with the motion-energy ratio."""
    figure, axes = _axes(len(speeds))
    for ax, (part, (predicted_T, true_T)) in zip(axes, speeds.items(), strict=True):
        time_T = start + np.arange(len(true_T)) / fps
        ax.plot(time_T, true_T, color=TRUE, lw=1, label="ground truth")
        ax.plot(time_T, predicted_T, color=PREDICTED, lw=1, label="predicted from sound")
        ax.set(ylabel=f"{unit}/s", xmargin=0.0, ylim=(0, None))
        ax.set_title(
            f"{part.replace('_', ' ')}: motion-energy ratio {ratios[part]:.2f}", fontsize=10
        )
    axes[0].legend(frameon=False, ncols=2, fontsize=9)
    axes[-1].set_xlabel("seconds of the take")
    figure.savefig(path)


def _label(text: str, width: int, height: int = 18) -> np.ndarray:
    """A strip with a line of text, RGB uint8."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    figure.text(0.01, 0.5, text, va="center", fontsize=9)
    return _pixels(figure)


def frame_sheet(
    path: Path, clips: Mapping[str, np.ndarray | Mapping[int, np.ndarray]], times: dict[int, str]
) -> None:
    """Frames of several clips (by index) side by side, a row for each of `times` (frame index to
    its caption)."""
    width = next(iter(clips.values()))[next(iter(times))].shape[1]
    rows = []
    for t, caption in times.items():
        rows.append([_label(f"{caption}   {name}", width) for name in clips])
        rows.append([clip[t] for clip in clips.values()])
    save_png(path, contact_sheet(rows, gap=2))


def crop_sheet(
    path: Path, clips: dict[str, tuple[np.ndarray, list[list[Box]]]], frames: list[int], scale: int
) -> None:
    """Crops of hands enlarged: a row for each clip, with its own boxes, and columns for each
    frame."""
    rows = []
    for name, (clip_THWC, boxes) in clips.items():
        crops = [
            clip_THWC[t, top:bottom, left:right].repeat(scale, axis=0).repeat(scale, axis=1)
            for t in frames
            for left, top, right, bottom in boxes[t]
        ]
        rows += [[_label(name, 400)], crops]
    save_png(path, contact_sheet([row for row in rows if row], gap=3))
