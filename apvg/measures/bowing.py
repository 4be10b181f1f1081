"""Figures on the keypoints of a string player: are the right string, stop and bow direction played,
and does the bow turn in time?

For takes of the virtual player alone: its strings, fingers and strokes are known, and the
instrument and the camera say where each of them lies in the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from apvg.instruments.camera import Camera
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.strings import StringInstrument
from apvg.music.notes import Notes

#: A bow change counts as found within so many seconds: ±3 frames at 30 per second.
CHANGE_TOLERANCE = 0.08
#: Notes shorter than this have no stop that could be seen for long, seconds.
STOP_NOTE = 0.15
#: A stop is right within so many semitones.
STOP_REACH = 0.5
#: The bow moves where it is faster than this, lengths of the hair a second.
_MOVING = 0.02


@dataclass(frozen=True)
class BowingFigures:
    """Bowing and stops of predicted keypoints against the true ones.

    Attributes:
        direction: Share of sounding frames whose bow goes the right way, given the true direction
            at the start of each phrase: a phrase whose first stroke goes the wrong way is compared
            with all its strokes turned round.
        direction_ungiven: The same without that.
        string: Share of sounding frames with the bow on the sounding string.
        stop: Share of stopped notes over 150 ms whose finger is within half a semitone of the
            pitch, at the note's middle.
        change_precision, change_recall, change_f1: Of bow changes within ±80 ms, matched one to
            one.
        sounding_frames, stops, changes: How many counted.
    """

    direction: float
    direction_ungiven: float
    string: float
    stop: float
    change_precision: float
    change_recall: float
    change_f1: float
    sounding_frames: int
    stops: int
    changes: int


def bowing_figures(
    keypoints_TKD: np.ndarray,
    skeleton: Skeleton,
    notes: Notes,
    truth: Mapping[str, Any],
    strings: StringInstrument,
    camera: Camera,
    size: tuple[int, int],
    fps: float,
) -> BowingFigures:
    """Bowing figures of predicted keypoints of a take of the virtual player; NaN without a stroke.

    Args:
        keypoints_TKD: Predicted, pixels; frame t is at second t / fps.
        skeleton: Their layout; it has both ends of the bow.
        notes: Of the take.
        truth: How it is played: its `metadata["strings"]`, as
            :func:`apvg.virtual.strings.corpus.truth` makes it.
        strings: What it is played on.
        camera: That sees it.
        size: Width and height of the frames, pixels.
        fps: Frames per second.
    """
    if not truth["strokes"]:
        return BowingFigures(*[float("nan")] * 7, sounding_frames=0, stops=0, changes=0)
    at = {name: index for index, name in enumerate(skeleton.points)}
    points_TKD = np.asarray(keypoints_TKD, np.float64)
    frames = len(points_TKD)
    strokes = _Strokes(truth)
    time_T = np.arange(frames) / fps
    stroke_T = strokes.at(time_T)
    bow_T2D = points_TKD[:, [at["bow_frog"], at["bow_tip"]]]
    bowed_T, place_T = _read_bow(bow_T2D, strings, camera, size)
    speed_T = np.gradient(place_T) * fps
    sounding_T = stroke_T >= 0
    # Where a stroke begins and ends the bow stands for a moment, whichever way it goes.
    inside_T = sounding_T & strokes.well_inside(time_T, 1 / fps)
    agrees_T = np.sign(speed_T) * strokes.sign_B[stroke_T]  # 0 where the bow stands
    phrase_T = strokes.phrase_B[stroke_T]
    string_T = bowed_T.round().astype(int)
    note_T = np.searchsorted(notes.onset_N, time_T, side="right") - 1
    string_N = np.array(truth["string"])
    clear_T = inside_T & _settled(time_T, notes.onset_N, 0.06)
    stops = _stops(points_TKD, at, notes, truth, strings, camera, size, fps)
    precision, recall, f1 = matched(_changes(speed_T, strokes, fps), strokes.turns)
    return BowingFigures(
        direction=_mean(_given(agrees_T, phrase_T, stroke_T, inside_T)[inside_T] > 0),
        direction_ungiven=_mean(agrees_T[inside_T] > 0),
        string=_mean((string_T == string_N[note_T.clip(0)])[clear_T]),
        stop=_mean(stops),
        change_precision=precision,
        change_recall=recall,
        change_f1=f1,
        sounding_frames=int(inside_T.sum()),
        stops=len(stops),
        changes=len(strokes.turns),
    )


def bow_turns(
    keypoints_TKD: np.ndarray,
    skeleton: Skeleton,
    strings: StringInstrument,
    camera: Camera,
    size: tuple[int, int],
    fps: float,
) -> np.ndarray:
    """When the bow turns in predicted keypoints, seconds, in rests too; for music whose strokes are
    not known.

    Arguments are those of :func:`bowing_figures`.
    """
    bow = [skeleton.points.index(end) for end in ("bow_frog", "bow_tip")]
    points_TKD = np.asarray(keypoints_TKD, np.float64)
    _, place_T = _read_bow(points_TKD[:, bow], strings, camera, size)
    return _turns(np.gradient(place_T) * fps, fps)


def matched(
    found_C: np.ndarray, true_C: np.ndarray, tolerance: float = CHANGE_TOLERANCE
) -> tuple[float, float, float]:
    """Precision, recall and F1 of times matched one to one, in order."""
    matches = i = j = 0
    while i < len(found_C) and j < len(true_C):
        if abs(found_C[i] - true_C[j]) <= tolerance:
            matches, i, j = matches + 1, i + 1, j + 1
        elif found_C[i] < true_C[j]:
            i += 1
        else:
            j += 1
    precision = matches / len(found_C) if len(found_C) else float("nan")
    recall = matches / len(true_C) if len(true_C) else float("nan")
    both = len(found_C) + len(true_C)
    return precision, recall, 2 * matches / both if both else float("nan")


class _Strokes:
    """The strokes of a take, as arrays over them."""

    def __init__(self, truth: Mapping[str, Any]) -> None:
        rows = truth["strokes"]
        self.start_B = np.array([row[1] for row in rows])
        self.stop_B = np.array([row[2] for row in rows])
        self.sign_B = np.sign([row[4] - row[3] for row in rows])  # 1 is down
        after_rest_B = np.array([row[5] for row in rows], bool)
        self.phrase_B = np.cumsum(after_rest_B)
        self.turns = self.start_B[~after_rest_B]

    def at(self, time_T: np.ndarray) -> np.ndarray:
        """The stroke at these times; -1 in silence."""
        at_T = np.searchsorted(self.start_B, time_T, side="right") - 1
        return np.where((at_T >= 0) & (time_T < self.stop_B[at_T.clip(0)]), at_T, -1)

    def well_inside(self, time_T: np.ndarray, margin: float) -> np.ndarray:
        at_T = self.at(time_T).clip(0)
        return (time_T > self.start_B[at_T] + margin) & (time_T < self.stop_B[at_T] - margin)


def _given(
    agrees_T: np.ndarray, phrase_T: np.ndarray, stroke_T: np.ndarray, inside_T: np.ndarray
) -> np.ndarray:
    """`agrees_T`, turned round in the phrases whose first stroke goes mostly the wrong way."""
    given_T = agrees_T.copy()
    for phrase in np.unique(phrase_T[inside_T]):
        mine_T = inside_T & (phrase_T == phrase)
        first_T = mine_T & (stroke_T == stroke_T[mine_T].min())
        if agrees_T[first_T].sum() < 0:
            given_T[mine_T] *= -1
    return given_T


def _read_bow(
    bow_T2D: np.ndarray, strings: StringInstrument, camera: Camera, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """String and place on the hair [T] of the bow whose ends lie nearest to the given ones; between
    strings it crosses."""
    near_X, string_X = (
        grid.ravel()
        for grid in np.meshgrid(
            strings.string_length * np.linspace(0.09, 0.15, 5),
            np.linspace(0, strings.strings - 1, 4 * strings.strings - 3),
            indexing="ij",
        )
    )
    still_X = np.zeros_like(near_X)

    def ends(place: float) -> np.ndarray:
        bow_X23, _ = strings.place_bow(still_X + place, string_X, near_X, still_X)
        return camera.to_pixels(bow_X23, *size).reshape(len(near_X), -1)

    # Seen from so far away, a bow that is drawn goes along a straight line, at an even pace.
    low, high = strings.bow_used
    from_XE, way_XE = ends(low), ends(high) - ends(low)
    off_TXE = bow_T2D.reshape(len(bow_T2D), 1, -1) - from_XE
    share_TX = (off_TXE * way_XE).sum(axis=-1) / np.square(way_XE).sum(axis=-1)
    away_TX = np.square(off_TXE - share_TX[..., None] * way_XE).sum(axis=-1)
    best_T1 = away_TX.argmin(axis=1)[:, None]
    place_T = low + (high - low) * np.take_along_axis(share_TX, best_T1, axis=1)[:, 0]
    return string_X[best_T1[:, 0]], place_T


def _stops(
    points_TKD: np.ndarray,
    at: dict[str, int],
    notes: Notes,
    truth: Mapping[str, Any],
    strings: StringInstrument,
    camera: Camera,
    size: tuple[int, int],
    fps: float,
) -> np.ndarray:
    """Of every stopped note that is long enough: is its finger where its pitch is?"""
    right = []
    tips = [at[f"left_{finger}_tip"] for finger in ("index", "middle", "ring", "pinky")]
    semitone_S = np.linspace(0, strings.reach + 2, 40 * (strings.reach + 2))
    for index, (string, finger) in enumerate(zip(truth["string"], truth["finger"], strict=True)):
        onset, offset = notes.onset_N[index], notes.offset_N[index]
        frame = round((onset + offset) / 2 * fps)
        if not finger or offset - onset < STOP_NOTE or frame >= len(points_TKD):
            continue
        line_S3 = strings.on_string(np.full(len(semitone_S), string), strings.stop(semitone_S))
        line_SD = camera.to_pixels(line_S3, *size)
        tip_D = points_TKD[frame, tips[finger - 1]]
        stopped = semitone_S[np.linalg.norm(line_SD - tip_D, axis=1).argmin()]
        wanted = notes.pitch_N[index] - strings.open_pitches[string]
        right.append(abs(stopped - wanted) <= STOP_REACH)
    return np.array(right, bool)


def _turns(speed_T: np.ndarray, fps: float) -> np.ndarray:
    """When the bow turns, seconds: its speed changes sign, and it has moved and will move."""
    moving = np.flatnonzero(np.abs(speed_T) > _MOVING)
    turned = np.flatnonzero(np.diff(np.sign(speed_T[moving])) != 0)
    before, after = moving[turned], moving[turned + 1]
    share = np.abs(speed_T[before]) / (np.abs(speed_T[before]) + np.abs(speed_T[after]))
    return (before + share * (after - before)) / fps


def _changes(speed_T: np.ndarray, strokes: _Strokes, fps: float) -> np.ndarray:
    """The turns within phrases."""
    time_C = _turns(speed_T, fps)
    # In a rest the bow goes to where it starts again; its turns for that, at the ends of a phrase,
    # are no bow changes.
    first_B = np.append(True, np.diff(strokes.phrase_B) > 0)
    begin_P, end_P = strokes.start_B[first_B], strokes.stop_B[np.append(first_B[1:], True)]
    at_C = (np.searchsorted(begin_P, time_C, side="right") - 1).clip(0)
    inside_C = (time_C > begin_P[at_C] + CHANGE_TOLERANCE) & (
        time_C < end_P[at_C] - CHANGE_TOLERANCE
    )
    return time_C[inside_C]


def _settled(time_T: np.ndarray, onset_N: np.ndarray, margin: float) -> np.ndarray:
    """Times that are not so close to a note's beginning, where the bow crosses to its string."""
    after_T = np.searchsorted(onset_N, time_T, side="right")
    since_T = time_T - onset_N[(after_T - 1).clip(0)]
    until_T = np.where(
        after_T < len(onset_N), onset_N[after_T.clip(max=len(onset_N) - 1)] - time_T, np.inf
    )
    return (since_T > margin) & (until_T > margin)


def _mean(right: np.ndarray) -> float:
    return float(right.mean()) if len(right) else float("nan")
