"""A piece as it is composed: bars, harmonies and notes in beats, before it is performed.

Beats are quarter notes. All ranges and probabilities are own choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from apvg.virtual.common.harmony import Chord, build_chord, draw_progression

LEFT, RIGHT = 0, 1
#: The shortest piece that can be composed, seconds.
SHORTEST = 5
_FASTEST = 0.095  # seconds from note to note that a good player can sustain


@dataclass(frozen=True)
class Metre:
    """A bar's length in quarter notes, and the beats of its pulses."""

    length: float
    pulses: tuple[float, ...]


METRES = {
    "2/4": Metre(2, (0, 1)),
    "3/4": Metre(3, (0, 1, 2)),
    "4/4": Metre(4, (0, 1, 2, 3)),
    "5/4": Metre(5, (0, 1, 2, 3, 4)),
    "6/8": Metre(3, (0, 1.5)),
}
# How a melody may fill one pulse, from calm to busy. A pulse is a quarter, in 6/8 a dotted quarter.
_SIMPLE_CELLS = (
    ((1,), (1,), (0.5, 0.5)),
    ((1,), (0.5, 0.5), (0.75, 0.25), (0.5, 0.5)),
    ((0.5, 0.5), (0.25,) * 4, (0.5, 0.25, 0.25), (0.25, 0.25, 0.5), (1,)),
)
_COMPOUND_CELLS = (
    ((1.5,), (1, 0.5)),
    ((1, 0.5), (0.5, 0.5, 0.5), (1.5,)),
    ((0.5, 0.5, 0.5), (0.25,) * 6, (0.75, 0.25, 0.5)),
)


@dataclass(frozen=True)
class Span:
    """A chord that holds from `start` for `length` beats."""

    start: float
    length: float
    chord: Chord


@dataclass(frozen=True)
class Bar:
    """A bar: its first beat, and its harmonies in order."""

    start: float
    spans: tuple[Span, ...]

    def chord_at(self, beat: float) -> Chord:
        """The chord that holds at a beat of the piece."""
        return next(span.chord for span in reversed(self.spans) if span.start <= beat + 1e-6)


@dataclass(frozen=True)
class Phrase:
    """Bars that end with a cadence; phrases of one section share their motifs."""

    section: str
    bars: tuple[Bar, ...]
    start: float
    end: float

    def chord_at(self, beat: float) -> Chord:
        """The chord that holds at a beat of the piece."""
        return next(bar for bar in reversed(self.bars) if bar.start <= beat + 1e-6).chord_at(beat)


@dataclass(frozen=True)
class Written:
    """One note as written.

    Attributes:
        hand: 0 left, 1 right.
        beat: Its first beat.
        length: Its length, beats.
        pitch: MIDI number, not yet within the piano's range.
        loud: Added to the velocity that follows from its place in the phrase.
        touch: Share of its length for which the key is held; None takes the hand's usual share.
    """

    hand: int
    beat: float
    length: float
    pitch: int
    loud: float
    touch: float | None


