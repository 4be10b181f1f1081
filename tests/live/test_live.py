"""`apvg live` as a process of its own: sound in, pictures out, at the music's pace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from apvg import Performer

RATE = 16000


def music(seconds: float, rate: int = RATE) -> np.ndarray:
    time_S = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 440 * time_S) * (time_S % 0.5 < 0.3)).astype(np.float32)


def command(performer: Path, *args: str | Path) -> list[str]:
    options = ["--performer", str(performer)]
    return [sys.executable, "-m", "apvg", "live", *map(str, args), *options]


def live(performer: Path, *args: str | Path, sound: bytes = b"") -> subprocess.CompletedProcess:
    # A patient machine is not asked for: these are the smallest of networks.
    return subprocess.run(
        command(performer, *args), input=sound, capture_output=True, check=False, timeout=60
    )


def pictures(path: Path) -> tuple[np.ndarray, av.VideoStream]:
    """Frames [T, H, W, 3] of a Y4M stream, as FFmpeg reads it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    return np.stack(frames), stream


def counted(stderr: bytes) -> dict[str, int]:
    """Frames shown, late and left out, by the closing line."""
    words = stderr.decode().replace("(", "").split()
    before = {"frames,": "shown", "late,": "late", "left": "left_out"}
    return {
        before[word]: int(words[i - 1])
        for i, word in enumerate(words)
        if word in before and words[i - 1].isdigit()
    }


def check(performer: Path, stream: Path, stderr: bytes, samples_S: np.ndarray) -> None:
    """There is a frame for every 25th of a second, shown or not; where all were shown, they are
    what the whole file gives."""
    whole_THWC = Performer.from_pretrained(performer).perform(samples_S).frames_THWC
    shown_THWC, track = pictures(stream)
    assert track.average_rate == 25
    counts = counted(stderr)
    assert sum(counts.values()) == len(whole_THWC)
    assert len(shown_THWC) <= len(whole_THWC)
    if counts["late"] == counts["left_out"] == 0:
        # What the picture's colours, shared by four pixels, leave of the noise that the plate is.
        off = np.abs(shown_THWC.astype(float) - whole_THWC).mean(axis=(1, 2, 3))
        other = np.abs(shown_THWC[::-1].astype(float) - whole_THWC).mean(axis=(1, 2, 3))
        assert off.mean() < other.mean()
        assert shown_THWC.shape == whole_THWC.shape


def test_a_file_to_a_pipe_at_its_own_pace(tiny_performer: Path, tmp_path: Path) -> None:
    samples_S = music(1.5)
    soundfile.write(tmp_path / "a.wav", samples_S, RATE, "FLOAT")
    begin = time.perf_counter()
    done = live(tiny_performer, tmp_path / "a.wav", "-o", "-")
    assert time.perf_counter() - begin > 1.5
    assert done.returncode == 0, done.stderr.decode()
    (tmp_path / "a.y4m").write_bytes(done.stdout)
    check(tiny_performer, tmp_path / "a.y4m", done.stderr, samples_S)
    assert done.stderr.count(b"\n") == 1  # the closing line alone: this is no terminal


@pytest.mark.parametrize(("kind", "dtype"), [("s16le", "<i2"), ("f32le", "<f4")])
def test_raw_samples_on_standard_input(
    tiny_performer: Path, tmp_path: Path, kind: str, dtype: str
) -> None:
    samples_S = music(1.0, 48000)
    scale = 32767 if kind == "s16le" else 1
    stereo_SC = np.stack([samples_S, samples_S], axis=1) * scale
    options = ["--rate", "48000", "--channels", "2", "--format", kind]
    out = tmp_path / "a.y4m"
    sound = stereo_SC.astype(dtype).tobytes() + b"\0"  # half a sample more does no harm
    done = live(tiny_performer, "-", "-o", out, *options, sound=sound)
    assert done.returncode == 0, done.stderr.decode()
    assert sum(counted(done.stderr).values()) == 25
    assert len(pictures(out)[0]) == 25
    again = live(tiny_performer, "-", "-o", out, *options, sound=sound)
    assert again.returncode == 1
    assert b"--force" in again.stderr


