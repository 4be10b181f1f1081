"""The microphone (a browser's own, which beeps) plays a performer."""

from __future__ import annotations

import base64
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from studio.conftest import Server, Visit, wait_until

from apvg.bundle import read_config
from apvg.studio.folder import WorkFolder
from apvg.studio.jobs import Queue
from apvg.studio.session import Live

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.slow


def start(page: Page) -> None:
    page.get_by_role("tab", name="Live").click()
    page.get_by_label("Performer").select_option("Tiny")
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("Number(document.querySelector('#live img').dataset.frames) > 25")


def figures(page: Page) -> tuple[float, float, int, int, float]:
    """The latency's median and 95 % bound, frames left out and in all, seconds of sound left out,
    as the page shows them."""
    line = page.locator("#live .figures")
    line.filter(has_text="from the sound to the picture").wait_for()
    number = r"(\d+(?:\.\d)?)"
    told = re.fullmatch(
        rf"{number} s from the sound to the picture \(95 % within {number} s\)\. "
        rf"Left out: {number} of {number} frames, {number} s of sound\.",
        line.inner_text(),
    )
    assert told is not None, line.inner_text()
    median, bound, left_out, frames, lost = map(float, told.groups())
    return median, bound, int(left_out), int(frames), lost


def test_frames_come_while_the_microphone_is_open(
    studio: Server, visit: Visit, tiny_performer: Path
) -> None:
    page = visit(studio)
    start(page)
    assert page.evaluate("document.querySelector('#live img').naturalWidth") == 128
    # How late they are is shown: never sooner than the performer can know what it plays.
    median, bound, left_out, frames, _ = figures(page)
    lookahead = read_config(tiny_performer).lookahead_seconds
    assert lookahead <= median <= bound < lookahead + 30
    assert 0 <= left_out < frames
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start").wait_for()


def test_sound_that_cannot_be_sent_is_dropped_and_counted(studio: Server, visit: Visit) -> None:
    page = visit(studio)
    start(page)
    lost_before = figures(page)[-1]
    held: list[Route] = []
    sent: list[int] = []

    def hold(route: Route) -> None:
        sent.append(len(route.request.post_data or ""))
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/component_server/", hold)
    page.wait_for_timeout(5000)
    assert len(held) == len(sent) == 1  # no other before that is answered
    held[0].continue_()
    frames = "Number(document.querySelector('#live img').dataset.frames)"
    shown = page.evaluate(frames)
    page.wait_for_function(f"{frames} > {shown + 25}")
    page.wait_for_timeout(1100)  # the figures are of every second
    # One second of it, at most 48 kHz, two bytes as 8/3 letters, was kept.
    assert max(sent) < 1.1 * 48000 * 2 * 4 / 3
    assert figures(page)[-1] - lost_before > 2
    page.get_by_role("button", name="Stop").click()
    page.unroute("**/component_server/")


@pytest.fixture
def queue(furnished: Callable[[], Path]) -> Iterator[Queue]:
    queue = Queue(WorkFolder(furnished()).create().jobs, waiting=1, kept=1)
    yield queue
    queue.close()


@pytest.fixture
def live(queue: Queue) -> Iterator[Live]:
    live = Live(WorkFolder(queue.folder.parent), queue)
    yield live
    live.close()


def test_a_session_gives_a_frame_for_each_of_its_moments_and_holds_the_queue(
    live: Live, queue: Queue
) -> None:
    session = live.begin("own/tiny", 22050)["session"]
    assert "someone else" in live.begin("own/tiny", 22050)["error"]
    assert "over" in live.push("another", "")["error"]
    wait_until(lambda: live.push(session, "")["fps"] == 25)
    samples_S = (8000 * np.sin(np.arange(4410) / 20)).astype("<i2")
    frames: list[str | None] = []

    def enough() -> bool:
        frames.extend(live.push(session, base64.b64encode(samples_S.tobytes()).decode())["frames"])
        return len(frames) >= 40

    wait_until(enough)
    shown = [frame for frame in frames if frame is not None]
    assert shown[0].startswith("data:image/jpeg;base64,")
    live.end(session)
    assert "over" in live.push(session, "")["error"]
    queue.hold()  # so it was let go of


def test_more_sound_than_a_pipe_holds_is_taken_up_to_the_bound(live: Live) -> None:
    """Neither the page's end nor the performer's may wait for the other to read first."""
    session = live.begin("own/tiny", 192_000)["session"]
    wait_until(lambda: live.push(session, "")["fps"] == 25)
    much = base64.b64encode(np.zeros(round(2.0 * 192_000), "<i2").tobytes()).decode()
    assert live.push(session, much)["taken"] == pytest.approx(0.9)
    wait_until(lambda: live.push(session, much)["taken"] > 0.8)
    frames: list[str] = []

    def enough() -> bool:
        frames.extend(live.push(session, much)["frames"])
        return len(frames) >= 60

    wait_until(enough)


def test_a_performer_who_is_held_up_holds_up_nobody(live: Live) -> None:
    """As on a machine that is too slow: pushes return, the sound that waits is bounded, and it can
    be stopped."""
    session = live.begin("own/tiny", 48_000)["session"]
    wait_until(lambda: live.push(session, "")["fps"] == 25)
    piece = base64.b64encode(np.zeros(48_000 // 5, "<i2").tobytes()).decode()
    assert live._session is not None
    process = live._session._process
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    taken = []
    for _ in range(50):  # ten seconds of sound
        begin = time.monotonic()
        taken.append(live.push(session, piece)["taken"])
        assert time.monotonic() - begin < 1
    assert sum(taken) <= 0.9
    assert taken[-1] == 0
    os.kill(process.pid, signal.SIGCONT)
    wait_until(lambda: live.push(session, piece)["taken"] > 0)  # it goes on, no further behind
    os.kill(process.pid, signal.SIGSTOP)
    begin = time.monotonic()
    live.end(session)
    assert time.monotonic() - begin < 2
    assert not process.is_alive()


def test_the_page_says_when_the_picture_stands(studio: Server, visit: Visit) -> None:
    page = visit(studio)
    start(page)
    status = page.locator("#live [role=status]")
    status.filter(has_text="Playing").wait_for()
    performing = [
        child
        for child in psutil.Process(studio.process.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert len(performing) == 1
    performing[0].suspend()
    try:
        status.filter(has_text="the picture stands still").wait_for()
        page.locator("#live .figures").filter(has_text="No picture for").wait_for()
    finally:
        performing[0].resume()
    status.filter(has_text="Playing").wait_for()
    # The second after it is as good as the one before: nothing is made up for.
    page.wait_for_timeout(2500)
    assert figures(page)[0] < 3
    performing[0].suspend()
    begin = time.monotonic()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start").wait_for()
    wait_until(lambda: not performing[0].is_running(), 5)
    assert time.monotonic() - begin < 5