@dataclass
class Draft:
    """A planned piece, which a style fills with notes.

    Attributes:
        tempo: Quarter notes a minute.
        pedal: How often the sustain pedal is changed, "bar" or "chord"; None for no pedal.
        swing: Delay of the off-beat eighth, beats.
        rubato: Relative variation of the tempo within phrases.
        touch: Usual share of a note's length for which each hand (left, right) holds its key.
        pauses: Share of the phrases that are followed by silence.
    """

    rng: np.random.Generator
    tempo: float
    metre: Metre
    phrases: tuple[Phrase, ...]
    pedal: str | None
    swing: float
    rubato: float
    touch: tuple[float, float]
    pauses: float
    written: list[Written] = field(default_factory=list)
    _motifs: dict[tuple[str, int], list[list[tuple[float, int | None]]]] = field(
        default_factory=dict
    )

    @property
    def bars(self) -> list[Bar]:
        """All bars in order."""
        return [bar for phrase in self.phrases for bar in phrase.bars]

    @property
    def spans(self) -> list[Span]:
        """All harmonies in order."""
        return [span for bar in self.bars for span in bar.spans]

    def pace(self, *lengths: float) -> float:
        """The first of the note lengths (shortest first) that can be played at this tempo."""
        return next((x for x in lengths if x * 60 / self.tempo >= _FASTEST), lengths[-1])

    def play(
        self,
        hand: int,
        beat: float,
        length: float,
        pitches: int | Iterable[int],
        loud: float = 0.0,
        touch: float | None = None,
    ) -> None:
        """Write a note or a chord."""
        for pitch in [pitches] if isinstance(pitches, int | np.integer) else pitches:
            self.written.append(Written(hand, beat, length, int(pitch), loud, touch))

    def motifs(self, section: str, busy: int) -> list[list[tuple[float, int | None]]]:
        """Three motifs of one bar, the same for a whole section: pairs of length and step in the
        scale (None is a rest)."""
        if (section, busy) not in self._motifs:
            self._motifs[section, busy] = [self._draw_motif(busy) for _ in range(3)]
        return self._motifs[section, busy]

    def _draw_motif(self, busy: int) -> list[tuple[float, int | None]]:
        rng = self.rng
        compound = self.metre.pulses == (0, 1.5)
        cells = (_COMPOUND_CELLS if compound else _SIMPLE_CELLS)[busy]
        motif: list[tuple[float, int | None]] = []
        pulse, direction = 0, int(rng.choice((-1, 1)))
        while pulse < len(self.metre.pulses):
            if busy < 2 and not compound and pulse + 1 < len(self.metre.pulses):
                joined = ((2,), (1.5, 0.5)) if rng.random() < 0.4 - 0.2 * busy else ()
            else:
                joined = ()
            cell = joined[rng.integers(2)] if joined else cells[rng.integers(len(cells))]
            pulse += 2 if joined else 1
            for length in cell:
                if rng.random() < 0.3:
                    direction = -direction
                step = direction * int(
                    rng.choice((1, 1, 1, 2, 0, 3), p=(0.3, 0.3, 0.12, 0.13, 0.08, 0.07))
                )
                motif.append((float(length), None if rng.random() < 0.06 else step))
        return motif

    def melody(
        self, phrase: Phrase, home: int, busy: int, reach: int = 7
    ) -> list[tuple[float, float, int]]:
        """A melody over a phrase, (beat, length, pitch): an arch around `home`, with recurring
        motifs and a long last note."""
        rng = self.rng
        motifs = self.motifs(phrase.section, busy)
        order = [(0, 0, 1), (0, 1, 0), (0, 1, 2)][rng.integers(3)]
        sign = 1 if rng.random() < 0.75 else -1
        tune: list[tuple[float, float, int]] = []
        pitch = nearest(phrase.bars[0].chord_at(phrase.start).tones, home)
        for index, bar in enumerate(phrase.bars):
            if index == len(phrase.bars) - 1:
                length = self.metre.length * float(rng.choice((0.5, 0.75, 1.0)))
                tones = bar.chord_at(bar.start).tones
                tune.append((bar.start, length, nearest(tones[:2], pitch)))
                break
            beat = bar.start
            for length, step in motifs[order[index % 3]]:
                place = (beat - phrase.start) / (phrase.end - phrase.start)
                aim = home + sign * reach * np.sin(np.pi * place)
                if step is not None:
                    chord = bar.chord_at(beat)
                    moved = move(chord.scale, pitch, step)
                    if abs(moved - aim) > reach:  # the line has gone too far: turn back
                        moved = move(chord.scale, pitch, 2 if aim > pitch else -2)
                    strong = any(abs(beat - bar.start - p) < 1e-6 for p in self.metre.pulses[::2])
                    pitch = nearest(chord.tones, moved + 0.1 * (aim - moved)) if strong else moved
                    tune.append((beat, length, pitch))
                beat += length
        return tune


def plan(
    rng: np.random.Generator,
    seconds: float,
    *,
    tempo: tuple[float, float],
    metres: Sequence[str] = ("4/4",),
    modes: Sequence[str] = ("major", "major", "minor", "minor", "dorian", "mixolydian", "lydian"),
    rich: float = 0.2,
    pedal: float | str = 0.3,
    swing: float = 0.0,
    rubato: float = 0.05,
    touch: tuple[float, float] | None = None,
    pauses: float = 0.2,
) -> Draft:
    """Plan bars, keys and harmonies for about so many seconds of music.

    Args:
        rng: Source of all choices.
        seconds: Length of the music with its silences.
        tempo: Range of pulses per minute.
        metres: Keys of METRES to choose from.
        modes: Keys of :data:`apvg.virtual.common.harmony.MODES` to choose from.
        rich: Probability that the piece has seventh chords throughout.
        pedal: Probability that the pedal is used, or how it is used ("bar", "chord").
        swing, rubato, touch, pauses: See :class:`Draft`.
    """
    metre_name = str(rng.choice(metres))
    metre = METRES[metre_name]
    quarters = rng.uniform(*tempo) * (1.5 if metre_name == "6/8" else 1.0)
    mode, tonic = str(rng.choice(modes)), int(rng.integers(12))
    if isinstance(pedal, str):
        pedal_kind: str | None = pedal
    else:
        pedal_kind = str(rng.choice(("bar", "chord"))) if rng.random() < pedal else None
    if touch is None:
        base = float(rng.choice((0.4, 0.65, 0.85, 0.95, 1.0)))
        touch = (base, float(np.clip(base + rng.normal(0, 0.12), 0.3, 1.02)))
    # The rest of the time is for silences and for rubato.
    bar_count = max(1, round(0.85 * seconds * quarters / 60 / metre.length))
    phrases = _lay_out(rng, bar_count, metre, tonic, mode, rich=rng.random() < rich)
    return Draft(rng, quarters, metre, phrases, pedal_kind, swing, rubato, touch, pauses)


