"""The performance of a melody: fingers, string and bow as functions of time, from which motion and
sound are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from apvg.instruments.strings import StringInstrument
from apvg.music.notes import Notes
from apvg.virtual.common.paths import minimum_jerk
from apvg.virtual.strings.bowing import Stroke, bow_notes
from apvg.virtual.strings.fingering import Stop, finger_notes

#: How long before its note a finger is on the string, and how long it takes to come down, seconds.
_EARLY, _FALL = 0.015, 0.07
#: How long the bow takes to cross to another string, and to turn, seconds.
_CROSS, _TURN = 0.08, 0.05
#: The shortest note with vibrato, and the delay of the vibrato; seconds.
_VIBRATO_NOTE, _VIBRATO_AFTER = 0.35, 0.15
#: How far the bow is lifted in a long rest, metres.
_LIFT = 0.04
#: Bowing point of loud and of soft notes, share of the string's length from the bridge.
_LOUD_NEAR, _SOFT_FAR = 0.09, 0.15


@dataclass(frozen=True)
class PlayingStyle:
    """How a player plays.

    Attributes:
        vibrato: Depth of the vibrato, semitones to each side.
        vibrato_hz: Its frequency.
        shift: The longest time of a shift of the left hand, seconds.
        sway: Standard deviation of the body's sway, metres at the shoulders.
        jitter: Standard deviation of small random motion of the right wrist, metres.
        fading: How much softer the tip sounds than the frog, dB, because less weight is on the bow:
            a down-bow fades and an up-bow swells.
    """

    vibrato: float = 0.22
    vibrato_hz: float = 5.5
    shift: float = 0.22
    sway: float = 0.012
    jitter: float = 0.0015
    fading: float = 5.0


class Bow(NamedTuple):
    """The bow at times [X].

    Attributes:
        place_X: The point of the hair on the string, share of the hair from the frog.
        string_X: The string it is on; fractional while it crosses between two strings.
        from_bridge_X: Bowing point on the string, metres from the bridge.
        lift_X: Height above the string, metres.
        speed_X: Bow speed, m/s; positive for down-bows, 0 if the bow does not touch the string.
    """

    place_X: np.ndarray
    string_X: np.ndarray
    from_bridge_X: np.ndarray
    lift_X: np.ndarray
    speed_X: np.ndarray


class LeftHand(NamedTuple):
    """The left hand at times [X].

    Attributes:
        hand_X: Place of the first finger, metres from the nut.
        stop_X4: Places of the four fingers, metres from the nut.
        string_X: The string that the fingers are over.
        press_X4: How far each finger is down: 1 on the string, 0 above it.
        vibrato_X: Vibrato, semitones above the stopped pitch.
    """

    hand_X: np.ndarray
    stop_X4: np.ndarray
    string_X: np.ndarray
    press_X4: np.ndarray
    vibrato_X: np.ndarray


class Performance:
    """A melody with its fingering and bowing."""

    def __init__(
        self,
        notes: Notes,
        instrument: StringInstrument,
        random: np.random.Generator,
        style: PlayingStyle | None = None,
    ) -> None:
        """
        Args:
            notes: A melody in order of onsets, without overlapping notes.
            instrument: What it is played on.
            random: Source of the player's free choices.
            style: How it is played.
        """
        if not len(notes):
            raise ValueError("a performance needs at least one note")
        self.notes, self.instrument = notes, instrument
        self.style = style or PlayingStyle()
        self.stops: list[Stop] = finger_notes(notes, instrument)
        self.strokes: list[Stroke] = bow_notes(notes, instrument, random)
        self.string_N = np.array([stop.string for stop in self.stops])
        self.finger_N = np.array([stop.finger for stop in self.stops])
        self.semitones_N = notes.pitch_N - np.array(instrument.open_pitches)[self.string_N]
        self._hand_N = _carried(np.array([stop.hand for stop in self.stops]), self.finger_N)
        above_N4 = np.array(
            [
                [a if a is not None else _last(stop) + 1.5 for a in stop.frame.semitones]
                for stop in self.stops
            ],
            np.float64,
        )
        self._stop_N4 = instrument.stop(self._hand_N[:, None] + above_N4)

    def bow(self, times_X: np.ndarray) -> Bow:
        """The bow at these times."""
        strokes = self.strokes
        start_B = np.array([stroke.start for stroke in strokes])
        stop_B = np.array([stroke.stop for stroke in strokes])
        begin_B = np.array([stroke.begin for stroke in strokes])
        end_B = np.array([stroke.end for stroke in strokes])
        at_X = (np.searchsorted(start_B, times_X, side="right") - 1).clip(0)
        length_X = stop_B[at_X] - start_B[at_X]
        ramp_X = np.minimum(_TURN, 0.3 * length_X) / length_X
        share_X = (times_X - start_B[at_X]) / length_X
        way_X = end_B[at_X] - begin_B[at_X]
        place_X = begin_B[at_X] + way_X * _run(share_X, ramp_X)
        pace_X = way_X * _pace(share_X, ramp_X) / length_X
        speed_X = pace_X * self.instrument.bow_length
        lift_X = np.zeros_like(place_X)
        # In rests the bow is lifted, moves to the beginning of the next stroke, and comes down.
        next_X = (at_X + 1).clip(max=len(strokes) - 1)
        rest_X = (times_X >= stop_B[at_X]) & (start_B[next_X] > stop_B[at_X])
        quiet_X = np.maximum(start_B[next_X] - stop_B[at_X], 1e-6)
        part_X = ((times_X - stop_B[at_X]) / quiet_X).clip(0, 1)
        moved_X = end_B[at_X] + (begin_B[next_X] - end_B[at_X]) * minimum_jerk(part_X)
        place_X = np.where(rest_X, moved_X, place_X)
        highest_X = _LIFT * (quiet_X / 0.6).clip(0, 1)
        lift_X = np.where(rest_X, highest_X * np.sin(np.pi * part_X), lift_X)
        # Before the first stroke and after the last the bow is above the string.
        lift_X = np.maximum(lift_X, _LIFT * minimum_jerk((start_B[0] - times_X) / 0.5))
        lift_X = np.maximum(lift_X, _LIFT * minimum_jerk((times_X - stop_B[-1]) / 0.5))
        loud_N = self.notes.velocity_N / 127
        far_N = _SOFT_FAR + (_LOUD_NEAR - _SOFT_FAR) * loud_N
        return Bow(
            place_X,
            self._step(self.string_N.astype(float), times_X, _CROSS, 0.6),
            self.instrument.string_length * self._step(far_N, times_X, 0.15, 0.5),
            lift_X,
            np.where(lift_X > 0, 0.0, speed_X),
        )

    def left_hand(self, times_X: np.ndarray) -> LeftHand:
        """The left hand at these times."""
        notes, style = self.notes, self.style
        first_N = self.instrument.stop(self._hand_N)
        since_N = np.diff(notes.onset_N, prepend=notes.onset_N[0] - 1.0)
        way_N = np.abs(np.diff(first_N, prepend=first_N[0]))
        takes_N = np.minimum(0.08 + style.shift * (way_N / 0.15).clip(0, 1), 0.5 * since_N)
        vibrato_X = self._vibrato(times_X)
        hand_X = self._step(first_N, times_X, takes_N, 1.0)
        stop_X4 = np.stack(
            [self._step(self._stop_N4[:, f], times_X, takes_N, 1.0) for f in range(4)], axis=1
        )
        rocked_X = np.log(2) / 12 * vibrato_X
        stop_X4 = stop_X4 + (self.instrument.string_length - stop_X4) * rocked_X[:, None]
        press_N4 = np.zeros((len(notes), 4))
        for index, finger in enumerate(self.finger_N):
            if finger:
                press_N4[index, : finger - 1] = 0.6  # the fingers behind it are near the string
                press_N4[index, finger - 1] = 1.0
        # A finger is lifted at the end of its note, unless it stops the next one, too.
        fall_N = np.minimum(_FALL, 0.5 * since_N)
        press_X4 = np.stack(
            [self._step(press_N4[:, f], times_X, fall_N, 1.0) for f in range(4)], axis=1
        )
        string_X = self._step(self.string_N.astype(float), times_X, 1.2 * fall_N, 1.0)
        return LeftHand(hand_X, stop_X4, string_X, press_X4, vibrato_X)

    def sounding(self, times_X: np.ndarray) -> np.ndarray:
        """Index of the sounding note at these times; -1 in pauses."""
        notes = self.notes
        at_X = np.searchsorted(notes.onset_N, times_X, side="right") - 1
        sounds_X = (at_X >= 0) & (times_X < notes.offset_N[at_X.clip(0)])
        return np.where(sounds_X, at_X, -1)

    def loudness(self, times_X: np.ndarray) -> np.ndarray:
        """The loudness of the phrase, 0..1, which changes slowly."""
        return np.interp(times_X, self.notes.onset_N, self.notes.velocity_N / 127)

    def weight(self, times_X: np.ndarray) -> np.ndarray:
        """Gain from the bow's weight: 1 in the middle of the hair, more towards the frog."""
        return 10 ** (self.style.fading * (0.5 - self.bow(times_X).place_X) / 20)

    def _step(
        self, value_N: np.ndarray, times_X: np.ndarray, takes: float | np.ndarray, before: float
    ) -> np.ndarray:
        """Steps from note to note.

        A share `before` of each step's duration lies before `_EARLY` ahead of the onset.
        """
        onset_N = self.notes.onset_N - before * _EARLY
        takes_N = np.broadcast_to(np.asarray(takes, np.float64), onset_N.shape)
        since_N = np.diff(onset_N, prepend=onset_N[0] - 1.0)
        # A step that continues after the onset ends before the next one begins.
        until_N = since_N if before == 1.0 else np.append(since_N[1:], np.inf)
        takes_N = np.minimum(takes_N, 0.9 * np.minimum(since_N, until_N).clip(1e-3))
        start_N = onset_N - before * takes_N
        # The last step that began; every step ends before the next begins.
        at_X = (np.searchsorted(start_N, times_X, side="right") - 1).clip(0)
        old_X = value_N[(at_X - 1).clip(0)]
        part_X = (times_X - start_N[at_X]) / takes_N[at_X]
        return old_X + (value_N[at_X] - old_X) * minimum_jerk(part_X)

    def _vibrato(self, times_X: np.ndarray) -> np.ndarray:
        notes, style = self.notes, self.style
        at_X = self.sounding(times_X)
        index_X = at_X.clip(0)
        into_X = times_X - notes.onset_N[index_X]
        left_X = notes.offset_N[index_X] - times_X
        length_X = into_X + left_X
        swells_X = minimum_jerk((into_X - _VIBRATO_AFTER) / 0.2) * minimum_jerk(left_X / 0.08)
        has_X = (at_X >= 0) & (length_X >= _VIBRATO_NOTE) & (self.finger_N[index_X] > 0)
        # The phase restarts at every note, so that it can be inferred from the music.
        wave_X = np.sin(2 * np.pi * style.vibrato_hz * (into_X - _VIBRATO_AFTER))
        return np.where(has_X, style.vibrato * swells_X * wave_X, 0.0)


