"""Performs a draft with two hands: timing, loudness and pedal, within what human hands can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from apvg.instruments.keyboard import KEY_X
from apvg.instruments.pitch_grid import HIGHEST_PITCH, LOWEST_PITCH
from apvg.music.pitch_range import fold_pitch
from apvg.virtual.common.draft import Draft

#: The most keys that a hand holds, and how far apart they lie at most, white keys: a tenth (own
#: choice).
FINGERS = 5
REACH = 9.0
#: Seconds that a key needs to come up before it can be pressed again.
RESTRIKE = 0.03
# Notes of a hand are one chord, or are at least this far apart, seconds.
_CHORD_SPREAD, _NEXT_ONSET = 0.035, 0.05
_SHORTEST = 0.045  # seconds; the least time that a key is down
_RELEASE_SHARE = 0.6  # of a leap's time, from the release of the old key on
_LONGEST_LEAP = 1.2  # seconds: more than the way along the whole keyboard takes
_JITTER = 0.008  # seconds, standard deviation of a played onset


@dataclass
class PlayedNote:
    """A played note: its hand, times (seconds), key and velocity; `weight` says how important it
    is."""

    hand: int
    onset: float
    offset: float
    pitch: int
    velocity: int
    weight: float


def leap_seconds(distance: float) -> float:
    """The least time between two onsets of one hand, so many white keys apart, seconds (own
    choice)."""
    return 0.12 + 0.02 * distance if distance > REACH else 0.0


def play(draft: Draft, seconds: float) -> tuple[list[PlayedNote], list[tuple[float, float]]]:
    """Perform a draft within so many seconds.

    Returns:
        The played notes in the order of their onsets, and the times (down, up) of the sustain
        pedal.
    """
    rng = draft.rng
    clock = _Clock(draft, seconds)
    arc = _loudness(draft)
    starts = np.array([phrase.start for phrase in draft.phrases])
    ends = np.array([phrase.end for phrase in draft.phrases])
    silent = _resting_hands(draft, starts)
    strokes = []
    for note in sorted(draft.written, key=lambda note: (note.beat, note.pitch)):
        phrase = _index_at(starts, note.beat)
        if (phrase, note.hand) in silent:
            continue
        touch = note.touch if note.touch is not None else draft.touch[note.hand]
        onset = clock.at(note.beat) + float(np.clip(rng.normal(0, _JITTER), -0.016, 0.016))
        stop = min(note.beat + note.length * touch, ends[phrase])
        offset = clock.at(stop, before=True) + rng.normal(0, 0.01)
        velocity = arc(note.beat) + note.loud + rng.normal(0, 2.5)
        strokes.append(
            PlayedNote(
                note.hand,
                max(onset, 0.0),
                max(offset, onset + 0.06),
                fold_pitch(note.pitch, LOWEST_PITCH, HIGHEST_PITCH),
                int(np.clip(round(velocity), 25, 120)),
                note.loud,
            )
        )
    end = clock.end
    strokes = [
        replace(stroke, offset=min(stroke.offset, end))
        for stroke in make_playable(strokes)
        if stroke.onset < end - 0.1
    ]
    return strokes, _pedal(draft, clock)


def _index_at(starts: np.ndarray, beat: float) -> int:
    """The index of the phrase that a beat lies in."""
    return max(0, int(np.searchsorted(starts, beat + 1e-6, side="right")) - 1)


def _resting_hands(draft: Draft, starts: np.ndarray) -> set[tuple[int, int]]:
    """(phrase, hand) where a hand rests although notes are written: in one phrase of ten, and never
    both hands."""
    hands: dict[int, set[int]] = {}
    for note in draft.written:
        hands.setdefault(_index_at(starts, note.beat), set()).add(note.hand)
    return {
        (phrase, int(draft.rng.integers(2)))
        for phrase in sorted(hands)
        if len(hands[phrase]) == 2 and draft.rng.random() < 0.1
    }


class _Clock:
    """Maps beats to seconds, with rubato, a final ritardando, and silence before, between and after
    phrases."""

    def __init__(self, draft: Draft, seconds: float) -> None:
        rng = draft.rng
        short = min(1.0, seconds / 20)  # short pieces have short silences
        lead, tail = rng.uniform(0.5, 3.0, 2) * short
        chosen = [phrase.end for phrase in draft.phrases[:-1] if rng.random() < draft.pauses]
        if not chosen and len(draft.phrases) > 1 and rng.random() < 0.85:
            chosen = [draft.phrases[int(rng.integers(len(draft.phrases) - 1))].end]
        # Pauses may take a fifth of a piece, no more.
        lengths = rng.uniform(1.0, 4.0, len(chosen)) * short
        kept = np.cumsum(lengths) <= 0.2 * seconds
        self._pause_beats = np.array(chosen)[kept]
        self._pauses = lengths[kept]
        last = max(phrase.end for phrase in draft.phrases)
        grid = np.arange(0, last + 0.125, 0.25)
        slow = np.ones(len(grid))
        for phrase in draft.phrases:
            inside = (grid >= phrase.start) & (grid < phrase.end)
            place = (grid[inside] - phrase.start) / (phrase.end - phrase.start)
            # A phrase starts slowly, speeds up in the middle, and slows down into the cadence.
            slow[inside] += (
                draft.rubato * rng.uniform(0.5, 1.5) * (1.6 * (2 * place - 1) ** 2 - 0.6)
            )
        drift = np.interp(grid, grid[::16], rng.normal(0, draft.rubato / 2, len(grid[::16])))
        slow += drift
        close = np.clip((grid - (last - min(2 * draft.metre.length, 0.3 * last))) / last, 0, None)
        slow += rng.uniform(0.2, 0.7) * close / max(close.max(), 1e-9)
        steps = slow[:-1] * 0.25 * 60 / draft.tempo
        # The tempo is adjusted a little so that the music ends where the last silence begins.
        wanted = seconds - lead - tail - self._pauses.sum()
        steps *= np.clip(wanted / steps.sum(), 0.88, 1.15)
        self._grid, self._times = grid, np.r_[0.0, np.cumsum(steps)]
        self._swing = draft.swing
        self._lead = lead
        self.end = min(seconds - tail, self.at(last, before=True))

    def at(self, beat: float, *, before: bool = False) -> float:
        """The time of a beat, seconds; at a pause its end, or its beginning if `before` is set."""
        whole = np.floor(beat + 1e-9)
        part = beat - whole
        if self._swing:
            part = np.interp(part, (0, 0.5, 1), (0, 0.5 + self._swing, 1))
        passed = self._pause_beats < beat - 1e-6 if before else self._pause_beats <= beat + 1e-6
        time = np.interp(whole + part, self._grid, self._times)
        return float(self._lead + time + self._pauses[passed].sum())


def _loudness(draft: Draft) -> Callable[[float], float]:
    """Velocity by beat: the level of the section, an arch over the phrase, and accents on
    pulses."""
    rng = draft.rng
    base = rng.uniform(45, 82)
    levels = {phrase.section: base + rng.normal(0, 10) for phrase in draft.phrases}
    arches = rng.uniform(4, 16, len(draft.phrases)) * np.where(
        rng.random(len(draft.phrases)) < 0.8, 1, -1
    )
    strong, weak = rng.uniform(3, 9), rng.uniform(0, 4)
    starts = np.array([phrase.start for phrase in draft.phrases])

    def at(beat: float) -> float:
        index = _index_at(starts, beat)
        phrase = draft.phrases[index]
        place = np.clip((beat - phrase.start) / (phrase.end - phrase.start), 0, 1)
        in_bar = (beat - phrase.start) % draft.metre.length
        accent = 0.0
        if in_bar < 1e-6 or draft.metre.length - in_bar < 1e-6:
            accent = strong
        elif any(abs(in_bar - pulse) < 1e-6 for pulse in draft.metre.pulses):
            accent = weak
        return levels[phrase.section] + arches[index] * (np.sin(np.pi * place) - 0.5) + accent

    return at


def _pedal(draft: Draft, clock: _Clock) -> list[tuple[float, float]]:
    """Times of the pedal (down, up): down just after each harmony, and up at the next one."""
    if draft.pedal is None:
        return []
    parts = (
        [(bar.start, bar.start + draft.metre.length) for bar in draft.bars]
        if draft.pedal == "bar"
        else [(span.start, span.start + span.length) for span in draft.spans]
    )
    times = [(clock.at(a) + 0.08, clock.at(b, before=True) + 0.01) for a, b in parts]
    return [
        (down, min(up, clock.end + 0.3)) for down, up in times if min(up, clock.end) > down + 0.05
    ]


def make_playable(strokes: list[PlayedNote]) -> list[PlayedNote]:
    """Make notes playable for two hands: release keys earlier, move notes by octaves, or leave them
    out.

    Afterwards, in each hand: at most `FINGERS` keys are held at once, within `REACH` white keys;
    keys further apart than that follow each other by :func:`leap_seconds` at least, the first one
    let go by 0.6 of that time before; onsets lie within 35 ms (a chord) or 50 ms apart at least. No
    key is pressed until `RESTRIKE` after its release, by either hand; the left hand strikes no key
    above one that the right holds or strikes at the same time, nor the reverse.
    """
    played: list[PlayedNote] = []
    # Of a chord the most important notes come first, so that melody and bass are kept.
    order = sorted(strokes, key=lambda s: (round(s.onset / 0.04), -s.weight, s.onset))
    for stroke in order:
        recent = [
            old
            for old in played[-80:]
            if old.onset > stroke.onset - _LONGEST_LEAP or old.offset > stroke.onset - _LONGEST_LEAP
        ]
        for shift in (0, 12, -12, 24, -24):
            pitch = stroke.pitch + shift
            if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
                continue
            wanted = replace(stroke, pitch=pitch)
            cuts = _cuts(wanted, recent)
            if cuts is not None:
                for old, offset in cuts:
                    old.offset = offset
                played.append(wanted)
                break
    return sorted(played, key=lambda s: (s.onset, s.pitch))


def _cuts(new: PlayedNote, recent: list[PlayedNote]) -> list[tuple[PlayedNote, float]] | None:
    """How early older notes must end so that `new` can be played; None if it cannot."""
    cuts = []
    together = [new.pitch]
    for old in recent:
        # Chords are not sorted within: `old` may come a moment later than `new`.
        first, second = (old, new) if old.onset <= new.onset else (new, old)
        apart = second.onset - first.onset
        distance = abs(KEY_X[old.pitch - LOWEST_PITCH] - KEY_X[new.pitch - LOWEST_PITCH])
        latest = np.inf
        if old.pitch == new.pitch:
            latest = second.onset - RESTRIKE
        if old.hand == new.hand:
            leap = leap_seconds(distance)
            if apart < leap or _CHORD_SPREAD < apart < _NEXT_ONSET:
                return None
            if leap:
                latest = min(latest, second.onset - _RELEASE_SHARE * leap)
        elif (first.offset > second.onset or apart < 0.1) and (old.pitch >= new.pitch) != (
            old.hand > new.hand
        ):
            if apart < 0.1:
                return None
            latest = min(latest, second.onset - RESTRIKE)
        if first.offset > latest:
            if latest - first.onset < _SHORTEST:
                return None
            if first is new:
                return None
            cuts.append((old, latest))
        elif first.offset > second.onset and old.hand == new.hand:
            together.append(old.pitch)
    if len(together) > FINGERS or not _spans(together):
        # Release what was pressed earlier; notes of the same chord stay.
        free = [
            old
            for old in recent
            if old.hand == new.hand and new.onset < old.offset and new.onset - old.onset > 0.08
        ]
        cut_ids = {id(old) for old, _ in cuts}
        cuts += [(old, new.onset - 0.01) for old in free if id(old) not in cut_ids]
        freed = {id(old) for old in free}
        together = [new.pitch] + [
            old.pitch
            for old in recent
            if old.hand == new.hand
            and id(old) not in freed | cut_ids
            and old.offset > new.onset - 0.04
            and old.onset < new.offset
        ]
        if len(together) > FINGERS or not _spans(together):
            return None
    return cuts


def _spans(pitches: list[int]) -> bool:
    x = KEY_X[np.array(pitches) - LOWEST_PITCH]
    return bool(x.max() - x.min() <= REACH)
