"""Pianos that are drawn, beside what is known of strings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.cli.main import main
from apvg.music.notes import Notes
from apvg.takes.take import load_takes
from apvg.virtual.piano.sound import Piano, draw_design

RATE = 16000


def piano(seed: int) -> Piano:
    random = np.random.default_rng(seed)
    return Piano(draw_design(random), RATE, random)


def _notes(*notes: tuple[float, float, int, int]) -> Notes:
    onset_N, offset_N, pitch_N, velocity_N = (np.array(part) for part in zip(*notes, strict=True))
    return Notes(onset_N, offset_N, offset_N, pitch_N, velocity_N)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), pitch=st.integers(33, 96))
def test_a_note_sounds_at_its_pitch_from_its_onset_on(seed: int, pitch: int) -> None:
    sound_S = piano(seed).play(_notes((0.5, 1.5, pitch, 80)), 3 * RATE)
    assert sound_S.shape == (3 * RATE,)
    assert not sound_S[: RATE // 2].any()
    assert np.abs(sound_S).max() == pytest.approx(0.5)
    # Some low partial is where a tuned string has it: a quarter of a semitone and what stiffness
    # adds.
    spectrum_F = np.abs(np.fft.rfft(sound_S[RATE // 2 :] * np.hanning(len(sound_S) - RATE // 2)))
    hz_F = np.fft.rfftfreq(len(sound_S) - RATE // 2, 1 / RATE)
    lowest = 440 * 2 ** ((pitch - 69) / 12)
    near_F = np.zeros(len(hz_F), bool)
    for partial in range(1, 9):
        near_F |= np.abs(np.log2(np.maximum(hz_F, 1) / (partial * lowest))) < 0.07
    assert spectrum_F[near_F].max() > 0.5 * spectrum_F[20:].max()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_notes_fade_and_dampers_end_them(seed: int) -> None:
    def loudness(let_go: float, start: float) -> float:
        sound_S = piano(seed).play(_notes((0.0, let_go, 48, 100)), 4 * RATE)
        return float(np.sqrt(np.square(sound_S[round(start * RATE) :][: RATE // 4]).mean()))

    assert loudness(3.9, 2.5) < 0.8 * loudness(3.9, 0.1)
    assert loudness(0.5, 2.5) < 0.1 * loudness(3.9, 2.5)


def test_every_seed_is_another_piano_and_always_the_same_one() -> None:
    notes = _notes((0.0, 0.8, 60, 90), (0.4, 0.9, 67, 60))
    first_S, again_S, other_S = (piano(seed).play(notes, RATE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first_S, again_S)
    assert np.corrcoef(first_S, other_S)[0, 1] < 0.9


def test_a_harder_stroke_is_louder_and_brighter() -> None:
    for seed in range(5):
        notes = _notes((0.0, 0.9, 45, 30), (1.0, 1.9, 45, 120))
        sound_S = piano(seed).play(notes, 2 * RATE)
        # Past the hammer's noise.
        soft_F, hard_F = (
            np.abs(np.fft.rfft(sound_S[second * RATE :][RATE // 4 : RATE // 2]))
            for second in (0, 1)
        )
        centre = [
            (power_F * np.arange(len(power_F))).sum() / power_F.sum()
            for power_F in (soft_F**2, hard_F**2)
        ]
        assert hard_F.max() > 1.5 * soft_F.max()
        assert centre[1] > centre[0]


def pianist(folder: Path) -> list[str]:
    """The command that makes one piece of six seconds."""
    options = "--instrument piano --minutes 0.1 --seconds 6 --jobs 1"
    return ["virtual", str(folder / "t"), *options.split()]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("missing", ["soundfonts", "fluidsynth"])
def test_where_there_is_no_soundfont_pianos_are_drawn(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    split: str,
    missing: str,
) -> None:
    if missing == "soundfonts":
        monkeypatch.setattr("apvg.virtual.common.corpus.find_soundfonts", list)
    else:
        monkeypatch.setattr("apvg.music.soundfonts.shutil.which", lambda _: None)
    assert main([*pianist(tmp_path), "--split", split]) == 0
    warning = capsys.readouterr().err
    assert warning.startswith(f"apvg: warning: there is no soundfont for {split} pieces here")
    assert warning.count("\n") == 1
    (take,) = load_takes(tmp_path / "t")
    assert take.metadata["soundfont"] == "drawn"
    assert take.about.split == split
    assert np.abs(take.samples_S).max() > 0.01


def test_where_all_pianos_are_drawn_nobody_is_warned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("apvg.virtual.common.corpus.find_soundfonts", list)
    assert main([*pianist(tmp_path), "--drawn", "1"]) == 0
    assert capsys.readouterr().err == ""
