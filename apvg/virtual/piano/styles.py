"""Styles of piano music: each plans a piece and fills it with notes for two hands.

A style is a function of a random generator and the length in seconds; it returns the draft of a
piece.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from apvg.virtual.common.draft import (
    LEFT,
    RIGHT,
    Bar,
    Draft,
    Phrase,
    ladder,
    move,
    nearest,
    plan,
    voice,
)

Rng = np.random.Generator


def _pick(rng: Rng, *choices: int) -> int:
    return int(rng.choice(choices))


def _steps(start: float, length: float, unit: float) -> list[float]:
    """The beats of notes of `unit` that fill a stretch."""
    return [start + i * unit for i in range(max(1, round(length / unit)))]


def _sing(
    draft: Draft, phrase: Phrase, home: int, busy: int, hand: int = RIGHT, loud: float = 9.0
) -> None:
    for beat, length, pitch in draft.melody(phrase, home, busy):
        draft.play(hand, beat, length, pitch, loud)


def _chords(draft: Draft, hand: int, bar: Bar, beats: list[float], length: float, centre: float,
            count: int, previous: list[int], loud: float = -4.0) -> list[int]:  # fmt: skip
    """Chords at some beats of a bar, each led from the one before; returns the last."""
    for beat in beats:
        previous = voice(bar.chord_at(beat).tones, centre, count, previous)
        draft.play(hand, beat, length, previous, loud)
    return previous


def _bass(
    draft: Draft, beat: float, length: float, root: int, home: float, octave: bool = False
) -> int:
    pitch = nearest([root], home)
    draft.play(LEFT, beat, length, [pitch, pitch + 12] if octave else pitch, 4.0)
    return pitch


def broken_chord_prelude(rng: Rng, seconds: float) -> Draft:
    """One figure through all harmonies: the left hand lays the ground, the right breaks the
    chord."""
    draft = plan(
        rng,
        seconds,
        tempo=(50, 100),
        metres=("4/4", "3/4", "4/4"),
        rich=0.5,
        pedal=0.5,
        touch=(1.0, 0.9),
    )
    low, high = _pick(rng, 38, 45, 50), _pick(rng, 60, 67, 74)
    unit = draft.pace(0.25, 0.5)
    figure = (
        rng.choice(3, 6)
        if rng.random() < 0.3
        else np.array([(0, 1, 2), (2, 1, 0), (0, 2, 1)][rng.integers(3)])
    )
    under = _pick(rng, 1, 2)
    chord: list[int] = []
    for span in draft.spans:
        chord = voice(span.chord.tones, high, 3, chord)
        bass = nearest([span.chord.root], low)
        half = max(1.0, span.length / 2)
        for start in _steps(span.start, span.length, half):
            draft.play(LEFT, start, half, bass, 4)
            if under == 2:
                draft.play(LEFT, start + unit, half - unit, move(span.chord.tones, bass, 2))
            for i, beat in enumerate(_steps(start + under * unit, half - under * unit, unit)):
                draft.play(RIGHT, beat, unit, chord[figure[i % len(figure)]])
    return draft


def alberti_sonatina(rng: Rng, seconds: float) -> Draft:
    """A classical tune over low-high-middle-high."""
    draft = plan(
        rng,
        seconds,
        tempo=(90, 160),
        metres=("4/4", "2/4"),
        modes=("major", "major", "minor"),
        rich=0,
        pedal=0.1,
    )
    low, high = _pick(rng, 50, 53, 57), _pick(rng, 72, 76, 79)
    unit = draft.pace(0.25, 0.5) if rng.random() < 0.4 else 0.5
    chord: list[int] = []
    for phrase in draft.phrases:
        for bar in phrase.bars:
            for span in bar.spans:
                chord = voice(span.chord.tones, low, 3, chord)
                for i, beat in enumerate(_steps(span.start, span.length, unit)):
                    draft.play(
                        LEFT, beat, unit, chord[(0, 2, 1, 2)[i % 4]], 0 if i % 4 == 0 else -6
                    )
        _sing(draft, phrase, high, _pick(rng, 1, 2))
    return draft


def chorale(rng: Rng, seconds: float) -> Draft:
    """Four voices, two to a hand, a chord on every pulse, with passing notes."""
    draft = plan(
        rng,
        seconds,
        tempo=(50, 96),
        metres=("4/4", "3/4"),
        rich=0.3,
        pedal=0.2,
        touch=(1.0, 1.0),
        rubato=0.08,
    )
    home = _pick(rng, 64, 67, 71)
    upper: list[int] = []
    lower: list[int] = []
    for bar in draft.bars:
        for pulse in draft.metre.pulses:
            beat = bar.start + pulse
            chord = bar.chord_at(beat)
            centre = home + 4 * np.sin(beat / 3) + rng.normal(0, 1.5)
            upper = voice(chord.tones, centre, 2, upper)
            bass = nearest([chord.tones[_pick(rng, 0, 0, 0, 1)]], home - 22)
            tenor = nearest(chord.tones[1:], min(upper[0] - 4, home - 11))
            lower = [bass, tenor] if 0 < tenor - bass <= 16 else [bass]
            draft.play(LEFT, beat, 1, lower)
            draft.play(RIGHT, beat, 1, upper[:1])
            if rng.random() < 0.25:
                draft.play(RIGHT, beat, 0.5, upper[1], 5)
                draft.play(
                    RIGHT, beat + 0.5, 0.5, move(chord.scale, upper[1], _pick(rng, -1, 1)), 4
                )
            else:
                draft.play(RIGHT, beat, 1, upper[1], 5)
    return draft


def waltz(rng: Rng, seconds: float) -> Draft:
    """Bass, chord, chord under a tune."""
    draft = plan(rng, seconds, tempo=(90, 180), metres=("3/4",), rich=0.3, pedal=0.5, rubato=0.1)
    low, high = _pick(rng, 38, 41, 45), _pick(rng, 72, 77, 82)
    octaves = rng.random() < 0.2
    chord: list[int] = []
    for phrase in draft.phrases:
        for i, bar in enumerate(phrase.bars):
            chosen = bar.spans[0].chord
            _bass(
                draft, bar.start, 0.8, chosen.tones[2 if i % 2 and rng.random() < 0.5 else 0], low
            )
            chord = _chords(
                draft, LEFT, bar, [bar.start + 1, bar.start + 2], 0.7, low + 14, 3, chord, -9
            )
        for beat, length, pitch in draft.melody(phrase, high, _pick(rng, 0, 1)):
            draft.play(
                RIGHT, beat, length, [pitch, pitch + 12] if octaves and length >= 1 else pitch, 9
            )
    return draft


def scales_and_runs(rng: Rng, seconds: float) -> Draft:
    """Scales up and down over the whole keyboard, in one hand or in both, between short chords."""
    draft = plan(rng, seconds, tempo=(60, 132), metres=("4/4", "3/4"), rich=0.1, pedal=0.2)
    unit = draft.pace(0.125, 0.25, 0.5) if rng.random() < 0.5 else draft.pace(0.25, 0.5)
    pitch = {LEFT: _pick(rng, 33, 43, 48), RIGHT: _pick(rng, 64, 72, 84)}
    bounds = {LEFT: (21, 64), RIGHT: (57, 108)}
    heading = {LEFT: 1, RIGHT: 1}
    for phrase in draft.phrases:
        kind = _pick(
            rng, 0, 1, 2, 3
        )  # right alone over chords, left alone under chords, both parallel, in turns
        for i, bar in enumerate(phrase.bars):
            runs = [(RIGHT,), (LEFT,), (LEFT, RIGHT), ((LEFT, RIGHT)[i % 2],)][kind]
            chord = bar.spans[0].chord
            if kind == 2:
                pitch[LEFT] = pitch[RIGHT] - _pick(rng, 24, 12) if i == 0 else pitch[LEFT]
            for beat in _steps(bar.start, draft.metre.length, unit):
                for hand in runs:
                    low, high = bounds[hand]
                    leader = RIGHT if kind == 2 else hand
                    if hand == leader:
                        edge = not low + 3 < pitch[hand] < high - 3
                        if edge or rng.random() < 0.03:
                            heading[hand] = 1 if pitch[hand] < (low + high) / 2 else -1
                    pitch[hand] = move(bar.chord_at(beat).scale, pitch[hand], heading[leader])
                    draft.play(hand, beat, unit, pitch[hand], 3, 0.95)
            for hand in {LEFT, RIGHT} - set(runs):
                if kind < 2:
                    centre = pitch[runs[0]] + (-26 if hand == LEFT else 26)
                    centre = np.clip(centre, *((30, 52) if hand == LEFT else (67, 96)))
                    draft.play(hand, bar.start, 1, voice(chord.tones, float(centre), 3))
    return draft


def march(rng: Rng, seconds: float) -> Draft:
    """Full chords in both hands with dotted rhythms over an octave bass: a march when fast, a hymn
    when slow."""
    draft = plan(
        rng,
        seconds,
        tempo=(60, 126),
        metres=("4/4", "2/4"),
        rich=0,
        pedal=0.2,
        modes=("major", "minor"),
    )
    high, low = _pick(rng, 67, 72), _pick(rng, 33, 36, 40)
    for phrase in draft.phrases:
        chord: list[int] = []
        for bar in phrase.bars:
            for pulse in draft.metre.pulses:
                beat = bar.start + pulse
                _bass(
                    draft,
                    beat,
                    0.9,
                    bar.chord_at(beat).tones[0 if pulse % 2 == 0 else 2],
                    low,
                    octave=True,
                )
        for beat, length, pitch in draft.melody(phrase, high + 5, _pick(rng, 0, 1)):
            tones = phrase.chord_at(beat).tones
            chord = ladder(tones, pitch - 11, pitch - 3)[-2:] if length >= 0.5 else []
            draft.play(RIGHT, beat, length, pitch, 10)
            draft.play(RIGHT, beat, length, chord, 0)
    return draft


def canon(rng: Rng, seconds: float) -> Draft:
    """The left hand follows the right with the same tune, an octave or two lower, half a bar or a
    bar later."""
    draft = plan(
        rng, seconds, tempo=(60, 120), metres=("4/4", "3/4", "2/4", "6/8"), rich=0, pedal=0.05
    )
    late = draft.metre.length * (1.0 if rng.random() < 0.7 else 2.0)
    drop, high = _pick(rng, 12, 24, 24), _pick(rng, 67, 72, 79)
    last = draft.phrases[-1].end
    for phrase in draft.phrases:
        for beat, length, pitch in draft.melody(phrase, high, _pick(rng, 1, 1, 2), reach=5):
            draft.play(RIGHT, beat, length, pitch, 4)
            if beat + late < last:
                draft.play(LEFT, beat + late, length, pitch - drop, 2)
    return draft


def ostinato(rng: Rng, seconds: float) -> Draft:
    """Small cells repeated many times; one note of a cell changes now and then."""
    draft = plan(
        rng,
        seconds,
        tempo=(100, 160),
        metres=("4/4", "5/4", "6/8", "3/4"),
        pedal=0.5,
        modes=("dorian", "mixolydian", "lydian", "minor", "major"),
        rich=0.5,
        rubato=0.01,
    )
    homes = (_pick(rng, 41, 48, 53), _pick(rng, 65, 72, 84))
    unit = draft.pace(0.25, 0.5) if rng.random() < 0.4 else 0.5
    cells = [rng.integers(0, 5, _pick(rng, 3, 4, 5, 6, 8)) for _ in range(2)]
    for phrase in draft.phrases:
        for bar in phrase.bars:
            for hand in (LEFT, RIGHT):
                step = unit * (2 if hand == LEFT and unit < 0.5 else 1)
                for beat in _steps(bar.start, draft.metre.length, step):
                    index = round(beat / step)
                    cell = cells[hand]
                    chord = bar.chord_at(beat)
                    base = nearest([chord.root], homes[hand])
                    draft.play(
                        hand, beat, step, move(chord.scale, base, int(cell[index % len(cell)]))
                    )
            if rng.random() < 0.4:
                cell = cells[_pick(rng, 0, 1)]
                cell[rng.integers(len(cell))] = rng.integers(0, 6)
    return draft


def ballad(rng: Rng, seconds: float) -> Draft:
    """A song: root, fifth and octave roll in the left hand, the tune and inner chords in the
    right."""
    draft = plan(
        rng,
        seconds,
        tempo=(58, 96),
        metres=("4/4", "6/8", "4/4"),
        modes=("major", "minor", "mixolydian"),
        pedal="chord",
        rich=0.4,
        rubato=0.07,
    )
    low, high = _pick(rng, 36, 40, 43), _pick(rng, 67, 70, 74)
    chord: list[int] = []
    for phrase in draft.phrases:
        for bar in phrase.bars:
            for span in bar.spans:
                root = nearest([span.chord.root], low)
                roll = [
                    root,
                    nearest(span.chord.tones[2:3], root + 7),
                    root + 12,
                    nearest(span.chord.tones[1:2], root + 15),
                ]
                shape = [(0, 1, 2, 3), (0, 1, 2, 1), (0, 2, 1, 2)][rng.integers(3)]
                for i, beat in enumerate(_steps(span.start, span.length, 0.5)):
                    draft.play(LEFT, beat, 0.5, roll[shape[i % 4]], 2 if i == 0 else -6)
                chord = voice(span.chord.tones, high - 4, 2, chord)
                draft.play(RIGHT, span.start, span.length * 0.9, chord, -7)
        _sing(draft, phrase, high + 5, _pick(rng, 0, 1))
    return draft


def jazz_voicings(rng: Rng, seconds: float) -> Draft:
    """Rootless chords on the off-beats, and a swung line."""
    draft = plan(
        rng,
        seconds,
        tempo=(80, 170),
        modes=("major", "major", "minor", "dorian"),
        rich=1.0,
        pedal=0.0,
        swing=float(rng.uniform(0.08, 0.16)),
        rubato=0.02,
        touch=(0.6, 0.9),
    )
    low, high = _pick(rng, 53, 56), _pick(rng, 70, 75, 80)
    rhythms = [(0, 2.5), (1.5,), (0.5, 2), (0, 1.5, 3), (1, 3)]
    chord: list[int] = []
    for phrase in draft.phrases:
        for bar in phrase.bars:
            for offset in rhythms[rng.integers(len(rhythms))]:
                tones = bar.chord_at(bar.start + offset).tones
                rootless = (*tones[1:], (tones[0] + 2) % 12)
                chord = voice(rootless, low, _pick(rng, 3, 4), chord)
                draft.play(LEFT, bar.start + offset, float(rng.choice((0.4, 1.0))), chord, -6)
        _sing(draft, phrase, high, 2 if draft.tempo < 110 and rng.random() < 0.5 else 1, loud=6)
    return draft


def etude_wide_leaps(rng: Rng, seconds: float) -> Draft:
    """Hands that jump between far places of the keyboard."""
    draft = plan(
        rng, seconds, tempo=(60, 110), metres=("4/4", "3/4", "2/4"), pedal=0.4, touch=(0.4, 0.4)
    )
    jumping = [(LEFT,), (RIGHT,), (LEFT, RIGHT)][rng.integers(3)]
    nears, fars = (50, 67), (28, 96)
    sizes = rng.integers(1, 4, (2, 2))
    unit = 1.0 if rng.random() < 0.5 or draft.tempo > 90 else 0.5
    for bar in draft.bars:
        for i, beat in enumerate(_steps(bar.start, draft.metre.length, unit)):
            tones = bar.chord_at(beat).tones
            for hand in (LEFT, RIGHT):
                far = hand in jumping and i % 2 == (1 if hand == RIGHT else 0)
                centre = (fars if far else nears)[hand] + rng.normal(0, 3)
                draft.play(hand, beat, unit, voice(tones, centre, int(sizes[hand][int(far)])))
    return draft


def repeated_chords(rng: Rng, seconds: float) -> Draft:
    """Pulsing chords in one hand, a tune in the other, above or below."""
    draft = plan(
        rng, seconds, tempo=(70, 150), metres=("4/4", "3/4", "6/8", "2/4"), pedal=0.4, rich=0.4
    )
    unit = 0.5
    count = _pick(rng, 2, 3, 3, 4)
    previous: list[int] = []
    for phrase in draft.phrases:
        above = rng.random() < 0.65
        hand, centre, home = (LEFT, 55, 74) if above else (RIGHT, 69, 45)
        for bar in phrase.bars:
            beats = _steps(bar.start, draft.metre.length, unit)
            previous = _chords(draft, hand, bar, beats, unit * 0.8, centre, count, previous, -6)
        _sing(draft, phrase, home, _pick(rng, 0, 1), RIGHT if above else LEFT)
    return draft


def melody_alone(rng: Rng, seconds: float) -> Draft:
    """One hand alone, with rests; the hands take turns from phrase to phrase."""
    draft = plan(
        rng,
        seconds,
        tempo=(60, 140),
        metres=("4/4", "3/4", "6/8", "2/4", "5/4"),
        pauses=0.4,
        rubato=0.08,
    )
    hand = _pick(rng, LEFT, RIGHT)
    homes = (_pick(rng, 34, 43, 50, 57), _pick(rng, 62, 70, 79, 91))
    for phrase in draft.phrases:
        _sing(draft, phrase, homes[hand], _pick(rng, 0, 1, 2), hand, loud=0)
        if rng.random() < 0.35:
            hand = 1 - hand
    return draft


def octaves(rng: Rng, seconds: float) -> Draft:
    """Tunes and basses doubled at the octave, in one hand or in both."""
    draft = plan(
        rng,
        seconds,
        tempo=(60, 130),
        metres=("4/4", "3/4", "2/4"),
        pedal=0.4,
        modes=("major", "minor", "minor"),
    )
    low, high = _pick(rng, 31, 36, 43), _pick(rng, 67, 76, 84)
    for phrase in draft.phrases:
        kind = _pick(
            rng, 0, 1, 2
        )  # tune doubled over chords, bass doubled under a tune, both in unison
        previous: list[int] = []
        for beat, length, pitch in draft.melody(phrase, high if kind != 1 else low, 1):
            hand = LEFT if kind == 1 else RIGHT
            draft.play(hand, beat, length, [pitch, pitch + 12], 6)
            if kind == 2:
                draft.play(LEFT, beat, length, [pitch - 24, pitch - 12], 4)
        for bar in phrase.bars:
            if kind == 0:
                previous = _chords(
                    draft, LEFT, bar, [s.start for s in bar.spans], 1.8, low + 12, 3, previous
                )
            elif kind == 1:
                beats = [bar.start + pulse for pulse in draft.metre.pulses]
                previous = _chords(draft, RIGHT, bar, beats, 0.7, high - 5, 3, previous)
    return draft


def trills_and_tremolo(rng: Rng, seconds: float) -> Draft:
    """Long notes as trills, chords as tremolo, ornaments on a tune."""
    draft = plan(rng, seconds, tempo=(60, 110), metres=("4/4", "3/4"), pedal=0.3)
    unit = draft.pace(0.125, 0.25)
    low, high = _pick(rng, 38, 45, 50), _pick(rng, 69, 76, 86)
    for phrase in draft.phrases:
        shaking = rng.random() < 0.5
        for bar in phrase.bars:
            for span in bar.spans:
                chord = voice(span.chord.tones, low, 3)
                if shaking:
                    for i, beat in enumerate(_steps(span.start, span.length, unit)):
                        draft.play(LEFT, beat, unit, chord[:1] if i % 2 else chord[1:], -6, 0.9)
                else:
                    draft.play(LEFT, span.start, span.length * 0.9, chord, -4)
        for beat, length, pitch in draft.melody(phrase, high, 0 if shaking else _pick(rng, 0, 1)):
            other = move(phrase.chord_at(beat).scale, pitch, 1)
            if length >= 1 and rng.random() < 0.7:
                for i, at in enumerate(_steps(beat, length, unit)):
                    draft.play(RIGHT, at, unit, other if i % 2 else pitch, 5, 0.95)
            elif length >= 0.5 and rng.random() < 0.3:  # a mordent
                for at, part, note in (
                    (0, unit, pitch),
                    (unit, unit, other),
                    (2 * unit, length - 2 * unit, pitch),
                ):
                    draft.play(RIGHT, beat + at, max(part, unit), note, 6, 0.95)
            else:
                draft.play(RIGHT, beat, length, pitch, 8)
    return draft


def slow_romance(rng: Rng, seconds: float) -> Draft:
    """Slow soft chords under a singing tune, much pedal, free time."""
    draft = plan(
        rng,
        seconds,
        tempo=(45, 72),
        metres=("4/4", "3/4", "6/8", "5/4"),
        pedal="chord",
        rich=0.6,
        rubato=0.14,
        touch=(0.9, 0.98),
        pauses=0.3,
    )
    low, high = _pick(rng, 40, 45), _pick(rng, 70, 76, 81)
    chord: list[int] = []
    for phrase in draft.phrases:
        for bar in phrase.bars:
            for span in bar.spans:
                _bass(draft, span.start, min(1, span.length / 2), span.chord.root, low)
                beats = [span.start + p for p in draft.metre.pulses if 0 < p < span.length - 0.1]
                chord = _chords(draft, LEFT, bar, beats, 0.9, low + 15, 3, chord, -10)
        _sing(draft, phrase, high, _pick(rng, 0, 0, 1), loud=12)
    return draft


def random_walk(rng: Rng, seconds: float) -> Draft:
    """Each hand walks the keyboard independently, with onsets off any beat, so that no pattern can
    be predicted."""
    draft = plan(rng, seconds, tempo=(60, 120), rubato=0.1, pedal=0.2, pauses=0.3)
    end = draft.phrases[-1].end
    for hand in (LEFT, RIGHT):
        low, high = [(21, 66), (55, 108)][hand]
        position = rng.uniform(low, high)
        mean = float(rng.choice((0.25, 0.5, 1.0)))
        tonal = rng.random() < 0.6
        beat = min(rng.exponential(1.0), 1.5)
        while beat < end:
            position = float(np.clip(position + rng.normal(0, 4), low, high))
            bar = draft.bars[min(int(beat / draft.metre.length), len(draft.bars) - 1)]
            classes = bar.chord_at(max(beat, bar.start)).scale if tonal else range(12)
            notes = {
                nearest(classes, position + d)
                for d in rng.uniform(-7, 7, _pick(rng, 0, 0, 0, 0, 1, 1, 2, 3))
            }
            length = float(rng.exponential(mean) + 0.1)
            draft.play(
                hand,
                beat,
                length * float(rng.uniform(0.5, 2.0)),
                notes | {nearest(classes, position)},
                rng.normal(0, 10),
                1.0,
            )
            beat += length
            if rng.random() < 0.06:  # elsewhere, after a rest
                position = rng.uniform(low, high)
                beat += rng.exponential(1.5)
            if rng.random() < 0.02:
                beat += rng.uniform(2, 6)
    return draft


def contrary_motion(rng: Rng, seconds: float) -> Draft:
    """Both hands start near the middle, part, and come back, in scales or broken chords."""
    draft = plan(rng, seconds, tempo=(70, 130), metres=("4/4", "3/4", "6/8"), pedal=0.3, rich=0.3)
    unit = draft.pace(0.25, 0.5) if rng.random() < 0.5 else 0.5
    axis = _pick(rng, 57, 60, 64)
    for phrase in draft.phrases:
        broken = rng.random() < 0.4
        period = draft.metre.length * _pick(rng, 1, 2, 4)
        reach = min(period / unit / 2, 9 if broken else 20)
        doubled = rng.random() < 0.2
        for bar in phrase.bars:
            for beat in _steps(bar.start, draft.metre.length, unit):
                place = ((beat - phrase.start) % period) / period
                distance = 1 + round(reach * (1 - abs(2 * place - 1)))
                chord = bar.chord_at(beat)
                classes = chord.tones if broken else chord.scale
                up, down = move(classes, axis, distance), move(classes, axis, -distance)
                draft.play(RIGHT, beat, unit, [up, move(classes, up, 2)] if doubled else up, 2)
                draft.play(
                    LEFT, beat, unit, [down, move(classes, down, -2)] if doubled else down, 2
                )
    return draft


def far_apart(rng: Rng, seconds: float) -> Draft:
    """The ends of the keyboard: deep octaves and bells."""
    draft = plan(rng, seconds, tempo=(55, 110), metres=("4/4", "3/4", "5/4"), pedal=0.6, pauses=0.3)
    low, high = _pick(rng, 24, 27, 31), _pick(rng, 93, 98, 102)
    octave = rng.random() < 0.5
    for phrase in draft.phrases:
        busy = _pick(rng, 0, 1)
        if rng.random() < 0.4:
            _sing(draft, phrase, low + 4, busy, LEFT, 0)
        else:
            for bar in phrase.bars:
                for pulse in draft.metre.pulses:
                    if pulse == 0 or rng.random() < 0.4:
                        tones = bar.chord_at(bar.start + pulse).tones
                        _bass(
                            draft,
                            bar.start + pulse,
                            0.9,
                            tones[0 if pulse == 0 else 2],
                            low,
                            octave,
                        )
        for beat, length, pitch in draft.melody(phrase, high, busy, reach=5):
            draft.play(
                RIGHT,
                beat,
                length,
                [pitch, move(draft.bars[0].spans[0].chord.scale, pitch, -2)]
                if rng.random() < 0.2
                else pitch,
                2,
            )
    return draft


def close_together(rng: Rng, seconds: float) -> Draft:
    """Two lines side by side within two octaves, low, in the middle or high."""
    draft = plan(rng, seconds, tempo=(66, 130), metres=("4/4", "3/4", "6/8", "2/4"), pedal=0.2)
    middle = _pick(rng, 42, 54, 60, 66, 78, 90)
    for phrase in draft.phrases:
        _sing(draft, phrase, middle + 6, _pick(rng, 1, 2), RIGHT, 4)
        if rng.random() < 0.5:
            _sing(draft, phrase, middle - 6, _pick(rng, 0, 1), LEFT, 2)
        else:
            for bar in phrase.bars:
                for i, beat in enumerate(_steps(bar.start, draft.metre.length, 0.5)):
                    tones = bar.chord_at(beat).tones
                    draft.play(LEFT, beat, 0.5, voice(tones, middle - 5, 2)[i % 2], -3)
    return draft


def arpeggio_sweeps(rng: Rng, seconds: float) -> Draft:
    """Broken chords that run over the whole keyboard and pass from hand to hand."""
    draft = plan(
        rng, seconds, tempo=(50, 90), metres=("4/4", "3/4", "6/8"), pedal="chord", rich=0.5
    )
    unit = draft.pace(0.25, 0.5)
    low, high = _pick(rng, 24, 31, 36), _pick(rng, 88, 96, 105)
    split = _pick(rng, 55, 60, 65)
    for bar in draft.bars:
        for span in bar.spans:
            rungs = ladder(span.chord.tones, low, high)
            beats = _steps(span.start, span.length, unit)
            start = 0 if rng.random() < 0.6 else len(rungs) - 1
            heading = 1 if start == 0 else -1
            for beat in beats:
                pitch = rungs[start]
                draft.play(RIGHT if pitch >= split else LEFT, beat, unit, pitch, 0, 0.95)
                if not 0 <= start + heading < len(rungs):
                    heading = -heading
                start += heading
    return draft


def nocturne(rng: Rng, seconds: float) -> Draft:
    """Wide rolling left hand under a long ornamented tune."""
    draft = plan(
        rng,
        seconds,
        tempo=(50, 80),
        metres=("4/4", "6/8", "3/4"),
        modes=("major", "minor", "minor"),
        pedal="chord",
        rich=0.3,
        rubato=0.14,
        touch=(0.9, 1.0),
    )
    low, high = _pick(rng, 36, 40, 43), _pick(rng, 74, 77, 81)
    unit = draft.pace(0.25, 0.5) if rng.random() < 0.3 else 0.5
    shape = [(0, 2, 3, 4, 3, 2), (0, 2, 4, 5, 4, 2), (0, 1, 2, 4, 3, 4)][rng.integers(3)]
    for phrase in draft.phrases:
        for span in [span for bar in phrase.bars for span in bar.spans]:
            root = nearest([span.chord.root], low)
            for i, beat in enumerate(_steps(span.start, span.length, unit)):
                draft.play(
                    LEFT,
                    beat,
                    unit,
                    move(span.chord.tones[:3], root, shape[i % 6]),
                    3 if i == 0 else -9,
                )
        for beat, length, pitch in draft.melody(phrase, high, _pick(rng, 0, 0, 1), reach=9):
            if length >= 1.5 and rng.random() < 0.4:  # a turn at its end
                scale = phrase.chord_at(beat).scale
                draft.play(RIGHT, beat, length - 0.75, pitch, 12)
                for i, step in enumerate((1, 0, -1)):
                    draft.play(
                        RIGHT, beat + length - 0.75 + 0.25 * i, 0.25, move(scale, pitch, step), 7
                    )
            else:
                draft.play(RIGHT, beat, length, pitch, 12)
    return draft


def two_part_invention(rng: Rng, seconds: float) -> Draft:
    """A subject in semiquavers that the hands throw to each other, against quavers."""
    draft = plan(
        rng,
        seconds,
        tempo=(60, 92),
        metres=("4/4", "3/4"),
        modes=("major", "minor"),
        rich=0,
        pedal=0.0,
        rubato=0.02,
    )
    unit = draft.pace(0.25, 0.5)
    subject = [0]
    while len(subject) < 16:
        # Strays are pulled back, so that the subject turns where a voice would.
        step = int(rng.choice((1, 1, -1, -1, 2, -2, 3)))
        subject.append(subject[-1] + (step if abs(subject[-1] + step) <= 5 else -step))
    homes = (_pick(rng, 45, 50), _pick(rng, 67, 72, 76))
    for phrase in draft.phrases:
        invert = 1 if phrase.section == "A" else -1
        for i, bar in enumerate(phrase.bars):
            leader = RIGHT if i % 2 == 0 else LEFT
            if i == len(phrase.bars) - 1:
                for hand in (LEFT, RIGHT):
                    draft.play(hand, bar.start, 2, nearest([bar.spans[0].chord.root], homes[hand]))
                continue
            for j, beat in enumerate(_steps(bar.start, draft.metre.length, unit)):
                chord = bar.chord_at(beat)
                base = nearest(chord.tones, homes[leader])
                draft.play(leader, beat, unit, move(chord.scale, base, invert * subject[j % 16]), 3)
            if i == 0 and phrase is draft.phrases[0]:
                continue  # the subject enters alone
            walk = nearest(bar.spans[0].chord.tones, homes[1 - leader])
            for beat in _steps(bar.start, draft.metre.length, 0.5 if unit < 0.5 else 1.0):
                draft.play(1 - leader, beat, 0.5, walk, -2, 0.6)
                walk = move(bar.chord_at(beat).tones, walk, _pick(rng, -1, 1))
                walk = walk if abs(walk - homes[1 - leader]) < 10 else homes[1 - leader]
    return draft


def ragtime(rng: Rng, seconds: float) -> Draft:
    """Stride bass under syncopated octaves and chords."""
    draft = plan(
        rng,
        seconds,
        tempo=(70, 100),
        metres=("4/4",),
        modes=("major", "major", "minor"),
        rich=0.1,
        pedal=0.1,
        swing=float(rng.choice((0.0, 0.1))),
        rubato=0.01,
        touch=(0.5, 0.8),
    )
    low, high = _pick(rng, 36, 40), _pick(rng, 70, 74)
    rhythms = [
        (0, 0.5, 1.5, 2, 2.5, 3.5),
        (0.5, 1, 1.5, 2.5, 3),
        (0, 0.5, 1, 1.5, 2.5, 3.5),
        (0, 1.5, 2.5, 3),
    ]
    chord: list[int] = []
    for phrase in draft.phrases:
        chosen = [rhythms[k] for k in rng.integers(0, len(rhythms), 3)]
        line = high
        for i, bar in enumerate(phrase.bars):
            for beat in (0, 2):
                tones = bar.chord_at(bar.start + beat).tones
                _bass(
                    draft,
                    bar.start + beat,
                    0.5,
                    tones[0 if beat == 0 else 2],
                    low,
                    octave=rng.random() < 0.5,
                )
            chord = _chords(
                draft, LEFT, bar, [bar.start + 1, bar.start + 3], 0.5, low + 19, 3, chord, -5
            )
            offsets = (0, 2) if i == len(phrase.bars) - 1 else chosen[(0, 1, 0, 2)[i % 4]]
            for offset, after in zip(offsets, (*offsets[1:], 4), strict=True):
                tones = bar.chord_at(bar.start + offset)
                classes = tones.tones if offset % 1 == 0 else tones.scale
                line = nearest(classes, np.clip(line + rng.normal(0, 3.5), high - 6, high + 9))
                thick = offset % 1 == 0.5 or rng.random() < 0.3
                notes = (
                    [line, line + 12, *ladder(tones.tones, line + 3, line + 9)[:1]]
                    if thick
                    else line + 12
                )
                draft.play(
                    RIGHT, bar.start + offset, min(after - offset, 1), notes, 7 if thick else 2
                )
    return draft


def toccata(rng: Rng, seconds: float) -> Draft:
    """Fast and dense: repeated notes and octaves hammered by both hands in turns."""
    draft = plan(
        rng,
        seconds,
        tempo=(100, 150),
        metres=("4/4", "2/4", "3/4"),
        modes=("minor", "dorian", "major"),
        rich=0.1,
        pedal=0.2,
        rubato=0.01,
        touch=(0.6, 0.6),
    )
    unit = draft.pace(0.25, 0.5)
    low, high = _pick(rng, 36, 43, 50), _pick(rng, 62, 69, 79)
    for phrase in draft.phrases:
        kind = _pick(
            rng, 0, 1, 2
        )  # alternating hands, repeated notes over octaves, chords in turns
        line = high
        for bar in phrase.bars:
            for i, beat in enumerate(_steps(bar.start, draft.metre.length, unit)):
                chord = bar.chord_at(beat)
                bass = nearest([chord.root], low)
                if i % 4 == 0:
                    line = nearest(chord.tones, line + rng.normal(0, 4) + 0.2 * (high - line))
                if kind == 0:
                    pitch = line if i % 2 == 0 else move(chord.tones, bass, (i // 2) % 4)
                    draft.play(
                        RIGHT if i % 2 == 0 else LEFT, beat, unit, pitch, 6 if i % 4 == 0 else 0
                    )
                elif kind == 1:
                    draft.play(
                        RIGHT, beat, unit, line if i % 4 < 3 else move(chord.scale, line, 1), 3
                    )
                    if i % 4 == 0:
                        draft.play(LEFT, beat, 0.8, [bass, bass + 12], 6)
                elif i % 2 == 0:
                    draft.play(
                        RIGHT, beat, unit, [line, *ladder(chord.tones, line + 3, line + 12)], 5
                    )
                else:
                    draft.play(LEFT, beat, unit, [bass, bass + 12], 3)
    return draft


def lullaby(rng: Rng, seconds: float) -> Draft:
    """Sparse and soft: single notes over a rocking bass, and long rests."""
    draft = plan(
        rng,
        seconds,
        tempo=(45, 66),
        metres=("6/8", "3/4", "4/4"),
        modes=("major", "lydian", "minor"),
        pedal=0.5,
        rubato=0.1,
        touch=(0.8, 0.9),
        pauses=0.8,
        rich=0.3,
    )
    low, high = _pick(rng, 48, 52, 55), _pick(rng, 72, 79, 84)
    for phrase in draft.phrases:
        for bar in phrase.bars:
            chord = bar.spans[0].chord
            root = nearest([chord.root], low)
            half = draft.metre.length / 2
            draft.play(LEFT, bar.start, half, root, -12)
            if rng.random() < 0.6:
                draft.play(
                    LEFT, bar.start + half, half, move(chord.tones, root, _pick(rng, 1, 2)), -15
                )
        for beat, length, pitch in draft.melody(phrase, high, 0, reach=5):
            if rng.random() < 0.75:
                draft.play(RIGHT, beat, length, pitch, -5)
    return draft


#: Styles that no training piece is drawn from: how a hand is moved to them is tested on music of
#: another kind.
HELD_OUT_STYLES: tuple[str, ...] = (
    "nocturne",
    "two_part_invention",
    "ragtime",
    "toccata",
    "lullaby",
)

STYLES: dict[str, Callable[[Rng, float], Draft]] = {
    style.__name__: style
    for style in (
        broken_chord_prelude,
        alberti_sonatina,
        chorale,
        waltz,
        scales_and_runs,
        march,
        canon,
        ostinato,
        ballad,
        jazz_voicings,
        etude_wide_leaps,
        repeated_chords,
        melody_alone,
        octaves,
        trills_and_tremolo,
        slow_romance,
        random_walk,
        contrary_motion,
        far_apart,
        close_together,
        arpeggio_sweeps,
        nocturne,
        two_part_invention,
        ragtime,
        toccata,
        lullaby,
    )
}