def truth(performance: Performance) -> dict[str, Any]:
    """The fingering of every note and every bow stroke, as plain data.

    Returns:
        `string` and `finger` of every note (0 is the lowest string, and the open string);
        `strokes`: rows of first note, start and stop in seconds, points of the hair then (share
        from the frog), and whether the bow is placed anew.
    """
    return {
        "string": performance.string_N.tolist(),
        "finger": performance.finger_N.tolist(),
        "strokes": [
            [
                s.first,
                round(s.start, 4),
                round(s.stop, 4),
                round(s.begin, 4),
                round(s.end, 4),
                s.after_rest,
            ]
            for s in performance.strokes
        ],
    }


def _last(stop: Stop) -> float:
    return float(max(a for a in stop.frame.semitones if a is not None))


def _carried(hand_N: np.ndarray, finger_N: np.ndarray) -> np.ndarray:
    """Places of the hand; over an open string it is already where it stops next."""
    stopped_N = np.flatnonzero(finger_N > 0)
    if not len(stopped_N):
        return np.ones(len(hand_N))
    next_N = np.searchsorted(stopped_N, np.arange(len(hand_N))).clip(max=len(stopped_N) - 1)
    return hand_N[stopped_N[next_N]].astype(np.float64)


def _run(share_X: np.ndarray, ramp_X: np.ndarray) -> np.ndarray:
    """Share of a stroke done after a share of its time, with acceleration and braking for `ramp` of
    the time each."""
    share_X = share_X.clip(0, 1)
    top_X = 1 / (1 - ramp_X)
    rising_X = top_X * np.minimum(share_X, ramp_X) ** 2 / (2 * ramp_X)
    even_X = top_X * (share_X.clip(ramp_X, 1 - ramp_X) - ramp_X)
    late_X = (share_X - (1 - ramp_X)).clip(0)
    return rising_X + even_X + top_X * (late_X - late_X**2 / (2 * ramp_X))


def _pace(share_X: np.ndarray, ramp_X: np.ndarray) -> np.ndarray:
    """Derivative of :func:`_run`; 0 outside the stroke."""
    inside_X = (share_X >= 0) & (share_X <= 1)
    nearest_X = np.minimum(share_X, 1 - share_X).clip(0)
    return np.where(inside_X, np.minimum(nearest_X / ramp_X, 1) / (1 - ramp_X), 0.0)
