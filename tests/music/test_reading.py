"""Reading sound: any rate, channels and container, on the container's clock; and what is refused,
and how."""

from __future__ import annotations

import struct
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.music.reading import measure_audio, probe_audio, read_audio, stream_audio, stream_channels

RATE = 16000


def tone(seconds: float, rate: int, silent: float = 0.0) -> np.ndarray:
    """A sine of 440 Hz that begins after `silent` seconds."""
    time_S = np.arange(round(seconds * rate)) / rate
    return np.where(time_S < silent, 0.0, 0.3 * np.sin(2 * np.pi * 440 * time_S)).astype(np.float32)


def encode(path: Path, samples_S: np.ndarray, rate: int, codec: str, start: float = 0.0) -> None:
    """Write stereo sound whose time stamps begin at `start` seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        samples_CS = np.tile(samples_S, (2, 1)).astype(np.float32)
        for first in range(0, len(samples_S), 4096):
            part_CS = np.ascontiguousarray(samples_CS[:, first : first + 4096])
            frame = av.AudioFrame.from_ndarray(part_CS, "fltp", "stereo")
            frame.sample_rate = rate
            frame.pts = first + round(start * rate)
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(8000, 1, "PCM_16"), (192000, 8, "FLOAT"), (44100, 2, "PCM_24"), (16000, 1, "PCM_U8")],
)
def test_any_rate_and_channels(tmp_path: Path, rate: int, channels: int, subtype: str) -> None:
    samples_S = tone(1.5, rate)
    soundfile.write(tmp_path / "a.wav", np.tile(samples_S[:, None], channels), rate, subtype)
    read_S = read_audio(tmp_path / "a.wav", RATE)
    assert read_S.dtype == np.float32
    assert len(read_S) == 1.5 * RATE
    tolerance = 0.01 if subtype == "PCM_U8" else 1e-3
    np.testing.assert_allclose(read_S[200:-200], tone(1.5, RATE)[200:-200], atol=tolerance)
    info = probe_audio(tmp_path / "a.wav")
    assert (info.sample_rate, info.channels) == (rate, channels)
    assert measure_audio(tmp_path / "a.wav") == pytest.approx(1.5)


def test_resampling_agrees_with_an_independent_resampler(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples_S = librosa.resample(
        rng.normal(0, 0.1, 20000), orig_sr=8000, target_sr=44100, res_type="soxr_hq"
    )
    soundfile.write(tmp_path / "a.wav", samples_S, 44100, "FLOAT")
    reference_S = librosa.resample(samples_S, orig_sr=44100, target_sr=RATE, res_type="soxr_hq")
    read_S = read_audio(tmp_path / "a.wav", RATE)
    assert abs(len(read_S) - len(reference_S)) <= 1
    np.testing.assert_allclose(read_S[300:39000], reference_S[300:39000], atol=0.01)


@settings(max_examples=15, deadline=None)
@given(start=st.floats(0, 1.3), duration=st.floats(0.01, 2))
def test_a_part_is_that_part_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, start: float, duration: float
) -> None:
    path = tmp_path_factory.mktemp("part") / "a.wav"
    samples_S = np.random.default_rng(1).normal(0, 0.2, round(1.4 * RATE)).astype(np.float32)
    soundfile.write(path, samples_S, RATE, "FLOAT")
    first = round(start * RATE)
    expected_S = samples_S[first : first + round(duration * RATE)]
    np.testing.assert_array_equal(
        read_audio(path, RATE, start=start, duration=duration), expected_S
    )


@pytest.mark.parametrize(
    ("name", "codec", "start"),
    [
        ("a.mp3", "libmp3lame", 0.0),
        ("a.m4a", "aac", 0.0),
        ("a.m4a", "aac", 0.5),
        ("a.mkv", "aac", 0.5),
        ("a.flac", "flac", 0.0),
    ],
)
def test_sound_lies_where_the_container_says(
    tmp_path: Path, name: str, codec: str, start: float
) -> None:
    """Encoder delay is taken off; a late start is silence."""
    encode(tmp_path / name, tone(1.5, 44100, silent=0.5), 44100, codec, start)
    read_S = read_audio(tmp_path / name, RATE)
    onset = np.argmax(np.abs(read_S) > 0.15) / RATE
    expected = np.argmax(np.abs(tone(1.5, RATE, silent=0.5)) > 0.15) / RATE + start
    assert onset == pytest.approx(expected, abs=0.002)
    assert measure_audio(tmp_path / name) == pytest.approx(1.5 + start, abs=0.06)
    part_S = read_audio(tmp_path / name, RATE, start=0.25)
    np.testing.assert_allclose(part_S[200:], read_S[RATE // 4 + 200 :][: len(part_S)], atol=1e-3)


def test_silence_and_half_a_second(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(22050, np.float32), 44100)
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav", RATE), np.zeros(RATE // 2))


def test_nan_becomes_silence_with_one_warning(tmp_path: Path) -> None:
    samples_S = tone(3.0, RATE)
    samples_S[[100, 40000]] = np.nan, np.inf
    soundfile.write(tmp_path / "a.wav", samples_S, RATE, "FLOAT")
    with pytest.warns(ApvgWarning, match="NaN or infinite") as caught:
        read_S = read_audio(tmp_path / "a.wav", RATE)
    assert len(caught) == 1
    samples_S[[100, 40000]] = 0
    np.testing.assert_array_equal(read_S, samples_S)


def test_channels_are_kept_up_to_two(tmp_path: Path) -> None:
    left_S, right_S = tone(1.0, RATE), np.zeros(RATE, np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([left_S, right_S], axis=1), RATE, "FLOAT")
    stereo_CS = np.concatenate(list(stream_channels(tmp_path / "a.wav", RATE, channels=2)), axis=1)
    np.testing.assert_array_equal(stereo_CS, [left_S, right_S])
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav", RATE), left_S / 2)


def test_memory_does_not_grow_with_the_music(tmp_path: Path) -> None:
    peaks = []
    for seconds in (10, 40):
        soundfile.write(tmp_path / "a.wav", tone(seconds, 44100), 44100)
        tracemalloc.start()
        assert sum(map(len, stream_audio(tmp_path / "a.wav", RATE))) == seconds * RATE
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_gap_in_the_time_stamps_is_silence(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "gap.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for first in (
            0,
            RATE,
        ):  # the second second of the clock begins 0.6 s after the first second's sound ended
            samples_1S = (32767 * tone(0.4, RATE)[None]).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples_1S, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    silence_S = np.zeros(round(0.6 * RATE), np.float32)
    expected_S = np.concatenate([tone(0.4, RATE), silence_S, tone(0.4, RATE)])
    np.testing.assert_allclose(read_audio(tmp_path / "gap.mkv", RATE), expected_S, atol=1e-4)


def refused(path: Path, **options: float) -> str:
    with pytest.raises(ApvgError) as error:
        read_audio(path, RATE, **options)
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_refused_missing_empty_folder_nonsense(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "missing.wav")
    (tmp_path / "empty.wav").touch()
    assert "empty" in refused(tmp_path / "empty.wav")
    assert "folder" in refused(tmp_path)
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(30000))
    refused(tmp_path / "noise.mp3")
    (tmp_path / "text.wav").write_text("this is no music at all\n" * 50)
    refused(tmp_path / "text.wav")
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), RATE)
    refused(tmp_path / "none.wav")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.wav", "pcm_s16le"),
        ("a.mp3", "libmp3lame"),
        ("a.flac", "flac"),
        ("a.m4a", "aac"),
        ("a.mkv", "aac"),
    ],
)
def test_refused_cut_off(tmp_path: Path, name: str, codec: str) -> None:
    encode(tmp_path / name, tone(3.0, 44100), 44100, codec)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 6 // 10])
    assert "cut off" in refused(tmp_path / name)
    with pytest.raises(ApvgError, match="cut off"):
        measure_audio(tmp_path / name)


def test_the_part_before_the_cut_can_be_used(tmp_path: Path) -> None:
    encode(tmp_path / "a.flac", tone(3.0, 44100), 44100, "flac")
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) * 6 // 10])
    assert measure_audio(tmp_path / "a.flac", until=1.0) > 1.0
    assert len(read_audio(tmp_path / "a.flac", RATE, duration=1.0)) == RATE


def test_refused_video_without_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "silent.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "no audio track" in refused(tmp_path / "silent.mp4")


def test_refused_times(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0, RATE), RATE)
    assert "ends at 1.00 s" in refused(tmp_path / "a.wav", start=2.0)
    assert "start at 0 s or later" in refused(tmp_path / "a.wav", start=-1.0)
    assert "above 0" in refused(tmp_path / "a.wav", duration=0.0)
    assert "above 0" in refused(tmp_path / "a.wav", start=float("nan"))


def joined(path: Path, *pieces: bytes) -> Path:
    path.write_bytes(b"".join(pieces))
    return path


def broadcast(path: Path, samples_S: np.ndarray, start: float) -> bytes:
    """An MPEG transport stream of sound whose clock begins at `start` seconds."""
    encode(path, samples_S, 44100, "aac", start)
    return path.read_bytes()


@pytest.mark.parametrize("starts", [(10, 40000), (40000, 10), (10, 10), (10, 25, 95000, 3)])
def test_a_clock_that_jumps_leaves_no_gap(tmp_path: Path, starts: tuple[float, ...]) -> None:
    """As in recordings of broadcasts, or files that were joined; FFmpeg plays them on."""
    samples_S = tone(0.6, 44100)
    pieces = [broadcast(tmp_path / "piece.ts", samples_S, start) for start in starts]
    path = joined(tmp_path / "joined.ts", *pieces)
    one_S = read_audio(tmp_path / "piece.ts", RATE)
    read_S = read_audio(path, RATE)
    assert len(read_S) / RATE == pytest.approx(len(starts) * len(one_S) / RATE, abs=0.11)
    assert measure_audio(path) == pytest.approx(len(read_S) / RATE, abs=0.11)
    loud_N = [np.abs(part_S).max() > 0.1 for part_S in np.array_split(read_S, len(read_S) // 200)]
    assert np.mean(loud_N) > 0.85


def test_a_gap_that_nobody_can_mean_is_refused_at_once(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "gap.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for first in (0, 40000 * RATE):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "jumps from 0.25 s to 40000.00 s" in refused(tmp_path / "gap.mkv")
    with pytest.raises(ApvgError, match="jumps"):
        measure_audio(tmp_path / "gap.mkv")


def wav_with_header(path: Path, samples_S: np.ndarray, riff: int, data: int) -> Path:
    """A 16-bit mono WAV file whose header claims other lengths, bytes."""
    soundfile.write(path, samples_S, RATE)
    whole = bytearray(path.read_bytes())
    assert whole[36:40] == b"data"
    whole[4:8], whole[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0x7FFFF024, 0x7FFFF000),  # SoX, into a pipe
        (0x80000024, 0x80000000),
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg, into a pipe
        (0x7FFFFFFF, 0x7FFFFFDB),
        (0, 0),
        (0x7FFFF024, 0),
        (64036 + 6, 64000 + 6),  # a few bytes too long
        (64036 + 128, 64000 + 128),  # 0.2 %
        (64036 + 128, 64000),  # the file's length alone, as where chunks after the sound are lost
    ],
)
def test_a_wav_file_whose_header_claims_too_much_is_read(
    tmp_path: Path, riff: int, data: int
) -> None:
    path = wav_with_header(tmp_path / "a.wav", tone(2.0, RATE), riff, data)
    assert measure_audio(path) == pytest.approx(2.0, abs=0.01)
    np.testing.assert_allclose(read_audio(path, RATE), tone(2.0, RATE), atol=1e-4)


def test_of_a_wav_file_that_was_cut_off_the_beginning_can_be_used(tmp_path: Path) -> None:
    path = wav_with_header(tmp_path / "a.wav", tone(2.0, RATE), 128036, 128000)
    assert "cut off at 2.00 s of 4.00 s" in refused(path)
    assert measure_audio(path, until=1.5) == pytest.approx(2.0)
    assert len(read_audio(path, RATE, duration=1.5)) == 1.5 * RATE


def test_a_long_wav_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    """RF64, whose lengths are beyond 32 bits."""
    soundfile.write(tmp_path / "a.wav", tone(3.0, RATE), RATE, format="RF64")
    assert measure_audio(tmp_path / "a.wav") == pytest.approx(3.0)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) * 6 // 10])
    assert "cut off" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "name",
    ["Beethoven: Für Elise.wav", "12:34.wav", "Op.10:3.mp3", "-x.wav", "a%d?#.wav", "file:a.wav"],
)
def test_any_name_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """To FFmpeg, what stands before a colon is a protocol."""
    monkeypatch.chdir(tmp_path)
    soundfile.write(Path(name).absolute(), tone(1.0, RATE), RATE)
    assert len(read_audio(name, RATE)) == pytest.approx(RATE, abs=1500)
    assert probe_audio(Path(name)).sample_rate == RATE
