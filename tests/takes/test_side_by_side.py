"""Several processes, full disks: each take is made by one process, and what is done is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import needs
import numpy as np
import pytest
from filmed import SOUND, astronaut, film

from apvg.base.errors import ApvgError
from apvg.cli.main import main
from apvg.takes.lock import only_one
from apvg.takes.take import Take

HOLDER = """
import sys, time
from pathlib import Path
from apvg.takes.lock import only_one
with only_one(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    time.sleep(60)
"""
#: A prepare whose process may write files of so many bytes at most, as if the disk were full then.
LIMITED = """
import resource, sys
limit = int(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from apvg.takes.prepare import track
track.FRAMES_PER_BLOCK = 4
from apvg.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
OPTIONS = ("--audio", str(SOUND), "--layout", "body+hands", "--size", "160x128", "--fps", "10")


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_has_one_holder_and_outlives_none(tmp_path):
    path = tmp_path / "new" / ".take.lock"
    process = holder(path)
    with pytest.raises(ApvgError, match=f"process {process.pid} is busy"), only_one(path, "busy"):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.exists()
    with only_one(path, "busy"):
        assert path.read_text() == str(os.getpid())
    assert not path.exists()


def test_of_many_processes_one_at_a_time(tmp_path):
    script = """
import sys, time
from pathlib import Path
from apvg.base.errors import ApvgError
from apvg.takes.lock import only_one
done = 0
while done < 20:
    try:
        with only_one(Path(sys.argv[1]) / "lock", "busy"):
            Path(sys.argv[1], "inside").mkdir()  # fails if anyone else is inside
            Path(sys.argv[1], "inside").rmdir()
            done += 1
    except ApvgError:
        time.sleep(0.001)
"""
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert not list(tmp_path.iterdir())


def test_a_take_that_another_process_prepares_is_left_to_it(tmp_path, capsys):
    video = film(tmp_path / "a.mp4", astronaut, np.arange(0, 0.4, 0.1))
    folder = tmp_path / "takes"
    process = holder(folder / ".a.lock")
    try:
        assert main(["prepare", str(video), str(folder), *OPTIONS]) == 1
    finally:
        process.kill()
        process.communicate()
    error = capsys.readouterr().err.strip()
    assert f"process {process.pid} is preparing the take {folder / 'a'}" in error
    assert "\n" not in error
    assert [path.name for path in folder.iterdir()] == [".a.lock"]


@pytest.mark.slow
def test_several_takes_side_by_side_in_one_folder(tmp_path):
    needs.mediapipe()
    source, folder = tmp_path / "in", tmp_path / "takes"
    source.mkdir()
    for name in ("a", "b"):
        film(source / f"{name}.mp4", astronaut, np.arange(0, 0.4, 0.1))
    (source / "c.mp4").write_bytes(b"no video")
    (tmp_path / "sounds").mkdir()
    for name in "abc":
        (tmp_path / "sounds" / f"{name}.ogg").symlink_to(SOUND)
    options = ("--audio", str(tmp_path / "sounds"), *OPTIONS[2:], "--jobs", "2")
    run = subprocess.run(
        [sys.executable, "-m", "apvg", "prepare", str(source), str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    # One that cannot be read does not stop the others.
    assert run.returncode == 1
    assert "c.mp4" in run.stderr
    assert "1 of 3 videos" in run.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]
    assert len(Take.load(folder / "a")) == len(Take.load(folder / "b")) == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on a file's size")
def test_a_full_disk_is_named_and_gone_on_from(tmp_path):
    needs.mediapipe()
    noise = np.random.default_rng(0)

    def noisy(time: float) -> np.ndarray:
        image_HWC = astronaut(time)
        if time > 0.55:  # so that only later frames are too much
            image_HWC = image_HWC ^ noise.integers(0, 64, image_HWC.shape, np.uint8)
        return image_HWC

    video = film(tmp_path / "a.mp4", noisy, np.arange(0, 1, 0.1))
    folder = tmp_path / "takes"

    def run(limit: int) -> subprocess.CompletedProcess[str]:
        arguments = ["prepare", str(video), str(folder), *OPTIONS]
        return subprocess.run(
            [sys.executable, "-c", LIMITED, str(limit), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    full = run(150_000)
    assert full.returncode == 1
    lines = [line for line in full.stderr.splitlines() if "error" in line]
    assert len(lines) == 1
    assert "the disk is full" in lines[0]
    assert [path.name for path in folder.iterdir()] == [".a.partial"]
    kept = sorted(path.name for path in (folder / ".a.partial" / "blocks").iterdir())
    assert "000000.npz" in kept
    with pytest.raises(ApvgError):
        Take.load(folder / ".a.partial")
    again = run(0)
    assert again.returncode == 0, again.stderr
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert len(Take.load(folder / "a")) in (9, 10)


def test_too_small_a_disk_is_said_at_once(tmp_path, capsys, monkeypatch):
    needs.mediapipe()
    import shutil

    video = film(tmp_path / "a.mp4", astronaut, np.arange(0, 0.4, 0.1))
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6, 1000)
    )
    assert main(["prepare", str(video), str(tmp_path / "takes"), *OPTIONS]) == 1
    error = capsys.readouterr().err
    assert "0 MB free" in error
    assert "a smaller size" in error
    assert not (tmp_path / "takes").exists()
