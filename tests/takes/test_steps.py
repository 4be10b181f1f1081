"""The steps of preparing: each leaves one artefact, is run again by itself, and is not run again
without need."""

from __future__ import annotations

import os
import shutil
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniatures import hand_PD, person, write_openpose, write_video, write_wav

from apvg.base.errors import ApvgError
from apvg.instruments.skeleton import HANDS
from apvg.takes.prepare import STEPS, PrepareOptions, StepName, prepare, run
from apvg.takes.prepare.align import Offsets
from apvg.takes.prepare.clean import Cleaned
from apvg.takes.prepare.quality import QualityReport
from apvg.takes.prepare.track import Tracked
from apvg.takes.recording import Recording
from apvg.takes.take import Take

FRAMES = 40
OPTIONS = PrepareOptions(fps=20, crop=(40, 20, 120, 80), size=(96, 64), offset=0.1)
#: The artefact of each step, in the take's folder.
ARTEFACTS = {
    "track": "prepared/detections.npz",
    "clean": "prepared/keypoints.npz",
    "align": "prepared/offsets.json",
    "assess": "quality.json",
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Two hands that move, and a click; the keypoints are OpenPose's, so that nothing slow is at
    work."""
    tmp_path = tmp_path_factory.mktemp("footage")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (FRAMES, 120, 200, 3), dtype=np.uint8)
    write_video(tmp_path / "solo.mp4", frames, (Fraction(n, 20) for n in range(FRAMES)))
    samples_S1 = np.zeros((2 * 48000, 1), np.int16)
    samples_S1[24000] = 20000
    write_wav(tmp_path / "solo.wav", samples_S1, 48000)
    people = []
    for n in range(FRAMES):
        one = person(np.concatenate([hand_PD(70 + n / 4, 60), hand_PD(120 + n / 4, 70)]), HANDS)
        people.append([one | {"pose_keypoints_2d": []}])
    write_openpose(tmp_path / "poses", "solo", people)
    return Recording(
        "solo", tmp_path / "solo.mp4", tmp_path / "solo.wav", None, openpose=tmp_path / "poses"
    )


@pytest.fixture(scope="module")
def finished(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished take, which no test changes."""
    folder = tmp_path_factory.mktemp("takes")
    prepare(recording, folder, OPTIONS)
    return folder / "solo"


@pytest.fixture
def made(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "takes" / "solo"))


def written(folder: Path) -> dict[str, tuple[int, int]]:
    """What tells an artefact that was written anew from one that is still the old file."""
    stats = {step: (folder / path).stat() for step, path in ARTEFACTS.items()}
    return {step: (stat.st_mtime_ns, stat.st_size) for step, stat in stats.items()}


