"""The queue and its processes, without a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from studio.conftest import wait_until

from apvg.base.errors import ApvgError
from apvg.studio.folder import WorkFolder, bring
from apvg.studio.jobs import Job, Queue


def submit(queue: Queue, performer: Path, music: Path) -> Job:
    options = {"performer": str(performer), "start": 0.0, "duration": None}
    return queue.submit(
        "perform",
        music.stem,
        options,
        lambda folder: {"music": bring(music, folder).relative_to(folder).as_posix()},
    )


def status(queue: Queue, job: Job) -> str:
    found = queue.find(job.id)
    assert found is not None
    return found.status


@pytest.mark.slow
def test_jobs_are_done_in_turn_and_a_full_queue_says_so(
    tmp_path: Path, tiny_performer: Path, tone: Path
) -> None:
    queue = Queue(tmp_path, waiting=1, kept=100)
    try:
        first = submit(queue, tiny_performer, tone)
        wait_until(lambda: status(queue, first) == "working")
        second = submit(queue, tiny_performer, tone)
        assert queue.place(second.id) == 1
        with pytest.raises(ApvgError, match="busy"):
            submit(queue, tiny_performer, tone)
        assert len(list(tmp_path.iterdir())) == 2  # what was refused left nothing behind
        queue.stop(first.id)
        assert status(queue, first) == "stopped"
        wait_until(lambda: status(queue, second) == "done")
        assert not (tmp_path / first.id / "video.mp4").exists()
        assert (tmp_path / second.id / "video.mp4").exists()
    finally:
        queue.close()


@pytest.mark.slow
def test_a_job_whose_process_dies_fails_and_the_next_is_done(
    tmp_path: Path, tiny_performer: Path, tone: Path
) -> None:
    queue = Queue(tmp_path, waiting=3, kept=100)
    try:
        first = submit(queue, tiny_performer, tone)
        wait_until(lambda: queue._working is not None)
        second = submit(queue, tiny_performer, tone)
        working = queue._working
        assert working is not None
        working[1].kill()
        wait_until(lambda: status(queue, first) == "failed")
        found = queue.find(first.id)
        assert found is not None
        assert "broke off without a word" in found.message
        wait_until(lambda: status(queue, second) == "done")
    finally:
        queue.close()


def test_another_server_finds_open_jobs_interrupted(tmp_path: Path) -> None:
    job = Job("0" * 32, "perform", "song", {}, 1.0, status="working")
    (tmp_path / job.id).mkdir()
    (tmp_path / job.id / "job.json").write_text(json.dumps(job.__dict__))
    queue = Queue(tmp_path, waiting=1, kept=100)
    assert status(queue, job) == "interrupted"
    queue.close()


@pytest.mark.parametrize("job_id", ["", "..", "../../etc", "0" * 31, "G" * 32, None])
def test_ids_that_browsers_make_up_find_nothing(tmp_path: Path, job_id: str) -> None:
    queue = Queue(tmp_path, waiting=1, kept=100)
    assert queue.find(job_id) is None
    queue.close()


def test_only_uploads_count_as_uploaded(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work").create()
    song = folder.uploads / "abc" / "song.wav"
    song.parent.mkdir()
    song.write_bytes(b"x")
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    (folder.uploads / "link").symlink_to(secret)
    assert folder.uploaded(str(song)) == song.resolve()
    for path in (
        secret,
        folder.uploads / "link",
        folder.uploads / ".." / ".." / "secret",
        "/etc/passwd",
        folder.uploads,
    ):
        with pytest.raises(ApvgError, match="choose it again"):
            folder.uploaded(path)


def test_names_are_made_safe(tmp_path: Path) -> None:
    odd = tmp_path / "a:b*c?“ö” (live).WAV"
    odd.write_bytes(b"x")
    assert bring(odd, tmp_path / "in").name == "a_b_c_ö_ (live).WAV"


@pytest.mark.slow
def test_a_job_that_cannot_begin_fails_and_the_queue_goes_on(
    tmp_path: Path, tiny_performer: Path, tone: Path
) -> None:
    queue = Queue(tmp_path, waiting=3, kept=100)
    try:
        queue.hold()
        first = submit(queue, tiny_performer, tone)
        (tmp_path / first.id / "log.txt").mkdir()  # where its process would write
        second = submit(queue, tiny_performer, tone)
        queue.release()
        wait_until(lambda: status(queue, first) == "failed")
        found = queue.find(first.id)
        assert found is not None
        assert "could not be begun" in found.message
        wait_until(lambda: status(queue, second) == "working")
    finally:
        queue.close()


def test_files_that_cannot_be_kept_leave_nothing_behind(tmp_path: Path) -> None:
    queue = Queue(tmp_path, waiting=3, kept=100)

    def full(folder: Path) -> dict[str, str]:
        raise OSError(28, "No space left on device")

    with pytest.raises(ApvgError, match="No space left"):
        queue.submit("perform", "song", {}, full)
    assert list(tmp_path.iterdir()) == []
    queue.close()
