"""Recordings of clean sound: the clock, the length and the level stay within bounds, and what
happens is what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.virtual.common.recording import (
    RecordingConfig,
    add_noise,
    add_room,
    compress,
    encode_and_decode,
    equalise,
    record,
)

RATE = 16000
EVERYTHING = RecordingConfig(
    clean=0, room=1, equaliser=1, noise=1, compression=1, clipping=1, codec=1
)


def plucked(seconds: float, rate: int = RATE) -> np.ndarray:
    """Notes with sharp beginnings and no common period, whose right place is unmistakable."""
    random = np.random.default_rng(0)
    time_S = np.arange(round(seconds * rate)) / rate
    samples_S = np.zeros(len(time_S))
    for onset in np.arange(0.1, seconds, 0.23):
        since_S = np.maximum(time_S - onset, 0)
        attack_S = random.standard_normal(len(time_S)) * np.exp(-since_S / 0.01)
        tone_S = np.sin(2 * np.pi * random.uniform(200, 900) * since_S) * np.exp(-since_S / 0.3)
        samples_S += (time_S >= onset) * (0.2 * attack_S + 0.2 * tone_S)
    return samples_S.astype(np.float32)


def lag(clean_S: np.ndarray, recorded_S: np.ndarray, rate: int = RATE) -> float:
    """By how much the recording is late, seconds: where the cross-correlation is highest, within
    0.2 s."""
    size = 2 * len(clean_S)
    # Of the differences, since sharp beginnings tell the time and steady tones, which rooms
    # prolong, do not.
    clean_F, recorded_F = (np.fft.rfft(np.diff(sound_S), size) for sound_S in (clean_S, recorded_S))
    product_F = np.conj(clean_F) * recorded_F
    reach = round(0.2 * rate)
    correlation_L = np.roll(np.fft.irfft(product_F, size), reach)[: 2 * reach + 1]
    return (int(np.argmax(correlation_L)) - reach) / rate


def level_db(samples_S: np.ndarray) -> float:
    return float(10 * np.log10(np.square(samples_S, dtype=np.float64).mean()))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_recording_keeps_length_and_clock_and_can_be_made_again(seed: int) -> None:
    clean_S = plucked(2.0)
    recorded_S = record(clean_S, RATE, np.random.default_rng(seed), EVERYTHING)
    assert recorded_S.dtype == np.float32
    assert recorded_S.shape == clean_S.shape
    assert np.abs(recorded_S).max() <= 1
    assert abs(lag(clean_S, recorded_S)) <= 0.005
    again_S = record(clean_S, RATE, np.random.default_rng(seed), EVERYTHING)
    np.testing.assert_array_equal(recorded_S, again_S)


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("codec", ["libmp3lame", "aac", "libopus"])
def test_a_codec_changes_little_and_delays_nothing(codec: str, rate: int) -> None:
    clean_S = plucked(1.5, rate)
    coded_S = encode_and_decode(clean_S, rate, codec, 96)
    assert len(coded_S) == len(clean_S)
    assert lag(clean_S, coded_S, rate) == 0
    assert level_db(coded_S - clean_S) < level_db(clean_S) - 6
    rough_S = encode_and_decode(clean_S, rate, codec, 32)
    assert level_db(rough_S - clean_S) > level_db(coded_S - clean_S)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(0, 4000))
def test_short_sound_and_silence(seed: int, length: int) -> None:
    random = np.random.default_rng(seed)
    noise_S = random.normal(0, 0.1, length).astype(np.float32)
    for clean_S in (noise_S, np.zeros(length, np.float32)):
        recorded_S = record(clean_S, RATE, random, EVERYTHING)
        assert recorded_S.shape == clean_S.shape
        assert np.isfinite(recorded_S).all()
        assert recorded_S.any() == clean_S.any()


def test_one_in_six_stays_clean() -> None:
    clean_S = plucked(0.2)
    random = np.random.default_rng(0)
    same = sum(np.array_equal(record(clean_S, RATE, random), clean_S) for _ in range(600))
    assert same / 600 == pytest.approx(1 / 6, abs=0.05)


def test_a_room_rings_as_long_as_it_says() -> None:
    config = RecordingConfig(rt60=(0.8, 0.8), wet_db=(0.0, 0.0))
    click_S = np.zeros(2 * RATE, np.float32)
    click_S[100] = 1
    room_S = add_room(click_S, RATE, np.random.default_rng(0), config)
    np.testing.assert_allclose(room_S[:100], 0, atol=1e-6)
    assert room_S[100] == pytest.approx(1, abs=1e-4)
    # Schroeder's backward integral falls by 60 dB in the reverberation time.
    left_S = 10 * np.log10(np.cumsum(np.square(room_S[101:], dtype=np.float64)[::-1])[::-1] + 1e-20)
    early, late = round(0.1 * RATE), round(0.4 * RATE)
    fall = (left_S[early] - left_S[late]) / 0.3
    assert 60 / fall == pytest.approx(0.8, rel=0.25)


def test_noise_lies_as_far_below_the_music_as_it_says() -> None:
    music_S = np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE).astype(np.float32)
    music_S[2 * RATE :] = 0  # a pause makes the music no quieter
    for seed in range(6):
        config = RecordingConfig(snr_db=(30.0, 30.0))
        noisy_S = add_noise(music_S, RATE, np.random.default_rng(seed), config)
        assert level_db(noisy_S - music_S) == pytest.approx(
            level_db(music_S[: 2 * RATE]) - 30, abs=0.1
        )


def test_a_phone_has_neither_lows_nor_highs() -> None:
    noise_S = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
    phone = replace(EVERYTHING, phone=1.0, equaliser_db=0.0)
    power_F = np.abs(np.fft.rfft(equalise(noise_S, RATE, np.random.default_rng(1), phone))) ** 2
    hertz_F = np.fft.rfftfreq(len(noise_S), 1 / RATE)
    middle = power_F[(hertz_F > 800) & (hertz_F < 2000)].mean()
    assert power_F[hertz_F < 60].mean() < 0.1 * middle
    assert power_F[hertz_F > 7500].mean() < 0.1 * middle


def test_compression_brings_loud_and_quiet_together() -> None:
    tone_S = np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    tone_S *= np.geomspace(0.01, 1, len(tone_S))  # louder by 10 dB every second
    quiet, loud = slice(0, RATE // 4), slice(-RATE // 4, None)
    steps = []
    for seed in range(12):
        out_S = compress(tone_S.astype(np.float32), RATE, np.random.default_rng(seed))
        steps.append(level_db(out_S[loud]) - level_db(out_S[quiet]))
    plain = level_db(tone_S[loud]) - level_db(tone_S[quiet])
    assert max(steps) < plain - 1
    assert min(steps) < plain - 10
