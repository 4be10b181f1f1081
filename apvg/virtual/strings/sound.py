"""What the performance sounds like: a bowed string made of partials, whose loudness, colour and pitch the motion drives.

The string follows the bow: its amplitude the speed of the hair and the weight on it, its brightness where it is bowed and
how hard, its pitch the finger with its vibrato and its slides. A string that the bow leaves rings on for a moment; a bow that
turns on it damps it. Partials of a bowed string fall as 1/n (Helmholtz motion); the body's resonances stand over them; the
rest is own choice.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from apvg.virtual.strings.performance import Performance

#: How often the motion is asked, Hz; what lies between is drawn straight.
_CONTROL_HZ = 200
#: Resonances of a cello's body: Hz, gain, width in octaves.
_RESONANCES = (
    (98, 2.2, 0.25),
    (175, 2.5, 0.22),
    (240, 1.6, 0.3),
    (480, 1.4, 0.5),
    (2200, 1.8, 0.6),
)
#: Seconds in which a string falls to 1/e when the bow has left it, and when the bow lies on it and hardly moves.
_RINGS, _DAMPED = 0.25, 0.045
_MOST_PARTIALS = 48


def synthesise(
    performance: Performance, seconds: float, sample_rate: int, random: np.random.Generator
) -> np.ndarray:
    """The sound of a performance: mono float32 [round(seconds * sample_rate)], peak 0.5.

    Args:
        performance: What is played.
        seconds: Length.
        sample_rate: Hz.
        random: Of the bow's noise and of the strings' small differences.
    """
    samples = round(seconds * sample_rate)
    time_C = np.arange(int(seconds * _CONTROL_HZ) + 2) / _CONTROL_HZ
    time_S = np.arange(samples) / sample_rate
    pitch_CI, force_CI = _strings(performance, time_C)
    sound_S = np.zeros(samples)
    bow = performance.bow(time_C)
    near_C = performance.instrument.string_length / bow.from_bridge_X  # 7 to 12
    for string in range(performance.instrument.strings):
        if not force_CI[:, string].any():
            continue
        drift_C = 1 + 0.0004 * _wander(len(time_C), random, 0.3)
        hz_C = 440 * 2 ** ((pitch_CI[:, string] - 69) / 12) * drift_C
        sound_S += _string(hz_C, force_CI[:, string], near_C, time_C, sample_rate, samples)
    # The hair's own noise, loudest when the bow sets on and turns.
    noise_S = random.standard_normal(samples)
    noise_S = noise_S - gaussian_filter1d(noise_S, sample_rate / 1500)
    force_S = np.interp(time_S, time_C, force_CI.max(axis=1))
    catches_C = np.abs(np.gradient(np.sign(bow.speed_X)))
    catch_S = np.interp(time_S, time_C, gaussian_filter1d(catches_C, 0.012 * _CONTROL_HZ))
    sound_S += noise_S * force_S * (0.012 + 0.1 * catch_S)
    return (0.5 * sound_S / max(float(np.abs(sound_S).max()), 1e-9)).astype(np.float32)


def _strings(performance: Performance, time_C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MIDI pitch and amplitude of every string [C, I]."""
    instrument, notes = performance.instrument, performance.notes
    bow, left = performance.bow(time_C), performance.left_hand(time_C)
    # Whatever is sounding, or sounded last, on each string is stopped where it was.
    at_C = (np.searchsorted(notes.onset_N, time_C, side="right") - 1).clip(0)
    pitch_CI = np.zeros((len(time_C), instrument.strings))
    force_CI = np.zeros_like(pitch_CI)
    finger_C = performance.finger_N[at_C]
    stop_C = np.take_along_axis(left.stop_X4, (finger_C[:, None] - 1).clip(0), axis=1)[:, 0]
    touched_C = np.where(finger_C > 0, instrument.semitones(stop_C), 0.0)
    # A slide is heard only where the same string is stopped before and after; else the pitch is the note's from its start.
    own_C = performance.semitones_N[at_C] + left.vibrato_X
    slides_C = np.abs(touched_C - own_C) < 3
    heard_C = np.where(slides_C, touched_C, own_C)
    drawn_C = np.abs(bow.speed_X) * (0.4 + 0.6 * performance.loudness(time_C))
    drawn_C *= performance.weight(time_C)
    for string, open_pitch in enumerate(instrument.open_pitches):
        plays_C = performance.string_N[at_C] == string
        last_C = np.maximum.accumulate(np.where(plays_C, np.arange(len(time_C)), -1))
        pitch_CI[:, string] = open_pitch + np.where(last_C >= 0, heard_C[last_C], 0.0)
        under_C = (1 - np.abs(bow.string_X - string) / 0.5).clip(0, 1)
        force_CI[:, string] = _ring(drawn_C * under_C, (under_C > 0) & (bow.lift_X <= 0))
    return pitch_CI, force_CI


def _ring(drive_C: np.ndarray, bowed_C: np.ndarray) -> np.ndarray:
    """The string's amplitude: it speaks within a few milliseconds, and rings on where the bow is not on it."""
    falls_C = np.exp(-1 / (np.where(bowed_C, _DAMPED, _RINGS) * _CONTROL_HZ))
    drive_C = gaussian_filter1d(drive_C, 0.008 * _CONTROL_HZ)
    rung_C, held = np.zeros_like(drive_C), 0.0
    for index, (drive, falls) in enumerate(zip(drive_C.tolist(), falls_C.tolist(), strict=True)):
        held = max(drive, held * falls)
        rung_C[index] = held
    return rung_C


def _string(
    hz_C: np.ndarray, force_C: np.ndarray, near_C: np.ndarray, time_C: np.ndarray, sample_rate: int, samples: int
) -> np.ndarray:  # fmt: skip
    """One string's partials through the body, with what lies beyond half the sample rate left out."""
    time_S = np.arange(samples) / sample_rate
    hz_S = np.interp(time_S, time_C, hz_C)
    turn_S = np.exp(2j * np.pi * np.cumsum(hz_S) / sample_rate)
    # The louder and the nearer to the bridge, the more partials.
    cut_C = (4 + 1.2 * near_C) * (0.6 + 0.8 * force_C / max(float(force_C.max()), 1e-9))
    most = min(_MOST_PARTIALS, int(0.48 * sample_rate / float(hz_C.min())))
    sound_S, partial_S = np.zeros(samples), np.ones(samples, np.complex128)
    for partial in range(1, most + 1):
        partial_S *= turn_S
        gain_C = force_C * _body(partial * hz_C) / partial / (1 + (partial / cut_C) ** 3)
        gain_C = np.where(partial * hz_C < 0.48 * sample_rate, gain_C, 0.0)
        sound_S += np.interp(time_S, time_C, gain_C) * partial_S.imag
    return sound_S


def _body(hz_C: np.ndarray) -> np.ndarray:
    octave_C = np.log2(hz_C)
    gain_C = np.full(len(hz_C), 0.5)
    for centre, gain, width in _RESONANCES:
        gain_C += gain * np.exp(-0.5 * ((octave_C - np.log2(centre)) / width) ** 2)
    return gain_C


def _wander(length: int, random: np.random.Generator, seconds: float) -> np.ndarray:
    wave_C = gaussian_filter1d(random.standard_normal(length), seconds * _CONTROL_HZ)
    return wave_C / max(float(wave_C.std()), 1e-9)
