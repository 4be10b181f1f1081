"""The inside of a job's process: ``python -m apvg.studio.worker FOLDER``.

It runs one task (:mod:`apvg.tasks`) and reports its progress to the page in `progress.json` and
`preview.jpg`. The work is cancelled when the pipe that is its standard input ends: the server asks
for it in this way, or is gone.

The task runs in the folder that its files lie in and takes relative paths, so that its messages
name files as the user knows them, not where they lie on the server.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from apvg import tasks
from apvg.base.errors import ApvgWarning
from apvg.base.explain import EXPLAINED, explain
from apvg.base.files import atomic_path
from apvg.base.progress import Step
from apvg.studio.folder import WorkFolder
from apvg.studio.jobs import GRACE_SECONDS

#: The least time between two updates of the page, seconds.
_EVERY = 0.4
#: Wider previews are made smaller.
_PREVIEW_WIDTH = 720


class Worker:
    """One job: its folder, what it reports, and whether it is cancelled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.cancel = threading.Event()
        self._notes: list[str] = []
        self._loop = ("", "")
        self._began = self._wrote = 0.0

    def progress(self, step: Step) -> None:
        """Write how far the work is, at most every :data:`_EVERY` seconds."""
        now = time.monotonic()
        loop = (step.description, step.subject)
        if loop != self._loop:
            self._loop, self._began, self._wrote = loop, now, 0.0
        if now - self._wrote < _EVERY:
            return
        self._wrote = now
        share = step.done / step.total if step.total else None
        left = (now - self._began) * (1 - share) / share if share else None
        what = {"stage": step.description, "subject": step.subject}
        with atomic_path(self.folder / "progress.json") as partial:
            text = json.dumps({**what, "share": share, "seconds_left": left})
            partial.write_text(text, encoding="utf-8")
        if isinstance(step.item, np.ndarray) and step.item.ndim == 3:
            from apvg.video.images import jpeg

            every = -(-step.item.shape[1] // _PREVIEW_WIDTH)
            with atomic_path(self.folder / "preview.jpg") as partial:
                partial.write_bytes(jpeg(step.item[::every, ::every]))

    def note(self, text: str) -> None:
        """Keep a remark for the page, which shows it with the result."""
        self._notes.append(text)
        (self.folder / "notes.txt").write_text("\n".join(self._notes), encoding="utf-8")

    def show_warning(
        self, message: Warning | str, kind: type[Warning], *place: Any, **more: Any
    ) -> None:
        """In place of :func:`warnings.showwarning`: only warnings for users are notes."""
        if issubclass(kind, ApvgWarning):
            self.note(str(message))

    def enter_project(self, slug: str) -> None:
        """Work in the folder of one of the user's own performers."""
        os.chdir(WorkFolder(self.folder.parents[1]).performers / slug)

    def wait_for_end(self) -> None:
        """Cancel the work when standard input ends; leave by force if it takes too long to stop."""
        # Not through sys.stdin, whose lock a thread must not hold when Python ends.
        while os.read(0, 1024):
            pass
        self.cancel.set()
        time.sleep(GRACE_SECONDS)
        os._exit(130)

    def fail(self, message: str) -> int:
        """Say why there is no result."""
        (self.folder / "error.txt").write_text(message, encoding="utf-8")
        return 1


def perform(
    worker: Worker, *, music: str, performer: str, start: float, duration: float | None
) -> None:
    """Music to `video.mp4`, `keypoints.npz` and what the page shows with them."""
    performer = _relative(performer)
    result = tasks.generate(
        tasks.GenerateOptions(
            audio=Path(music),
            output=Path("video.mp4"),
            performer=performer,
            keypoints=Path("keypoints.npz"),
            start=start,
            duration=duration,
            force=True,
        ),
        progress=worker.progress,
        cancel=worker.cancel,
    )
    for remark in result.remarks:
        worker.note(f"{remark}.")
    _show(performer)


def render(worker: Worker, *, sound: str, keypoints: str, performer: str) -> None:
    """Edited keypoints to another `video.mp4` with the sound of the first."""
    performer = _relative(performer)
    tasks.render(
        tasks.RenderOptions(
            keypoints=Path(keypoints),
            output=Path("video.mp4"),
            performer=performer,
            audio=Path(sound),
            force=True,
        ),
        progress=worker.progress,
        cancel=worker.cancel,
    )
    shutil.copyfile(keypoints, "keypoints.npz")  # its own remain, for the job to be done again
    _show(performer)


def prepare(worker: Worker, *, project: str) -> None:
    """A project's footage to a take with its quality report."""
    from apvg.studio.project import read_project

    worker.enter_project(project)
    about = read_project(Path.cwd())
    (result,) = tasks.prepare(
        tasks.PrepareOptions(
            footage=Path("footage") / about.footage,
            out_dir=Path("takes"),
            name="take",
            audio=None if about.sound is None else Path("sound") / about.sound,
            midi=None if about.notes is None else Path("notes") / about.notes,
            layout="hands" if about.layout == "hands" else "body+hands",
            corners=about.corners,
        ),
        progress=worker.progress,
        cancel=worker.cancel,
    )
    if result.error is not None:
        raise result.error


def train(worker: Worker, *, project: str) -> None:
    """A project's take to its performer, from the newest checkpoint where there is one."""
    from apvg.studio.project import read_project

    worker.enter_project(project)
    recipe = read_project(Path.cwd()).recipe
    tasks.train(
        tasks.TrainOptions(Path("takes"), Path("performer"), recipe, resume=True),
        progress=worker.progress,
        cancel=worker.cancel,
    )


JOBS: dict[str, Callable[..., None]] = {
    "perform": perform,
    "render": render,
    "prepare": prepare,
    "train": train,
}


def main(folder: Path) -> int:
    """Do the job of a folder; 0 done, 1 failed (`error.txt` says why), 130 stopped."""
    worker = Worker(folder)
    threading.Thread(target=worker.wait_for_end, daemon=True).start()
    os.chdir(worker.folder)
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    try:
        with warnings.catch_warnings():
            warnings.showwarning = worker.show_warning
            JOBS[job["kind"]](worker, **job["options"])
    except KeyboardInterrupt:
        return 130
    except EXPLAINED as error:
        return worker.fail(explain(error))
    except Exception as error:
        worker.fail(
            f"something went wrong inside ({type(error).__name__}); the job's log.txt tells more"
        )
        raise
    return 0


def _relative(performer: str) -> str:
    """A performer's name, or the path to its folder from here."""
    return os.path.relpath(performer) if os.path.isabs(performer) else performer


def _show(performer_name: str) -> None:
    """Files for the page, next to a finished video: `wave.json`, `poses.json`, `poses.i16` and
    `keypoints.json`."""
    from apvg.bundle import read_config
    from apvg.installed import find_performer
    from apvg.keypoint_files import read_keypoints, write_keypoints
    from apvg.studio.wave import look_at

    config = read_config(find_performer(performer_name))
    track = read_keypoints(Path("keypoints.npz"), config.skeleton)
    write_keypoints(Path("keypoints.json"), track, config.skeleton)
    Path("wave.json").write_text(json.dumps(asdict(look_at(Path("video.mp4")))))
    part_of = {i: part for part, ids in config.skeleton.parts.items() for i in ids}
    about = {
        "fps": track.fps,
        "frames": len(track.keypoints_TKD),
        "size": config.size,
        "names": config.skeleton.points,
        "edges": config.skeleton.edges,
        "parts": [part_of[i] for i in range(len(config.skeleton))],
    }
    Path("poses.json").write_text(json.dumps(about))
    # Eighths of a pixel, little-endian; points that are not there lie at the lowest number.
    seen_TK1 = track.seen_TK[..., None] & np.isfinite(track.keypoints_TKD)
    eighths_TKD = np.nan_to_num(track.keypoints_TKD * 8).round().clip(-32767, 32767)
    np.where(seen_TK1, eighths_TKD, -32768).astype("<i2").tofile("poses.i16")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
