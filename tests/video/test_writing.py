"""The mp4: what browsers play, as long as it should be, in sync, with flat memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from apvg.base.errors import ApvgError
from apvg.music.reading import read_audio
from apvg.video.images import read_image, save_png
from apvg.video.reading import probe_video, read_frames
from apvg.video.writing import VideoWriter


def write(path: Path, frames: int, audio: Path | None, size: tuple[int, int] = (96, 64), **options):
    """A video that is black but for a white flash at frame 30."""
    width, height = size
    with VideoWriter(
        path, width=width, height=height, fps=25, audio=audio, comment="made by a test", **options
    ) as writer:
        for n in range(frames):
            writer.write(np.full((height, width, 3), 255 if n == 30 else 0, np.uint8))


@pytest.fixture
def click(tmp_path: Path) -> Path:
    """Three seconds of stereo with a click at 1.2 s, when frame 30 begins."""
    samples_SC = np.zeros((3 * 44100, 2), np.float32)
    samples_SC[round(1.2 * 44100) :][:400] = 0.5
    soundfile.write(tmp_path / "click.wav", samples_SC, 44100)
    return tmp_path / "click.wav"


def test_what_browsers_play(tmp_path: Path, click: Path) -> None:
    write(tmp_path / "a.mp4", 75, click)
    with av.open(str(tmp_path / "a.mp4")) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert picture.codec_context.name == "h264"
        assert picture.codec_context.pix_fmt == "yuv420p"
        assert picture.frames == 75
        assert picture.average_rate == 25
        assert picture.start_time == 0
        assert (sound.codec_context.name, sound.rate, sound.channels) == ("aac", 44100, 2)
        assert container.metadata["comment"] == "made by a test"
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")


def test_flash_and_click_come_together(tmp_path: Path, click: Path) -> None:
    write(tmp_path / "a.mp4", 75, click)
    brightness_T = [frame.mean() for frame in read_frames(tmp_path / "a.mp4", 25)]
    samples_S = read_audio(tmp_path / "a.mp4", 16000)
    assert len(brightness_T) == 75
    assert np.argmax(brightness_T) == 30
    assert np.argmax(np.abs(samples_S) > 0.25) / 16000 == pytest.approx(1.2, abs=0.002)
    assert len(samples_S) / 16000 == pytest.approx(3.0, abs=0.05)


def test_a_part_of_the_music(tmp_path: Path, click: Path) -> None:
    write(tmp_path / "a.mp4", 25, click, audio_start=1.0, duration=1.0)
    samples_S = read_audio(tmp_path / "a.mp4", 16000)
    assert np.argmax(np.abs(samples_S) > 0.25) / 16000 == pytest.approx(0.2, abs=0.002)
    assert len(samples_S) / 16000 == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("rate", "channels", "kept"), [(8000, 1, 8000), (192000, 8, 48000)])
def test_any_music_becomes_aac(tmp_path: Path, rate: int, channels: int, kept: int) -> None:
    tone_S = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "a.wav", np.tile(tone_S[:, None], channels), rate)
    write(tmp_path / "a.mp4", 25, tmp_path / "a.wav")
    with av.open(str(tmp_path / "a.mp4")) as container:
        sound = container.streams.audio[0]
        assert (sound.rate, sound.channels) == (kept, min(channels, 2))
    samples_S = read_audio(tmp_path / "a.mp4", 16000)
    assert np.sqrt(np.mean(samples_S[1000:15000] ** 2)) == pytest.approx(0.3 / 2**0.5, rel=0.05)


def test_colours_survive_and_odd_sizes_are_made_even(tmp_path: Path) -> None:
    colours_3C = np.array([[200, 40, 30], [30, 180, 60], [20, 60, 210]], np.uint8)
    image_HWC = np.repeat(np.repeat(colours_3C[None], 33, axis=0), 25, axis=1)
    with VideoWriter(
        tmp_path / "a.mp4", width=75, height=33, fps=25, audio=None, comment=""
    ) as writer:
        for _ in range(3):
            writer.write(image_HWC)
        with pytest.raises(ValueError, match="frames must be RGB uint8"):
            writer.write(image_HWC[:-1])
    frames = list(read_frames(tmp_path / "a.mp4", 25))
    assert [frame.shape for frame in frames] == [(34, 76, 3)] * 3
    for column, colour_C in zip((12, 37, 62), colours_3C, strict=True):
        np.testing.assert_allclose(frames[0][16, column], colour_C, atol=6)
    assert not probe_video(tmp_path / "a.mp4").has_audio


def test_music_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApvgError, match="no such file"):
        write(tmp_path / "a.mp4", 5, tmp_path / "missing.wav")


def test_memory_does_not_grow_with_the_music(tmp_path: Path) -> None:
    peaks = []
    for seconds in (10, 40):
        soundfile.write(tmp_path / "a.wav", np.zeros(seconds * 44100), 44100)
        tracemalloc.start()
        write(tmp_path / "a.mp4", 25 * seconds, tmp_path / "a.wav")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_any_name_is_a_name(tmp_path: Path, click: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To FFmpeg, what stands before a colon is a protocol."""
    monkeypatch.chdir(tmp_path)
    for name in ("Bach: Suite.mp4", "12:34.mp4", "a%d.mp4"):
        write(Path(name), 5, click)
        assert probe_video(name).has_audio
        assert len(list(read_frames(name, 25))) == 5
        save_png(Path(name).with_suffix(".png"), np.zeros((8, 8, 3), np.uint8))
        assert read_image(Path(name).with_suffix(".png")).shape == (8, 8, 3)
