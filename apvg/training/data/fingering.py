"""Who plays what in a take: generated takes say it, in filmed ones it is seen."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from apvg.instruments.keyboard import Keyboard, key_x
from apvg.instruments.skeleton import FINGERTIPS
from apvg.instruments.surface import Placement
from apvg.measures.motion import fingertip_x, seen
from apvg.models.fingering import Planned, planned
from apvg.music.fingering import UNKNOWN, Fingering
from apvg.takes.take import Take
from apvg.training.plan import Plan

#: A fingertip farther from a key than this at its onset does not play it, white keys.
_ON_KEY = 0.8


def planned_notes(take: Take, placement: Placement) -> Planned:
    """A take's notes with the fingers that play them; none where its notes are not known.

    Args:
        take: The take.
        placement: Where its keyboard is.
    """
    notes = take.notes
    if notes is None or not isinstance(placement, Keyboard):
        nothing = np.zeros(0)
        return Planned(nothing, nothing, *(nothing.astype(np.int64) for _ in range(3)))
    notes = notes.on_piano()
    fingering = take.fingering or observed_fingering(take, placement)
    return planned(notes, fingering)


def planned_music(plan: Plan) -> Planned:
    """The same of the scene's takes, one after the other."""
    parts, seconds = [], 0.0
    for take in plan.scene_takes:
        notes = planned_notes(take, plan.placement(take))
        parts.append(
            replace(notes, onset_N=notes.onset_N + seconds, release_N=notes.release_N + seconds)
        )
        seconds += len(take) / take.fps
    names = [field.name for field in fields(Planned)]
    return Planned(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def observed_fingering(take: Take, keyboard: Keyboard) -> Fingering:
    """The fingering seen in a take: the fingertip nearest to each key at its onset.

    Unknown where none is within 0.8 white keys of it.
    """
    assert take.notes is not None
    notes = take.notes.on_piano()
    tip_x_TF = fingertip_x(seen(take.keypoints_TKD, take.confidence_TK), take.skeleton, keyboard)
    hand_N, finger_N = (np.full(len(notes), UNKNOWN) for _ in range(2))
    frame_N = np.floor(notes.onset_N * take.fps + 0.5).astype(int)
    for n, (frame, x) in enumerate(zip(frame_N, key_x(notes.pitch_N), strict=True)):
        if not 0 <= frame < len(tip_x_TF):
            continue
        away_F = np.nan_to_num(np.abs(tip_x_TF[frame] - x), nan=np.inf)
        if away_F.min() <= _ON_KEY:
            hand_N[n], finger_N[n] = divmod(int(away_F.argmin()), len(FINGERTIPS))
    return Fingering(hand_N, finger_N)
