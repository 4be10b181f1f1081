"""Playing on keys: played keys compared with the fingertips."""

from __future__ import annotations

import numpy as np

from apvg.instruments.keyboard import KEY_X, Keyboard
from apvg.instruments.pitch_grid import LOWEST_PITCH, PITCHES
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.measures.lag import lag_curve
from apvg.measures.motion import fingertip_x, key_hit, seen
from apvg.music.notes import Notes
from apvg.takes.prepare.matching import Match, best_match, correlate
from apvg.takes.prepare.targets import Check, Target
from apvg.takes.take import Take

#: Shifts at which fewer notes than this lie within the frames are not considered.
_LEAST_NOTES = 8

SKILL = Target(
    "… skill above chance",
    good=0.7,
    usable=0.3,
    shown="{:.2f}",
    sentence="fingers are over the keys that sound with a skill of only {}",
    cure="check the offset, the corners and that the notes are of this recording",
    larger_is_better=True,
)


class KeysPlayed:
    """Whether played keys have a fingertip over them; a
    :class:`apvg.takes.prepare.playing.Playing`."""

    matched = "played keys matched with the fingertips"

    def match(
        self,
        keypoints_TKD: np.ndarray,
        skeleton: Skeleton,
        placement: Placement,
        notes: Notes,
        fps: float,
    ) -> Match | None:
        """The shift that lays played keys under fingertips."""
        return match_keys(_tips(keypoints_TKD, skeleton, placement), notes, fps)

    def measure(self, take: Take) -> dict[str, float] | None:
        """Key-hit rate, its floor, skill and how many notes counted; None without notes."""
        if take.notes is None:
            return None
        points_TKD = seen(take.keypoints_TKD, take.confidence_TK)
        hit = key_hit(_tips(points_TKD, take.skeleton, take.placement), take.notes, take.fps)
        return {
            "rate": hit.rate,
            "floor": max(hit.shifted_floor, hit.transposed_floor),
            "skill": hit.skill,
            "notes": hit.notes,
        }

    def check(self, figures: dict[str, float]) -> list[Check]:
        """The rate compared with chance, and the skill with its target."""
        skill = SKILL.check(figures["skill"])
        rate = f"{figures['rate']:.1%} of {figures['notes']} (by chance {figures['floor']:.1%})"
        return [Check("Played keys under a fingertip", rate, "", skill.grade), skill]


def _tips(keypoints_TKD: np.ndarray, skeleton: Skeleton, placement: Placement) -> np.ndarray:
    assert isinstance(placement, Keyboard)  # an instrument with this figure is played on keys
    return fingertip_x(keypoints_TKD, skeleton, placement)


def match_keys(tip_x_TF: np.ndarray, notes: Notes, fps: float) -> Match | None:
    """The shift that lays played keys under fingertips.

    Args:
        tip_x_TF: Fingertips in white keys, frame t at t / fps seconds, NaN where not seen.
        notes: On their own clock.
        fps: Frames per second.

    Returns:
        What to add to the notes' times; None without enough notes or hands.
    """
    on_piano_N = (notes.pitch_N >= LOWEST_PITCH) & (notes.pitch_N < LOWEST_PITCH + PITCHES)
    notes = notes.select(on_piano_N & (notes.onset_N >= 0))
    seen_T = np.isfinite(tip_x_TF).any(axis=1)
    if len(notes) < _LEAST_NOTES or not seen_T.any():
        return None
    frame_N = np.round(notes.onset_N * fps).astype(int)
    frames, length = len(tip_x_TF), int(frame_N.max()) + 1
    tip_x_TF = tip_x_TF.astype(np.float32)
    # For every shift: how near the tips are to the played keys, and what chance and its scatter
    # would make of it.
    near_L = expected_L = variance_L = count_L = np.zeros(frames + length - 1)
    for pitch in np.unique(notes.pitch_N):
        onset_T = np.bincount(frame_N[notes.pitch_N == pitch], minlength=length).astype(float)
        away_TF = np.abs(tip_x_TF - np.float32(KEY_X[pitch - LOWEST_PITCH]))
        near_T = 1 - np.fmin(np.fmin.reduce(away_TF, axis=1, initial=1.0), 1.0)
        overlap_L = correlate(np.ones(frames), onset_T)
        near_L = near_L + correlate(near_T, onset_T)
        expected_L = expected_L + overlap_L * near_T[seen_T].mean()
        variance_L = variance_L + overlap_L * near_T[seen_T].var()
        count_L = count_L + overlap_L
    height_L = (near_L - expected_L) / np.sqrt(np.maximum(variance_L, 1e-3))
    height_L[np.round(count_L) < _LEAST_NOTES] = -np.inf
    match = best_match(height_L, length, fps)
    if match is None:
        return None
    # Frames are coarse; the tips between them tell more.
    fine = lag_curve(tip_x_TF, notes.shifted(match.shift), fps)
    lag = 0.0 if np.isnan(fine.distance_L).all() else fine.lag
    return Match(match.shift + lag, match.height, match.margin)
