"""A server that ends in the middle of a job: the next one finds it, and the page offers to go
on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from studio.conftest import Visit, play, start_server, wait_until

pytestmark = pytest.mark.slow


def test_a_performance_is_found_again_and_made(
    furnished: Callable[[], Path], visit: Visit, tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, 0.1 * np.sin(np.arange(25 * 16000) / 20), 16000)
    server = start_server(furnished())
    try:
        page = visit(server)
        play(page, long)
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("alert").filter(has_text="was stopped").wait_for()
        page.get_by_role("button", name="Play it from the start").click()
        page.wait_for_selector("#player .making .picture img")
    finally:
        server.end()
    page.get_by_text("The connection to the studio is lost").wait_for()
    job = page.evaluate("JSON.parse(localStorage.getItem('apvg-recent'))[0]")
    # The job's process has noticed as well, and leaves nothing half-done.
    folder = server.work / "jobs" / job
    wait_until(lambda: not any(folder.glob(".video.mp4*")))
    assert not (folder / "video.mp4").exists()

    again = start_server(server.work, port=int(server.address.rstrip("/").rsplit(":", 1)[1]))
    try:
        page.reload()
        page.get_by_role("alert").filter(
            has_text="was closed while “long” was being made"
        ).wait_for()
        page.get_by_role("button", name="Play it from the start").click()
        page.wait_for_selector("#player .made video")
    finally:
        again.end()
