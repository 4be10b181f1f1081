"""The fingering stage of KHP: notes as they come, and what each finger does at every frame.

It plans again and again as far as it can see (a receding horizon): first which hand plays each note
(:mod:`apvg.models.fingering.hands`), then which finger (:mod:`apvg.models.fingering.fingers`). A
note whose finger must be on its way is decided; the others may still change. The further it sees,
the better it plans; live music allows a few frames, files two seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from typing import Protocol

import numpy as np
import torch
from safetensors.torch import load

from apvg.instruments.keyboard import KEY_X
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.models.fingering.agenda import SHOWN, Planned, agenda
from apvg.models.fingering.fingers import (
    FINGERS,
    FingerModel,
    FingerSearch,
    as_right_hand,
    onset_groups,
)
from apvg.models.fingering.hands import PAST, WINDOW, HandTagger
from apvg.music.fingering import LEFT, RIGHT, UNKNOWN, Fingering
from apvg.music.notes import Notes

WEIGHTS = "fingering.safetensors"
#: x of each fingertip of a right hand from the middle of the five, white keys, as measured on real
#: hands (see `apvg/virtual/piano/hands.json`).
TIP_X = np.array([-2.50, -0.93, 0.10, 1.08, 2.25])
#: The widest that one hand strikes at once, white keys, and the cost of each more.
_WIDEST, _TOO_WIDE = 8.5, 3.0
#: A finger lets go of a key when its hand goes so far elsewhere, white keys.
_STAYS_WITHIN = 3.0
#: A finger is up again for so much of the time between two notes of its own, at most so long,
#: seconds.
_UP_SHARE, _UP = 0.55, 0.12
#: Notes that begin so soon are decided, seconds; less where little is seen.
_DECIDED = 0.24
#: How many times it plans while one look-ahead passes.
_PLANS = 5
#: Groups of decided notes that a hand's plan begins with.
_CONTEXT = 6
#: After so long a pause a phrase is over, seconds.
_PHRASE = 1.2
#: A note that began so long ago no longer matters, seconds.
_OLD = PAST


class FingeringModel(torch.nn.Module):
    """What is learnt of fingering: which hand, and which finger."""

    def __init__(self) -> None:
        super().__init__()
        self.hands, self.fingers = HandTagger(), FingerModel()

    @cached_property
    def search(self) -> FingerSearch:
        """The search for fingers with these tables, as they are when it is first asked for."""
        return FingerSearch(self.fingers)


@cache
def load_fingering() -> FingeringModel:
    """The fingering of the package (docs/data.md says what it is learnt from)."""
    data = (resources.files("apvg") / "models" / "fingering" / WEIGHTS).read_bytes()
    model = FingeringModel()
    model.load_state_dict({name: tensor.float() for name, tensor in load(data).items()})
    return model.eval().requires_grad_(False)


def plan(
    notes: Notes, given: Fingering | None = None, model: FingeringModel | None = None
) -> Fingering:
    """Hands and fingers of notes that are all known.

    Args:
        notes: The notes.
        given: What is decided already.
        model: What is learnt of fingering; the package's by default.
    """
    model = model or load_fingering()
    given = given or Fingering.unknown(len(notes))
    hand_N = _hands(notes, given.hand_N, model.hands)
    finger_N = np.full(len(notes), UNKNOWN)
    for hand in (LEFT, RIGHT):
        chosen_N = np.flatnonzero(hand_N == hand)
        finger_N[chosen_N] = _fingers(notes, chosen_N, hand, given.finger_N, model.search)
    return Fingering(hand_N, finger_N)


def planned(notes: Notes, fingering: Fingering) -> Planned:
    """Notes with their fingers, and when these leave the keys."""
    return Planned(
        notes.onset_N,
        release_times(notes, fingering),
        notes.pitch_N,
        fingering.hand_N,
        fingering.finger_N,
    )


def release_times(notes: Notes, fingering: Fingering) -> np.ndarray:
    """When each note's finger leaves its key, seconds [N]: when the note is over, or before it if
    the finger or the whole hand is needed elsewhere."""
    release_N = notes.offset_N.copy()
    for hand in (LEFT, RIGHT):
        chosen_N = np.flatnonzero(fingering.hand_N == hand)
        if not len(chosen_N):
            continue
        keys = as_right_hand(
            notes.pitch_N[chosen_N], notes.onset_N[chosen_N], notes.offset_N[chosen_N], hand
        )
        finger_N = fingering.finger_N[chosen_N]
        middle_N = keys.x_N - TIP_X[finger_N.clip(0)]
        release_N[chosen_N] = _releases(keys.onset_N, keys.offset_N, finger_N, middle_N)
    return release_N


def _releases(
    onset_N: np.ndarray, offset_N: np.ndarray, finger_N: np.ndarray, middle_N: np.ndarray
) -> np.ndarray:
    release_N = offset_N.copy()
    for n, onset in enumerate(onset_N):
        for later in range(n + 1, len(onset_N)):
            after = onset_N[later] - onset
            if onset_N[later] >= release_N[n]:
                break
            if after <= 0:
                continue
            again = finger_N[later] == finger_N[n]
            if again or abs(middle_N[later] - middle_N[n]) > _STAYS_WITHIN:
                release_N[n] = onset_N[later] - min(_UP, _UP_SHARE * after)
                break
        if finger_N[n] < 0:
            release_N[n] = onset
    return release_N


def _hands(notes: Notes, given_N: np.ndarray, tagger: HandTagger) -> np.ndarray:
    """The hand of each note: the tagger's, within what hands can span."""
    logit_N = np.zeros(len(notes))
    # Long music in windows that overlap by half on each side.
    half = WINDOW // 3
    for first in range(0, len(notes), half):
        window = slice(max(0, first - half), first + 2 * half)
        of_window_N = tagger.tag(
            notes.onset_N[window], notes.offset_N[window], notes.pitch_N[window]
        )
        inner = slice(first - window.start, first - window.start + half)
        logit_N[first : first + half] = of_window_N[inner]
    logit_N = np.where(given_N == UNKNOWN, logit_N, np.where(given_N == RIGHT, 1e3, -1e3))
    hand_N = (logit_N > 0).astype(np.int64)
    for group in onset_groups(notes.onset_N):
        if len(group) > 1:
            hand_N[group] = _split(notes.pitch_N[group], logit_N[group], hand_N[group])
    return hand_N


