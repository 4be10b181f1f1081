"""MIDI played by FluidSynth: its clock, its tuning, its end, and what goes wrong."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from apvg.base.errors import ApvgError
from apvg.music import soundfonts
from apvg.music.reading import probe_audio, read_audio
from apvg.music.soundfonts import TAIL_SECONDS, find_soundfonts, render_midi, render_midi_file
from apvg.virtual.common import corpus

needs_synthesiser = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not find_soundfonts(),
    reason="FluidSynth or a soundfont is missing (apt install fluidsynth fluid-soundfont-gm)",
)
DRY: dict[str, Any] = {"reverb": False, "chorus": False}
GRAND, ORGAN = 0, 19


def write(path: Path, *tracks: Sequence[mido.Message | mido.MetaMessage]) -> Path:
    """A MIDI file whose beats have 100 ticks and last half a second unless a track says
    otherwise."""
    file = mido.MidiFile(ticks_per_beat=100)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    file.save(path)
    return path


def note(pitch: int, after: int, ticks: int, **more: Any) -> list[mido.Message]:
    return [
        mido.Message("note_on", note=pitch, velocity=90, time=after, **more),
        mido.Message("note_off", note=pitch, time=ticks, **more),
    ]


def onset(samples_S: np.ndarray, rate: int, near: float) -> float:
    """When the sound first reaches a twentieth of the peak that follows, seconds."""
    first = max(round((near - 0.02) * rate), 0)
    loud_S = np.abs(samples_S[first : round((near + 0.1) * rate)])
    return (first + int(np.argmax(loud_S > 0.05 * loud_S.max()))) / rate


def pitch(samples_S: np.ndarray, rate: int) -> float:
    """The strongest frequency, Hz."""
    power_F = np.abs(np.fft.rfft(samples_S * np.hanning(len(samples_S)), 1 << 20))
    return float(np.argmax(power_F)) * rate / (1 << 20)


@needs_synthesiser
@pytest.mark.parametrize("rate", [16000, 44100])
def test_notes_sound_at_their_time_through_many_changes_of_tempo(tmp_path: Path, rate: int) -> None:
    beats_B = np.random.default_rng(0).integers(300_001, 900_001, 200)  # microseconds each
    tempo = [
        mido.MetaMessage("set_tempo", tempo=int(beat), time=100 * (place > 0))
        for place, beat in enumerate(beats_B)
    ]
    music = note(72, 0, 10) + note(72, 1990, 10) + note(72, 17890, 10)  # at beats 0, 20 and 199
    samples_S = render_midi(write(tmp_path / "a.mid", tempo, music), rate, program=GRAND, **DRY)
    time_B = np.concatenate([[0], beats_B.cumsum()]) / 1e6
    for beat in (0, 20, 199):
        assert onset(samples_S, rate, time_B[beat]) == pytest.approx(time_B[beat], abs=0.005)
    last = time_B[199] + 0.1 * (time_B[200] - time_B[199])
    assert len(samples_S) == round((last + TAIL_SECONDS) * rate)


@needs_synthesiser
def test_detuning_keeps_the_clock_and_survives_a_reset_of_the_controllers(tmp_path: Path) -> None:
    reset = mido.Message("control_change", control=121)
    path = write(tmp_path / "a.mid", [reset, *note(69, 100, 200)])
    plain_S = render_midi(path, program=ORGAN, **DRY)
    for cents in (-25.0, 25.0, 100.0):
        tuned_S = render_midi(path, program=ORGAN, cents=cents, **DRY)
        assert len(tuned_S) == len(plain_S)
        assert onset(tuned_S, 44100, 0.5) == pytest.approx(onset(plain_S, 44100, 0.5), abs=0.001)
        ratio = pitch(tuned_S[26460:61740], 44100) / pitch(plain_S[26460:61740], 44100)
        assert 1200 * np.log2(ratio) == pytest.approx(cents, abs=1.1)
    with pytest.raises(ValueError, match="cents"):
        render_midi(path, cents=101)


@needs_synthesiser
def test_a_bank_of_effects_alone_is_not_heard_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """FluidSynth plays what a soundfont lacks as silence, of which nobody learns to hear."""
    corpus.soundfonts_for("train", (GRAND, ORGAN))
    silent = Path("effects.sf2")
    monkeypatch.setattr(corpus, "find_soundfonts", lambda: [silent, *find_soundfonts()])
    rendered = render_midi

    def render(midi: Path, rate: int, soundfont: Path, **how: bool) -> np.ndarray:
        samples_S = rendered(midi, rate, find_soundfonts()[0], **how)
        return 1e-8 * samples_S if soundfont == silent else samples_S

    monkeypatch.setattr(soundfonts, "render_midi", render)
    assert silent not in corpus.soundfonts_for("train", (GRAND,))


@needs_synthesiser
@pytest.mark.parametrize("lacking", [None, 0, 1, 2])
def test_every_program_of_a_soundfont_is_listened_for(
    lacking: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfont, programs = find_soundfonts()[0], (GRAND, ORGAN, 42)
    rendered = render_midi

    def render(midi: Path, rate: int, soundfont: Path, **how: bool) -> np.ndarray:
        score = mido.MidiFile(midi)
        lacks = -1 if lacking is None else programs[lacking]
        program = None
        for message in score.tracks[0]:
            program = message.program if message.type == "program_change" else program
            if message.type == "note_on" and program == lacks:
                message.velocity = 0
        score.save(midi)
        return rendered(midi, rate, soundfont, **how)

    monkeypatch.setattr(soundfonts, "render_midi", render)
    assert soundfonts.sounds.__wrapped__(soundfont, programs) == (lacking is None)


@needs_synthesiser
def test_a_forced_program_plays_all_but_the_drums(tmp_path: Path) -> None:
    def render(*messages: mido.Message, program: int | None) -> np.ndarray:
        path = write(tmp_path / "a.mid", [*messages, *note(60, 0, 100)])
        return render_midi(path, 16000, program=program)

    violin = mido.Message("program_change", program=40)
    drum = mido.Message("note_on", note=38, velocity=100, channel=9)
    plain_S = render(program=None)  # without a program, General MIDI's first: a grand piano
    np.testing.assert_array_equal(render(violin, drum, program=GRAND), plain_S)
    np.testing.assert_array_equal(render(violin, program=None), render(program=40))
    assert np.abs(render(violin, program=None) - plain_S).max() > 0.01


@needs_synthesiser
def test_what_is_never_let_go_ends_with_the_file_and_the_sound_fades(tmp_path: Path) -> None:
    held = [
        mido.Message("control_change", control=64, value=127),
        mido.Message("note_on", note=60, velocity=90),
    ]
    path = write(tmp_path / "a.mid", [*held, mido.MetaMessage("end_of_track", time=200)])
    samples_S = render_midi(path, 16000, program=ORGAN, **DRY)
    assert len(samples_S) == round((1 + TAIL_SECONDS) * 16000)
    assert np.abs(samples_S[8000:16000]).max() > 0.01
    assert np.abs(samples_S[24000:]).max() < 0.1 * np.abs(samples_S).max()
    assert samples_S[-1] == pytest.approx(0, abs=1e-4)


@needs_synthesiser
def test_the_file_is_the_same_music_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = write(tmp_path / "a.mid", note(60, 0, 100) + note(64, 100, 100))
    samples_S = render_midi(path)
    render_midi_file(path, tmp_path / "a.wav")
    assert probe_audio(tmp_path / "a.wav").channels == 2
    read_S = read_audio(tmp_path / "a.wav", 44100)
    assert len(read_S) == len(samples_S)
    assert np.corrcoef(read_S, samples_S)[0, 1] > 0.9999
    assert 0.4 < np.abs(read_S).max() <= 0.8
    np.testing.assert_array_equal(render_midi(path), samples_S)
    assert not list(scratch.iterdir())


@needs_synthesiser
def test_the_soundfont_that_is_named_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts = find_soundfonts()
    assert len({font.resolve() for font in fonts}) == len(fonts)
    monkeypatch.setenv("APVG_SOUNDFONT", str(fonts[-1]))
    assert find_soundfonts()[0] == fonts[-1]
    assert sorted(find_soundfonts()) == sorted(fonts)


def test_what_is_no_soundfont_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APVG_SOUNDFONT", str(tmp_path / "none.sf2"))
    with pytest.raises(ApvgError, match="no soundfont at"):
        find_soundfonts()
    (tmp_path / "text.sf2").write_text("RIFF, but not really")
    monkeypatch.setenv("APVG_SOUNDFONT", str(tmp_path / "text.sf2"))
    with pytest.raises(ApvgError, match="is not a soundfont"):
        find_soundfonts()


def test_what_is_missing_is_said_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mid", note(60, 0, 100))
    monkeypatch.delenv("APVG_SOUNDFONT", raising=False)
    monkeypatch.setattr(soundfonts, "FOLDERS", (str(tmp_path),))
    monkeypatch.setattr("shutil.which", lambda name: "/bin/true")
    with pytest.raises(ApvgError, match="apt install fluidsynth fluid-soundfont-gm"):
        render_midi(path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ApvgError, match=r"FluidSynth is not installed.*apt install fluidsynth"):
        render_midi(path)


@needs_synthesiser
def test_what_the_synthesiser_says_is_passed_on_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", note(60, 0, 100))
    damaged = tmp_path / "damaged.sf2"
    damaged.write_bytes(b"RIFF\x10\x00\x00\x00sfbk" + bytes(12))
    with pytest.raises(ApvgError, match=r"FluidSynth says: .*") as caught:
        render_midi(path, 16000, damaged)
    assert "\n" not in str(caught.value)


def test_a_file_that_claims_to_last_for_days_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mid", note(60, 0, 100) + note(60, 0x0FFFFFFF, 100))
    with pytest.raises(ApvgError, match=r"it lasts .* hours"):
        render_midi(path)