def _lay_out(
    rng: np.random.Generator, bar_count: int, metre: Metre, tonic: int, mode: str, *, rich: bool
) -> tuple[Phrase, ...]:
    """Phrases of four or eight bars, in recurring sections with a key each."""
    usual = 8 if bar_count > 12 and rng.random() < 0.4 else 4
    lengths = [usual] * (bar_count // usual)
    rest = bar_count - sum(lengths)
    if rest >= 2 or not lengths:
        lengths += [4, rest - 4] if rest > 5 else [rest]
    elif rest:
        lengths[-1] += rest
    form = str(rng.choice(("AABA", "ABAC", "AABB", "ABCA")))
    keys = {"A": (tonic, mode)}
    for section in "BC":
        shift = int(rng.choice((7, 5, 0, 9, 3, 8, 2)))
        other = mode
        if mode in ("major", "minor") and rng.random() < 0.4:
            other = "minor" if mode == "major" else "major"
        keys[section] = ((tonic + shift) % 12, other)
    progressions: dict[tuple[str, int], list[tuple[str, ...]]] = {}
    phrases, beat = [], 0.0
    for index, length in enumerate(lengths):
        section = "A" if index == len(lengths) - 1 else form[index % 4]
        key_tonic, key_mode = keys[section]
        if (section, length) not in progressions or rng.random() < 0.3:
            progressions[section, length] = draw_progression(rng, key_mode, length)
        bars = []
        start = beat
        for names in progressions[section, length]:
            bars.append(_bar(names, beat, metre, key_tonic, key_mode, rich=rich))
            beat += metre.length
        phrases.append(Phrase(section, tuple(bars), start, beat))
    return tuple(phrases)


def _bar(
    names: tuple[str, ...], beat: float, metre: Metre, tonic: int, mode: str, *, rich: bool
) -> Bar:
    # Two chords share a bar at the pulse nearest its middle.
    half = metre.pulses[(len(metre.pulses) + 1) // 2]
    cuts = [0.0, metre.length] if len(names) == 1 else [0.0, half, metre.length]
    return Bar(
        beat,
        tuple(
            Span(beat + a, b - a, build_chord(name, tonic, mode, rich=rich))
            for name, a, b in zip(names, cuts, cuts[1:], strict=False)
        ),
    )


def ladder(classes: Iterable[int], low: int, high: int) -> list[int]:
    """All pitches of the given pitch classes from `low` to `high`."""
    chosen = set(classes)
    return [pitch for pitch in range(low, high + 1) if pitch % 12 in chosen]


def nearest(classes: Iterable[int], target: float) -> int:
    """The pitch of the given pitch classes nearest to a target."""
    middle = round(target)
    return min(ladder(classes, middle - 12, middle + 12), key=lambda p: abs(p - target))


def move(classes: Iterable[int], pitch: int, steps: int) -> int:
    """The pitch so many steps up or down a scale or chord, from its pitch nearest to `pitch`."""
    rungs = ladder(classes, pitch - 60, pitch + 60)
    start = min(range(len(rungs)), key=lambda i: abs(rungs[i] - pitch))
    return rungs[start + steps]


def voice(
    tones: Sequence[int], centre: float, count: int, previous: Sequence[int] = (), span: int = 12
) -> list[int]:
    """`count` notes of a chord around a centre, within a span (semitones) and close to the previous
    chord."""
    classes = list(dict.fromkeys(tones))
    count = min(count, 5)
    rungs = ladder(classes, round(centre) - span, round(centre) + span)
    best, best_cost = [rungs[0]], np.inf
    for group in combinations(rungs, count):
        if group[-1] - group[0] > span:
            continue
        missing = len(set(classes[:count])) - len({p % 12 for p in group} & set(classes[:count]))
        cost = 6.0 * missing + 0.7 * abs(sum(group) / count - centre)
        if len(previous) == count:
            cost += 0.5 * sum(abs(a - b) for a, b in zip(group, previous, strict=True))
        if cost < best_cost:
            best, best_cost = list(group), cost
    return best
