"""Reading frames: the right one at every moment, whatever the rate, the rotation and the start."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.music.reading import read_audio
from apvg.video.reading import probe_video, read_frames, sample_frames

TICK = Fraction(1, 12800)


def encode(path: Path, times: Sequence[Fraction], rotation: int = 0, rate: int = 25) -> None:
    """A video whose frame n is grey of level 10 n and has a white top left corner; no sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=rate, options={"crf": "5", "preset": "ultrafast"}
        )
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICK
        if rotation:
            stream.set_display_rotation(rotation)
        for n, time in enumerate(times):
            image_HWC = np.full((64, 96, 3), 10 * n, np.uint8)
            image_HWC[:32, :32] = 255
            frame = av.VideoFrame.from_ndarray(image_HWC)
            frame.pts, frame.time_base = int(time / TICK), TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def numbers(
    path: Path, fps: Fraction | int, start: float = 0.0, duration: float | None = None
) -> list[int]:
    """Which source frames are read."""
    frames = read_frames(path, fps, start=start, duration=duration)
    return [round(float(frame[48, 60].mean()) / 10) for frame in frames]


def constant(frames: int, rate: Fraction | int) -> list[Fraction]:
    return [n / Fraction(rate) for n in range(frames)]


def test_same_rate_gives_every_frame_once(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", constant(24, 25))
    assert numbers(tmp_path / "a.mp4", 25) == list(range(24))
    assert numbers(tmp_path / "a.mp4", 25, start=0.2) == list(range(5, 24))
    assert numbers(tmp_path / "a.mp4", 25, start=0.2, duration=0.4) == list(range(5, 15))


@pytest.mark.parametrize(("rate", "fps"), [(30, 25), (25, 30), (Fraction(30000, 1001), 25)])
def test_other_rates_show_what_a_player_shows(
    tmp_path: Path, rate: Fraction | int, fps: int
) -> None:
    encode(tmp_path / "a.mp4", constant(24, rate), rate=round(rate))
    expected = [int(Fraction(i, fps) * rate) for i in range(round(24 / Fraction(rate) * fps))]
    assert numbers(tmp_path / "a.mp4", fps) == expected


@settings(max_examples=12, deadline=None)
@given(
    durations=st.lists(st.integers(1, 12), min_size=12, max_size=24),
    fps=st.sampled_from([10, 25, 30]),
    start=st.integers(0, 6),
)
def test_variable_rate(
    tmp_path_factory: pytest.TempPathFactory, durations: list[int], fps: int, start: int
) -> None:
    """Frames that stay for 10 to 120 ms each; the last one, as the encoder has it, for 40 ms."""
    path = tmp_path_factory.mktemp("vfr") / "a.mp4"
    times = [Fraction(int(t), 100) for t in np.cumsum([0, *durations])]
    encode(path, times)
    begin, end = Fraction(start, 100), times[-1] + Fraction(1, 25)
    moments = [begin + Fraction(i, fps) for i in range(round((end - begin) * fps))]
    expected = [max(n for n, time in enumerate(times) if time <= moment) for moment in moments]
    assert numbers(path, fps, start=float(begin)) == expected


def test_ticks_of_a_millisecond_do_not_repeat_frames(tmp_path: Path) -> None:
    encode(tmp_path / "a.mkv", constant(24, 30), rate=30)
    assert numbers(tmp_path / "a.mkv", 30) == list(range(24))


def test_a_start_far_in_is_the_same_as_reading_from_the_front(tmp_path: Path) -> None:
    times = [Fraction(n * n, 90) for n in range(25)]
    encode(tmp_path / "a.mp4", times)
    whole = numbers(tmp_path / "a.mp4", 25)
    assert numbers(tmp_path / "a.mp4", 25, start=5.2) == whole[130:]


def test_the_first_frame_is_held_until_it_comes(tmp_path: Path) -> None:
    encode(tmp_path / "a.mkv", [time + Fraction(2, 25) for time in constant(10, 25)])
    assert numbers(tmp_path / "a.mkv", 25) == [0, 0, *range(10)]
    assert probe_video(tmp_path / "a.mkv").start == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("rotation", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))]
)
def test_rotation_is_applied(tmp_path: Path, rotation: int, corner: tuple[int, int]) -> None:
    """`rotation` is counter-clockwise: a quarter turn brings the top left corner to the bottom
    left."""
    encode(tmp_path / "a.mp4", constant(5, 25), rotation=rotation)
    image_HWC = next(read_frames(tmp_path / "a.mp4", 25))
    info = probe_video(tmp_path / "a.mp4")
    size = (64, 96) if rotation % 180 == 0 else (96, 64)
    assert image_HWC.shape == (*size, 3)
    assert (info.height, info.width) == size
    assert image_HWC[corner].min() > 240
    opposite = tuple(-1 - c for c in corner)
    assert image_HWC[opposite].max() < 20


