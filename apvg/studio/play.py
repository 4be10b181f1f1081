"""The tab Play: music, a performer, and the performance while it is made and after."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

import apvg
from apvg.base.errors import ApvgError
from apvg.studio.apart import apart
from apvg.studio.cards import Cards, chosen, slug_of, title_of
from apvg.studio.components import component
from apvg.studio.folder import WorkFolder, bring
from apvg.studio.jobs import Queue
from apvg.studio.limits import Limits, check_music_length, check_size

#: The package's own music, as people are offered it.
EXAMPLES = {"prelude": "Prelude, for piano", "air": "Air, for cello"}
_SAMPLES = Path(apvg.__file__).parent / "samples"


@dataclass(frozen=True)
class Play:
    """What the tab's components do on the server."""

    folder: WorkFolder
    queue: Queue
    limits: Limits

    def submit(
        self, music: Any, performer: Any, start: float | None, length: float | None
    ) -> dict[str, str]:
        """Queue a performance; the player's value."""
        try:
            source, title = self._music(music)
            path = chosen(self.folder, performer)
            check_size(source, self.limits.music_megabytes)
            begin = max(float(start or 0.0), 0.0)
            duration = float(length) if length and length > 0 else None
            apart(check_music_length, source, self.limits.music_minutes, begin, duration)
            options = {"performer": path, "start": begin, "duration": duration}
            job = self.queue.submit(
                "perform",
                title,
                options,
                lambda folder: {
                    "music": bring(source, folder / "music").relative_to(folder).as_posix()
                },
            )
        except ApvgError as error:
            return {"error": str(error)}
        return {"job": job.id}

    def _music(self, value: Any) -> tuple[Path, str]:
        """The file that was chosen and what people call it."""
        value = value if isinstance(value, dict) else {}
        if (example := value.get("example")) in EXAMPLES:
            return _SAMPLES / f"{example}.ogg", EXAMPLES[example]
        if "path" not in value:
            raise ApvgError("choose some music first: a file, a recording, or one of the examples")
        file = self.folder.uploaded(value["path"])
        return file, Path(str(value.get("name") or file.name)).stem

    def look(self, job_id: str, stamp: str) -> dict[str, Any]:
        """How a job is doing; `stamp` is of the preview that is shown already."""
        job = self.queue.find(job_id)
        if job is None:
            return {"id": job_id, "status": "gone"}
        name = str(job.options.get("performer", ""))
        seen: dict[str, Any] = {
            "id": job.id,
            "title": job.title,
            "status": job.status,
            "message": job.message,
            "performer": slug_of(name),
            "performer_title": title_of(slug_of(name)),
        }
        folder = self.queue.folder / job.id
        if job.open:
            seen["place"] = self.queue.place(job.id)
            seen |= progress_of(folder, stamp)
        if job.status == "done":
            seen["made"] = {
                what: str(folder / file)
                for what, file in {
                    "video": "video.mp4",
                    "keypoints": "keypoints.npz",
                    "json": "keypoints.json",
                    "wave": "wave.json",
                    "about": "poses.json",
                    "poses": "poses.i16",
                }.items()
            }
            notes = folder / "notes.txt"
            seen["notes"] = notes.read_text("utf-8").splitlines() if notes.exists() else []
        return seen

    def stop(self, job_id: str) -> None:
        """Cancel a job."""
        self.queue.stop(job_id)

    def resume(self, job_id: str) -> dict[str, str]:
        """Put a job that was broken off into the queue again."""
        try:
            self.queue.resume(job_id)
        except ApvgError as error:
            return {"error": str(error)}
        return {}


def build_play(play: Play, shown: Cards) -> tuple[gr.HTML, gr.HTML]:
    """Lay the tab out; gives the components that other tabs speak with, the player and the
    cards."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            gr.HTML("<h2 class='step'>1. The music</h2>")
            music = component(
                "music",
                value={},
                examples=[
                    {"name": name, "title": title, "path": str(_SAMPLES / f"{name}.ogg")}
                    for name, title in EXAMPLES.items()
                ],
                megabytes=play.limits.music_megabytes,
            )
            with gr.Accordion("Only a part of it", open=False):
                start = gr.Number(0, label="Begin at (seconds)", minimum=0, step=1)
                length = gr.Number(
                    0, label="Play for (seconds; 0 for all of it)", minimum=0, step=1
                )
            gr.HTML("<h2 class='step'>2. The performer</h2>")
            cards = component(
                "cards",
                value=shown.performers[0]["name"],
                performers=shown.performers,
                left_out=shown.left_out,
            )
            go = gr.Button("Play it", variant="primary", elem_id="play-it")
        with gr.Column(scale=7, min_width=300):
            player = component("player", [play.look, play.stop, play.resume], value={})
    go.click(
        play.submit,
        [music, cards, start, length],
        player,
        show_progress="hidden",
        concurrency_limit=None,
    )
    return player, cards


def progress_of(folder: Path, stamp: str) -> dict[str, Any]:
    """What a working job has reported so far, and its newest picture unless that is shown
    already."""
    progress: dict[str, Any] = {}
    try:
        progress = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        preview = folder / "preview.jpg"
        progress["stamp"] = str(preview.stat().st_mtime_ns)
        if progress["stamp"] != stamp:
            picture = base64.b64encode(preview.read_bytes()).decode()
            progress["preview"] = f"data:image/jpeg;base64,{picture}"
    except (OSError, ValueError):
        pass
    return progress
