"""The feature front end: chunking, pitch, loudness and time against what is known or computed
apart."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.music.features import (
    BIN_HZ,
    COMPRESSION,
    LONG_WINDOW,
    N_BINS,
    SHORT_WINDOW,
    FeatureConfig,
    FeatureExtractor,
    extract_features,
    shift_features,
)

CONFIG = FeatureConfig()


def sine(hz: float, seconds: float = 0.6, amplitude: float = 0.3) -> np.ndarray:
    time_S = np.arange(round(seconds * CONFIG.sample_rate)) / CONFIG.sample_rate
    return (amplitude * np.sin(2 * np.pi * hz * time_S)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    chunks=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
)
def test_chunks_of_any_size_give_the_numbers_of_the_whole(seed: int, chunks: list[int]) -> None:
    samples_S = np.random.default_rng(seed).normal(0, 0.2, sum(chunks)).astype(np.float32)
    whole_RF = extract_features(samples_S, CONFIG)
    extractor = FeatureExtractor(CONFIG)
    rows = [extractor.push(part) for part in np.split(samples_S, np.cumsum(chunks)[:-1])]
    streamed_RF = np.concatenate([*rows, extractor.flush()])
    frames = round(len(samples_S) / CONFIG.sample_rate * CONFIG.fps)
    assert whole_RF.shape == streamed_RF.shape == (4 * frames, CONFIG.size)
    np.testing.assert_allclose(streamed_RF, whole_RF, atol=1e-4)


@pytest.mark.parametrize("midi", range(21, 109))
def test_sine_peaks_in_its_own_bin_in_both_halves(midi: int) -> None:
    row_F = extract_features(sine(440 * 2 ** ((midi - 69) / 12)), CONFIG)[30]
    assert row_F[:N_BINS].argmax() == 3 * (midi - 21)
    assert row_F[N_BINS : 2 * N_BINS].argmax() == 3 * (midi - 21)


def test_loudness_is_that_of_the_sine() -> None:
    for midi in (33, 57, 81, 105):
        row_F = extract_features(sine(440 * 2 ** ((midi - 69) / 12), amplitude=0.3), CONFIG)[30]
        magnitude = np.expm1(row_F[3 * (midi - 21)]) / COMPRESSION
        assert magnitude == pytest.approx(0.3, rel=0.1)


def test_bins_are_librosas_constant_q_frequencies() -> None:
    reference_N = librosa.cqt_frequencies(N_BINS, fmin=27.5, bins_per_octave=36)
    np.testing.assert_allclose(BIN_HZ, reference_N, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:n_fft")  # the padding is longer than the sound; that is meant
@pytest.mark.parametrize(("window", "first"), [(LONG_WINDOW, 0), (SHORT_WINDOW, N_BINS)])
def test_magnitudes_agree_with_librosas_stft(window: int, first: int) -> None:
    samples_S = sum(sine(hz, amplitude=0.1) for hz in (110.0, 523.0, 2500.0))
    assert isinstance(samples_S, np.ndarray)
    # Sixteen times as fine as the window's own bins, so that every bin of ours has a neighbour
    # there.
    stft_KR = librosa.stft(samples_S, n_fft=16 * window, win_length=window, hop_length=CONFIG.hop)
    magnitude_KR = np.abs(stft_KR) / (window / 4)
    ours_RN = np.expm1(extract_features(samples_S, CONFIG)[:, first : first + N_BINS]) / COMPRESSION
    grid_K = np.arange(len(magnitude_KR)) * CONFIG.sample_rate / (16 * window)
    bin_width_N = BIN_HZ * (2 ** (1 / 36) - 1)
    low_N = bin_width_N < 2 * CONFIG.sample_rate / window
    for row in (0, 7, 30, len(ours_RN) - 1):
        reference_N = np.interp(BIN_HZ, grid_K, magnitude_KR[:, row])
        np.testing.assert_allclose(ours_RN[row, low_N], reference_N[low_N], atol=2e-3)


def test_an_onset_is_where_the_sound_begins() -> None:
    silence_S = np.zeros(CONFIG.sample_rate, np.float32)
    features_RF = extract_features(np.concatenate([silence_S, sine(440.0), silence_S]), CONFIG)
    assert abs(int(features_RF[:, -1].argmax()) - 100) <= 3
    assert features_RF[:87].max() == 0


def test_lookahead_is_as_stated() -> None:
    samples_S = sine(440.0, seconds=1.0)
    row, sample = 50, round(50 * CONFIG.hop + CONFIG.lookahead_seconds * CONFIG.sample_rate)
    changed_S = samples_S.copy()
    changed_S[sample:] = 0.9
    np.testing.assert_array_equal(
        extract_features(changed_S, CONFIG)[: row + 1],
        extract_features(samples_S, CONFIG)[: row + 1],
    )
    assert CONFIG.lookahead_seconds <= 0.14


def test_nothing_gives_no_rows() -> None:
    assert extract_features(np.zeros(0, np.float32), CONFIG).shape == (0, 529)


def test_too_low_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="too low"):
        FeatureConfig(hop=80)


@pytest.mark.parametrize("semitones", [-19, -1, 0, 5, 12])
def test_shifted_features_show_the_pitch_that_much_higher(semitones: int) -> None:
    low_RF, high_RF = (
        torch.from_numpy(extract_features(sine(hz), CONFIG))
        for hz in (440.0, 440.0 * 2 ** (semitones / 12))
    )
    middle = len(low_RF) // 2
    moved_F = shift_features(low_RF, semitones)[middle]
    for half in (slice(0, N_BINS), slice(N_BINS, 2 * N_BINS)):
        assert int(moved_F[half].argmax()) == int(high_RF[middle, half].argmax())
    assert moved_F[-1] == low_RF[middle, -1]
