"""The tab Make your own: footage to a performer, with a look at the footage before and at the
training while it runs."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path
from apvg.studio.apart import apart
from apvg.studio.cards import card_of
from apvg.studio.components import component
from apvg.studio.folder import WorkFolder, bring
from apvg.studio.jobs import Job, Kind, Queue, disk_error
from apvg.studio.limits import Limits, check_size
from apvg.studio.project import Project, read_project, take_still

#: What may be filmed, as the page asks it: recipe and layout, with and without sound.
FILMED = {
    "hands": ("pianist", "pianist-silent", "hands"),
    "person": ("person", "person", "body+hands"),
}
#: Which loss of a stage the page draws: how far what it makes is from what was filmed.
_CURVES = {
    "transcription": "notes",
    "strokes": "strokes",
    "motion": "position",
    "khp": "position",
    "cvg": "pixels",
    "fpvg": "pixels",
    "joint": "pixels",
}


@dataclass(frozen=True)
class Own:
    """What the tab's component does on the server."""

    folder: WorkFolder
    queue: Queue
    limits: Limits

    def still(self, path: str) -> dict[str, Any]:
        """A picture of uploaded footage, to point at the keyboard's corners in, and whether it has
        sound."""
        try:
            file = self.folder.uploaded(path)
            check_size(file, self.limits.footage_megabytes)
            return apart(take_still, file, self.limits.footage_minutes)
        except ApvgError as error:
            return {"error": str(error)}

    def begin(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Make a project from the filled-in form, and queue the look at its footage."""
        try:
            if asked.get("consent") is not True:
                raise ApvgError("tick the box that says whose hands these are first")
            title = " ".join(str(asked.get("title") or "").split())[:60]
            plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
            slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-")
            if not slug:
                raise ApvgError(
                    "give your performer a name, with at least a letter from a to z or a digit"
                )
            filmed = FILMED.get(str(asked.get("filmed")))
            if filmed is None:
                raise ApvgError("say what is filmed first")
            corners = asked.get("corners")
            if filmed[2] == "hands":
                corners = tuple(round(float(c)) for c in corners or ())
                if len(corners) != 8:
                    raise ApvgError("show where the keyboard's four corners are first")
            else:
                corners = None
            if not asked.get("footage"):
                raise ApvgError("choose the footage first")
            footage = self.folder.uploaded(asked["footage"])
            sound = self.folder.uploaded(asked["sound"]) if asked.get("sound") else None
            notes = self.folder.uploaded(asked["notes"]) if asked.get("notes") else None
            for file in filter(None, (footage, sound, notes)):
                check_size(file, self.limits.footage_megabytes)
            has_sound = sound is not None or asked.get("has_sound") is True
            with self._new_room(slug, title) as room:
                project = Project(
                    slug,
                    title,
                    filmed[0] if has_sound else filmed[1],
                    filmed[2],
                    bring(footage, room / "footage").name,
                    None if sound is None else bring(sound, room / "sound").name,
                    None if notes is None else bring(notes, room / "notes").name,
                    corners,
                )
                with atomic_path(room / "project.json") as partial:
                    partial.write_text(json.dumps(asdict(project), indent=1), encoding="utf-8")
                self._submit("prepare", project)
        except (ApvgError, TypeError, ValueError) as error:
            return {"error": str(error)}
        return {"slug": slug}

    def train(self, slug: str) -> dict[str, Any]:
        """Queue the training, or go on with one that was broken off."""
        return self._resumed(slug, "train")

    def again(self, slug: str) -> dict[str, Any]:
        """Go on with the look at the footage."""
        return self._resumed(slug, "prepare")

    def stop(self, slug: str) -> dict[str, Any]:
        """Stop what is being done for a project."""
        for job in self._jobs(slug).values():
            self.queue.stop(job.id)
        return {}

    def remove(self, slug: str) -> dict[str, Any]:
        """Delete a project: footage, takes and performer."""
        try:
            room = self._room(slug)
            jobs = [job for job in self.queue.jobs() if job.options.get("project") == slug]
            if any(job.open or self.queue.working(job.id) for job in jobs):
                raise ApvgError("it is being worked on; stop that first")
            shutil.rmtree(room, ignore_errors=True)
            for job in jobs:  # or another of that name would find them done
                self.queue.forget(job)
        except ApvgError as error:
            return {"error": str(error)}
        return {}

    def projects(self) -> list[dict[str, str]]:
        """All projects, by name."""
        found = []
        for path in sorted(self.folder.performers.glob("*/project.json")):
            try:
                project = read_project(path.parent)
            except ApvgError:
                continue
            found.append({"slug": project.slug, "title": project.title})
        return found

    def look(self, slug: str, stamp: str) -> dict[str, Any]:
        """How a project is doing."""
        from apvg.studio.play import progress_of

        try:
            room = self._room(slug)
            project = read_project(room)
        except ApvgError as error:
            return {"error": str(error)}
        seen: dict[str, Any] = {"slug": slug, "title": project.title}
        for kind, job in self._jobs(slug).items():
            seen[kind] = {"status": job.status, "message": job.message}
            if job.open:
                seen[kind] |= {"place": self.queue.place(job.id)}
                seen[kind] |= progress_of(self.queue.folder / job.id, stamp)
        quality = room / "takes" / "take" / "quality.json"
        if quality.exists():
            report = json.loads(quality.read_text("utf-8"))
            seen["quality"] = {what: report[what] for what in ("verdict", "reasons")}
        training = room / "performer" / "training"
        seen["curves"] = _curves(training)
        seen["pictures"] = {path.stem: path.stat().st_mtime_ns for path in training.glob("*.png")}
        seen["ready"] = (room / "performer" / "config.json").exists()
        if seen["ready"]:
            try:
                card_of(room / "performer", self.folder)
            except ApvgError as error:
                seen["damaged"] = str(error)
        return seen

    def report(self, slug: str) -> str:
        """The quality report, a page in itself."""
        try:
            return (self._room(slug) / "takes" / "take" / "quality.html").read_text("utf-8")
        except (ApvgError, OSError):
            return ""

    def picture(self, slug: str, stage: str) -> str:
        """What a stage draws at present, as a data URL."""
        try:
            if stage not in _CURVES:
                return ""
            data = (self._room(slug) / "performer" / "training" / f"{stage}.png").read_bytes()
        except (ApvgError, OSError):
            return ""
        return f"data:image/png;base64,{base64.b64encode(data).decode()}"

    @contextmanager
    def _new_room(self, slug: str, title: str) -> Iterator[Path]:
        """A folder for a new project, which is gone again if the project does not come about."""
        room = self.folder.performers / slug
        try:
            room.mkdir()  # whoever makes it has the name
        except FileExistsError:
            raise ApvgError(
                f"there is a performer {title!r} already; choose another name"
            ) from None
        try:
            yield room
        except BaseException as error:
            shutil.rmtree(room, ignore_errors=True)
            if isinstance(error, OSError):
                raise disk_error(error) from None
            raise

    def _room(self, slug: str) -> Path:
        """The folder of a project that a browser names."""
        if not re.fullmatch(r"[a-z0-9-]{1,40}", str(slug)):
            raise ApvgError("there is no such performer")
        return self.folder.performers / slug

    def _jobs(self, slug: str) -> dict[str, Job]:
        """The newest job of each kind for a project."""
        return {j.kind: j for j in self.queue.jobs() if j.options.get("project") == slug}

    def _submit(self, kind: Kind, project: Project) -> None:
        self.queue.submit(kind, project.title, {"project": project.slug})

    def _resumed(self, slug: str, kind: Kind) -> dict[str, Any]:
        try:
            project = read_project(self._room(slug))
            job = self._jobs(slug).get(kind)
            if job is None:
                self._submit(kind, project)
            else:
                self.queue.resume(job.id)
        except ApvgError as error:
            return {"error": str(error)}
        return {}


def _curves(training: Path) -> dict[str, list[list[float]]]:
    """For each stage [step, loss] in order, at most some hundred of them."""
    found = {}
    for stage, wanted in _CURVES.items():
        try:
            with (training / f"{stage}.curve.csv").open(newline="") as file:
                rows = [r for r in csv.DictReader(file) if r["name"] == wanted]
            points = [[float(row["step"]), float(row["value"])] for row in rows]
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if points:
            found[stage] = points[:: max(1, len(points) // 200)]
    return found


def build_own(own: Own) -> gr.HTML:
    """Lay the tab out."""
    served: list[Callable[..., Any]] = [
        own.still,
        own.begin,
        own.train,
        own.again,
        own.stop,
        own.remove,
        own.projects,
        own.look,
        own.report,
        own.picture,
    ]
    return component("own", served, value={}, megabytes=own.limits.footage_megabytes)
