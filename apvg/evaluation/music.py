"""Figures on music whose picture is not to be compared with: generated pieces, and takes of another scene.

Do the hands go where the notes are, from the sound and from the notes themselves? Do they move as much as they should? And
can the music be read back from the generated picture?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import resample_poly

from apvg.base.errors import ApvgError
from apvg.evaluation.evaluate import hit_figures, lag_figures
from apvg.measures.lag import LagCurve, lag_curve
from apvg.measures.motion import (
    fingertip_x,
    key_hit,
    motion_energy,
    seen,
)
from apvg.measures.read_back import Tracker, read_back

if TYPE_CHECKING:
    from apvg.music.notes import Notes
    from apvg.performer import Performance, Performer
    from apvg.takes.take import Take

#: So much of every piece is painted and read back, in either way, from just before its first note on, seconds.
READ_BACK_SECONDS = 8.0
_BEFORE_MUSIC = 0.5
WAYS = ("from_sound", "from_notes")
#: The style of what was not composed by rule.
REAL = "real"


@dataclass(frozen=True)
class MusicResult:
    """Figures of a take's music (plain data, for JSON), and what its pictures are drawn from.

    Attributes:
        figures: As the report holds them.
        lags: The A/V lag's curve, by the way that the hands were told: see WAYS.
        painted: The stretch that was read back, from the sound; None where nothing was painted.
        begin: Where in the piece that begins, seconds.
    """

    figures: dict[str, Any]
    lags: dict[str, LagCurve]
    painted: Performance | None
    begin: float


def evaluate_music(performer: Performer, take: Take, tracker: Tracker | None) -> MusicResult:
    """All figures of a take's music, its whole length.

    Raises:
        ApvgError: The take's notes are not known, or the performer plays no keyboard.
    """
    notes, keyboard = take.notes, performer.keyboard
    if notes is None or keyboard is None:
        raise ApvgError(
            f"take {take.name} can only be judged by its notes on a keyboard, and there are none; "
            "prepare it again with --midi, or evaluate on takes of the performer's own scene"
        )
    music_S = resample_poly(take.samples_S, performer.sample_rate, take.sample_rate)
    figures: dict[str, Any] = {
        "setting": {
            "take": take.name,
            "style": take.metadata.get("style", REAL),
            "soundfont": take.metadata.get("soundfont"),
            "split": take.about.split,
            "seconds": take.duration,
            "fps": performer.fps,
            "frames": round(take.duration * performer.fps),
            "width": performer.config.size[0],
            "height": performer.config.size[1],
            "notes": len(notes),
            "floors": "key_hit: notes shifted in time, and transposed",
        }
    }
    lags: dict[str, LagCurve] = {}
    poses: dict[str, np.ndarray] = {}
    painted, begin = None, _just_before(notes, performer.fps)
    for way, told in zip(WAYS, (None, notes), strict=True):
        poses[way] = seen(*performer.predict_keypoints(music_S, told))
        tips_TF = fingertip_x(poses[way], performer.skeleton, keyboard)
        lags[way] = lag_curve(tips_TF, notes, performer.fps)
        figures[way] = {
            "key_hit": hit_figures(key_hit(tips_TF, notes, performer.fps)),
            **lag_figures(lags[way]),
            "motion_energy": _energy(performer, take, poses[way]),
        }
        if tracker is not None:
            performance = _paint(performer, music_S, told, begin)
            figures[way]["read_back"] = _read_back(
                performer, performance.frames_THWC, notes.shifted(-begin), tracker
            )
            painted = painted or performance
    return MusicResult(figures, lags, painted, begin)


def _energy(performer: Performer, take: Take, poses_TKD: np.ndarray) -> dict[str, float] | None:
    """Motion-energy ratio beside the take's own hands, in white keys; none where it has no keyboard."""
    if take.keyboard is None or performer.keyboard is None or take.fps != performer.fps:
        return None
    frames = min(len(poses_TKD), len(take))
    true_TKD = seen(take.keypoints_TKD, take.confidence_TK)[:frames]
    return motion_energy(
        performer.keyboard.to_keyboard(poses_TKD[:frames]),
        take.keyboard.to_keyboard(true_TKD),
        take.skeleton,
        take.fps,
    )


