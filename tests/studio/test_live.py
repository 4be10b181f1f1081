"""The microphone (a browser's own, which beeps) plays a performer."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from studio.conftest import Server, Visit, wait_until

from apvg.studio.folder import WorkFolder
from apvg.studio.jobs import Queue
from apvg.studio.session import Live

pytestmark = pytest.mark.slow


def test_frames_come_while_the_microphone_is_open(studio: Server, visit: Visit) -> None:
    page = visit(studio)
    page.get_by_role("tab", name="Live").click()
    page.get_by_label("Performer").select_option("Tiny")
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("Number(document.querySelector('#live img').dataset.frames) > 25")
    assert page.evaluate("document.querySelector('#live img').naturalWidth") == 128
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start").wait_for()


def test_a_session_gives_a_frame_for_each_of_its_moments_and_holds_the_queue(
    furnished: Callable[[], Path],
) -> None:
    folder = WorkFolder(furnished()).create()
    queue = Queue(folder.jobs, waiting=1, kept=1)
    live = Live(folder, queue)
    try:
        session = live.begin("own/tiny", 22050)["session"]
        assert "someone else" in live.begin("own/tiny", 22050)["error"]
        assert "over" in live.push("another", "")["error"]
        wait_until(lambda: live.push(session, "")["ready"])
        samples_S = (8000 * np.sin(np.arange(4410) / 20)).astype("<i2")
        frames: list[str] = []

        def enough() -> bool:
            frames.extend(
                live.push(session, base64.b64encode(samples_S.tobytes()).decode())["frames"]
            )
            return len(frames) >= 40

        wait_until(enough)
        assert frames[0].startswith("data:image/jpeg;base64,")
        live.end(session)
        assert "over" in live.push(session, "")["error"]
        queue.hold()  # so it was let go of
    finally:
        live.close()
        queue.close()
