"""A studio as people have it: the real server, a real browser, and a performer so tiny that it
plays in no time."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
#: Until what does not come is missed: much longer than it takes, for the machine may be at work on
#: other things.
PATIENCE_SECONDS = 150.0
#: Nothing but the page: no look-ups of the browser's own, and a microphone that plays a tone.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
]


@dataclass
class Server:
    """A running studio."""

    work: Path
    address: str
    process: subprocess.Popen[str]

    def end(self) -> None:
        """As the system ends it: at once, without a chance to tidy up."""
        self.process.kill()
        self.process.wait(10)


def start_server(work: Path, port: int | None = None) -> Server:
    """Serve a folder, at a free port by default."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    options = f"--port {port} --no-browser".split()
    command = [sys.executable, "-m", "apvg", "studio", "--work", str(work), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"open at (\S+)", line):
            # What it says later is read by nobody else, and a full pipe would halt it.
            threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
            return Server(work, found[1], process)
    raise AssertionError(f"the studio did not open: {''.join(lines)}")


def _drain(pipe: IO[str]) -> None:
    with pipe:
        pipe.read()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, tiny_performer: Path) -> Callable[[], Path]:
    """Makes work folders in which the tiny performer is one of the user's own."""

    def furnish() -> Path:
        work = tmp_path_factory.mktemp("studio")
        shutil.copytree(tiny_performer, work / "performers" / "tiny" / "performer")
        return work

    return furnish


@pytest.fixture(scope="session")
def studio(furnished: Callable[[], Path]) -> Iterator[Server]:
    """One studio for all tests that leave it standing."""
    server = start_server(furnished())
    yield server
    server.process.terminate()
    server.process.wait(20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here (apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def performed(studio: Server, browser: Browser, tone: Path) -> str:
    """A finished performance of the tone: its job, for tests of what comes after."""
    page = browser.new_page()
    page.goto(studio.address)
    play(page, tone)
    page.wait_for_selector("#player .made video", timeout=PATIENCE_SECONDS * 1000)
    job = page.evaluate("JSON.parse(localStorage.getItem('apvg-recent'))[0]")
    page.close()
    return job


class Visit(Protocol):
    """Opens a studio's page as another person would, one who has made this performance where it is
    given."""

    def __call__(self, server: Server, job: str | None = None) -> Page: ...


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Pages; afterwards, nobody may have been asked for anything elsewhere."""
    contexts = []
    asked: set[str] = set()

    def open_page(server: Server, job: str | None = None) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        if job is not None:
            remember = (
                f"if (!localStorage.length) localStorage.setItem('apvg-recent', '[\"{job}\"]')"
            )
            context.add_init_script(remember)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("request", lambda request: asked.add(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.address)
        page.wait_for_selector("#player .stage > *")
        return page

    problems: list[str] = []
    yield open_page
    for context in contexts:
        context.close()
    elsewhere = [url for url in asked if not re.match(r"(http://127\.0\.0\.1|blob:|data:)", url)]
    assert elsewhere == []
    assert problems == []


@pytest.fixture(scope="session")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.2 seconds of music: three notes."""
    path = tmp_path_factory.mktemp("music") / "three notes.wav"
    time_S = np.arange(round(0.4 * 16000)) / 16000
    notes = [0.5 * np.sin(2 * np.pi * hz * time_S) * np.exp(-4 * time_S) for hz in (262, 330, 392)]
    soundfile.write(path, np.concatenate(notes), 16000)
    return path


def play(page: Page, music: Path) -> None:
    """Bring music and let the tiny performer play it; the page then shows what becomes of it."""
    page.set_input_files("#music-file", music)
    perform(page, music.name)


def perform(page: Page, name: str) -> None:
    """Let the tiny performer play music of this name once it is there."""
    page.get_by_role("status").filter(has_text=f"♪ {name}").wait_for()
    page.get_by_role("radio", name="Tiny").check()
    page.get_by_role("button", name="Play it").click()


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that is no element of a page."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)
