"""Synthesis of bowed strings: a sum of partials whose loudness, timbre and pitch follow the motion.

The amplitude follows the bow's speed and weight, the brightness its bowing point and force, the
pitch the finger with its vibrato and slides. A string rings on when the bow leaves it, and is
damped when the bow turns on it. Partials of a bowed string fall as 1/n (Helmholtz motion) and are
shaped by resonances of the body; the rest is own choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from apvg.virtual.strings.performance import Performance

#: Control rate, Hz: the motion is sampled at it, and interpolated linearly.
_CONTROL_HZ = 200
_MOST_PARTIALS = 48


@dataclass(frozen=True)
class Voice:
    """The sound of an instrument, its strings and its bow.

    Attributes:
        resonances: Resonances of the body: Hz, gain, width in octaves.
        unresonant: Gain between them.
        falls: The amplitude of partial n falls as n to the power of minus this.
        partials: Number of partials, at least, before they fall faster.
        speaks: Response time of a string to the bow, seconds.
        rings: Time in which a string falls to 1/e after the bow has left it, seconds.
        damped: The same while the bow is on it and hardly moves.
        hair: Level of the hair's noise relative to the tone.
        catches: The same at the start of strokes.
    """

    resonances: tuple[tuple[float, float, float], ...] = (
        (98, 2.2, 0.25),
        (175, 2.5, 0.22),
        (240, 1.6, 0.3),
        (480, 1.4, 0.5),
        (2200, 1.8, 0.6),
    )
    unresonant: float = 0.5
    falls: float = 1.0
    partials: float = 4.0
    speaks: float = 0.008
    rings: float = 0.25
    damped: float = 0.045
    hair: float = 0.012
    catches: float = 0.1


def draw_voice(random: np.random.Generator) -> Voice:
    """A random instrument, from a wider range than that of real ones.

    Attacks range from hard to as soft as those of sampled strings.
    """
    hz_N = 10 ** random.uniform(1.85, 3.6, int(random.integers(4, 10)))
    return Voice(
        resonances=tuple(
            (float(hz), random.uniform(0.3, 3.0), random.uniform(0.12, 0.6)) for hz in hz_N
        ),
        unresonant=random.uniform(0.3, 1.5),
        falls=random.uniform(0.6, 1.6),
        partials=random.uniform(2.0, 8.0),
        speaks=10 ** random.uniform(-2.3, -1.45),
        rings=10 ** random.uniform(-1.2, -0.2),
        damped=10 ** random.uniform(-1.8, -1.1),
        hair=10 ** random.uniform(-3.0, -1.5),
        catches=10 ** random.uniform(-2.5, -0.8),
    )


def synthesise(
    performance: Performance,
    seconds: float,
    sample_rate: int,
    random: np.random.Generator,
    voice: Voice | None = None,
) -> np.ndarray:
    """The sound of a performance: mono float32 [round(seconds * sample_rate)], peak 0.5.

    Args:
        performance: What is played.
        seconds: Length.
        sample_rate: Hz.
        random: Source of the bow's noise and of small variations in pitch.
        voice: The sound of the instrument; a cello by default.
    """
    voice = voice or Voice()
    samples = round(seconds * sample_rate)
    time_C = np.arange(int(seconds * _CONTROL_HZ) + 2) / _CONTROL_HZ
    time_S = np.arange(samples) / sample_rate
    pitch_CI, force_CI = _strings(performance, time_C, voice)
    sound_S = np.zeros(samples)
    bow = performance.bow(time_C)
    near_C = performance.instrument.string_length / bow.from_bridge_X  # 7 to 12
    for string in range(performance.instrument.strings):
        if not force_CI[:, string].any():
            continue
        drift_C = 1 + 0.0004 * _wander(len(time_C), random, 0.3)
        hz_C = 440 * 2 ** ((pitch_CI[:, string] - 69) / 12) * drift_C
        sound_S += _string(voice, hz_C, force_CI[:, string], near_C, time_C, sample_rate, samples)
    # Noise of the hair, loudest when the bow starts and turns.
    noise_S = random.standard_normal(samples)
    noise_S = noise_S - gaussian_filter1d(noise_S, sample_rate / 1500)
    force_S = np.interp(time_S, time_C, force_CI.max(axis=1))
    catches_C = np.abs(np.gradient(np.sign(bow.speed_X)))
    catch_S = np.interp(time_S, time_C, gaussian_filter1d(catches_C, 0.012 * _CONTROL_HZ))
    sound_S += noise_S * force_S * (voice.hair + voice.catches * catch_S)
    return (0.5 * sound_S / max(float(np.abs(sound_S).max()), 1e-9)).astype(np.float32)


def _strings(
    performance: Performance, time_C: np.ndarray, voice: Voice
) -> tuple[np.ndarray, np.ndarray]:
    """MIDI pitch and amplitude of every string [C, I]."""
    instrument, notes = performance.instrument, performance.notes
    bow, left = performance.bow(time_C), performance.left_hand(time_C)
    # Each string keeps the stop of its current or last note.
    at_C = (np.searchsorted(notes.onset_N, time_C, side="right") - 1).clip(0)
    pitch_CI = np.zeros((len(time_C), instrument.strings))
    force_CI = np.zeros_like(pitch_CI)
    finger_C = performance.finger_N[at_C]
    stop_C = np.take_along_axis(left.stop_X4, (finger_C[:, None] - 1).clip(0), axis=1)[:, 0]
    touched_C = np.where(finger_C > 0, instrument.semitones(stop_C), 0.0)
    # A slide sounds only on a string that is stopped before and after; otherwise the pitch is the
    # note's from its start.
    own_C = performance.semitones_N[at_C] + left.vibrato_X
    slides_C = np.abs(touched_C - own_C) < 3
    sounding_C = np.where(slides_C, touched_C, own_C)
    drawn_C = np.abs(bow.speed_X) * (0.4 + 0.6 * performance.loudness(time_C))
    drawn_C *= performance.weight(time_C)
    for string, open_pitch in enumerate(instrument.open_pitches):
        plays_C = performance.string_N[at_C] == string
        last_C = np.maximum.accumulate(np.where(plays_C, np.arange(len(time_C)), -1))
        pitch_CI[:, string] = open_pitch + np.where(last_C >= 0, sounding_C[last_C], 0.0)
        under_C = (1 - np.abs(bow.string_X - string) / 0.5).clip(0, 1)
        force_CI[:, string] = _ring(drawn_C * under_C, (under_C > 0) & (bow.lift_X <= 0), voice)
    return pitch_CI, force_CI


def _ring(drive_C: np.ndarray, bowed_C: np.ndarray, voice: Voice) -> np.ndarray:
    """The amplitude of a string: it responds within milliseconds, and rings on when the bow has
    left it."""
    falls_C = np.exp(-1 / (np.where(bowed_C, voice.damped, voice.rings) * _CONTROL_HZ))
    drive_C = gaussian_filter1d(drive_C, voice.speaks * _CONTROL_HZ)
    rung_C, held = np.zeros_like(drive_C), 0.0
    for index, (drive, falls) in enumerate(zip(drive_C.tolist(), falls_C.tolist(), strict=True)):
        held = max(drive, held * falls)
        rung_C[index] = held
    return rung_C


def _string(
    voice: Voice,
    hz_C: np.ndarray,
    force_C: np.ndarray,
    near_C: np.ndarray,
    time_C: np.ndarray,
    sample_rate: int,
    samples: int,
) -> np.ndarray:
    """One string's partials through the body, up to half the sample rate."""
    time_S = np.arange(samples) / sample_rate
    hz_S = np.interp(time_S, time_C, hz_C)
    turn_S = np.exp(2j * np.pi * np.cumsum(hz_S) / sample_rate)
    # More partials for louder notes and bowing points nearer to the bridge.
    cut_C = (voice.partials + 1.2 * near_C) * (
        0.6 + 0.8 * force_C / max(float(force_C.max()), 1e-9)
    )
    most = min(_MOST_PARTIALS, int(0.48 * sample_rate / float(hz_C.min())))
    sound_S, partial_S = np.zeros(samples), np.ones(samples, np.complex128)
    for partial in range(1, most + 1):
        partial_S *= turn_S
        gain_C = (
            force_C
            * _body(partial * hz_C, voice)
            / partial**voice.falls
            / (1 + (partial / cut_C) ** 3)
        )
        gain_C = np.where(partial * hz_C < 0.48 * sample_rate, gain_C, 0.0)
        sound_S += np.interp(time_S, time_C, gain_C) * partial_S.imag
    return sound_S


def _body(hz_C: np.ndarray, voice: Voice) -> np.ndarray:
    octave_C = np.log2(hz_C)
    gain_C = np.full(len(hz_C), voice.unresonant)
    for centre, gain, width in voice.resonances:
        gain_C += gain * np.exp(-0.5 * ((octave_C - np.log2(centre)) / width) ** 2)
    return gain_C


def _wander(length: int, random: np.random.Generator, seconds: float) -> np.ndarray:
    wave_C = gaussian_filter1d(random.standard_normal(length), seconds * _CONTROL_HZ)
    return wave_C / max(float(wave_C.std()), 1e-9)
