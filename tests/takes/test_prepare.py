"""Preparing takes, on pictures of a person that scikit-image ships and on the real footage."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import needs
import numpy as np
import pytest
from filmed import SOUND, astronaut, film

from apvg.base.errors import ApvgError
from apvg.cli.main import main
from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS
from apvg.music.midi import read_midi
from apvg.music.reading import read_audio
from apvg.takes.prepare import PrepareOptions
from apvg.takes.prepare.align import soundtrack
from apvg.takes.take import Take
from apvg.video.reading import read_frames

needs.mediapipe()

FOOTAGE = Path(__file__).parents[3] / "shared" / "footage" / "pianoray"
needs_footage = pytest.mark.skipif(
    not FOOTAGE.is_dir(), reason="the PianoRay footage is not in ../shared/footage"
)
BODY = list(BODY_AND_HANDS.parts["body"])


def prepare(source: Path, folder: Path, *options: object) -> int:
    return main(["prepare", str(source), str(folder), *map(str, options)])


def assert_refused(capsys, status: int, folder: Path, *words: str) -> None:
    """One line that says why, and nothing left behind."""
    error = capsys.readouterr().err.strip()
    assert status == 1
    assert error.startswith("apvg: error: ")
    assert "\n" not in error
    for word in words:
        assert word in error
    assert not folder.exists()


def test_body_and_hands_of_a_person_on_turned_footage_of_varying_rate(tmp_path):
    # A phone: stored lying on its side, and slower in the middle.
    times = [*np.arange(0, 0.6, 1 / 30), *np.arange(0.6, 1.4, 1 / 12), *np.arange(1.4, 2, 1 / 30)]
    video = film(tmp_path / "phone.mp4", astronaut, times, rotation=90)
    options = ("--audio", SOUND, "--layout", "body+hands", "--size", "320x256", "--fps", 10)
    assert prepare(video, tmp_path / "takes", *options) == 0
    take = Take.load(tmp_path / "takes" / "phone")
    assert (take.skeleton, take.size, len(take)) == (BODY_AND_HANDS, (320, 256), 20)
    assert len(take.samples_S) == 2 * take.sample_rate
    body_TKD = take.keypoints_TKD[:, BODY] * 2  # back to source pixels
    points = {name: k for k, name in enumerate(take.skeleton.points)}
    # Found by eye in the picture; she faces the camera, so her left is the picture's right. Where a
    # shoulder is within a space suit is known less well, and changes a little from frame to frame.
    shown_T = np.array([max(t for t in times if t <= i / 10 + 1e-6) for i in range(20)])
    for name, x, y, reach in [
        ("nose", 223, 130, 12),
        ("left_shoulder", 302, 247, 48),
        ("right_shoulder", 112, 230, 48),
    ]:
        true_TD = np.stack([x + 40 * shown_T, np.full(20, y)], axis=1)
        error_TD = body_TKD[:, points[name]] - true_TD
        assert np.abs(error_TD).max() < reach, name
        assert np.abs(np.median(error_TD, axis=0)).max() < reach / 2, name
    assert take.confidence_TK[:, points["nose"]].min() > 0.9
    # Her hands are hidden, and nothing is made up for them.
    assert not take.confidence_TK[:, len(BODY) :].any()
    assert take.metadata["quality"]["verdict"] == "poor"


def test_of_two_people_one_is_chosen(tmp_path):
    def pair(time: float) -> np.ndarray:
        return np.concatenate([astronaut(time), astronaut(time)[:, ::-1]], axis=1)

    video = film(tmp_path / "duo.mp4", pair, np.arange(0, 0.5, 1 / 10))
    for name, person, low, high in (
        ("a", "0,0,640,512", 0, 640),
        ("b", "640,0,640,512", 640, 1280),
    ):
        options = ("--audio", SOUND, "--layout", "body+hands", "--size", "1280x512", "--fps", 10)
        assert prepare(video, tmp_path, *options, "--name", name, "--person", person) == 0
        nose_TD = Take.load(tmp_path / name).keypoints_TKD[:, 0]
        assert ((nose_TD[:, 0] > low) & (nose_TD[:, 0] < high)).all()


def test_footage_without_a_person_is_refused(tmp_path, capsys):
    noise_HWC = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    video = film(tmp_path / "empty.mp4", lambda _: noise_HWC, np.arange(0, 0.4, 0.1))
    for layout, who in (("hands", "no hands"), ("body+hands", "no person")):
        status = prepare(video, tmp_path / "takes", "--audio", SOUND, "--layout", layout)
        assert_refused(capsys, status, tmp_path / "takes", who, str(video))


def test_what_cannot_be_prepared_is_refused_before_any_work(tmp_path, capsys):
    video = film(tmp_path / "mute.mp4", astronaut, np.arange(0, 0.4, 0.1))
    folder = tmp_path / "takes"
    status = prepare(video, folder, "--audio", tmp_path / "none.wav")
    assert_refused(capsys, status, folder, "none.wav")
    status = prepare(video, folder, "--audio", SOUND, "--crop", "0,0,9999,10")
    assert_refused(capsys, status, folder, "crop", "640x512")
    status = prepare(tmp_path / "none.mp4", folder, "--audio", SOUND)
    assert_refused(capsys, status, folder, "none.mp4")
    (tmp_path / "void").mkdir()
    assert_refused(capsys, prepare(tmp_path / "void", folder), folder, "no videos")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[:3000])
    assert_refused(capsys, prepare(cut, folder, "--audio", SOUND), folder, "cut.mp4")
    status = prepare(video, folder, "--audio", SOUND, "--start", 60)
    assert_refused(capsys, status, folder, "start 60")
    status = prepare(video, folder, "--audio", SOUND, "--corners", "0,0,10,0,0,10,10,10")
    assert_refused(capsys, status, folder, "corners")


def test_footage_without_sound_makes_a_silent_take(tmp_path, capsys):
    video = film(tmp_path / "mute.mp4", astronaut, np.arange(0, 1, 0.1))
    options = ("--layout", "body+hands", "--size", "160x128", "--fps", "10")
    assert prepare(video, tmp_path / "takes", *options) == 0
    error = capsys.readouterr().err
    assert "no sound" in error
    assert "the sound's file" in error
    take = Take.load(tmp_path / "takes" / "mute")
    assert len(take.samples_S) == len(take) * take.sample_rate // take.fps
    assert not take.samples_S.any()
    assert "offset" not in take.metadata["found"]


def test_without_mediapipe_the_extra_is_named(tmp_path):
    video = film(tmp_path / "mute.mp4", astronaut, np.arange(0, 0.4, 0.1))
    arguments = ["prepare", str(video), str(tmp_path / "takes"), "--audio", str(SOUND)]
    script = (
        "import sys; sys.modules['mediapipe'] = None; from apvg.cli.main import main; "
        f"sys.exit(main({arguments}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "apvg[pose]" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "takes").exists()


def test_a_python_that_is_too_new_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe.python.solutions.hands", None)
    monkeypatch.delitem(sys.modules, "apvg.takes.pose.mediapipe", raising=False)
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    with pytest.raises(ApvgError, match=r"no build for Python 3\.14; use Python 3\.11 or 3\.12"):
        importlib.import_module("apvg.takes.pose.mediapipe")


KILLED_RUN = """
import os, signal, sys
from apvg.takes.prepare import track
from apvg.takes.pose import mediapipe
track.FRAMES_PER_BLOCK = 4
kill_at, see, frames = int(sys.argv[1]), mediapipe.Tracker.see, 0
def see_and_die(self, image):
    global frames
    frames += 1
    if frames == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return see(self, image)
