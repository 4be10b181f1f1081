"""Resampling: the same samples wherever they are used, as an independent resampler has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from apvg.music.reading import read_audio, stream_audio
from apvg.music.resampling import resample, resample_chunks

RATES = (8000, 11025, 16000, 22050, 44100, 48000)


def test_a_take_and_a_file_give_the_same_samples(tmp_path: Path) -> None:
    """Training and evaluation read takes; a performance reads files, or chunks as they come."""
    take = tiny.take(4.0)
    path = tmp_path / "take.wav"
    soundfile.write(path, take.samples_S, take.sample_rate, subtype="FLOAT")
    of_take_S = take.sound_at(22050)
    np.testing.assert_array_equal(read_audio(path, 22050), of_take_S)
    np.testing.assert_array_equal(np.concatenate(list(stream_audio(path, 22050))), of_take_S)


@pytest.mark.parametrize("rate", [r for r in RATES if r != 44100])
def test_it_agrees_with_an_independent_resampler(rate: int) -> None:
    t_S = np.arange(44100) / 44100
    samples_S = 0.5 * np.sin(2 * np.pi * 440 * t_S) + 0.2 * np.sin(2 * np.pi * 3000 * t_S)
    mine_S = resample(samples_S, 44100, rate)
    reference_S = resample_poly(samples_S, rate, 44100)[: len(mine_S)]
    inside = slice(rate // 20, -rate // 20)
    assert np.abs(mine_S - reference_S)[inside].max() < 2e-3


@given(
    size=st.integers(0, 5000),
    source_rate=st.sampled_from(RATES),
    rate=st.sampled_from(RATES),
    cut=st.floats(0, 1),
)
def test_chunks_and_lengths_do_not_matter(
    size: int, source_rate: int, rate: int, cut: float
) -> None:
    samples_S = np.random.default_rng(size).uniform(-1, 1, size).astype(np.float32)
    whole_S = resample(samples_S, source_rate, rate)
    assert len(whole_S) == round(size * rate / source_rate)
    middle = max(1, round(cut * size))
    parts = resample_chunks(samples_S[None, :middle], [samples_S[None, middle:]], source_rate, rate)
    joined_CS = np.concatenate([np.zeros((1, 0), np.float32), *parts], axis=1)
    np.testing.assert_allclose(joined_CS[0], whole_S, atol=1e-6)
