"""Footage to a performer of one's own: stopped, found again, gone on with, and played."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import filmed
import needs
import pytest
import tiny
from studio.conftest import Server, Visit, wait_until

from apvg.studio.cards import cards_of
from apvg.studio.folder import WorkFolder
from apvg.studio.jobs import Queue
from apvg.studio.limits import Limits
from apvg.studio.own import Own
from apvg.studio.project import Project
from apvg.training.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow


def test_a_training_in_the_middle_of_which_the_server_ends_goes_on(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path / "work").create()
    room = folder.performers / "me"
    room.mkdir()
    recipe = tmp_path / "small.toml"
    text = tiny.RECIPE.replace("[fpvg]\nsteps = 6", "[fpvg]\nsteps = 40")
    for stage in ("transcription", "motion", "khp", "joint"):
        text = text.replace(f"[{stage}]\nsteps = 6", f"[{stage}]\nsteps = 0")
    recipe.write_text(text)
    project = Project("me", "Me", str(recipe), "hands", "film.mp4")
    (room / "project.json").write_text(json.dumps(asdict(project)))
    (room / "takes").mkdir()
    tiny.take().save(room / "takes" / "tiny")

    queue = Queue(folder.jobs, waiting=2, kept=5)
    own = Own(folder, queue, Limits())
    assert own.train("me") == {}
    wait_until(lambda: own.look("me", "")["train"].get("subject") == "fpvg")
    assert own.look("me", "")["train"]["stage"] == "training"
    queue.close()
    reached = load_checkpoint(room / "performer" / "training" / "fpvg.ckpt.safetensors", {}, {})
    assert 0 < reached < 40
    assert not own.look("me", "")["ready"]

    queue = Queue(folder.jobs, waiting=2, kept=5)
    own = Own(folder, queue, Limits())
    try:
        assert own.look("me", "")["train"]["status"] == "interrupted"
        assert own.train("me") == {}
        wait_until(lambda: own.look("me", "")["train"]["status"] not in ("waiting", "working"))
        seen = own.look("me", "")
        assert seen["train"] == {"status": "done", "message": ""}
        assert seen["ready"]
        assert {"cvg", "fpvg"} == set(seen["curves"])
        assert own.picture("me", "fpvg").startswith("data:image/png;base64,")
        assert "own/me" in [card["name"] for card in cards_of(folder).performers]
        assert own.remove("me") == {}
        assert queue.jobs() == []  # or another of that name would be told that it is done
        assert "own/me" not in [card["name"] for card in cards_of(folder).performers]
    finally:
        queue.close()


def test_footage_is_looked_at_only_with_consent(
    studio: Server, visit: Visit, tmp_path: Path
) -> None:
    needs.mediapipe()
    footage = filmed.film(tmp_path / "me.mp4", filmed.astronaut, [i / 25 for i in range(30)])
    page = visit(studio)
    page.get_by_role("tab", name="Make your own").click()
    page.get_by_label("Name of the performer").fill("Somebody")
    page.set_input_files("#own-footage", footage)

    # The keyboard's corners: four clicks, the first moved on by keys.
    board = page.locator("#own .corners .board")
    for x, y in ((50, 40), (300, 40), (300, 160), (50, 160)):
        board.click(position={"x": x, "y": y})
    page.get_by_text("Drag a corner to set it right").wait_for()
    handle = page.get_by_role("button", name="far left corner")
    left = handle.evaluate("handle => handle.style.left")
    handle.press("Shift+ArrowRight")
    assert float(handle.evaluate("handle => handle.style.left")[:-1]) > float(left[:-1])

    page.get_by_role("radio", name="A musician with any instrument").check()
    go = page.get_by_role("button", name="Look at the footage")
    go.click()
    page.get_by_role("alert").filter(has_text="tick the box").wait_for()
    assert not (studio.work / "performers" / "somebody").exists()
    page.get_by_role("checkbox").check()
    go.click()
    page.get_by_text("The footage was looked at.").wait_for()
    page.locator(".verdict").wait_for()
    page.get_by_role("button", name="Show the whole report").click()
    report = page.frame_locator("#own iframe")
    report.get_by_text("take").first.wait_for()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    wait_until(lambda: not (studio.work / "performers" / "somebody").exists())


def test_footage_that_is_none_is_refused(studio: Server, visit: Visit, tone: Path) -> None:
    page = visit(studio)
    page.get_by_role("tab", name="Make your own").click()
    page.set_input_files("#own-footage", tone)
    page.get_by_role("alert").filter(has_text="picture").wait_for()
