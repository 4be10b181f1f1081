"""The tab Play: music, a performer, and the performance while it is made and after."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

import apvg
from apvg.bundle import CARD, SAMPLE
from apvg.errors import ApvgError
from apvg.performer import find_performer
from apvg.studio.folder import WorkFolder, bring
from apvg.studio.jobs import Queue
from apvg.studio.limits import Limits, check_size
from apvg.studio.parts import part
from apvg.video.images import jpeg, read_image

#: The package's own music, as people are offered it.
EXAMPLES = {"prelude": "Prelude, for piano", "air": "Air, for cello"}
_SAMPLES = Path(apvg.__file__).parent / "samples"
#: Pixels and frame rates are no musician's business.
_TECHNICAL = re.compile(r",? \d+×\d+ pixels at \d+ frames/s")


@dataclass(frozen=True)
class Play:
    """What the tab's components do on the server."""

    folder: WorkFolder
    queue: Queue
    limits: Limits

    def performers(self) -> list[dict[str, str]]:
        """The cards: installed performers, without those that are kept for measuring alone, and people's own."""
        found = [find_performer(installed.name) for installed in apvg.performers()]
        found = [path for path in found if not path.name.endswith("-eval")]
        found += sorted(
            path.parent for path in self.folder.performers.glob("*/performer/config.json")
        )
        return [_card(path, self.folder) for path in found]

    def submit(
        self, music: Any, performer: Any, start: float | None, length: float | None
    ) -> dict[str, str]:
        """Queue a performance; the player's value."""
        try:
            source, title = self._music(music)
            chosen = next((p for p in self.performers() if p["name"] == performer), None)
            if chosen is None:
                raise ApvgError("choose a performer first")
            check_size(source, self.limits.music_megabytes)
            options = {
                "performer": chosen["path"],
                "start": max(float(start or 0.0), 0.0),
                "duration": float(length) if length and length > 0 else None,
            }
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
            "performer": _slug(name),
            "performer_title": _title(_slug(name)),
        }
        folder = self.queue.folder / job.id
        if job.open:
            seen["place"] = self.queue.place(job.id)
            seen |= _progress(folder, stamp)
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


@dataclass(frozen=True)
class PlayTab:
    """The components that other tabs speak with."""

    player: gr.HTML
    cards: gr.HTML


def build_play(play: Play) -> PlayTab:
    """Lay the tab out."""
    performers = play.performers()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            gr.HTML("<h2 class='step'>1. The music</h2>")
            music = part(
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
            cards = part("cards", value=performers[0]["name"], performers=performers)
            go = gr.Button("Play it", variant="primary", elem_id="play-it")
        with gr.Column(scale=7, min_width=300):
            player = part("player", [play.look, play.stop, play.resume], value={})
    go.click(
        play.submit,
        [music, cards, start, length],
        player,
        show_progress="hidden",
        concurrency_limit=None,
    )
    return PlayTab(player, cards)


def _card(path: Path, folder: WorkFolder) -> dict[str, str]:
    """What the page shows of a performer."""
    own = path.is_relative_to(folder.root)
    name = path.parent.name if own else path.name
    words = (path / CARD).read_text(encoding="utf-8").split("\n\n")
    picture = base64.b64encode(jpeg(read_image(path / SAMPLE))).decode()
    return {
        "name": f"own/{name}" if own else name,
        "title": _title(name),
        "words": _TECHNICAL.sub("", words[1].strip()) if len(words) > 1 and not own else "Yours",
        "picture": f"data:image/jpeg;base64,{picture}",
        "path": str(path) if own else name,
    }


def _slug(performer: str) -> str:
    path = Path(performer)
    return path.parent.name if path.name == "performer" else path.name


def _title(name: str) -> str:
    return name.replace("-", " ").capitalize()


def _progress(folder: Path, stamp: str) -> dict[str, Any]:
    """What a working job has told so far, and its newest picture unless that is shown already."""
    told: dict[str, Any] = {}
    try:
        told = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        preview = folder / "preview.jpg"
        told["stamp"] = str(preview.stat().st_mtime_ns)
        if told["stamp"] != stamp:
            picture = base64.b64encode(preview.read_bytes()).decode()
            told["preview"] = f"data:image/jpeg;base64,{picture}"
    except (OSError, ValueError):
        pass
    return told
