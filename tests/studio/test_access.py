"""Can everyone use it? axe's rules for labels, roles and contrast, in light and dark; and the
keyboard alone."""

from __future__ import annotations

import pytest
from studio.conftest import Server, Visit

pytestmark = pytest.mark.slow
TABS = ("Play", "Edit", "Live", "Make your own")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_breaks_a_rule_of_axe(
    studio: Server, visit: Visit, performed: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit(studio, performed)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.reload()
    page.wait_for_selector("#player .made video")
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    problems = {}
    for tab in TABS:
        if tab == "Edit":
            page.get_by_role("button", name="Edit a finger").click()
            page.wait_for_selector("#edit .board img[src^=data]")
        else:
            page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)  # until what fades in is there
        found = Axe().run(page).response
        assert {"color-contrast", "label"} <= {
            rule["id"] for rule in found["passes"]
        } or tab == "Live"
        for violation in found["violations"]:
            nodes = [node["html"][:200] for node in violation["nodes"]]
            problems[f"{tab}: {violation['id']}"] = nodes
    assert problems == {}


def test_the_keyboard_alone_suffices(studio: Server, visit: Visit) -> None:
    page = visit(studio)

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({selector!r})"):
                return
        raise AssertionError(f"{selector} is not reached by the Tab key")

    tab_to("#music .examples button")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text="♪ Prelude").wait_for()
    tab_to("button.label-wrap")  # Only a part of it
    page.keyboard.press("Enter")
    page.get_by_label("Play for").wait_for()
    tab_to("[aria-label^='Play for']")
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    tab_to("#cards input")
    while not page.get_by_role("radio", name="Tiny").is_checked():
        page.keyboard.press("ArrowDown")
    tab_to("#play-it")
    page.keyboard.press("Enter")
    page.wait_for_selector("#player .made video")
    tab_to("#player button.round")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#player video').currentTime > 0.3")
    tab_to("#player input[name=view]")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#player .pictures[data-view=skeleton]")
    tab_to("#player .wave")
    page.keyboard.press("Home")
    page.wait_for_function("document.querySelector('#player video').currentTime < 0.3")
    tab_to("#player .downloads button:last-child")
    page.keyboard.press("Enter")
    page.wait_for_selector("#edit .board img[src^=data]")
    tab_to("#edit .board")
    page.keyboard.press("ArrowUp")
    page.get_by_text("1 point moved").wait_for()
    tab_to("#edit .plain.first")