def _split(pitch_n: np.ndarray, logit_n: np.ndarray, tagged_n: np.ndarray) -> np.ndarray:
    """The hands of notes that begin together: as tagged, or lower and upper notes, whichever is
    the best that two hands can play."""
    x_n = KEY_X[pitch_n - LOWEST_PITCH]
    by_height_n = np.argsort(np.argsort(pitch_n, kind="stable"))
    ways = [tagged_n, *(np.int64(by_height_n >= split) for split in range(len(pitch_n) + 1))]

    def cost(hand_n: np.ndarray) -> float:
        total = float(np.logaddexp(0, np.where(hand_n == RIGHT, -logit_n, logit_n)).sum())
        for hand in (LEFT, RIGHT):
            own_n = x_n[hand_n == hand]
            if len(own_n):
                total += _TOO_WIDE * max(0.0, float(np.ptp(own_n)) - _WIDEST)
                total += _TOO_WIDE * max(0, len(own_n) - FINGERS)
        return total

    return min(ways, key=cost)


def _fingers(
    notes: Notes,
    chosen_N: np.ndarray,
    hand: int,
    given_N: np.ndarray,
    search: FingerSearch,
    **phrase: bool,
) -> np.ndarray:
    keys = as_right_hand(
        notes.pitch_N[chosen_N], notes.onset_N[chosen_N], notes.offset_N[chosen_N], hand
    )
    return search(keys, given_N[chosen_N], **phrase)


class Agendas(Protocol):
    """What gives agendas while music goes on."""

    def next(self, notes_2TP: np.ndarray) -> np.ndarray:
        """The agendas [T, 2, 5, 15] of the next frames.

        Args:
            notes_2TP: Planes of onsets and of keys that are down, [2, T, 88], as they come.
        """
        ...


class WrittenAgendas:
    """Agendas of notes that are known and planned as a whole; what sounds does not matter.

    Args:
        planned: The notes with their fingers.
        fps: Frames per second.
        first: The number of the first frame; frames before 0 lie before the music.
    """

    def __init__(self, planned: Planned, fps: float, *, first: int = 0) -> None:
        self._planned, self._fps, self._frame = planned, fps, first

    def next(self, notes_2TP: np.ndarray) -> np.ndarray:
        """See :class:`Agendas`."""
        frame_T = self._frame + np.arange(notes_2TP.shape[1])
        self._frame += len(frame_T)
        return agenda(self._planned, frame_T / self._fps, self._fps, SHOWN / self._fps)


@dataclass(frozen=True)
class _Note:
    """A note on its way through the planner; the offset is infinite while its key is down."""

    onset: float
    offset: float
    pitch: int
    hand: int = UNKNOWN
    finger: int = UNKNOWN
    decided: bool = False


