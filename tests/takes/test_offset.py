"""Offsets that were put in are found, by each of the ways; where nothing fits, none is claimed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apvg.instruments.keyboard import key_x
from apvg.music.notes import Notes
from apvg.music.reading import read_audio
from apvg.takes.found import LIKELY
from apvg.takes.prepare.align import find_offsets
from apvg.takes.prepare.keys import match_keys
from apvg.takes.prepare.matching import (
    ANALYSIS_RATE,
    ONSET_RATE,
    match_onsets,
    note_onsets,
    sound_onsets,
)
from apvg.takes.recording import Recording

SOUND = Path(__file__).parents[2] / "apvg" / "samples" / "prelude.ogg"


def melody(seed: int, count: int = 120) -> Notes:
    """Notes that wander over the keyboard, some 4 a second."""
    rng = np.random.default_rng(seed)
    onset_N = 1 + np.cumsum(rng.choice([0.15, 0.25, 0.4], count))
    pitch_N = np.clip(64 + np.cumsum(rng.integers(-4, 5, count)), 30, 100)
    return Notes(onset_N, onset_N + 0.2, onset_N + 0.2, pitch_N, rng.integers(40, 100, count))


def tips(notes: Notes, offset: float, frames: int, fps: float, seed: int = 0) -> np.ndarray:
    """[T, 10] fingertips of a hand whose five fingers rest on neighbouring keys, one of them on
    each key as it is struck."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / fps
    finger_N = rng.integers(0, 5, len(notes))
    place_T = np.interp(t, notes.onset_N + offset, key_x(notes.pitch_N) - finger_N)
    tip_x_TF = np.full((frames, 10), np.nan)
    tip_x_TF[:, 5:] = place_T[:, None] + np.arange(5) + rng.normal(scale=0.1, size=(frames, 5))
    tip_x_TF[rng.random(frames) < 0.03] = np.nan
    return tip_x_TF


def clicks(onsets: np.ndarray, seconds: float, seed: int = 0) -> np.ndarray:
    """Tones that are struck and fade."""
    rng = np.random.default_rng(seed)
    samples_S = rng.normal(scale=1e-3, size=round(seconds * ANALYSIS_RATE))
    t = np.arange(ANALYSIS_RATE // 2) / ANALYSIS_RATE
    for onset in onsets:
        first = round(onset * ANALYSIS_RATE)
        if 0 <= first < len(samples_S):
            tone_S = 0.3 * np.exp(-8 * t) * np.sin(2 * np.pi * rng.uniform(200, 2000) * t)
            samples_S[first : first + len(t)] += tone_S[: len(samples_S) - first]
    return samples_S.astype(np.float32)


@pytest.mark.parametrize("offset", [-16.3, -0.48, 0.0, 7.04])
@pytest.mark.parametrize("fps", [25, 30])
def test_struck_keys_are_laid_under_the_fingers(offset, fps):
    notes = melody(1)
    match = match_keys(tips(notes, offset, 45 * fps, fps), notes, fps)
    assert match is not None
    assert match.shift == pytest.approx(offset, abs=0.04)
    assert match.sure >= LIKELY


def test_other_notes_are_not_claimed_to_fit():
    sure = [
        match.sure
        for seed in range(2, 8)
        if (match := match_keys(tips(melody(1), 0, 1000, 25), melody(seed), 25)) is not None
    ]
    assert np.mean([s >= LIKELY for s in sure]) <= 1 / 6


@pytest.mark.parametrize("offset", [-3.21, 0.0, 12.5])
def test_sound_and_notes_are_laid_over_sound(offset):
    notes = melody(3)
    heard_E = sound_onsets([clicks(notes.onset_N + offset, 50)])
    apart_E = sound_onsets([clicks(notes.onset_N, 50, seed=9)])
    for match in (match_onsets(heard_E, apart_E), match_onsets(heard_E, note_onsets(notes))):
        assert match is not None
        assert match.shift == pytest.approx(offset, abs=0.03)
        assert match.sure >= LIKELY


def test_onsets_do_not_depend_on_the_pieces():
    samples_S = clicks(melody(4).onset_N, 20)
    whole_E = sound_onsets([samples_S])
    cut_E = sound_onsets(np.split(samples_S, [100, 7000, 7001, 90000]))
    assert np.allclose(whole_E[1:], cut_E[1:], atol=1e-3)
    assert len(whole_E) == pytest.approx(20 * ONSET_RATE, abs=4)


def test_real_music_is_found_in_a_part_of_itself():
    samples_S = read_audio(SOUND, ANALYSIS_RATE)
    whole_E = sound_onsets([samples_S])
    first = round(len(samples_S) * 0.3)
    part_E = sound_onsets([samples_S[first : first + 8 * ANALYSIS_RATE]])
    match = match_onsets(part_E, whole_E)
    assert match is not None
    assert match.shift == pytest.approx(-first / ANALYSIS_RATE, abs=0.02)


def test_nothing_is_claimed_without_anything_to_go_by(tmp_path):
    video, sound = tmp_path / "a.mp4", tmp_path / "a.wav"
    recording = Recording("a", video, sound, None)
    offsets = find_offsets(recording, None, [], video_has_sound=False)
    assert (offsets.sound.value, offsets.sound.word) == (0.0, "not found")
    own = find_offsets(replace(recording, audio=video), None, [], video_has_sound=True)
    assert (own.sound.value, own.sound.word) == (0.0, "sure")
    notes = melody(1)
    match = match_keys(tips(notes, -5, 1000, 25), notes, 25)
    assert match is not None
    found = find_offsets(recording, notes, [("keys", match)], video_has_sound=False)
    assert found.notes == found.sound
    assert found.sound.value == pytest.approx(-5.0, abs=0.04)
