"""Music in, a video on the page: in a real browser, with every stage real."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from studio.conftest import Server, Visit, play

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
    drawn = "document.querySelector('.bones canvas').getContext('2d').getImageData(0, 0, 512, 128).data.some(Boolean)"
    page.wait_for_function(drawn)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download the video").click()
    assert download.value.suggested_filename == "three-notes-tiny.mp4"
    with page.expect_download() as download:
        page.get_by_role("button", name="Keypoints (npz)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        keypoints_TKD = np.load(io.BytesIO(archive.read("keypoints.npy")))
    assert keypoints_TKD.shape == (30, 42, 2)


def test_a_bad_file_gets_a_clear_message(studio: Server, visit: Visit, tmp_path: Path) -> None:
    page = visit(studio)
    bad = tmp_path / "broken.wav"
    bad.write_bytes(b"this is no sound at all")
    play(page, bad)
    message = page.get_by_role("alert")
    message.wait_for()
    text = message.inner_text()
    assert "cannot read broken.wav" in text
    assert "neither sound nor video" in text
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
