"""The command line as its users meet it: exit statuses, one-line errors, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from apvg.base.errors import ApvgError
from apvg.cli.main import VERBS, main


def run(capsys: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of one command."""
    try:
        status = main([str(arg) for arg in args])
    except SystemExit as leave:
        status = int(leave.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def is_refusal(status: int, error: str) -> bool:
    """One clear line and exit status 1."""
    return status == 1 and error.startswith("apvg: error: ") and error.count("\n") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    status, out, _ = run(capsys, verb, "--help")
    assert status == 0
    assert verb in out


@pytest.mark.parametrize("args", [[], ["dance"], ["generate"], ["generate", "a.wav"]])
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    assert run(capsys, *args)[0] == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, "apvg 0.1.0\n", "")


def test_debug_shows_the_whole_traceback(tmp_path: Path) -> None:
    args = ["generate", str(tmp_path / "missing.wav"), "-o", str(tmp_path / "a.mp4"), "--debug"]
    with pytest.raises(ApvgError, match="no such file"):
        main(args)


@pytest.mark.parametrize(
    "args",
    [
        ["generate", "--help"],
        ["performers"],
        ["performers", "--json"],
        ["generate", "missing.wav", "-o", "a.mp4"],
        ["generate", "missing.mid", "-o", "a.mp4"],
        ["render", "missing.npz", "-o", "a.mp4"],
        ["evaluate", "--compare", "missing", "missing", "-o", "compared"],
    ],
)
def test_what_needs_no_network_waits_for_none(args: list[str]) -> None:
    """torch alone takes seconds to import."""
    code = (
        "import sys; from apvg.cli.main import main\n"
        f"try: main({args})\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'mediapipe', 'lightning', 'zarr', 'scipy', 'matplotlib', 'gradio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_performers_for_other_programs(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "performers", "--json")
    assert status == 0
    found = {performer["name"]: performer for performer in json.loads(out)}
    assert found["piano"]["instrument"] == "piano"
    assert 1e6 < found["piano"]["size"] < 25e6
    status, out, _ = run(capsys, "performers")
    assert all(name in out for name in found)


def test_a_missing_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from apvg.cli import performers

    def needs_zarr(self: object) -> None:
        raise ModuleNotFoundError("No module named 'zarr'", name="zarr.storage")

    monkeypatch.setattr(performers.Performers, "run", needs_zarr)
    status, _, error = run(capsys, "performers")
    assert is_refusal(status, error)
    assert "pip install 'apvg[takes]'" in error


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A second and a half of two notes, 44.1 kHz stereo."""
    time_S = np.arange(round(1.5 * 44100)) / 44100
    samples_S = 0.2 * np.sin(2 * np.pi * np.where(time_S < 0.7, 261.6, 392.0) * time_S)
    soundfile.write(tmp_path / "music.wav", np.stack([samples_S, samples_S], axis=1), 44100)
    return tmp_path / "music.wav"


def test_refused_with_one_line_and_nothing_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, music: Path, tiny_performer: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp3").write_text("no music\n" * 99)
    (tmp_path / "cut.wav").write_bytes(music.read_bytes()[:100_000])
    out = folder / "a.mp4"
    tiny = ["--performer", tiny_performer]
    for args, what in (
        ([tmp_path / "missing.wav", "-o", out, *tiny], "no such file"),
        ([tmp_path / "empty.wav", "-o", out, *tiny], "empty"),
        ([tmp_path / "text.mp3", "-o", out, *tiny], "text.mp3"),
        ([tmp_path / "cut.wav", "-o", out, *tiny], "cut off"),
        ([music, "-o", out, "--performer", "nobody"], "nobody"),
        ([music, "-o", out, "--performer", tmp_path], "performer"),
        ([music, "-o", out, "--start", "9", *tiny], "ends at"),
        ([music, "-o", out, "--duration", "0.01", *tiny], "shorter than half a frame"),
        ([music, "-o", out, "--device", "abacus", *tiny], "abacus"),
        ([music, "-o", folder / "a.gif", *tiny], ".mp4"),
        ([music, "-o", out, "--keypoints", folder / "k.txt", *tiny], ".npz or .json"),
        ([music, "-o", folder / "none" / "a.mp4", *tiny], "does not exist"),
        ([music, "-o", "/proc/a.mp4", *tiny], "cannot write"),
    ):
        status, _, error = run(capsys, "generate", *args)
        assert is_refusal(status, error), error
        assert what in error
        assert list(folder.iterdir()) == []


def test_a_damaged_performer_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, music: Path, tiny_performer: Path
) -> None:
    for name in ("fpvg.safetensors", "config.json", "plate.png"):
        folder = tmp_path / name.replace(".", "_")
        folder.mkdir()
        for file in tiny_performer.iterdir():
            data = file.read_bytes()
            (folder / file.name).write_bytes(data[:-40] if file.name == name else data)
        out = tmp_path / "a.mp4"
        status, _, error = run(capsys, "generate", music, "-o", out, "--performer", folder)
        assert is_refusal(status, error), error
        assert not out.exists()


def test_what_is_there_is_not_replaced_unasked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, music: Path, tiny_performer: Path
) -> None:
    out = tmp_path / "a.mp4"
    out.write_text("dear to me")
    args = ("generate", music, "-o", out, "--performer", tiny_performer, "--duration", "0.5")
    status, _, error = run(capsys, *args)
    assert is_refusal(status, error)
    assert out.read_text() == "dear to me"
    assert run(capsys, *args, "--force")[0] == 0
    assert out.stat().st_size > 1000


def test_ctrl_c_leaves_nothing(tmp_path: Path, tiny_performer: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(16000 * 600, np.float32), 16000)
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-m", "apvg", "generate", str(tmp_path / "long.wav")]
    command += ["-o", str(folder / "a.mp4"), "--performer", str(tiny_performer)]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # Jobs in a shell's background are born deaf to it, and so would be what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob(".a.mp4.*/a.mp4")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == "apvg: error: stopped; no partial file was left behind\n"
    assert list(folder.iterdir()) == []


def test_a_reader_who_has_seen_enough_is_no_error():
    """As in ``apvg --help | head``."""
    command = [sys.executable, "-c", "from apvg.cli.main import main; raise SystemExit(main())"]
    with subprocess.Popen(
        [*command, "train", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()  # before it has written a line
        assert process.stderr is not None
        complaints = process.stderr.read()
    assert complaints == ""
    assert process.returncode == 0


@pytest.mark.parametrize("name", ["Für Elise: 1", os.fsdecode(b"\xff")])
def test_names_that_the_terminal_cannot_show(
    tmp_path: Path, tiny_performer: Path, music: Path, name: str
) -> None:
    if sys.platform != "linux":
        pytest.skip("names that are no text are Linux's")
    shutil.copy(music, tmp_path / f"{name}.wav")
    command = [sys.executable, "-m", "apvg", "generate", f"{name}.wav", "-o", f"{name}.mp4"]
    done = subprocess.run(
        [*command, "--performer", str(tiny_performer)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert (tmp_path / f"{name}.mp4").stat().st_size > 1000
