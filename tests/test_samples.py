"""The package's own music is what its maker says it is."""

import av
import numpy as np
import pytest

from apvg.midi import read_midi
from apvg.samples import SAMPLE, SAMPLE_MIDI


@pytest.fixture(scope="module")
def sound_S() -> np.ndarray:
    """The sample as mono at 48 kHz, by PyAV itself."""
    with av.open(str(SAMPLE)) as container:
        return np.concatenate([f.to_ndarray().mean(axis=0) for f in container.decode(audio=0)])


def test_the_sound_is_sound_and_small(sound_S: np.ndarray) -> None:
    assert SAMPLE.stat().st_size < 400_000
    assert 18 * 48_000 < len(sound_S) < 25 * 48_000
    assert 0.3 < np.abs(sound_S).max() < 0.99
    assert 0.02 < np.sqrt(np.mean(sound_S**2)) < 0.3
    assert np.abs(sound_S[-480:]).max() < 1e-3


def test_the_sound_follows_the_notes(sound_S: np.ndarray) -> None:
    # Where a note is struck, its fundamental is louder just after than just before.
    notes = read_midi(SAMPLE_MIDI)
    window = np.hanning(4096)
    rises = []
    for onset, pitch in zip(notes.onset_N, notes.pitch_N, strict=True):
        at = round(onset * 48_000)
        tone = np.exp(-2j * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(4096) / 48_000)
        before, after = sound_S[at - 4096 : at], sound_S[at + 400 : at + 4496]
        rises.append(abs(np.sum(after * window * tone)) > abs(np.sum(before * window * tone)))
    assert np.mean(rises) > 0.9


def test_two_hands_can_play_it() -> None:
    notes = read_midi(SAMPLE_MIDI)
    assert notes.pitch_N.min() >= 36
    assert notes.pitch_N.max() <= 84
    for start in np.arange(0.4, notes.onset_N[-1] - 1.6, 1.58):
        pitches = np.unique(notes.between(start, start + 1.5).pitch_N)
        left, right = pitches[pitches < 60.5], pitches[pitches > 60.5]
        assert len(left)
        assert len(right)
