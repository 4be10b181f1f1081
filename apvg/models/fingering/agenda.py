"""The agenda: what each finger has just played and plays next, at every frame.

It is all that the motion decoder sees of the music. Left hands are mirrored, so that both hands are
right hands to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from apvg.instruments.keyboard import IS_BLACK, KEY_X
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.models.fingering.fingers import FINGERS, MIRROR_X
from apvg.music.fingering import LEFT

HANDS = 2
#: Agendas show so many frames ahead at most, and fewer in live music.
SHOWN = 50
#: What stands for a time that is too far away to matter, or not known, frames.
FAR = 64.0


class Entry(NamedTuple):
    """What the numbers of a finger's agenda are; the last axis of :func:`agenda`.

    Times are frames, positions white keys; 0 where there is no such note, which `has_…` says.
    """

    has_last: int = 0
    last_x: int = 1
    last_black: int = 2
    since: int = 3
    down: int = 4
    until_release: int = 5
    since_release: int = 6
    has_next: int = 7
    next_x: int = 8
    next_black: int = 9
    until: int = 10
    has_after: int = 11
    after_x: int = 12
    after_black: int = 13
    until_after: int = 14


ENTRY = Entry()
ENTRIES = len(ENTRY)


@dataclass(frozen=True)
class Planned:
    """Notes with the fingers that play them, in the order of their onsets.

    Attributes:
        onset_N: Seconds.
        release_N: When the finger leaves the key, seconds; infinite where that is not known yet.
        pitch_N: MIDI pitches.
        hand_N: 0 left, 1 right.
        finger_N: 0 (thumb) to 4; -1 for notes that no finger is free for.
    """

    onset_N: np.ndarray
    release_N: np.ndarray
    pitch_N: np.ndarray
    hand_N: np.ndarray
    finger_N: np.ndarray


def agenda(planned: Planned, seconds_T: np.ndarray, fps: float, lookahead: float) -> np.ndarray:
    """What each finger has played and will play: float32 [T, 2, 5, 15] (see :class:`Entry`).

    Args:
        planned: All notes that may matter.
        seconds_T: The frames' times.
        fps: Frames per second.
        lookahead: Later notes than so many seconds ahead are not seen.
    """
    agenda_THFE = np.zeros((len(seconds_T), HANDS, FINGERS, ENTRIES), np.float32)
    for hand in range(HANDS):
        for finger in range(FINGERS):
            chosen = (planned.hand_N == hand) & (planned.finger_N == finger)
            agenda_THFE[:, hand, finger] = _of_finger(
                planned.onset_N[chosen],
                planned.release_N[chosen],
                planned.pitch_N[chosen],
                hand,
                np.asarray(seconds_T, np.float64),
                fps,
                lookahead,
            )
    return agenda_THFE


def _of_finger(
    onset_N: np.ndarray,
    release_N: np.ndarray,
    pitch_N: np.ndarray,
    hand: int,
    seconds_T: np.ndarray,
    fps: float,
    lookahead: float,
) -> np.ndarray:
    entry_TE = np.zeros((len(seconds_T), ENTRIES))
    times = [ENTRY.since, ENTRY.until_release, ENTRY.since_release, ENTRY.until, ENTRY.until_after]
    entry_TE[:, times] = FAR
    if not len(onset_N):
        return entry_TE
    index_N = pitch_N - LOWEST_PITCH
    x_N = 2 * MIRROR_X - KEY_X[index_N] if hand == LEFT else KEY_X[index_N]
    black_N = IS_BLACK[index_N]

    def frames(seconds: np.ndarray) -> np.ndarray:
        return (fps * seconds).clip(0, FAR)

    last_T = np.searchsorted(onset_N, seconds_T + 1e-6, side="right") - 1
    seen = last_T >= 0
    of_last = last_T[seen]
    now = seconds_T[seen]
    entry_TE[seen, ENTRY.has_last] = 1
    entry_TE[seen, ENTRY.last_x] = x_N[of_last]
    entry_TE[seen, ENTRY.last_black] = black_N[of_last]
    entry_TE[seen, ENTRY.since] = frames(now - onset_N[of_last])
    away = release_N[of_last] - now
    entry_TE[seen, ENTRY.down] = away > 0
    known = away <= lookahead + 1e-6
    entry_TE[seen, ENTRY.until_release] = np.where(known, frames(away), FAR)
    entry_TE[seen, ENTRY.since_release] = frames(np.where(np.isfinite(away), -away, 0.0))
    for ahead, has, x, black, until in (
        (1, ENTRY.has_next, ENTRY.next_x, ENTRY.next_black, ENTRY.until),
        (2, ENTRY.has_after, ENTRY.after_x, ENTRY.after_black, ENTRY.until_after),
    ):
        coming_T = last_T + ahead
        seen = coming_T < len(onset_N)
        seen[seen] &= onset_N[coming_T[seen]] - seconds_T[seen] <= lookahead + 1e-6
        of_next = coming_T[seen]
        entry_TE[seen, has] = 1
        entry_TE[seen, x] = x_N[of_next]
        entry_TE[seen, black] = black_N[of_next]
        entry_TE[seen, until] = frames(onset_N[of_next] - seconds_T[seen])
    return entry_TE
