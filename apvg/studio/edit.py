"""The tab Edit: points of a performance are moved by hand, and it is rendered again."""

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
from apvg.studio.components import component
from apvg.studio.jobs import Job, Queue
from apvg.video.images import jpeg
from apvg.video.reading import read_frames

#: Edits of one performance, and frames that one reaches to each side, at most.
MOST_EDITS = 1000
MOST_REACH = 50


@dataclass(frozen=True)
class Edit:
    """A point moved to another place in one frame: x, y in pixels."""

    frame: int
    point: int
    x: float
    y: float


def apply_edits(keypoints_TKD: np.ndarray, edits: Sequence[Edit], reach: int) -> np.ndarray:
    """Keypoints [T, K, 2] with edits that are blended into the frames before and after (own
    choice).

    In its own frame a point lies exactly where it was put. To both sides the move fades out
    linearly, and is zero `reach` + 1 frames away; where the next edit of the same point is nearer
    than that, the one move is interpolated into the other. A later edit of the same point in the
    same frame replaces an earlier one.
    """
    edited_TKD = np.array(keypoints_TKD, np.float32)
    frames_T = np.arange(len(edited_TKD))
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
            edited_TKD[:, point, axis] += np.interp(frames_T, times, [v[axis] for v in values])
    return edited_TKD


@dataclass(frozen=True)
class Editor:
    """What the tab's component does on the server."""

    queue: Queue

    def frame(self, job_id: str, frame: int, edits: Any, reach: Any) -> dict[str, Any]:
        """A frame's picture, its points as edited, and whether each is there."""
        try:
            job, track = self._performance(job_id)
            frame = min(max(int(frame), 0), len(track.keypoints_TKD) - 1)
            edited_TKD = self._edited(track, edits, reach)
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
            "points": np.nan_to_num(edited_TKD[frame]).round(2).tolist(),
            "there": track.seen_TK[frame].tolist(),
        }

    def submit(self, value: Any) -> dict[str, str]:
        """Queue the rendering of an edited performance; the player's value."""
        try:
            value = value if isinstance(value, dict) else {}
            job, track = self._performance(value.get("job", ""))
            if not value.get("edits"):
                raise ApvgError("nothing has been moved yet", "move a point first")
            edited_TKD = self._edited(track, value["edits"], value.get("reach"))
            source = self.queue.folder / job.id
            config = read_config(find_performer(job.options["performer"]))

            def bring(folder: Path) -> dict[str, Any]:
                shutil.copyfile(source / "video.mp4", folder / "sound.mp4")
                edited = KeypointTrack(edited_TKD, track.confidence_TK, track.fps)
                write_keypoints(folder / "edited.npz", edited, config.skeleton)
                return {"sound": "sound.mp4", "keypoints": "edited.npz"}

            title = job.title if job.title.endswith("(edited)") else f"{job.title} (edited)"
            options = {"performer": job.options["performer"]}
            return {"job": self.queue.submit("render", title, options, bring).id}
        except (ApvgError, TypeError, ValueError) as error:
            return {"error": str(error)}

    def _performance(self, job_id: str) -> tuple[Job, KeypointTrack]:
        job = self.queue.find(job_id)
        if job is None or job.status != "done" or "performer" not in job.options:
            raise ApvgError("this performance is not here any more", "play it again first")
        config = read_config(find_performer(job.options["performer"]))
        return job, read_keypoints(self.queue.folder / job.id / "keypoints.npz", config.skeleton)

    def _edited(self, track: KeypointTrack, edits: Any, reach: Any) -> np.ndarray:
        """The track with edits that a browser has sent."""
        frames, points = track.confidence_TK.shape
        checked = [
            Edit(int(e["frame"]), int(e["point"]), float(e["x"]), float(e["y"])) for e in edits
        ]
        for edit in checked:
            inside = 0 <= edit.frame < frames and 0 <= edit.point < points
            if not inside or not (math.isfinite(edit.x) and math.isfinite(edit.y)):
                raise ApvgError("a moved point lies outside of the performance", "start over")
        if len(checked) > MOST_EDITS:
            raise ApvgError(f"more than {MOST_EDITS} points were moved", "render it again first")
        return apply_edits(track.keypoints_TKD, checked, min(max(int(reach or 0), 0), MOST_REACH))


def build_editor(editor: Editor, look: Callable[[str, str], dict[str, Any]]) -> gr.HTML:
    """Lay the tab out; `look` is the player's, which says where a performance's files are."""
    return component("edit", [editor.frame, look], value={}, most_reach=MOST_REACH)
