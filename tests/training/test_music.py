"""Rolls at other speeds and octaves, against those that the notes themselves give; features of
sound that is made louder or mixed with its lower octave, against features of such sound."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apvg.music.features import FLUX_ROWS, FeatureConfig, extract_features
from apvg.music.notes import Notes
from apvg.training.data.music import louder, octave_mixing, retimed

FPS = 25
LENGTH = 120

whole_notes = st.lists(
    st.tuples(st.integers(0, LENGTH - 20), st.integers(3, 12), st.integers(40, 70)),
    min_size=1,
    max_size=12,
    unique_by=lambda note: note[2],
)


def roll_and_notes(drawn: list[tuple[int, int, int]]) -> tuple[torch.Tensor, Notes]:
    onset_N = np.array([first for first, _, _ in drawn]) / FPS
    offset_N = onset_N + np.array([frames for _, frames, _ in drawn]) / FPS
    order_N = np.argsort(onset_N, kind="stable")
    pitch_N = np.array([pitch for _, _, pitch in drawn])
    velocity_N = np.full(len(drawn), 80)
    notes = Notes(onset_N, offset_N, offset_N, pitch_N, velocity_N).select(order_N)
    return torch.from_numpy(notes.roll(FPS, LENGTH)) > 0, notes


@settings(max_examples=40, deadline=None)
@given(drawn=whole_notes, start=st.integers(-20, 60), octave=st.sampled_from([-1, 0, 1]))
def test_at_its_own_speed_a_roll_is_what_the_notes_give(drawn, start: int, octave: int) -> None:
    roll_2TP, notes = roll_and_notes(drawn)
    frames = LENGTH - max(start, 0)
    expected_2TP = notes.transposed(12 * octave).roll(FPS, frames, start=start)
    got_2TP = retimed(roll_2TP, start, frames, octave=octave)
    np.testing.assert_array_equal(got_2TP.numpy(), expected_2TP)


@settings(max_examples=60, deadline=None)
@given(drawn=whole_notes, start=st.floats(-20, 60), speed=st.floats(0.7, 1.4))
def test_every_strike_stays_one_whatever_the_speed(drawn, start: float, speed: float) -> None:
    roll_2TP, notes = roll_and_notes(drawn)
    turns_N = np.array([turn for first, length, _ in drawn for turn in (first, first + length)])
    # Halfway between two frames, seconds and frames may be rounded differently.
    assume((np.abs((turns_N - start) / speed % 1 - 0.5) > 1e-6).all())
    expected_2TP = notes.roll(FPS, 80, start=start, speed=speed)
    np.testing.assert_array_equal(retimed(roll_2TP, start, 80, speed).numpy(), expected_2TP)


def tones(pitches: list[int], rate: int) -> np.ndarray:
    """Half a second of silence, then tones of six partials that fade, together."""
    time_S = np.arange(rate) / rate
    sound_S = np.zeros_like(time_S)
    for pitch in pitches:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        sound_S += sum(np.cos(2 * np.pi * k * hertz * time_S) / k for k in range(1, 7))
    return np.pad(0.05 * sound_S * np.exp(-3 * time_S), (rate // 2, 0)).astype(np.float32)


@settings(max_examples=10, deadline=None)
@given(
    pitches=st.lists(st.integers(48, 72), min_size=1, max_size=3, unique_by=lambda p: p % 12),
    gain_db=st.floats(-8, 4),
)
def test_doubled_features_are_nearly_those_of_doubled_sound(
    pitches: list[int], gain_db: float
) -> None:
    config = FeatureConfig(fps=FPS)
    once_S = tones(pitches, config.sample_rate)
    lower_S = tones([pitch - 12 for pitch in pitches], config.sample_rate)
    once_RF = torch.from_numpy(extract_features(once_S, config))
    both_RF = torch.from_numpy(extract_features(once_S + 10 ** (gain_db / 20) * lower_S, config))
    got_RF = octave_mixing(once_RF, gain_db)[FLUX_ROWS:]
    away, apart = (got_RF - both_RF[FLUX_ROWS:]).abs(), (once_RF - both_RF)[FLUX_ROWS:].abs()
    # Not the same: low notes fill more bins, and phases differ.
    assert away.square().mean() < 0.35 * apart.square().mean()


@given(gain_db=st.floats(-18, 6))
@settings(max_examples=10, deadline=None)
def test_louder_features_are_those_of_louder_sound(gain_db: float) -> None:
    config = FeatureConfig(fps=FPS)
    sound_S = tones([60, 67], config.sample_rate)
    expected_RF = extract_features((10 ** (gain_db / 20) * sound_S).astype(np.float32), config)
    got_RF = louder(torch.from_numpy(extract_features(sound_S, config)), gain_db)
    np.testing.assert_allclose(got_RF[FLUX_ROWS:], expected_RF[FLUX_ROWS:], atol=2e-3)