def test_crop(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", constant(3, 25))
    image_HWC = next(read_frames(tmp_path / "a.mp4", 25, crop=(16, 8, 20, 30)))
    assert image_HWC.shape == (30, 20, 3)
    assert image_HWC[:20, :12].min() > 230
    with pytest.raises(ApvgError, match="beyond the picture"):
        next(read_frames(tmp_path / "a.mp4", 25, crop=(80, 0, 20, 20)))


def test_probe(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", constant(20, 25))
    info = probe_video(tmp_path / "a.mp4")
    assert (info.width, info.height, info.start, info.has_audio) == (96, 64, 0.0, False)
    assert info.duration == pytest.approx(0.8)
    assert info.average_rate == 25


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(ApvgError, match="no such file"):
        probe_video(tmp_path / "missing.mp4")
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        track = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        assert isinstance(track, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(track.encode(frame))
    with pytest.raises(ApvgError, match="no picture"):
        probe_video(tmp_path / "sound.wav")
    encode(tmp_path / "a.mp4", constant(20, 25))
    with pytest.raises(ApvgError, match=r"ends at 0\.80 s"):
        next(read_frames(tmp_path / "a.mp4", 25, start=3.0))
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(ApvgError, match="cut off"):
        next(read_frames(tmp_path / "a.mp4", 25))


def test_samples_are_spread_evenly_and_never_the_same(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", constant(24, 25))
    for count, start, duration in ((6, 0.0, None), (4, 0.4, 0.4), (40, 0.0, None)):
        seconds = 24 / 25 - start if duration is None else duration
        samples = list(sample_frames(tmp_path / "a.mp4", count, start=start, duration=duration))
        times = [time for time, _ in samples]
        assert times == sorted(set(times))
        assert start <= times[0]
        assert times[-1] <= start + seconds + 0.04
        if count < 24:
            wanted = start + (np.arange(count) + 0.5) * seconds / count
            assert np.abs(np.array(times) - wanted).max() <= 0.04
        for time, image_HWC in samples:
            assert round(float(image_HWC[48, 60].mean()) / 10) == round(time * 25)


@pytest.mark.parametrize("starts", [(10, 40000), (40000, 10), (10, 10, 10)])
def test_a_clock_that_jumps_is_one_clock_for_picture_and_sound(
    tmp_path: Path, starts: tuple[float, ...]
) -> None:
    """An MPEG transport stream of several pieces, each of 16 frames with a click in the middle."""
    whole = b""
    for start in starts:
        with av.open(str(tmp_path / "piece.ts"), "w") as container:
            picture = container.add_stream("libx264", rate=25, options={"crf": "5"})
            picture.width, picture.height, picture.pix_fmt = 96, 64, "yuv420p"
            sound = container.add_stream("aac", rate=48000, layout="mono")
            assert isinstance(sound, av.AudioStream)
            for n in range(16):
                image_HWC = np.full((64, 96, 3), 250 if n == 8 else 10, np.uint8)
                image = av.VideoFrame.from_ndarray(image_HWC)
                image.pts, image.time_base = n + 25 * round(start), Fraction(1, 25)
                container.mux(picture.encode(image))
                tone_1S = np.sin(2 * np.pi * 1000 * np.arange(1920)[None] / 48000)
                click_1S = (0.5 * (n == 8) * tone_1S).astype(np.float32)
                click = av.AudioFrame.from_ndarray(click_1S, "fltp", "mono")
                click.sample_rate, click.time_base = 48000, Fraction(1, 48000)
                click.pts = 1920 * n + 48000 * round(start)
                container.mux(sound.encode(click))
            container.mux(picture.encode(None))
            container.mux(sound.encode(None))
        whole += (tmp_path / "piece.ts").read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(whole)
    frames = list(read_frames(path, 25))
    assert len(frames) == pytest.approx(16 * len(starts), abs=3 * len(starts))
    assert probe_video(path).duration == pytest.approx(len(frames) / 25, abs=0.1)
    assert len(list(sample_frames(path, 4))) == 4
    flashes = np.flatnonzero(np.diff([float(frame.mean()) for frame in frames]) > 100) + 1
    sound_S = np.abs(read_audio(path, 16000))
    loud = np.flatnonzero(sound_S > 0.1)
    clicks = loud[np.flatnonzero(np.diff(loud, prepend=-9999) > 1600)] / 16000
    assert len(flashes) == len(clicks) == len(starts)
    # Where a piece has 0.1 s less sound than picture, it is not made up for before there is more.
    np.testing.assert_allclose(flashes / 25, clicks, atol=0.1)