def test_no_sound_at_all_is_no_picture(tiny_performer: Path, tmp_path: Path) -> None:
    done = live(tiny_performer, "-", "-o", tmp_path / "a.y4m")
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "a.y4m").read_bytes().startswith(b"YUV4MPEG2 W128 H32 F25:1")
    assert done.stderr.startswith(b"0 frames")


def test_whoever_reads_may_go(tiny_performer: Path, tmp_path: Path) -> None:
    """A broken pipe ends it, without a word of it."""
    soundfile.write(tmp_path / "a.wav", music(30), RATE)
    with subprocess.Popen(
        command(tiny_performer, tmp_path / "a.wav", "-o", "-"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10).startswith(b"YUV4MPEG2")
        process.stdout.close()
        stderr = process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert b"Traceback" not in stderr
    assert b"frames" in stderr
    assert stderr.count(b"\n") == 1


def test_ctrl_c_ends_it_and_keeps_the_file(tiny_performer: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tiny_performer, "-", "-o", tmp_path / "a.y4m"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Jobs in a shell's background are born deaf to it, and so would be what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdin is not None
        process.stdin.write((32767 * music(2.0, 44100)).astype("<i2").tobytes())
        process.stdin.flush()  # and no more comes, nor an end
        deadline = time.monotonic() + 40
        while not any(size(path) > 9000 for path in tmp_path.rglob("*.y4m")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()  # or the test would wait for ever for what it has written
        assert process.stderr is not None
        stderr = process.stderr.read()
        assert process.returncode == 0, stderr.decode()
    assert b"Traceback" not in stderr
    assert len(pictures(tmp_path / "a.y4m")[0]) >= 1


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["missing.wav", "-o", "-"], b"no such file"),
        (["microphone", "--microphone", "no such thing", "-o", "-"], b"microphone"),
        (["a.wav", "-o", "camera"], b"virtual camera"),
        (["-", "-o", "-", "--channels", "0"], b"channels cannot be 0"),
        (["a.wav", "-o", "-", "--block", "0"], b"--block"),
        (["a.wav", "-o", "nowhere/a.y4m"], b"does not exist"),
    ],
)
def test_what_is_missing_is_one_line(
    tiny_performer: Path, tmp_path: Path, args: list[str], message: bytes
) -> None:
    soundfile.write(tmp_path / "a.wav", music(0.2), RATE)
    paths = [str(tmp_path / arg) if arg.endswith((".wav", ".y4m")) else arg for arg in args]
    done = live(tiny_performer, *paths)
    assert done.returncode == 1
    assert done.stderr.startswith(b"apvg: error: ")
    assert message in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_no_screen_is_one_line(tiny_performer: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", music(0.2), RATE)
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        command(tiny_performer, tmp_path / "a.wav"),
        capture_output=True,
        env=env | {"SDL_VIDEODRIVER": "x11"},
        timeout=60,
    )
    assert done.returncode == 1
    assert b"cannot open a window" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is missing (apt install xvfb)")
def test_a_window_shows_it(tiny_performer: Path, tmp_path: Path) -> None:
    """On a virtual screen whose pixels are in a file."""
    soundfile.write(tmp_path / "a.wav", music(3.0), RATE)
    screen = ["Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-fbdir", str(tmp_path)]
    with subprocess.Popen(screen, stdout=subprocess.PIPE) as xvfb:
        assert xvfb.stdout is not None
        display = f":{xvfb.stdout.readline().decode().strip()}"
        env = os.environ | {"DISPLAY": display, "SDL_VIDEODRIVER": "x11"}
        with subprocess.Popen(
            command(tiny_performer, tmp_path / "a.wav"), stderr=subprocess.PIPE, env=env
        ) as process:
            assert process.stderr is not None
            seen, deadline = 0, time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                screen_B = np.fromfile(tmp_path / "Xvfb_screen0", np.uint8)
                seen = max(seen, len(np.unique(screen_B[4096:])))
                time.sleep(0.1)
            process.kill()
            xvfb.terminate()
            assert process.returncode == 0, process.stderr.read().decode()
    assert seen > 50  # colours, where an empty screen has one
