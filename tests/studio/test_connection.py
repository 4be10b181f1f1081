"""Calls to the server that fail: the page says so, and goes on when they work again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
from studio.conftest import Server, Visit

from apvg.studio.project import Project
from apvg.video.images import save_png

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.slow
LOST = "The connection to the studio is lost"


@contextmanager
def cut_off(page: Page, address: str, asking: str = "") -> Iterator[None]:
    """So long, no request to such an address is answered, if it asks for that."""

    def refuse(route: Route) -> None:
        if asking in (route.request.post_data or ""):
            route.abort("connectionrefused")
        else:
            route.continue_()

    page.route(address, refuse)
    yield
    page.unroute(address)


@pytest.mark.parametrize("address", ["**/component_server/", "**/poses.json"])
def test_a_performance_is_shown_once_the_server_answers(
    studio: Server, visit: Visit, performed: str, address: str
) -> None:
    page = visit(studio, performed)
    page.wait_for_selector("#player .made video")
    with cut_off(page, address):
        page.reload()
        page.locator("#player").get_by_text(LOST).wait_for()
    page.wait_for_selector("#player .made video")
    assert page.get_by_text(LOST).count() == 0


@pytest.mark.parametrize("asking", ['"projects"', '"look"', '"picture"'])
def test_a_performer_in_the_making_is_followed_once_the_server_answers(
    studio: Server, visit: Visit, asking: str
) -> None:
    room = studio.work / "performers" / "learner"
    training = room / "performer" / "training"
    training.mkdir(parents=True)
    project = Project("learner", "The learner", "pianist", "hands", "film.mp4")
    (room / "project.json").write_text(json.dumps(asdict(project)))
    (training / "cvg.curve.csv").write_text("step,name,value\n1,pixels,0.5\n2,pixels,0.25\n")
    save_png(training / "cvg.png", np.full((16, 16, 3), 100, np.uint8))
    try:
        page = visit(studio)
        with cut_off(page, "**/component_server/", asking):
            page.get_by_role("tab", name="Make your own").click()
            page.locator("#own").get_by_text(LOST).wait_for()
        page.get_by_role("heading", name="The learner").wait_for()
        page.wait_for_selector("#own .sheet img")
        page.locator("#own").get_by_text(LOST).wait_for(state="detached")
        # And it goes on: what is learnt from now on is shown.
        with (training / "cvg.curve.csv").open("a") as curve:
            curve.write("70,pixels,0.2\n")
        page.get_by_text("mistakes, after 70 steps").wait_for()
    finally:
        shutil.rmtree(room)
