"""The sound of pianos that no soundfont holds: every seed draws another instrument.

A note is a sum of partials that decay, each in two ways (its strings first move together, and part of what is left rings on
longer and a little out of tune: Weinreich, 1977), so that all its samples are one product of two small matrices. Partials
are stretched as stiff strings' are (Fletcher et al., 1962, with the inharmonicity over the keyboard of Rigaud et al., 2013) and
weaker where the hammer strikes. How loud they are, how fast they fade, how the body colours them and how noisy the hammer is,
is drawn far more widely than pianos are built: ears that know all of these know a piano that they never heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from apvg.music.notes import Notes

#: Notes are cut where they have rung for so long, seconds.
_LONGEST = 8.0
_MOST_PARTIALS = 48
#: Samples per row of the product that makes a note.
_BLOCK = 256
_DAMPERLESS = 90  # MIDI: the strings from here on ring freely
_BODY_KNOTS_HZ = np.geomspace(20, 12000, 56)  # six to the octave


@dataclass(frozen=True)
class Make:
    """How an instrument is built, regulated and tuned.

    Attributes:
        cents: How far it is out of tune as a whole, hundredths of a semitone.
        stretch: How much its octaves are stretched; 1 is usual.
        stiffness: Of its strings; 1 is usual.
        slope: Partials fall as n to the power of minus this.
        struck_at: Where the hammer strikes, share of the string.
        even_gain: Of the even partials.
        brightest_hz: The hardest stroke's partials fall to 1/e by there.
        brighter: Power of the strength by which that rises.
        louder: Power of the strength by which notes are louder.
        uneven_db: Standard deviation from partial to partial of a key.
        body_db: Gains of the body at `_BODY_KNOTS_HZ`.
        lowest_hz: The body gives little below.
        rings: Seconds by 60 dB, at C3.
        rings_shorter: Octaves by which those shrink per octave up.
        partials_shorter: How much shorter every partial rings than the one below.
        rings_on: How many times as long what is left rings.
        rings_on_db: Its level.
        unison_cents: How far the strings of a key are apart, standard deviation.
        attack: Seconds in which a note of usual strength is there.
        damped: Seconds in which a damper takes a note to 1/e.
        tilt_db: How much louder keys are per octave up.
        knock: Seconds that the hammer's noise lasts.
        knock_db: Its level.
        let_go_db: Level of the noise of keys that fall back.
    """

    cents: float
    stretch: float
    stiffness: float
    slope: float
    struck_at: float
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


def draw_make(random: np.random.Generator) -> Make:
    """Another instrument every time, drawn more widely than they are built."""
    draw = random.uniform
    return Make(
        cents=draw(-25, 25),
        stretch=draw(0, 1.2),
        stiffness=10 ** draw(-1.0, 0.3),
        slope=draw(0.2, 2.2),
        struck_at=draw(0.06, 0.2),
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
    """Gains at `_BODY_KNOTS_HZ`, dB: what changes slowly over the compass, and resonances."""
    place = np.linspace(0, 1, len(_BODY_KNOTS_HZ))
    slow_db = np.interp(place, np.linspace(0, 1, 12), random.normal(0, random.uniform(1, 4), 12))
    return slow_db + random.normal(0, random.uniform(0.5, 5), len(_BODY_KNOTS_HZ))


@dataclass(frozen=True)
class _String:
    """All partials of a key, each twice: as it is struck, and as it rings on.

    Attributes:
        hz_C: Frequencies.
        rate_C: Growth per sample, complex: decay and turn.
        amplitude_C: At the loudest, with phase.
    """

    hz_C: np.ndarray
    rate_C: np.ndarray
    amplitude_C: np.ndarray


class Piano:
    """One instrument, to play on."""

    def __init__(self, make: Make, sample_rate: int, random: np.random.Generator) -> None:
        """
        Args:
            make: How it is built.
            sample_rate: Hz.
            random: Of what differs from key to key, and of noises.
        """
        self.make, self.sample_rate, self._random = make, sample_rate, random
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
            thud_S = self._noise(int(notes.pitch_N[n]), self.make.let_go_db)
            thud_S = thud_S[: max(len(sound_S) - let_go, 0)]
            sound_S[let_go : let_go + len(thud_S)] += thud_S
        sound_S = sound_S[:samples]
        return (0.5 * sound_S / max(float(np.abs(sound_S).max()), 1e-9)).astype(np.float32)

    def _note(self, pitch: int, velocity: int, seconds: float) -> np.ndarray:
        """A struck key that sounds for so long, and fades."""
        string, strength = self._string(pitch), velocity / 127
        fades = 5 * self.make.damped if pitch < _DAMPERLESS else _LONGEST
        length = round(min(seconds + fades, _LONGEST) * self.sample_rate)
        blocks = -(-length // _BLOCK)
        bright_C = self._brightness(string.hz_C, strength)
        rows_BC = np.exp(string.rate_C * (_BLOCK * np.arange(blocks)[:, None]))
        within_CJ = np.exp(string.rate_C[:, None] * np.arange(_BLOCK))
        within_CJ *= (string.amplitude_C * bright_C)[:, None]
        # By torch, whose threads the processes of a corpus share out; those of NumPy's library would fight for the cores.
        rows, within = (
            torch.from_numpy(part.astype(np.complex64)) for part in (rows_BC, within_CJ)
        )
        sound_S = (rows @ within).real.flatten().double().numpy()[:length]
        time_S = np.arange(length) / self.sample_rate
        attack = self.make.attack * (1.5 - strength)
        sound_S *= 1 - np.exp(-time_S / attack)
        if pitch < _DAMPERLESS:
            sound_S *= np.exp(-np.maximum(time_S - seconds, 0) / self.make.damped)
        else:
            sound_S *= np.minimum((_LONGEST - time_S) / 0.1, 1)
        sound_S *= strength**self.make.louder
        knock_S = self._noise(pitch, self.make.knock_db)[:length]
        sound_S[: len(knock_S)] += strength ** (self.make.louder + 0.5) * knock_S
        return sound_S

    def _brightness(self, hz_X: np.ndarray, strength: float) -> np.ndarray:
        """What the felt lets through: the harder it strikes, the more."""
        return np.exp(-hz_X / (self.make.brightest_hz * strength**self.make.brighter))

    def _string(self, pitch: int) -> _String:
        if pitch not in self._strings:
            self._strings[pitch] = self._drawn(pitch)
        return self._strings[pitch]

    def _drawn(self, pitch: int) -> _String:
        make, random = self.make, self._random
        middle = (pitch - 69) / 12
        cents = make.cents + make.stretch * 0.45 * middle**3 + random.normal(0, 2)
        lowest = 440 * 2 ** (middle + cents / 1200)
        partial_P = np.arange(1, _MOST_PARTIALS + 1)
        bends = np.exp(0.0926 * pitch - 13.64) + np.exp(-0.0847 * pitch - 5.82)
        hz_P = lowest * partial_P * np.sqrt(1 + make.stiffness * bends * partial_P**2)
        heard_P = hz_P < 0.47 * self.sample_rate
        partial_P, hz_P = partial_P[heard_P], hz_P[heard_P]
        loud_P = partial_P**-make.slope * (
            0.15 + np.abs(np.sin(np.pi * partial_P * make.struck_at))
        )
        loud_P *= np.where(partial_P % 2 == 0, make.even_gain, 1.0)
        loud_P /= 1 + (make.lowest_hz / hz_P) ** 2
        colour_db_P = np.interp(np.log(hz_P), np.log(_BODY_KNOTS_HZ), make.body_db)
        colour_db_P += random.normal(0, make.uneven_db, len(hz_P)).clip(-20, 12)
        loud_P *= 10 ** (colour_db_P / 20)
        # Keys are as loud as one another but for a tilt: a maker sees to that.
        usual_P = loud_P * self._brightness(hz_P, 0.5)
        loud_P *= 10 ** ((make.tilt_db * middle + random.normal(0, 1.5)) / 20)
        loud_P /= np.sqrt(np.square(usual_P).sum())
        rings_P = make.rings * 2 ** (-make.rings_shorter * (pitch - 48) / 12)
        rings_P = rings_P / (1 + (partial_P - 1) * make.partials_shorter)
        rings_P = np.maximum(rings_P * random.uniform(0.7, 1.4, len(hz_P)), 0.1)
        apart_P = 2 ** (random.normal(0, make.unison_cents, len(hz_P)) / 1200)
        hz_C = np.concatenate([hz_P, hz_P * apart_P])
        fall_C = 3 * np.log(10) / np.concatenate([rings_P, rings_P * make.rings_on])
        turn_C = np.exp(2j * np.pi * random.random(len(hz_C)))
        rings_on = 10 ** (make.rings_on_db / 20)
        return _String(
            hz_C,
            (2j * np.pi * hz_C - fall_C) / self.sample_rate,
            np.concatenate([loud_P, rings_on * loud_P]) * turn_C,
        )

    def _noise(self, pitch: int, level_db: float) -> np.ndarray:
        """The hammer's knock, or a key that falls back: noise, duller for low keys."""
        length = round(4 * self.make.knock * self.sample_rate)
        noise_S = self._random.standard_normal(length)
        smooth = int(np.clip(self.sample_rate / (200 * 2 ** ((pitch - 48) / 24)), 1, length))
        noise_S = np.convolve(noise_S, np.hanning(smooth + 2), mode="same")
        noise_S /= max(float(noise_S.std()), 1e-9)
        fall_S = np.exp(-np.arange(length) / (self.make.knock * self.sample_rate))
        return 10 ** (level_db / 20) * noise_S * fall_S
