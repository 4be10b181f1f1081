"""Which string and finger play each note: the way through a melody that costs the left hand least.

A search over all notes at once (Viterbi), in the manner of Sayegh (1989): every note can be stopped in several places; what
a place costs, and what it costs to go there from the place before, is own choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apvg.midi import Notes
from apvg.virtual.strings.instruments import HandFrame, StringInstrument

#: Costs: of a metre that the hand shifts in no time, of a string crossed, of a semitone further up, of an open string that is
#: held for a second (it has no vibrato), of the little finger, of one finger on two notes without a shift of the hand.
_SHIFT, _CROSSING, _HEIGHT, _OPEN, _LITTLE, _SLIDE = 6.0, 0.25, 0.04, 0.5, 0.15, 2.0
#: The hand has at least so long for a shift, seconds.
_QUICKEST = 0.12


@dataclass(frozen=True)
class Stop:
    """How one note is stopped.

    Attributes:
        string: From 0, the lowest.
        finger: 1 to 4; 0 is the open string.
        hand: Place of the first finger, semitones above the nut; of an open string wherever the hand happens to be.
        frame: Where the other fingers are.
    """

    string: int
    finger: int
    hand: int
    frame: HandFrame


def finger_notes(notes: Notes, instrument: StringInstrument) -> list[Stop]:
    """The cheapest way to stop a melody.

    Raises:
        ValueError: A pitch that the instrument lacks.
    """
    if not len(notes):
        return []
    choices = [_choices(int(pitch), instrument) for pitch in notes.pitch_N]
    costs = [_own_cost(stop, 0.0) for stop in choices[0]]
    back: list[np.ndarray] = []
    for index in range(1, len(notes)):
        time = float(notes.onset_N[index] - notes.onset_N[index - 1])
        length = float(notes.offset_N[index] - notes.onset_N[index])
        ways_AB = np.array(
            [
                [cost + _way_cost(before, after, time, instrument) for after in choices[index]]
                for before, cost in zip(choices[index - 1], costs, strict=True)
            ]
        )
        back.append(ways_AB.argmin(axis=0))
        own_B = [_own_cost(stop, length) for stop in choices[index]]
        costs = list(ways_AB.min(axis=0) + own_B)
    at = int(np.argmin(costs))
    chosen = [choices[-1][at]]
    for index in range(len(notes) - 1, 0, -1):
        at = int(back[index - 1][at])
        chosen.append(choices[index - 1][at])
    return chosen[::-1]


def _choices(pitch: int, instrument: StringInstrument) -> list[Stop]:
    """All ways to stop a pitch. With an open string the hand can be anywhere, since it has nothing to hold."""
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
    # An open string lets the hand go while it sounds.
    free = 0.5 if 0 in (before.finger, after.finger) else 1.0
    cost = _SHIFT * free * shift / max(time, _QUICKEST) ** 0.5 + 0.3 * free * (shift > 0)
    crossed = abs(after.string - before.string)
    cost += _CROSSING * crossed + 0.3 * max(crossed - 1, 0)
    same_finger = before.finger == after.finger != 0
    if same_finger and before.hand == after.hand and crossed and time < 0.4:
        cost += _SLIDE  # it would have to hop
    return cost