def rewritten(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [step for step in STEPS if before[step] != after[step]]


def assert_same(take: Take, other: Take) -> None:
    for name in ("frames_THWC", "keypoints_TKD", "confidence_TK", "samples_S"):
        assert np.array_equal(getattr(take, name)[:], getattr(other, name)[:]), name
    assert take.metadata == other.metadata


def test_artefacts_are_read_as_they_were_written(made: Path, tmp_path: Path):
    kept = made / "prepared"
    for kind, folder in ((Tracked, kept), (Cleaned, kept), (Offsets, kept), (QualityReport, made)):
        artefact: Any = kind.load(folder)
        artefact.save(tmp_path)
        again = kind.load(tmp_path)
        for field in fields(kind):
            one, other = getattr(artefact, field.name), getattr(again, field.name)
            if field.name == "detections":
                one, other = one.to_arrays(), other.to_arrays()
                assert all(np.array_equal(one[k], other[k], equal_nan=True) for k in one)
            elif isinstance(one, np.ndarray):
                assert np.array_equal(one, other), field.name
            else:
                assert one == other, field.name
    cleaned, take = Cleaned.load(kept), Take.load(made)
    assert np.array_equal(cleaned.keypoints_TKD, take.keypoints_TKD)
    assert len(Tracked.load(kept).detections) == FRAMES


def test_artefacts_are_small_and_frames_are_kept_once(made: Path):
    size = sum(path.stat().st_size for path in (made / "prepared").iterdir())
    frames = sum(path.stat().st_size for path in (made / "frames").rglob("*") if path.is_file())
    assert size < frames / 4
    assert not (made / "blocks").exists()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_and_those_after_it_are_run_again(
    recording: Recording, finished: Path, made: Path, step: StepName
):
    before, frame = written(made), os.stat(made / "frames" / "c" / "0" / "0" / "0" / "0").st_ino
    take = prepare(recording, made.parent, OPTIONS, from_step=step)
    assert rewritten(before, written(made)) == list(STEPS[STEPS.index(step) :])
    assert_same(take, Take.load(finished))
    same_file = os.stat(made / "frames" / "c" / "0" / "0" / "0" / "0").st_ino == frame
    assert same_file == (step != "track")
    assert [path.name for path in made.parent.iterdir()] == ["solo"]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_whose_artefact_is_deleted_is_run_again(
    recording: Recording, finished: Path, made: Path, step: StepName
):
    before = written(made)
    (made / ARTEFACTS[step]).unlink()
    take = prepare(recording, made.parent, OPTIONS)
    assert rewritten(before, written(made)) == list(STEPS[STEPS.index(step) :])
    assert_same(take, Take.load(finished))


def test_nothing_is_run_again_without_need(recording: Recording, made: Path):
    before = written(made)
    prepare(recording, made.parent, OPTIONS)
    assert written(made) == before


def test_another_offset_needs_no_tracking(recording: Recording, made: Path):
    before, take = written(made), Take.load(made)
    assert np.flatnonzero(np.abs(take.samples_S) > 0.3).tolist() == [24000 + 4800]
    other = replace(OPTIONS, offset=0.25)
    with pytest.raises(ApvgError, match="with other options") as refused:
        prepare(recording, made.parent, other)
    assert refused.value.options == ("force",)
    moved = prepare(recording, made.parent, other, from_step="align")
    assert rewritten(before, written(made)) == ["align", "assess"]
    assert np.flatnonzero(np.abs(moved.samples_S[:]) > 0.3).tolist() == [24000 + 12000]
    assert np.array_equal(moved.keypoints_TKD, take.keypoints_TKD)
    assert moved.metadata["found"]["offset"]["value"] == 0.25
    assert prepare(recording, made.parent, other).metadata == moved.metadata  # done already


def test_a_step_is_not_run_on_artefacts_of_other_options(recording: Recording, made: Path):
    before = written(made)
    other = replace(OPTIONS, crop=(0, 0, 200, 120))
    with pytest.raises(ApvgError, match=r"the step track of .* was made with another crop"):
        prepare(recording, made.parent, other, from_step="clean")
    assert written(made) == before
    assert [path.name for path in made.parent.iterdir()] == ["solo"]


def test_a_take_of_an_older_version_is_left_as_it_is(recording: Recording, made: Path):
    shutil.rmtree(made / "prepared")
    stamp = (made / "zarr.json").stat().st_mtime_ns
    assert len(prepare(recording, made.parent, OPTIONS)) == FRAMES
    assert (made / "zarr.json").stat().st_mtime_ns == stamp
    with pytest.raises(ApvgError, match="does not hold what the step track made") as refused:
        prepare(recording, made.parent, OPTIONS, from_step="align")
    assert refused.value.options == ("force",)
    assert len(Take.load(made)) == FRAMES


def test_what_is_no_take_is_not_replaced(recording: Recording, tmp_path: Path):
    (tmp_path / "takes" / "solo").mkdir(parents=True)
    (tmp_path / "takes" / "solo" / "thesis.txt").write_text("years of work")
    with pytest.raises(ApvgError, match="already there"):
        prepare(recording, tmp_path / "takes", OPTIONS, from_step="track")
    assert (tmp_path / "takes" / "solo" / "thesis.txt").exists()


def test_a_stopped_run_keeps_the_steps_that_are_done(
    recording: Recording, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "stopped"
    staging = folder / ".solo.partial"

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(run, "assess", stop)
        prepare(recording, folder, OPTIONS)
    kept = {step: (staging / path).stat().st_mtime_ns for step, path in list(ARTEFACTS.items())[:3]}
    assert not (staging / "quality.json").exists()
    with pytest.raises(ApvgError, match="not a take"):
        Take.load(staging)
    # Another offset: what was tracked and cleaned is still right.
    take = prepare(recording, folder, replace(OPTIONS, offset=0.0))
    now = {step: (folder / "solo" / ARTEFACTS[step]).stat().st_mtime_ns for step in kept}
    assert [step for step in kept if now[step] != kept[step]] == ["align"]
    assert np.array_equal(take.keypoints_TKD, Take.load(made).keypoints_TKD)
    assert [path.name for path in folder.iterdir()] == ["solo"]


def test_a_stopped_run_of_a_later_step_leaves_the_take(
    recording: Recording, finished: Path, made: Path, monkeypatch: pytest.MonkeyPatch
):

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(run, "align", stop)
        prepare(recording, made.parent, OPTIONS, from_step="clean")
    assert_same(Take.load(made), Take.load(finished))
    # What lies beside it is not taken for a run of every step.
    take = prepare(recording, made.parent, OPTIONS, force=True)
    assert_same(take, Take.load(finished))
    assert [path.name for path in made.parent.iterdir()] == ["solo"]