mediapipe.Tracker.see = see_and_die
from apvg.cli.main import main
code = main(sys.argv[2:])
print("frames seen:", frames)
sys.exit(code)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_result(tmp_path):
    video = film(tmp_path / "take.mp4", astronaut, np.arange(0, 1, 1 / 25))

    def run(folder: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
        options = ("--audio", SOUND, "--layout", "body+hands", "--size", "160x128", "--fps", "10")
        arguments = ["prepare", str(video), str(folder), *map(str, options)]
        return subprocess.run(
            [sys.executable, "-c", KILLED_RUN, str(kill_at), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    whole = run(tmp_path / "whole", kill_at=0)
    assert whole.returncode == 0, whole.stderr
    killed = run(tmp_path / "killed", kill_at=16)  # in the third block
    assert killed.returncode == -9
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left == {".take.partial", ".take.lock"}
    again = run(tmp_path / "killed", kill_at=0)
    assert again.returncode == 0, again.stderr
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["take"]

    frames = {run.stdout.split()[-1] for run in (whole, again)}
    assert len(frames) == 2, "the second run did all the work again"
    expected = Take.load(tmp_path / "whole" / "take")
    found = Take.load(tmp_path / "killed" / "take")
    assert np.array_equal(found.frames_THWC[:], expected.frames_THWC[:])
    assert np.array_equal(found.confidence_TK, expected.confidence_TK)
    assert np.allclose(found.keypoints_TKD, expected.keypoints_TKD, atol=1e-3)
    assert np.array_equal(found.samples_S, expected.samples_S)
    assert found.metadata == expected.metadata


@needs_footage
def test_hands_alone_on_real_footage(tmp_path):
    """Four seconds of the bach take, under another name: both hands, all along, over the keys that
    sound."""
    seconds = 4
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bach.mp4").symlink_to((FOOTAGE / "bach_video.mp4").resolve())
    options = ("--audio", FOOTAGE / "bach_audio.mp3", "--midi", FOOTAGE / "bach.mid")
    options += ("--offset", -6.14, "--start", 30, "--duration", seconds)
    options += ("--crop", "0,276,1280,320", "--size", "512x128", "--licence", "CC0-1.0")
    options += ("--corners", "8,288,1275,298,1259,452,22,435")
    assert prepare(tmp_path / "in", tmp_path / "out", *options) == 0
    take = Take.load(tmp_path / "out" / "bach")
    report = json.loads((tmp_path / "out" / "bach" / "quality.json").read_text())
    assert (take.skeleton, take.size, len(take), take.fps) == (HANDS, (512, 128), 100, 25)
    assert report["both_hands_found"] >= 0.99
    assert report["label_swaps"] == 0
    assert report["verdict"] == "good"
    assert report["key_hit"]["rate"] > 0.9
    left_T, right_T = (take.keypoints_TKD[:, ids, 0].mean(axis=1) for ids in HANDS.hands.values())
    assert (left_T < right_T).all()
    html = (tmp_path / "out" / "bach" / "quality.html").read_text()
    assert "good" in html
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    assert take.notes is not None
    # The same frames as the video's own at that time, and sound and notes as far into the piece.
    expected_HWC = next(
        read_frames(FOOTAGE / "bach_video.mp4", 25, start=32, crop=(0, 276, 1280, 320))
    )
    shrunk_HWC = expected_HWC.reshape(64, 5, 256, 5, 3).mean(axis=(1, 3))
    half_HWC = take.frames_THWC[50].reshape(64, 2, 256, 2, 3).mean(axis=(1, 3))
    assert np.abs(half_HWC - shrunk_HWC).mean() < 2
    notes = read_midi(FOOTAGE / "bach.mid").between(36.14, 40.14)
    assert np.allclose(take.notes.between(0, seconds).onset_N, notes.onset_N - 36.14)
    sound_S = read_audio(FOOTAGE / "bach_audio.mp3", 48000, start=36.14, duration=seconds)
    assert np.allclose(take.samples_S, sound_S, atol=1e-3)

    # The same again is done already; with other options it asks before it replaces.
    before = (tmp_path / "out" / "bach" / "zarr.json").stat().st_mtime_ns
    assert prepare(tmp_path / "in", tmp_path / "out", *options) == 0
    assert (tmp_path / "out" / "bach" / "zarr.json").stat().st_mtime_ns == before
    assert prepare(tmp_path / "in", tmp_path / "out", *options, "--fps", 24) == 1
    assert Take.load(tmp_path / "out" / "bach").fps == 25


def test_sound_and_picture_are_on_one_clock(tmp_path):
    """Sound given apart, with an offset: silence before it, and every sample where it belongs."""
    sound_S = read_audio(SOUND, 48000)
    for offset in (0.0, -1.25, 0.75, 30.0):
        made_S = np.concatenate(list(soundtrack(SOUND, 50, PrepareOptions(fps=25), offset)))
        assert len(made_S) == 96000
        at = round(offset * 48000)
        expected_S = np.zeros(96000, np.float32)
        first, stop = max(0, at), min(96000, at + len(sound_S))
        if first < stop:
            expected_S[first:stop] = sound_S[first - at : stop - at]
        assert np.allclose(made_S, expected_S, atol=1e-3)


def test_footage_is_left_alone(tmp_path):
    video = film(tmp_path / "a.mp4", astronaut, np.arange(0, 0.3, 0.1))
    shutil.copy(video, tmp_path / "b.mp4")
    with pytest.raises(SystemExit) as wrong:
        prepare(video, tmp_path / "takes", "--layout", "feet")
    assert wrong.value.code == 2
    assert prepare(tmp_path, tmp_path / "takes", "--audio", SOUND) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
