"""The inside of a job's process: ``python -m apvg.studio.worker FOLDER``.

It does what the commands of the same names do, with their code, and tells the page how far it is through
:func:`apvg.base.progress.watch`: `progress.json` and `preview.jpg`. It ends when the pipe that is its standard input does,
which is when the server asks it to, or is gone.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import threading
import time
import warnings
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.files import atomic_path
from apvg.base.progress import Step, Stopped, watch
from apvg.cli.arguments import check_options
from apvg.cli.main import explain
from apvg.studio.folder import WorkFolder
from apvg.studio.jobs import GRACE_SECONDS

#: Seconds between two looks that the page may take.
_EVERY = 0.4
#: Wider previews are made smaller.
_PREVIEW_WIDTH = 720


def perform(
    folder: Path, *, music: str, performer: str, start: float, duration: float | None
) -> None:
    """Music to `video.mp4`, `keypoints.npz` and what the page shows with them."""
    from apvg.cli.generate import Generate

    command = Generate(
        audio=folder / music,
        output=folder / "video.mp4",
        performer=performer,
        keypoints=folder / "keypoints.npz",
        start=start,
        duration=duration,
        force=True,
    )
    check_options(command)  # they come from a browser
    printed = io.StringIO()
    with redirect_stdout(printed):
        command.run()
    *remarks, report = printed.getvalue().splitlines()
    print(report)
    for remark in remarks:
        warnings.warn(f"{remark}.", ApvgWarning, stacklevel=1)
    _show(folder, performer)


def render(folder: Path, *, sound: str, keypoints: str, performer: str) -> None:
    """Mended keypoints to another `video.mp4` with the sound of the first."""
    from apvg.cli.render import Render

    Render(
        keypoints=folder / keypoints,
        output=folder / "video.mp4",
        performer=performer,
        audio=folder / sound,
        force=True,
    ).run()
    shutil.copyfile(folder / keypoints, folder / "keypoints.npz")  # its own are there to begin anew
    _show(folder, performer)


def prepare(folder: Path, *, project: str) -> None:
    """A project's footage to a take with its quality report."""
    from apvg.cli.prepare import Prepare
    from apvg.studio.project import read_project

    room = _performers(folder) / project
    about = read_project(room)
    Prepare(
        footage=room / "footage" / about.footage,
        out_dir=room / "takes",
        name="take",
        audio=None if about.sound is None else room / "sound" / about.sound,
        midi=None if about.notes is None else room / "notes" / about.notes,
        layout="hands" if about.layout == "hands" else "body+hands",
        corners=about.corners,
    ).run()


def train(folder: Path, *, project: str) -> None:
    """A project's take to its performer, from the newest checkpoint where there is one."""
    from apvg.cli.train import Train
    from apvg.studio.project import read_project

    room = _performers(folder) / project
    recipe = read_project(room).recipe
    Train(takes=room / "takes", out_dir=room / "performer", recipe=recipe, resume=True).run()


JOBS = {"perform": perform, "render": render, "prepare": prepare, "train": train}


def main(folder: Path) -> int:
    """Do the job of a folder; 0 done, 1 failed (`error.txt` says why), 130 stopped."""
    reporter = _Reporter(folder)
    threading.Thread(target=_wait_for_end, args=[reporter], daemon=True).start()
    watch(reporter)
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    try:
        with warnings.catch_warnings():
            warnings.showwarning = reporter.note
            JOBS[job["kind"]](folder, **job["options"])
    except KeyboardInterrupt:
        return 130
    except (ApvgError, ImportError, MemoryError, OSError) as error:
        return _fail(folder, explain(error))
    except Exception as error:
        _fail(
            folder,
            f"something went wrong inside ({type(error).__name__}); the job's log.txt tells more",
        )
        raise
    return 0


class _Reporter:
    """Writes how far the work is, at most every :data:`_EVERY` seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stopping = False
        self._notes: list[str] = []
        self._stage = ""
        self._began = self._wrote = 0.0

    def __call__(self, step: Step) -> None:
        if self.stopping:
            raise Stopped
        now = time.monotonic()
        if step.description != self._stage:
            self._stage, self._began, self._wrote = step.description, now, 0.0
        if now - self._wrote < _EVERY:
            return
        self._wrote = now
        share = step.done / step.total if step.total else None
        left = (now - self._began) * (1 - share) / share if share else None
        self._write({"stage": step.description, "share": share, "seconds_left": left})
        if isinstance(step.item, np.ndarray) and step.item.ndim == 3:
            from apvg.video.images import jpeg

            every = -(-step.item.shape[1] // _PREVIEW_WIDTH)
            with atomic_path(self.folder / "preview.jpg") as partial:
                partial.write_bytes(jpeg(step.item[::every, ::every]))

    def note(self, message: Warning | str, kind: type[Warning], *place: Any, **more: Any) -> None:
        """Keep a warning that is meant for people."""
        if issubclass(kind, ApvgWarning):
            self._notes.append(_without_folder(str(message), self.folder))
            (self.folder / "notes.txt").write_text("\n".join(self._notes), encoding="utf-8")

    def _write(self, progress: dict[str, Any]) -> None:
        with atomic_path(self.folder / "progress.json") as partial:
            partial.write_text(json.dumps(progress), encoding="utf-8")


def _performers(folder: Path) -> Path:
    """People's own performers, beside the jobs."""
    return WorkFolder(folder.parents[1]).performers


def _show(folder: Path, performer_name: str) -> None:
    """Files for the page beside a finished video: `wave.json`, `poses.json`, `poses.i16` and `keypoints.json`."""
    from apvg.bundle import read_config
    from apvg.installed import find_performer
    from apvg.keypoint_files import read_keypoints, write_keypoints
    from apvg.studio.wave import look_at

    config = read_config(find_performer(performer_name))
    track = read_keypoints(folder / "keypoints.npz", config.skeleton)
    write_keypoints(folder / "keypoints.json", track, config.skeleton)
    (folder / "wave.json").write_text(json.dumps(asdict(look_at(folder / "video.mp4"))))
    part_of = {i: part for part, ids in config.skeleton.parts.items() for i in ids}
    about = {
        "fps": track.fps,
        "frames": len(track.keypoints_TKD),
        "size": config.size,
        "names": config.skeleton.points,
        "edges": config.skeleton.edges,
        "parts": [part_of[i] for i in range(len(config.skeleton))],
    }
    (folder / "poses.json").write_text(json.dumps(about))
    # Eighths of a pixel, little-endian; points that are not there lie at the lowest number.
    seen_TK1 = track.seen_TK[..., None] & np.isfinite(track.keypoints_TKD)
    eighths_TKD = np.nan_to_num(track.keypoints_TKD * 8).round().clip(-32767, 32767)
    np.where(seen_TK1, eighths_TKD, -32768).astype("<i2").tofile(folder / "poses.i16")


def _wait_for_end(reporter: _Reporter) -> None:
    """Ask the work to stop when standard input ends; leave by force when it takes too long about it."""
    # Not through sys.stdin, whose lock a thread must not hold when Python ends.
    while os.read(0, 1024):
        pass
    reporter.stopping = True
    time.sleep(GRACE_SECONDS)
    os._exit(130)


def _fail(folder: Path, message: str) -> int:
    (folder / "error.txt").write_text(_without_folder(message, folder), encoding="utf-8")
    return 1


def _without_folder(message: str, folder: Path) -> str:
    """Files by their names, for where they lie here says nothing to whom brought them."""
    root = re.escape(str(folder.parents[1]))
    return re.sub(rf"{root}[^\s:;,]*[/\\\\]", "", message)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
