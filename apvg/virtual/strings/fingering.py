"""Fingering: the string and finger of each note, by the path of least cost for the left hand.

The search is that of Sayegh (1989): every note can be stopped in several places, and the Viterbi
algorithm finds the cheapest path. Each note is decided by the notes that begin soon after it, as in
sight-reading, because a model with half a second of look-ahead cannot know what the rest of a piece
would require. The costs of places and of movements are own choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apvg.instruments.strings import HandFrame, StringInstrument
from apvg.music.notes import Notes

#: Costs of: a shift by a metre, a string crossing, a semitone of height, an open string for a
#: second (it has no vibrato), the little finger, and one finger on two strings without a shift. The
#: high cost of height brings the hand back to low positions: after four notes the fingering is
#: independent of where the hand came from in 96 % of the cases (66 % at a tenth of this cost), so
#: that it can be inferred from the music.
_SHIFT, _CROSSING, _HEIGHT, _OPEN, _LITTLE, _SLIDE = 8.0, 0.25, 0.4, 0.5, 0.15, 2.0
#: Look-ahead for the fingering of a note, seconds.
AHEAD = 0.2
#: The shortest time for a shift, seconds.
_QUICKEST = 0.12


@dataclass(frozen=True)
class Stop:
    """How one note is stopped.

    Attributes:
        string: From 0, the lowest.
        finger: 1 to 4; 0 is the open string.
        hand: Place of the first finger, semitones above the nut; for an open string it is
            arbitrary.
        frame: The places of the other fingers relative to the first.
    """

    string: int
    finger: int
    hand: int
    frame: HandFrame


def finger_notes(notes: Notes, instrument: StringInstrument, ahead: float = AHEAD) -> list[Stop]:
    """The cheapest fingering of a melody with a look-ahead of so many seconds at every note.

    Raises:
        ValueError: A pitch is out of the instrument's range.
    """
    choices = [_choices(int(pitch), instrument) for pitch in notes.pitch_N]
    until_N = np.searchsorted(notes.onset_N, notes.onset_N + ahead)
    chosen: list[Stop] = []
    for index in range(len(notes)):
        before = [chosen[-1]] if chosen else None
        last = max(int(until_N[index]), index + 1)
        chosen.append(_cheapest(before, choices[index:last], notes, index, instrument))
    return chosen


def _cheapest(
    before: list[Stop] | None,
    choices: list[list[Stop]],
    notes: Notes,
    first: int,
    instrument: StringInstrument,
) -> Stop:
    """The stop of the first of these notes on the cheapest path through all of them."""
    # The cost of every stop of a note with its best path, and the stop of the first note on that
    # path.
    costs_A, from_A = np.zeros(1), np.zeros(1, int)
    for index, stops in enumerate(choices, first):
        length = float(notes.offset_N[index] - notes.onset_N[index])
        own_B = np.array([_own_cost(stop, length) for stop in stops])
        if before is None:
            costs_A, from_A = own_B, np.arange(len(stops))
        else:
            time = float(notes.onset_N[index] - notes.onset_N[index - 1])
            ways_AB = np.array([[_way_cost(a, b, time, instrument) for b in stops] for a in before])
            ways_AB += costs_A[:, None]
            best_B = ways_AB.argmin(axis=0)
            costs_A = ways_AB[best_B, np.arange(len(stops))] + own_B
            from_A = np.arange(len(stops)) if index == first else from_A[best_B]
        before = stops
    return choices[0][int(from_A[costs_A.argmin()])]


def _choices(pitch: int, instrument: StringInstrument) -> list[Stop]:
    """All ways to stop a pitch. With an open string the hand can be anywhere."""
    stops = []
    for string, open_pitch in enumerate(instrument.open_pitches):
        height = pitch - open_pitch
        if height == 0:
            frame = instrument.frames[0]
            stops += [
                Stop(string, 0, hand, frame) for hand in range(frame.lowest, frame.highest + 1)
            ]
        if not 0 < height <= instrument.reach:
            continue
        for frame in instrument.frames:
            for finger, above in enumerate(frame.semitones, 1):
                hand = height - above if above is not None else -1
                if frame.lowest <= hand <= frame.highest:
                    stops.append(Stop(string, finger, hand, frame))
    if not stops:
        raise ValueError(f"a {instrument.name} has no pitch {pitch}")
    return stops


def _own_cost(stop: Stop, length: float) -> float:
    if stop.finger == 0:
        return _OPEN * min(length, 1.0)
    return stop.frame.effort + _HEIGHT * stop.hand + _LITTLE * (stop.finger == 4)


def _way_cost(before: Stop, after: Stop, time: float, instrument: StringInstrument) -> float:
    shift = abs(float(instrument.stop(after.hand) - instrument.stop(before.hand)))
    # The hand is free while an open string sounds.
    free = 0.5 if 0 in (before.finger, after.finger) else 1.0
    cost = _SHIFT * free * shift / max(time, _QUICKEST) ** 0.5 + 0.3 * free * (shift > 0)
    crossed = abs(after.string - before.string)
    cost += _CROSSING * crossed + 0.3 * max(crossed - 1, 0)
    same_finger = before.finger == after.finger != 0
    if same_finger and before.hand == after.hand and crossed and time < 0.4:
        cost += _SLIDE  # the finger would have to hop
    return cost
