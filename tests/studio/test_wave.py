"""The waveform and its onsets, against sounds whose notes are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import apvg
from apvg.studio.wave import COLUMNS, find_onsets, look_at


def test_struck_notes_are_found_where_they_are_struck(tmp_path: Path) -> None:
    rate = 22050
    struck = np.array([0.5, 0.9, 1.2, 1.45, 2.2])
    time_S = np.arange(3 * rate) / rate
    sound_S = np.zeros(len(time_S))
    for onset, pitch in zip(struck, (60, 64, 67, 72, 55), strict=True):
        since_S = (time_S - onset).clip(0)
        hz = 440 * 2 ** ((pitch - 69) / 12)
        sound_S += (time_S >= onset) * 0.2 * np.exp(-4 * since_S) * np.sin(2 * np.pi * hz * since_S)
    soundfile.write(tmp_path / "a.wav", sound_S, rate)
    wave = look_at(tmp_path / "a.wav")
    assert wave.duration == pytest.approx(3.0, abs=0.01)
    assert len(wave.peaks) == COLUMNS
    assert max(wave.peaks) == 1.0
    assert max(wave.peaks[: COLUMNS // 7]) == 0.0  # silence before the first
    assert np.array(wave.onsets) == pytest.approx(struck, abs=0.03)


def test_onsets_of_the_prelude_are_its_notes() -> None:
    mido = pytest.importorskip("mido")
    assert mido
    from apvg.music.midi import read_midi

    samples = Path(apvg.__file__).parent / "samples"
    struck = np.unique(read_midi(samples / "prelude.mid").onset_N)
    heard = np.array(look_at(samples / "prelude.ogg").onsets)
    near = np.abs(heard[:, None] - struck[None]) < 0.05
    assert near.any(axis=1).mean() > 0.9
    assert near.any(axis=0).mean() > 0.8


@given(st.floats(0.2, 3.0), st.lists(st.integers(10, 480), min_size=0, max_size=8))
def test_peaks_well_apart_are_all_found_and_nothing_else(height: float, at: list[int]) -> None:
    rows = sorted(set(at))
    rows = [row for i, row in enumerate(rows) if i == 0 or row - rows[i - 1] > 20]
    rise_R = np.zeros(500)
    kept = []
    for row in rows:
        if not kept or row - kept[-1] > 20:
            kept.append(row)
    rise_R[kept] = height
    assert (find_onsets(rise_R, 100.0) * 100).round().astype(int).tolist() == kept