class FingeringPlanner:
    """One piece of music on its way through the fingering stage.

    Args:
        fps: Frames per second.
        lookahead: How far it sees beyond the frame that it answers for, frames.
        first: The number of the first frame that comes; frames before 0 lie before the music.
        longest: Keys count as held for so many seconds at most; infinite where the ends of notes
            are sure.
        model: What is learnt of fingering; the package's by default.
    """

    def __init__(
        self,
        fps: float,
        lookahead: int,
        *,
        first: int = 0,
        longest: float = np.inf,
        model: FingeringModel | None = None,
    ) -> None:
        self.fps, self.lookahead, self.longest = fps, lookahead, longest
        self._shown = min(SHOWN, lookahead)
        self._model = model or load_fingering()
        self._every = max(1, lookahead // _PLANS)
        self._notes: list[_Note] = []
        self._come = first  # frames
        self._changed = False
        self._planned: Planned | None = None

    def begin(self, onset: float, pitch: int) -> None:
        """A note begins."""
        self.release(onset, pitch)
        self._notes.append(_Note(onset, np.inf, pitch))
        self._changed, self._planned = True, None

    def release(self, offset: float, pitch: int) -> None:
        """A key is let go, if it is down."""
        for place, note in enumerate(self._notes):
            if note.pitch == pitch and note.offset == np.inf:
                self._notes[place] = replace(note, offset=max(offset, note.onset))
                self._planned = None

    def next(self, notes_2TP: np.ndarray) -> np.ndarray:
        """The next frames' notes, and the agendas [T, 2, 5, 15] of the frames that lie the
        look-ahead before them; see :class:`Agendas`."""
        agendas = []
        for onset_P, down_P in notes_2TP.transpose(1, 0, 2) > 0.5:
            now = self._come / self.fps
            for note in [note for note in self._notes if note.offset == np.inf]:
                if not down_P[note.pitch - LOWEST_PITCH]:
                    self.release(now, note.pitch)
            for key in np.flatnonzero(onset_P):
                self.begin(now, int(key) + LOWEST_PITCH)
            agendas.append(self.advance())
        return np.concatenate(agendas) if agendas else agenda(_nothing(), np.zeros(0), 1.0, 0.0)

    def advance(self) -> np.ndarray:
        """One frame more has come: the agenda [1, 2, 5, 15] of the frame that lies the
        look-ahead before it."""
        known = self._come / self.fps
        now = known - self.lookahead / self.fps
        if self._changed and self._come % self._every == 0:
            self._plan(now, known)
            self._changed, self._planned = False, None
        self._come += 1
        if self._planned is None:
            fingering = Fingering(
                np.array([note.hand for note in self._notes], np.int64),
                np.array([note.finger for note in self._notes], np.int64),
            )
            self._planned = planned(self._as_notes(np.inf), fingering)
        return agenda(self._planned, np.array([now]), self.fps, self._shown / self.fps)

    def _plan(self, now: float, known: float) -> None:
        """Plan all notes that are not decided, and decide those that must be."""
        self._notes = [
            note
            for note in self._notes
            if note.onset > now - _OLD or (note.offset > now and note.onset > now - 4 * _OLD)
        ]
        notes = self._as_notes(known)
        given = Fingering(
            np.array([note.hand for note in self._notes], np.int64),
            np.array([note.finger if note.decided else UNKNOWN for note in self._notes], np.int64),
        )
        decided_N = np.array([note.decided for note in self._notes], bool)
        hand_N = _hands(notes, np.where(decided_N, given.hand_N, UNKNOWN), self._model.hands)
        soon = now + min(_DECIDED, self.lookahead / self.fps) + self._every / self.fps
        for hand in (LEFT, RIGHT):
            chosen_N = np.flatnonzero(hand_N == hand)
            open_N = chosen_N[~decided_N[chosen_N]]
            if not len(open_N):
                continue
            # From a few decided groups on, so that music may be of any length.
            before_N = chosen_N[chosen_N < open_N[0]]
            groups = onset_groups(notes.onset_N[before_N])
            context_N = before_N[groups[-_CONTEXT][0] :] if len(groups) > _CONTEXT else before_N
            planned_N = chosen_N[chosen_N >= (context_N[0] if len(context_N) else open_N[0])]
            finger_N = _fingers(
                notes,
                planned_N,
                hand,
                given.finger_N,
                self._model.search,
                begins=not len(before_N),
                ends=known - notes.onset_N[planned_N[-1]] > _PHRASE,
            )
            for place, finger in zip(planned_N, finger_N, strict=True):
                note = self._notes[place]
                if not note.decided:
                    self._notes[place] = replace(
                        note, hand=hand, finger=int(finger), decided=note.onset <= soon
                    )

    def _as_notes(self, known: float) -> Notes:
        """The notes; keys that are still down are let go at `known`, or when the longest note is
        over."""
        onset_N = np.array([note.onset for note in self._notes], np.float64)
        offset_N = np.array([note.offset for note in self._notes], np.float64)
        offset_N = np.minimum(offset_N, onset_N + self.longest)
        offset_N = np.maximum(np.minimum(offset_N, known), np.nextafter(onset_N, np.inf))
        pitch_N = np.array([note.pitch for note in self._notes], np.int64)
        return Notes(onset_N, offset_N, offset_N, pitch_N, np.full(len(self._notes), 64))


def _nothing() -> Planned:
    empty = np.zeros(0)
    return Planned(empty, empty, empty.astype(int), empty.astype(int), empty.astype(int))
