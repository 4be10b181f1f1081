"""The tab Mend: points of a performance are moved by hand, and it is painted again."""

from __future__ import annotations

import base64
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from apvg.base.errors import ApvgError
from apvg.bundle import read_config
from apvg.installed import find_performer
from apvg.keypoint_files import KeypointTrack, read_keypoints, write_keypoints
from apvg.studio.jobs import Job, Queue
from apvg.studio.parts import part
from apvg.video.images import jpeg
from apvg.video.reading import read_frames

#: Edits of one performance, and frames that one reaches to each side, at most.
MOST_EDITS = 1000
MOST_REACH = 50


@dataclass(frozen=True)
class Edit:
    """A point put somewhere else in one frame: x, y in pixels."""

    frame: int
    point: int
    x: float
    y: float


def mend(keypoints_TKD: np.ndarray, edits: Sequence[Edit], reach: int) -> np.ndarray:
    """Keypoints [T, K, 2] with edits, which their neighbours in time share the less the further they are (own choice).

    In its own frame a point lies exactly where it was put. To both sides the move fades out in a straight line, and is gone
    `reach` + 1 frames away; where the next edit of the same point is nearer than that, it goes over into that one's.
    A later edit of the same point in the same frame replaces an earlier one.
    """
    mended_TKD = np.array(keypoints_TKD, np.float32)
    frames_T = np.arange(len(mended_TKD))
    for point in {edit.point for edit in edits}:
        put = {edit.frame: (edit.x, edit.y) for edit in edits if edit.point == point}
        at = sorted(put)
        moves = [np.array(put[frame]) - keypoints_TKD[frame, point] for frame in at]
        times, values = [at[0] - reach - 1], [np.zeros(2)]
        for i, frame in enumerate(at):
            if i and at[i] - at[i - 1] > 2 * (reach + 1):
                times += [at[i - 1] + reach + 1, frame - reach - 1]
                values += [np.zeros(2)] * 2
            times.append(frame)
            values.append(moves[i])
        times.append(at[-1] + reach + 1)
        values.append(np.zeros(2))
        for axis in range(2):
            mended_TKD[:, point, axis] += np.interp(frames_T, times, [v[axis] for v in values])
    return mended_TKD


@dataclass(frozen=True)
class Mend:
    """What the tab's component does on the server."""

    queue: Queue

    def frame(self, job_id: str, frame: int, edits: Any, reach: Any) -> dict[str, Any]:
        """A frame's picture, its points as edited, and whether each is there."""
        try:
            job, track = self._performance(job_id)
            frame = min(max(int(frame), 0), len(track.keypoints_TKD) - 1)
            mended_TKD = self._mended(track, edits, reach)
            video = self.queue.folder / job.id / "video.mp4"
            image_HWC = next(
                read_frames(
                    video, round(track.fps), start=frame / track.fps, duration=1 / track.fps
                )
            )
        except (ApvgError, TypeError, ValueError) as error:
            return {"error": str(error)}
        return {
            "picture": f"data:image/jpeg;base64,{base64.b64encode(jpeg(image_HWC)).decode()}",
            "points": np.nan_to_num(mended_TKD[frame]).round(2).tolist(),
            "there": track.seen_TK[frame].tolist(),
        }

    def submit(self, value: Any) -> dict[str, str]:
        """Queue the painting of a mended performance; the player's value."""
        try:
            value = value if isinstance(value, dict) else {}
            job, track = self._performance(value.get("job", ""))
            if not value.get("edits"):
                raise ApvgError("nothing has been moved yet; move a point first")
            mended_TKD = self._mended(track, value["edits"], value.get("reach"))
            source = self.queue.folder / job.id
            config = read_config(find_performer(job.options["performer"]))

            def bring(folder: Path) -> dict[str, Any]:
                shutil.copyfile(source / "video.mp4", folder / "sound.mp4")
                mended = KeypointTrack(mended_TKD, track.confidence_TK, track.fps)
                write_keypoints(folder / "mended.npz", mended, config.skeleton)
                return {"sound": "sound.mp4", "keypoints": "mended.npz"}

            title = job.title if job.title.endswith("(mended)") else f"{job.title} (mended)"
            options = {"performer": job.options["performer"]}
            return {"job": self.queue.submit("render", title, options, bring).id}
        except (ApvgError, TypeError, ValueError) as error:
            return {"error": str(error)}

    def _performance(self, job_id: str) -> tuple[Job, KeypointTrack]:
        job = self.queue.find(job_id)
        if job is None or job.status != "done" or "performer" not in job.options:
            raise ApvgError("this performance is not here any more; play it again first")
        config = read_config(find_performer(job.options["performer"]))
        return job, read_keypoints(self.queue.folder / job.id / "keypoints.npz", config.skeleton)

    def _mended(self, track: KeypointTrack, edits: Any, reach: Any) -> np.ndarray:
        """The track with edits that a browser has sent."""
        frames, points = track.confidence_TK.shape
        checked = [Edit(int(e["frame"]), int(e["point"]), float(e["x"]), float(e["y"])) for e in edits]  # fmt: skip
        for edit in checked:
            inside = 0 <= edit.frame < frames and 0 <= edit.point < points
            if not inside or not (math.isfinite(edit.x) and math.isfinite(edit.y)):
                raise ApvgError("a moved point lies outside of the performance; start over")
        if len(checked) > MOST_EDITS:
            raise ApvgError(f"more than {MOST_EDITS} points were moved; paint it again first")
        return mend(track.keypoints_TKD, checked, min(max(int(reach or 0), 0), MOST_REACH))


def build_mend(mend: Mend, look: Callable[[str, str], dict[str, Any]]) -> gr.HTML:
    """Lay the tab out; `look` is the player's, which tells where a performance's files are."""
    return part("mend", [mend.frame, look], value={}, most_reach=MOST_REACH)