def _just_before(notes: Notes, fps: int) -> float:
    """The whole frame from which on a piece is painted, seconds."""
    first = float(notes.onset_N[0]) if len(notes) else 0.0
    return max(0, int((first - _BEFORE_MUSIC) * fps)) / fps


def _paint(
    performer: Performer, music_S: np.ndarray, told: Notes | None, begin: float
) -> Performance:
    """A stretch of the music as `apvg generate --start` would show it."""
    first, length = (round(t * performer.sample_rate) for t in (begin, READ_BACK_SECONDS))
    told = told.shifted(-begin) if told is not None else None
    return performer.perform(music_S[first : first + length], notes=told)


def _read_back(
    performer: Performer, frames_THWC: np.ndarray, notes: Notes, tracker: Tracker
) -> dict[str, Any]:
    time_T = np.arange(len(frames_THWC)) / performer.fps
    shown = notes.between(0.0, time_T[-1])
    playing_T = np.ones(len(time_T), bool)
    if len(shown):
        playing_T = (time_T >= shown.onset_N[0]) & (time_T <= shown.offset_N.max())
    back = read_back(
        frames_THWC,
        performer.fps,
        tracker,
        playing_T,
        keyboard=performer.keyboard,
        notes=notes,
        start=0.0,
    )
    figures: dict[str, Any] = {"hands_found": back.found, "notes": len(shown)}
    if back.hit is not None:
        figures["key_hit"] = hit_figures(back.hit)
    return figures | lag_figures(back.lag)


def by_style(results: Sequence[MusicResult]) -> dict[str, dict[str, Any]]:
    """Means over the pieces of each style and, where there are several, over all generated ones; notes count alike."""
    styles: dict[str, list[MusicResult]] = {}
    for result in results:
        styles.setdefault(result.figures["setting"]["style"], []).append(result)
    generated = [result for style, pieces in styles.items() if style != REAL for result in pieces]
    if len(styles) > 1 and generated:
        styles["all generated"] = generated
    return {style: _mean(pieces) for style, pieces in styles.items()}


def _mean(results: list[MusicResult]) -> dict[str, Any]:
    pieces = [result.figures for result in results]
    row: dict[str, Any] = {
        "pieces": len(pieces),
        "notes": sum(piece["setting"]["notes"] for piece in pieces),
    }
    for way in WAYS:
        row[way] = _mean_hit([piece[way] for piece in pieces])
        row[way]["lag"] = mean_lag(
            [result.lags[way] for result in results],
            [piece["setting"]["notes"] for piece in pieces],
        )
        energies = [piece[way]["motion_energy"] for piece in pieces if piece[way]["motion_energy"]]
        for part in energies[0] if energies else ():
            row[way][f"motion_energy_{part}"] = float(np.mean([e[part] for e in energies]))
        backs = [piece[way]["read_back"] for piece in pieces if "read_back" in piece[way]]
        if backs:
            found = float(np.mean([back["hands_found"] for back in backs]))
            row[way]["read_back"] = {"hands_found": found, **_mean_hit(backs)}
    return row


def _mean_hit(figures: list[dict[str, Any]]) -> dict[str, float]:
    """Rate and floors over all notes, and the skill that follows from them; NaN without notes."""
    hits = [f["key_hit"] for f in figures if f["key_hit"]["notes"]]
    notes_N = np.array([hit["notes"] for hit in hits])
    rate, shifted, transposed = (
        float(np.average([hit[name] for hit in hits], weights=notes_N)) if hits else float("nan")
        for name in ("rate", "shifted_floor", "transposed_floor")
    )
    floor = max(shifted, transposed)
    return {
        "rate": rate,
        "shifted_floor": shifted,
        "transposed_floor": transposed,
        "skill": 0.0 if floor >= 1 else (rate - floor) / (1 - floor),
    }


def mean_lag(curves: Sequence[LagCurve], weights: Sequence[float]) -> float:
    """The lag of all pieces together, each weighed by what it has to tell it by; one slow piece's curve alone is too flat.

    NaN where no piece tells any.
    """
    known = [
        (curve.distance_L, weight)
        for curve, weight in zip(curves, weights, strict=True)
        if curve.known and weight > 0
    ]
    if not known:
        return float("nan")
    distances, shares = zip(*known, strict=True)
    return LagCurve(curves[0].lag_L, np.average(distances, axis=0, weights=shares)).lag
