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

from apvg.midi import Notes

#: Notes are cut where they have rung for so long, seconds.
_LONGEST = 8.0
_MOST_PARTIALS = 48
#: Samples per row of the product that makes a note.
_BLOCK = 256
_DAMPERLESS = 90  # MIDI: the strings from here on ring freely
_BODY_KNOTS_HZ = np.geomspace(20, 12000, 56)  # six to the octave


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
    """One drawn instrument."""

    def __init__(self, sample_rate: int, random: np.random.Generator) -> None:
        """
        Args:
            sample_rate: Hz.
            random: Where the instrument is drawn from; no two are alike.
        """
        self.sample_rate, self._random = sample_rate, random
        draw = random.uniform
        self._cents, self._stretch = draw(-25, 25), draw(0, 1.2)
        self._stiffness = 10 ** draw(-1.0, 0.3)
        self._slope, self._struck_at = draw(0.2, 2.2), draw(0.06, 0.2)
        self._even_gain = 10 ** (-draw(0, 12) / 20) if random.random() < 0.3 else 1.0
        self._brightest_hz = 10 ** draw(3.0, 4.0)
        self._brighter, self._louder = draw(0.2, 1.2), draw(0.9, 2.2)
        self._uneven_db = draw(1, 7)  # from partial to partial of a key
        self._body_db = np.interp(
            np.linspace(0, 1, len(_BODY_KNOTS_HZ)),
            np.linspace(0, 1, 12),
            random.normal(0, draw(1, 4), 12),
        ) + random.normal(0, draw(0.5, 5), len(_BODY_KNOTS_HZ))
        self._lowest_hz = draw(30, 150)
        self._rings = 10 ** draw(0.5, 1.4)  # seconds by 60 dB, at C3
        self._rings_shorter = draw(0.35, 0.8)  # per octave up, in octaves
        self._partials_shorter = 10 ** draw(-2, -0.4)
        self._rings_on, self._rings_on_db = draw(1.5, 6), draw(6, 24)
        loose = random.random() < 0.1
        self._unison_cents = draw(3, 14) if loose else draw(0.1, 2)
        self._attack = 10 ** draw(-3.3, -2.1)
        self._damped = 10 ** draw(-1.7, -0.7)
        self._tilt_db = draw(-3, 3)  # per octave
        self._knock_db, self._knock = -draw(10, 45), draw(0.006, 0.05)
        self._let_go_db = -draw(25, 60)
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
            thud_S = self._noise(int(notes.pitch_N[n]), self._let_go_db)
            thud_S = thud_S[: max(len(sound_S) - let_go, 0)]
            sound_S[let_go : let_go + len(thud_S)] += thud_S
        sound_S = sound_S[:samples]
        return (0.5 * sound_S / max(float(np.abs(sound_S).max()), 1e-9)).astype(np.float32)

    def _note(self, pitch: int, velocity: int, seconds: float) -> np.ndarray:
        """A struck key that sounds for so long, and fades."""
        string, strength = self._string(pitch), velocity / 127
        fades = 5 * self._damped if pitch < _DAMPERLESS else _LONGEST
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
        attack = self._attack * (1.5 - strength)
        sound_S *= 1 - np.exp(-time_S / attack)
        if pitch < _DAMPERLESS:
            sound_S *= np.exp(-np.maximum(time_S - seconds, 0) / self._damped)
        else:
            sound_S *= np.minimum((_LONGEST - time_S) / 0.1, 1)
        sound_S *= strength**self._louder
        knock_S = self._noise(pitch, self._knock_db)[:length]
        sound_S[: len(knock_S)] += strength ** (self._louder + 0.5) * knock_S
        return sound_S

    def _brightness(self, hz_X: np.ndarray, strength: float) -> np.ndarray:
        """What the felt lets through: the harder it strikes, the more."""
        return np.exp(-hz_X / (self._brightest_hz * strength**self._brighter))

    def _string(self, pitch: int) -> _String:
        if pitch not in self._strings:
            self._strings[pitch] = self._drawn(pitch)
        return self._strings[pitch]

    def _drawn(self, pitch: int) -> _String:
        random = self._random
        middle = (pitch - 69) / 12
        cents = self._cents + self._stretch * 0.45 * middle**3 + random.normal(0, 2)
        lowest = 440 * 2 ** (middle + cents / 1200)
        partial_P = np.arange(1, _MOST_PARTIALS + 1)
        bends = np.exp(0.0926 * pitch - 13.64) + np.exp(-0.0847 * pitch - 5.82)
        hz_P = lowest * partial_P * np.sqrt(1 + self._stiffness * bends * partial_P**2)
        heard_P = hz_P < 0.47 * self.sample_rate
        partial_P, hz_P = partial_P[heard_P], hz_P[heard_P]
        loud_P = partial_P**-self._slope * (
            0.15 + np.abs(np.sin(np.pi * partial_P * self._struck_at))
        )
        loud_P *= np.where(partial_P % 2 == 0, self._even_gain, 1.0)
        loud_P /= 1 + (self._lowest_hz / hz_P) ** 2
        colour_db_P = np.interp(np.log(hz_P), np.log(_BODY_KNOTS_HZ), self._body_db)
        colour_db_P += random.normal(0, self._uneven_db, len(hz_P)).clip(-20, 12)
        loud_P *= 10 ** (colour_db_P / 20)
        # Keys are as loud as one another but for a tilt: a maker sees to that.
        usual_P = loud_P * self._brightness(hz_P, 0.5)
        loud_P *= 10 ** ((self._tilt_db * middle + random.normal(0, 1.5)) / 20)
        loud_P /= np.sqrt(np.square(usual_P).sum())
        rings_P = self._rings * 2 ** (-self._rings_shorter * (pitch - 48) / 12)
        rings_P = rings_P / (1 + (partial_P - 1) * self._partials_shorter)
        rings_P = np.maximum(rings_P * random.uniform(0.7, 1.4, len(hz_P)), 0.1)
        apart_P = 2 ** (random.normal(0, self._unison_cents, len(hz_P)) / 1200)
        hz_C = np.concatenate([hz_P, hz_P * apart_P])
        fall_C = 3 * np.log(10) / np.concatenate([rings_P, rings_P * self._rings_on])
        turn_C = np.exp(2j * np.pi * random.random(len(hz_C)))
        rings_on = 10 ** (-self._rings_on_db / 20)
        return _String(
            hz_C,
            (2j * np.pi * hz_C - fall_C) / self.sample_rate,
            np.concatenate([loud_P, rings_on * loud_P]) * turn_C,
        )

    def _noise(self, pitch: int, level_db: float) -> np.ndarray:
        """The hammer's knock, or a key that falls back: noise, duller for low keys."""
        length = round(4 * self._knock * self.sample_rate)
        noise_S = self._random.standard_normal(length)
        smooth = int(np.clip(self.sample_rate / (200 * 2 ** ((pitch - 48) / 24)), 1, length))
        noise_S = np.convolve(noise_S, np.hanning(smooth + 2), mode="same")
        noise_S /= max(float(noise_S.std()), 1e-9)
        fall_S = np.exp(-np.arange(length) / (self._knock * self.sample_rate))
        return 10 ** (level_db / 20) * noise_S * fall_S
