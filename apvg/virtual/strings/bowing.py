"""Bow strokes: their direction, extent and times.

Down-bows go from the frog to the tip. Slurred notes share a stroke, strokes alternate between down
and up, and after a rest the bow is placed anew. The length of hair that a stroke uses follows from
its duration and loudness (own choice, within what players do).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from apvg.instruments.strings import StringInstrument
from apvg.music.notes import Notes

#: In pauses shorter than this, seconds, the bow stays on the string; in longer ones it is lifted.
LIFTED_AFTER = 0.18
#: Bow speed of the softest and the loudest notes, m/s.
_SPEEDS = (0.12, 0.75)
#: The shortest stroke, metres.
_SHORTEST = 0.03
#: How long the sound of a soundfont stops where the bow turns, seconds.
_TURNS = 0.05
#: How long the sound of a soundfont overlaps the note that is slurred to it, seconds: an attack
#: beneath a sounding note sounds less like a new stroke.
_OVERLAP = 0.08


@dataclass(frozen=True)
class Stroke:
    """One stroke of the bow.

    Attributes:
        first, last: Its first note, and the one after its last.
        start, stop: When the bow starts and stops moving, seconds.
        begin, end: The point of the hair on the string then, share of the hair from the frog.
        after_rest: Whether the bow is placed anew for it.
    """

    first: int
    last: int
    start: float
    stop: float
    begin: float
    end: float
    after_rest: bool

    @property
    def down(self) -> bool:
        """Whether it goes from the frog to the tip."""
        return self.end > self.begin


def bow_notes(
    notes: Notes, instrument: StringInstrument, random: np.random.Generator
) -> list[Stroke]:
    """The strokes of a melody; slurred notes continue the stroke of the note before."""
    groups = _groups(notes)
    low, high = instrument.bow_used
    strokes: list[Stroke] = []
    for first, last in groups:
        start = float(notes.onset_N[first])
        stop = float(notes.offset_N[last - 1])
        following = float(notes.onset_N[last]) if last < len(notes) else np.inf
        if following - stop < LIFTED_AFTER:
            stop = (
                following  # the bow turns on the string, and the turn is the next note's beginning
            )
        loudness = float(np.mean(notes.velocity_N[first:last])) / 127
        speed = _SPEEDS[0] + (_SPEEDS[1] - _SPEEDS[0]) * loudness**2
        share = max(speed * (stop - start), _SHORTEST) / instrument.bow_length
        share = min(share, 0.95 * (high - low))
        after_rest = not strokes or start - strokes[-1].stop > 1e-6
        if after_rest:
            # A phrase begins with a down-bow, by the usual rule; any other choice could not be
            # inferred from the music.
            down = True
            begin = low + (high - low - share) * random.uniform(0.1, 0.5)
        else:
            down = not strokes[-1].down
            begin = strokes[-1].end
            # Strokes towards the middle use more hair than those away from it, so that the hair
            # never runs out.
            away = (begin - (low + high) / 2) / (high - low) * (1 if down else -1)
            share *= float(np.clip(1 - 0.5 * away, 0.75, 1.25))
        # The previous stroke came from this side, so at least the shortest stroke is left.
        end = float(np.clip(begin + (share if down else -share), low, high))
        strokes.append(Stroke(first, last, start, stop, begin, end, after_rest))
    return strokes


def slur(notes: Notes, longest: int, random: np.random.Generator) -> Notes:
    """The same notes with slurs of up to `longest` notes per stroke.

    Strokes end at pauses, at repeated notes, and where the hair runs out.
    """
    slurred_N = np.zeros(len(notes), bool)
    begun, count = 0, 1
    for index in range(1, len(notes)):
        silence = notes.onset_N[index] - notes.offset_N[index - 1]
        repeated = notes.pitch_N[index] == notes.pitch_N[index - 1]
        lasting = notes.offset_N[index] - notes.onset_N[begun]
        joins = count < longest and silence < 0.06 and not repeated and lasting < 2.5
        if joins and random.random() < 0.93:
            slurred_N[index], count = True, count + 1
        else:
            begun, count = index, 1
    return replace(notes, slurred_N=slurred_N)


def articulated(notes: Notes) -> Notes:
    """The same notes for a synthesiser without slurs: the sound stops briefly before every stroke,
    and slurred notes overlap."""
    joined_N = np.append(notes.slurred_N[1:], False)
    until_N = np.append(notes.onset_N[1:], np.inf) - _TURNS
    shortest_N = notes.onset_N + 0.5 * (notes.offset_N - notes.onset_N)
    offset_N = np.minimum(notes.offset_N, np.maximum(until_N, shortest_N))
    overlapping_N = np.minimum(notes.offset_N + _OVERLAP, _next_onset(notes))
    offset_N = np.where(joined_N, overlapping_N, offset_N)
    return replace(notes, offset_N=offset_N, sounding_N=offset_N)


def _next_onset(notes: Notes) -> np.ndarray:
    """The next onset of each note's pitch, [N], infinity if there is none.

    No key can be pressed while it is down.
    """
    again_N = np.full(len(notes), np.inf)
    for pitch in np.unique(notes.pitch_N):
        same = np.flatnonzero(notes.pitch_N == pitch)
        again_N[same[:-1]] = notes.onset_N[same[1:]]
    return again_N


def turning_gain(
    notes: Notes, samples: int, sample_rate: int, depth: float, seconds: float = 0.05
) -> np.ndarray:
    """A gain that makes strokes audible in the sound of a synthesiser: [S], lower by `depth` where
    the bow turns.

    It is lowest just before the new stroke, and back to 1 after half the time of the turn.
    """
    gain_S = np.ones(samples)
    width = round(seconds * sample_rate)
    dip_W = depth * np.hanning(width)
    for onset in notes.onset_N[~notes.slurred_N]:
        first = round((onset - 0.6 * seconds) * sample_rate)
        begin, end = max(first, 0), min(first + width, samples)
        if begin < end:
            dipped_W = 1 - dip_W[begin - first : end - first]
            gain_S[begin:end] = np.minimum(gain_S[begin:end], dipped_W)
    return gain_S


def _groups(notes: Notes) -> list[tuple[int, int]]:
    firsts = [i for i in range(len(notes)) if i == 0 or not notes.slurred_N[i]]
    return list(zip(firsts, [*firsts[1:], len(notes)], strict=True))
