"""Music in, a video on the page: in a real browser, with every stage real."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from studio.conftest import Server, Visit, perform, play

from apvg.music.midi import write_midi
from apvg.music.notes import Notes
from apvg.music.reading import read_audio
from apvg.music.soundfonts import find_soundfonts

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


def test_a_recording_becomes_a_video_that_plays(
    studio: Server, visit: Visit, performed: str
) -> None:
    page = visit(studio, performed)
    page.wait_for_selector("#player .made video")
    page.wait_for_function("document.querySelector('#player video').readyState >= 2")
    video = "document.querySelector('#player video')"
    assert page.evaluate(f"{video}.duration") == pytest.approx(1.2, abs=0.05)
    assert page.evaluate(f"[{video}.videoWidth, {video}.videoHeight]") == [128, 32]
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(f"{video}.currentTime > 0.3")

    # A click on the waveform goes there, and the skeleton follows.
    wave = page.get_by_role("slider", name="Where in the music")
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 2, "y": 20})
    page.wait_for_function(f"Math.abs({video}.currentTime - 0.6) < 0.45")
    page.get_by_text("Side by side").click()
    drawn = (
        "document.querySelector('.bones canvas').getContext('2d')"
        ".getImageData(0, 0, 512, 128).data.some(Boolean)"
    )
    page.wait_for_function(drawn)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download the video").click()
    assert download.value.suggested_filename == "three-notes-tiny.mp4"
    with page.expect_download() as download:
        page.get_by_role("button", name="Keypoints (npz)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        keypoints_TKD = np.load(io.BytesIO(archive.read("keypoints.npy")))
    assert keypoints_TKD.shape == (30, 42, 2)


def heard_in_the_performance(page: Page, studio: Server) -> np.ndarray:
    """Sound [S] at 16 kHz of the performance that the page shows, as soon as it does, and whose
    video plays as long."""
    page.wait_for_selector("#player .made video")
    page.wait_for_function("document.querySelector('#player video').readyState >= 2")
    job = page.evaluate("JSON.parse(localStorage.getItem('apvg-recent'))[0]")
    samples_S = read_audio(studio.work / "jobs" / job / "video.mp4", 16000)
    seconds = page.evaluate("document.querySelector('#player video').duration")
    assert seconds == pytest.approx(len(samples_S) / 16000, abs=0.1)
    return samples_S


def test_what_the_microphone_records_is_played(studio: Server, visit: Visit) -> None:
    page = visit(studio)
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_text("Recording: play now.").wait_for()
    page.get_by_role("button", name="Stop recording (0:02)").click()
    perform(page, "recording.webm")
    samples_S = heard_in_the_performance(page, studio)
    assert len(samples_S) / 16000 > 1.5
    assert np.abs(samples_S).max() > 0.01  # the browser's own microphone beeps
    # And another may be recorded after it.
    page.get_by_role("button", name="Record", exact=True).wait_for()


@pytest.mark.skipif(
    not (shutil.which("fluidsynth") and find_soundfonts()),
    reason="FluidSynth or a soundfont is missing (apt install fluidsynth fluid-soundfont-gm)",
)
def test_a_midi_file_is_played(studio: Server, visit: Visit, tmp_path: Path) -> None:
    song = tmp_path / "a scale.mid"
    onset_N = np.arange(4) * 0.3
    write_midi(
        Notes(onset_N, onset_N + 0.25, onset_N + 0.25, np.array([60, 62, 64, 65]), np.full(4, 90)),
        song,
    )
    page = visit(studio)
    play(page, song)
    samples_S = heard_in_the_performance(page, studio)
    assert len(samples_S) / 16000 >= 1.1
    assert np.abs(samples_S).max() > 0.01
    # A middle C is heard where the first note is.
    spectrum = np.abs(np.fft.rfft(samples_S[800:4000] * np.hanning(3200)))
    assert np.argmax(spectrum) * 5 == pytest.approx(261.6, abs=6)


def test_a_bad_file_gets_a_clear_message(studio: Server, visit: Visit, tmp_path: Path) -> None:
    page = visit(studio)
    bad = tmp_path / "broken.wav"
    bad.write_bytes(b"this is no sound at all")
    play(page, bad)
    message = page.get_by_role("alert")
    message.wait_for()
    text = message.inner_text()
    assert "cannot read broken.wav" in text
    assert "neither audio nor video" in text
    assert "Traceback" not in text
    assert str(studio.work) not in text
    assert page.get_by_role("button", name="Play it").is_enabled()


def test_nothing_is_played_before_music_is_chosen(studio: Server, visit: Visit) -> None:
    page = visit(studio)
    page.get_by_role("button", name="Play it").click()
    page.get_by_role("alert").filter(has_text="choose some music first").wait_for()


def test_two_people_at_once_each_get_their_own(
    studio: Server, visit: Visit, tone: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(tone.read_bytes())
    first, second = visit(studio), visit(studio)
    play(first, tone)
    play(second, other)
    for page, name in ((first, "three notes"), (second, "other")):
        video = page.wait_for_selector("#player .made video")
        assert video is not None
        assert video.get_attribute("aria-label") == f"{name}, performed"
