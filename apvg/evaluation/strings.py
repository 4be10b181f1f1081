"""Figures on a string player's motion for takes whose strings, fingers and strokes are known: those of the virtual player."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import resample_poly

from apvg.evaluation.evaluate import lag_figures
from apvg.evaluation.failure_cases import WorstMoment, worst_keypoints
from apvg.evaluation.music import WAYS, mean_lag
from apvg.instruments.strings import STRING_INSTRUMENTS
from apvg.measures.bowing import bowing_figures
from apvg.measures.lag import LagCurve, onset_strength, take_lag
from apvg.measures.motion import PoseComponent, mean_speed, pose_component, seen, share

if TYPE_CHECKING:
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: How many of what a figure counts; pieces weigh as much as they have of it.
_COUNTED_BY = {
    "direction": "sounding_frames",
    "direction_ungiven": "sounding_frames",
    "string": "sounding_frames",
    "stop": "stops",
    "change_f1": "changes",
    "motion_energy_bow_arm": "sounding_frames",
    "motion_energy_left_hand": "sounding_frames",
}


@dataclass(frozen=True)
class StringResult:
    """Figures of a take's music (plain data, for JSON), and what its pictures are drawn from.

    Attributes:
        figures: As the report holds them.
        component: The paper's figure, from the sound.
        lags: The A/V lag's curve of the true keypoints ("real") and by the way that the player was told (see WAYS), where
            there is one.
        worst: Moments from the sound.
        true_TKD, sound_TKD: Keypoints, pixels.
    """

    figures: dict[str, Any]
    component: PoseComponent
    lags: dict[str, LagCurve]
    worst: list[WorstMoment]
    true_TKD: np.ndarray
    sound_TKD: np.ndarray


def is_known(performer: Performer, take: Take) -> bool:
    """Whether a take tells how a string player's keypoints are to be judged, in the performer's own picture."""
    return (
        "strings" in take.metadata
        and take.about.instrument in STRING_INSTRUMENTS
        and take.notes is not None
        and performer.skeleton.points == take.skeleton.points
        and (performer.fps, tuple(performer.config.size)) == (take.fps, take.size)
    )


def evaluate_strings(performer: Performer, take: Take) -> StringResult:
    """Figures of a take's music, played from the sound and from the notes. The take :func:`is_known`."""
    assert take.notes is not None
    music_S = resample_poly(take.samples_S, performer.sample_rate, take.sample_rate)
    figures: dict[str, Any] = {
        "setting": {
            "take": take.name,
            "style": take.metadata.get("style", "score"),
            "sound": take.metadata.get("sound"),
            "split": take.about.split,
            "seconds": take.duration,
            "fps": performer.fps,
            "frames": len(take),
            "width": take.size[0],
            "height": take.size[1],
            "notes": len(take.notes),
        }
    }
    onset_R = onset_strength(take.samples_S, take.sample_rate)
    true_TKD = seen(take.keypoints_TKD, take.confidence_TK)
    curves = {"real": take_lag(true_TKD, take, onset_R)}
    figures["real"] = lag_figures(curves["real"])
    poses: dict[str, np.ndarray] = {}
    for way, told in zip(WAYS, (None, take.notes), strict=True):
        poses[way] = seen(*performer.predict_keypoints(music_S, told))[: len(take)]
        curves[way] = take_lag(poses[way], take, onset_R)
        figures[way] = string_figures(poses[way], take) | lag_figures(curves[way])
    sound_TKD = poses["from_sound"]
    true_TKD = true_TKD[: len(sound_TKD)]
    component = pose_component(sound_TKD, true_TKD)
    figures["from_sound"]["component_correlation"] = component.correlation
    worst = worst_keypoints(sound_TKD, true_TKD, take.skeleton, take.fps, 0.0)
    figures["worst"] = [moment.to_dict() for moment in worst]
    return StringResult(
        figures,
        component,
        {name: curve for name, curve in curves.items() if curve is not None},
        worst,
        true_TKD,
        sound_TKD,
    )


def string_figures(poses_TKD: np.ndarray, take: Take) -> dict[str, Any]:
    """Bowing figures of keypoints in pixels, and motion-energy ratios beside the take's own."""
    assert take.notes is not None
    frames = min(len(poses_TKD), len(take))
    bowing = bowing_figures(
        poses_TKD[:frames],
        take.skeleton,
        take.notes,
        take.metadata["strings"],
        take.about.instrument,
        take.size,
        take.fps,
    )
    true_TKD = seen(take.keypoints_TKD, take.confidence_TK)

    def energy(points: list[int]) -> float:
        mine, real = poses_TKD[:frames, points], true_TKD[:frames, points]
        return share(mean_speed(mine, take.fps), mean_speed(real, take.fps))

    parts = take.skeleton.parts
    elbow = take.skeleton.points.index("right_elbow")
    return bowing.to_dict() | {
        "motion_energy_bow_arm": energy([elbow, *parts["right_hand"], *parts["instrument"]]),
        "motion_energy_left_hand": energy(list(parts["left_hand"])),
    }


def by_style(results: Sequence[StringResult]) -> dict[str, dict[str, Any]]:
    """Figures over the pieces of each style and, where there are several, over all; what is counted counts alike."""
    styles: dict[str, list[StringResult]] = {}
    for result in results:
        styles.setdefault(result.figures["setting"]["style"], []).append(result)
    if len(styles) > 1:
        styles["all"] = list(results)
    return {
        style: {
            "pieces": len(pieces),
            "notes": sum(piece.figures["setting"]["notes"] for piece in pieces),
            "real": {"lag": _lag("real", pieces)},
            **{
                way: _mean([piece.figures[way] for piece in pieces]) | {"lag": _lag(way, pieces)}
                for way in WAYS
            },
        }
        for style, pieces in styles.items()
    }


def _lag(name: str, pieces: list[StringResult]) -> float:
    known = [piece for piece in pieces if name in piece.lags]
    return mean_lag(
        [piece.lags[name] for piece in known],
        [piece.figures["from_sound"]["changes"] for piece in known],
    )


def _mean(figures: list[dict[str, Any]]) -> dict[str, float]:
    row = {}
    for name, count in _COUNTED_BY.items():
        value_P = np.array([f[name] for f in figures], np.float64)
        count_P = np.array([f[count] for f in figures], np.float64)
        known_P = np.isfinite(value_P) & (count_P > 0)
        row[name] = (
            float(np.average(value_P[known_P], weights=count_P[known_P]))
            if known_P.any()
            else float("nan")
        )
    return row
