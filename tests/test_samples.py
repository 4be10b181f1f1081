"""The package's own music is what its maker says it is."""

from pathlib import Path

import av
import numpy as np
import pytest

from apvg.instruments.strings import CELLO
from apvg.music.midi import read_midi
from apvg.samples import AIR, AIR_MIDI, SAMPLE, SAMPLE_MIDI

pieces = pytest.mark.parametrize(("sound", "midi"), [(SAMPLE, SAMPLE_MIDI), (AIR, AIR_MIDI)])


def decoded(sound: Path) -> np.ndarray:
    """The sound as mono at 48 kHz, by PyAV itself."""
    with av.open(str(sound)) as container:
        return np.concatenate([f.to_ndarray().mean(axis=0) for f in container.decode(audio=0)])


@pieces
def test_the_sound_is_sound_and_small(sound: Path, midi: Path) -> None:
    sound_S = decoded(sound)
    assert sound.stat().st_size < 400_000
    assert 18 * 48_000 < len(sound_S) < 25 * 48_000
    assert 0.3 < np.abs(sound_S).max() < 0.99
    assert 0.02 < np.sqrt(np.mean(sound_S**2)) < 0.3
    assert np.abs(sound_S[-480:]).max() < 1e-3


@pieces
def test_the_sound_follows_the_notes(sound: Path, midi: Path) -> None:
    # Where a note is struck, its first partials are louder just after than just before.
    sound_S, notes = decoded(sound), read_midi(midi)
    window = np.hanning(4096)
    rises = []
    for onset, pitch in zip(notes.onset_N, notes.pitch_N, strict=True):
        at = round(onset * 48_000)
        hz = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, 5)[:, None]
        tones = np.exp(-2j * np.pi * hz * np.arange(4096) / 48_000)
        before, after = sound_S[at - 5096 : at - 1000], sound_S[at + 400 : at + 4496]
        rises.append(
            np.abs(tones @ (after * window)).sum() > np.abs(tones @ (before * window)).sum()
        )
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


def test_a_cello_can_play_the_air() -> None:
    notes = read_midi(AIR_MIDI)
    assert CELLO.lowest <= notes.pitch_N.min()
    assert notes.pitch_N.max() <= CELLO.highest
    assert (notes.offset_N[:-1] <= notes.onset_N[1:] + 2e-3).all()  # a tick of MIDI
