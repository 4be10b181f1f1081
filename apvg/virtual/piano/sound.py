"""Synthesised pianos: every seed draws another instrument.

A note is a sum of decaying partials. Each decays in two stages (the strings of a key first move
together, then what is left rings longer and slightly out of tune: Weinreich, 1977), so that all
samples are the product of two small matrices. Partials are inharmonic as those of stiff strings
(Fletcher et al., 1962; inharmonicity over the keyboard from Rigaud et al., 2013) and weaker at the
nodes of the hammer's position. Their levels, decay times, the response of the body and the noise of
the hammer are drawn far more widely than real pianos differ, so that a transcriber trained on them
generalises to other pianos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from apvg.music.notes import Notes

#: The longest that a note rings, seconds.
_LONGEST = 8.0
_MOST_PARTIALS = 48
#: Samples per row of the matrix product that gives a note.
_BLOCK = 256
_DAMPERLESS = 90  # MIDI pitch from which on strings have no dampers
_BODY_KNOTS_HZ = np.geomspace(20, 12000, 56)  # six to the octave


@dataclass(frozen=True)
class Design:
    """How a piano is built, regulated and tuned.

    Attributes:
        cents: Detuning of the whole instrument, hundredths of a semitone.
        stretch: Stretch of the octaves; 1 is usual.
        stiffness: Stiffness of the strings; 1 is usual.
        slope: The amplitude of partial n falls as n to the power of minus this.
        strike_position: Where the hammer strikes, share of the string's length.
        even_gain: Gain of even partials.
        brightest_hz: Frequency at which partials of the hardest stroke have fallen to 1/e.
        brighter: Exponent of the strength in that frequency.
        louder: Exponent of the strength in the loudness.
        uneven_db: Standard deviation between the partials of a key.
        body_db: Gains of the body at `_BODY_KNOTS_HZ`.
        lowest_hz: Low cut-off of the body.
        rings: Decay time by 60 dB at C3, seconds.
        rings_shorter: The decay time falls by 2 to the power of this per octave up.
        partials_shorter: How much faster higher partials decay.
        rings_on: Ratio of the second decay time to the first.
        rings_on_db: Level of the second decay.
        unison_cents: Standard deviation of the tuning of a key's strings.
        attack: Attack time of a note of usual strength, seconds.
        damped: Time in which the damper takes a note to 1/e, seconds.
        tilt_db: Gain per octave up.
        knock: Decay time of the hammer's noise, seconds.
        knock_db: Its level.
        let_go_db: Level of the noise of released keys.
    """

    cents: float
    stretch: float
    stiffness: float
    slope: float
    strike_position: float
    even_gain: float
    brightest_hz: float
    brighter: float
    louder: float
    uneven_db: float
    body_db: np.ndarray
    lowest_hz: float
    rings: float
    rings_shorter: float
    partials_shorter: float
    rings_on: float
    rings_on_db: float
    unison_cents: float
    attack: float
    damped: float
    tilt_db: float
    knock_db: float
    knock: float
    let_go_db: float


def draw_design(random: np.random.Generator) -> Design:
    """A random design, from a wider range than that of real pianos."""
    draw = random.uniform
    return Design(
        cents=draw(-25, 25),
        stretch=draw(0, 1.2),
        stiffness=10 ** draw(-1.0, 0.3),
        slope=draw(0.2, 2.2),
        strike_position=draw(0.06, 0.2),
        even_gain=10 ** (-draw(0, 12) / 20) if random.random() < 0.3 else 1.0,
        brightest_hz=10 ** draw(3.0, 4.0),
        brighter=draw(0.2, 1.2),
        louder=draw(0.9, 2.2),
        uneven_db=draw(1, 7),
        body_db=_draw_body(random),
        lowest_hz=draw(30, 150),
        rings=10 ** draw(0.5, 1.4),
        rings_shorter=draw(0.35, 0.8),
        partials_shorter=10 ** draw(-2, -0.4),
        rings_on=draw(1.5, 6),
        rings_on_db=-draw(6, 24),
        unison_cents=draw(3, 14) if random.random() < 0.1 else draw(0.1, 2),
        attack=10 ** draw(-3.3, -2.1),
        damped=10 ** draw(-1.7, -0.7),
        tilt_db=draw(-3, 3),
        knock_db=-draw(10, 45),
        knock=draw(0.006, 0.05),
        let_go_db=-draw(25, 60),
    )


def _draw_body(random: np.random.Generator) -> np.ndarray:
    """Gains at `_BODY_KNOTS_HZ`, dB: a slowly varying part, and resonances."""
    place = np.linspace(0, 1, len(_BODY_KNOTS_HZ))
    slow_db = np.interp(place, np.linspace(0, 1, 12), random.normal(0, random.uniform(1, 4), 12))
    return slow_db + random.normal(0, random.uniform(0.5, 5), len(_BODY_KNOTS_HZ))


@dataclass(frozen=True)
class _String:
    """All partials of a key, each twice: the first and the second decay.

    Attributes:
        hz_C: Frequencies.
        rate_C: Complex exponent per sample: decay and phase.
        amplitude_C: Complex amplitudes at full strength.
    """

    hz_C: np.ndarray
    rate_C: np.ndarray
    amplitude_C: np.ndarray


class Piano:
    """A synthesised piano."""

    def __init__(self, design: Design, sample_rate: int, random: np.random.Generator) -> None:
        """
        Args:
            design: How it is built.
            sample_rate: Hz.
            random: Source of the differences between keys, and of noises.
        """
        self.design, self.sample_rate, self._random = design, sample_rate, random
        self._strings: dict[int, _String] = {}

    def play(self, notes: Notes, samples: int) -> np.ndarray:
        """The sound of notes: mono float32 [samples], peak 0.5 (or silence)."""
        sound_S = np.zeros(samples + self.sample_rate)
        for n in range(len(notes)):
            first = round(float(notes.onset_N[n]) * self.sample_rate)
            if first >= samples:
                continue
            rings = float(notes.sounding_N[n] - notes.onset_N[n])
            note_S = self._note(int(notes.pitch_N[n]), int(notes.velocity_N[n]), rings)
            note_S = note_S[: len(sound_S) - first]
            sound_S[first : first + len(note_S)] += note_S
            let_go = round(float(notes.offset_N[n]) * self.sample_rate)
            thud_S = self._noise(int(notes.pitch_N[n]), self.design.let_go_db)
            thud_S = thud_S[: max(len(sound_S) - let_go, 0)]
            sound_S[let_go : let_go + len(thud_S)] += thud_S
        sound_S = sound_S[:samples]
        return (0.5 * sound_S / max(float(np.abs(sound_S).max()), 1e-9)).astype(np.float32)

    def _note(self, pitch: int, velocity: int, seconds: float) -> np.ndarray:
        """A note whose key is down for so many seconds, with its release."""
        string, strength = self._string(pitch), velocity / 127
        fades = 5 * self.design.damped if pitch < _DAMPERLESS else _LONGEST
        length = round(min(seconds + fades, _LONGEST) * self.sample_rate)
        blocks = -(-length // _BLOCK)
        bright_C = self._brightness(string.hz_C, strength)
        rows_BC = np.exp(string.rate_C * (_BLOCK * np.arange(blocks)[:, None]))
        within_CJ = np.exp(string.rate_C[:, None] * np.arange(_BLOCK))
        within_CJ *= (string.amplitude_C * bright_C)[:, None]
        # By torch, whose threads are limited per process; those of NumPy's BLAS would compete for
        # the cores.
        rows, within = (
            torch.from_numpy(part.astype(np.complex64)) for part in (rows_BC, within_CJ)
        )
        sound_S = (rows @ within).real.flatten().double().numpy()[:length]
        time_S = np.arange(length) / self.sample_rate
        attack = self.design.attack * (1.5 - strength)
        sound_S *= 1 - np.exp(-time_S / attack)
        if pitch < _DAMPERLESS:
            sound_S *= np.exp(-np.maximum(time_S - seconds, 0) / self.design.damped)
        else:
            sound_S *= np.minimum((_LONGEST - time_S) / 0.1, 1)
        sound_S *= strength**self.design.louder
        knock_S = self._noise(pitch, self.design.knock_db)[:length]
        sound_S[: len(knock_S)] += strength ** (self.design.louder + 0.5) * knock_S
        return sound_S

    def _brightness(self, hz_X: np.ndarray, strength: float) -> np.ndarray:
        """The low-pass of the hammer's felt, which is brighter for harder strokes."""
        return np.exp(-hz_X / (self.design.brightest_hz * strength**self.design.brighter))

    def _string(self, pitch: int) -> _String:
        if pitch not in self._strings:
            self._strings[pitch] = self._drawn(pitch)
        return self._strings[pitch]

    def _drawn(self, pitch: int) -> _String:
        design, random = self.design, self._random
        middle = (pitch - 69) / 12
        cents = design.cents + design.stretch * 0.45 * middle**3 + random.normal(0, 2)
        lowest = 440 * 2 ** (middle + cents / 1200)
        partial_P = np.arange(1, _MOST_PARTIALS + 1)
        bends = np.exp(0.0926 * pitch - 13.64) + np.exp(-0.0847 * pitch - 5.82)
        hz_P = lowest * partial_P * np.sqrt(1 + design.stiffness * bends * partial_P**2)
        audible_P = hz_P < 0.47 * self.sample_rate
        partial_P, hz_P = partial_P[audible_P], hz_P[audible_P]
        loud_P = partial_P**-design.slope * (
            0.15 + np.abs(np.sin(np.pi * partial_P * design.strike_position))
        )
        loud_P *= np.where(partial_P % 2 == 0, design.even_gain, 1.0)
        loud_P /= 1 + (design.lowest_hz / hz_P) ** 2
        colour_db_P = np.interp(np.log(hz_P), np.log(_BODY_KNOTS_HZ), design.body_db)
        colour_db_P += random.normal(0, design.uneven_db, len(hz_P)).clip(-20, 12)
        loud_P *= 10 ** (colour_db_P / 20)
        # All keys are equally loud except for the tilt, as in regulated pianos.
        usual_P = loud_P * self._brightness(hz_P, 0.5)
        loud_P *= 10 ** ((design.tilt_db * middle + random.normal(0, 1.5)) / 20)
        loud_P /= np.sqrt(np.square(usual_P).sum())
        rings_P = design.rings * 2 ** (-design.rings_shorter * (pitch - 48) / 12)
        rings_P = rings_P / (1 + (partial_P - 1) * design.partials_shorter)
        rings_P = np.maximum(rings_P * random.uniform(0.7, 1.4, len(hz_P)), 0.1)
        apart_P = 2 ** (random.normal(0, design.unison_cents, len(hz_P)) / 1200)
        hz_C = np.concatenate([hz_P, hz_P * apart_P])
        fall_C = 3 * np.log(10) / np.concatenate([rings_P, rings_P * design.rings_on])
        turn_C = np.exp(2j * np.pi * random.random(len(hz_C)))
        rings_on = 10 ** (design.rings_on_db / 20)
        return _String(
            hz_C,
            (2j * np.pi * hz_C - fall_C) / self.sample_rate,
            np.concatenate([loud_P, rings_on * loud_P]) * turn_C,
        )

    def _noise(self, pitch: int, level_db: float) -> np.ndarray:
        """The noise of the hammer or of a released key, duller for low keys."""
        length = round(4 * self.design.knock * self.sample_rate)
        noise_S = self._random.standard_normal(length)
        smooth = int(np.clip(self.sample_rate / (200 * 2 ** ((pitch - 48) / 24)), 1, length))
        noise_S = np.convolve(noise_S, np.hanning(smooth + 2), mode="same")
        noise_S /= max(float(noise_S.std()), 1e-9)
        fall_S = np.exp(-np.arange(length) / (self.design.knock * self.sample_rate))
        return 10 ** (level_db / 20) * noise_S * fall_S
