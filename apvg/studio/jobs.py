"""The queue: one job works at a time, in a process of its own, so that nothing it does can take the
page down.

A job is a folder. The server writes `job.json`, the job's process (:mod:`apvg.studio.worker`)
writes `progress.json` and the results. All state is on disk, so that a server that was stopped in
the middle of a job finds it again, and can offer to go on.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from apvg.base.config import from_dict
from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path

Kind = Literal["perform", "render", "prepare", "train"]
Status = Literal["waiting", "working", "done", "failed", "stopped", "interrupted"]
#: A process that is asked to stop has so long to keep what it did, seconds.
GRACE_SECONDS = 20.0
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Job:
    """One piece of work."""

    id: str
    """32 hexadecimal digits that nobody can guess; the name of its folder."""
    kind: str
    """What is done; see :data:`Kind`."""
    title: str
    """What people call it: the music's name, say."""
    options: dict[str, Any]
    """Plain data for :mod:`apvg.studio.worker`; paths are relative to the work folder's root."""
    created: float
    """Seconds since 1970."""
    status: str = "waiting"
    message: str = ""
    """Why it failed, in one line."""

    @property
    def open(self) -> bool:
        """Whether it waits or works."""
        return self.status in ("waiting", "working")


class Queue:
    """The jobs in a folder, worked off one after the other by a thread of the server."""

    def __init__(self, folder: Path, *, waiting: int, kept: int) -> None:
        """Take up the folder: jobs that another server left in the middle are interrupted, and can
        be resumed.

        Args:
            folder: Where each job has its folder.
            waiting: How many jobs may wait.
            kept: How many finished jobs are kept.
        """
        self.folder, self._most, self._kept = folder, waiting, kept
        self._changed = threading.Condition(threading.RLock())
        self._waiting: deque[str] = deque()
        self._working: tuple[str, subprocess.Popen[bytes]] | None = None
        self._closed = self._held = False
        for job in self.jobs():
            if job.open:
                self._write(replace(job, status="interrupted"))
        self._thread = threading.Thread(target=self._work, name="studio queue", daemon=True)
        self._thread.start()

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        found = [self.find(path.name) for path in self.folder.iterdir() if _ID.fullmatch(path.name)]
        return sorted((job for job in found if job is not None), key=lambda job: job.created)

    def find(self, job_id: str) -> Job | None:
        """The job of an id that anyone may have sent."""
        if not isinstance(job_id, str) or not _ID.fullmatch(job_id):
            return None
        try:
            data = json.loads((self.folder / job_id / "job.json").read_text(encoding="utf-8"))
            return from_dict(Job, data)
        except (OSError, ValueError):
            return None

    def place(self, job_id: str) -> int:
        """How many jobs come before this one."""
        with self._changed:
            ahead = self._waiting.index(job_id) if job_id in self._waiting else 0
            return ahead + (self._working is not None and self._working[0] != job_id)

    def working(self, job_id: str) -> bool:
        """Whether a job's process is there, be it that it is just stopping."""
        return self._working is not None and self._working[0] == job_id

    def submit(
        self,
        kind: Kind,
        title: str,
        options: dict[str, Any],
        bring: Callable[[Path], dict[str, Any]] | None = None,
    ) -> Job:
        """Put a job at the queue's end.

        Args:
            kind: What is to be done.
            title: What people call it.
            options: For the worker.
            bring: Puts the job's files into its folder and gives the options that name them.

        Raises:
            ApvgError: The queue is full, or the disk is.
        """
        with self._changed:
            self._refuse_busy()
        job = Job(uuid.uuid4().hex, kind, title, options, time.time())
        folder = self.folder / job.id
        try:
            folder.mkdir(parents=True)
            if bring is not None:
                job = replace(job, options=options | bring(folder))
            with self._changed:
                self._refuse_busy()
                self._write(job)
                self._waiting.append(job.id)
                self._changed.notify_all()
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise disk_error(error) from None
            raise
        self._make_room()
        return job

    def stop(self, job_id: str) -> None:
        """End a job that waits or works; what it did is kept where its kind can go on with it."""
        with self._changed:
            job = self.find(job_id)
            if job is None or not job.open:
                return
            self._write(replace(job, status="stopped"))
            if job_id in self._waiting:
                self._waiting.remove(job_id)
            elif self._working is not None and self._working[0] == job_id:
                _ask_to_stop(self._working[1])

    def resume(self, job_id: str) -> None:
        """Put a job that was stopped, interrupted or failed into the queue again.

        Raises:
            ApvgError: The queue is full.
        """
        with self._changed:
            job = self.find(job_id)
            if job is None or job.open or job.status == "done":
                return
            self._refuse_busy()
            self._write(replace(job, status="waiting", message=""))
            self._waiting.append(job_id)
            self._changed.notify_all()

    def hold(self) -> None:
        """Let no job begin until :meth:`release`, for the machine is needed for something that
        cannot wait.

        Raises:
            ApvgError: A job is at work.
        """
        with self._changed:
            if self._working is not None or self._waiting:
                raise ApvgError(
                    "the studio is at work on something else; try again when it is done"
                )
            self._held = True

    def release(self) -> None:
        """Let jobs begin again."""
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def forget(self, job: Job) -> None:
        """Remove a job that neither waits nor works."""
        shutil.rmtree(self.folder / job.id, ignore_errors=True)

    def close(self) -> None:
        """Stop working; jobs that are open stay so, to be found by the next server."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._working is not None:
                _ask_to_stop(self._working[1])
        self._thread.join(GRACE_SECONDS + 5)

    def _refuse_busy(self) -> None:
        if len(self._waiting) >= self._most:
            raise ApvgError(
                f"the studio is busy: {len(self._waiting)} pieces of work are waiting already; try "
                "again in a while"
            )

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or (self._waiting and not self._held))
                if self._closed:
                    return
                job_id = self._waiting.popleft()
                job = self.find(job_id)
                if job is None:
                    continue
                process = self._begun(job)
                if process is None:
                    continue
                self._working = job_id, process
            process.wait()
            _close_pipe(process)
            with self._changed:
                self._working = None
                job = self.find(job_id)
                if job is not None and job.status == "working" and not self._closed:
                    # On a full disk it stays "working", and is found interrupted by the next
                    # server.
                    with suppress(OSError, ApvgError):
                        self._write(_ended(job, self.folder / job_id, process.returncode))

    def _begun(self, job: Job) -> subprocess.Popen[bytes] | None:
        """A job's process; None where none can be started, for which the job fails and the queue
        goes on."""
        try:
            self._write(replace(job, status="working"))
            return self._start(job)
        except (OSError, ApvgError) as error:
            with suppress(OSError, ApvgError):
                message = (
                    f"the work could not be begun ({error}); "
                    "make room on the disk, close other programs, and try again"
                )
                self._write(replace(job, status="failed", message=message))
            return None

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        folder = self.folder / job.id
        for old in ("progress.json", "error.txt"):
            (folder / old).unlink(missing_ok=True)
        with (folder / "log.txt").open("ab") as log:
            # The pipe's end is the sign to stop, whether this server closes it or dies.
            return subprocess.Popen(
                [sys.executable, "-m", "apvg.studio.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _write(self, job: Job) -> None:
        with atomic_path(self.folder / job.id / "job.json") as partial:
            partial.write_text(json.dumps(asdict(job), indent=1), encoding="utf-8")

    def _make_room(self) -> None:
        """Remove the oldest finished performances beyond those that are kept."""
        ended = [j for j in self.jobs() if not j.open and j.kind in ("perform", "render")]
        for job in ended[: max(len(ended) - self._kept, 0)]:
            self.forget(job)


def disk_error(error: OSError) -> ApvgError:
    """What is said where a file could not be kept."""
    return ApvgError(
        f"the studio cannot keep that file ({error.strerror}); make room on its disk and try again"
    )


def _ended(job: Job, folder: Path, returncode: int) -> Job:
    """What a job has become when its process is gone."""
    if returncode == 0:
        return replace(job, status="done")
    with suppress(OSError):
        return replace(job, status="failed", message=(folder / "error.txt").read_text("utf-8"))
    return replace(
        job,
        status="failed",
        message=(
            "the work broke off without a word; there may be too little memory, "
            "so close other programs and try again"
        ),
    )


def _close_pipe(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


def _ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe that the process reads; end the process by force if it does not stop in
    time."""
    _close_pipe(process)

    def end() -> None:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()

    threading.Thread(target=end, daemon=True).start()
