"""Make docs/studio.jpg: the studio's page with the cellist at play. Needs the extra dev and
Chromium (/usr/bin/chromium).

python scripts/make_studio_picture.py docs/studio.jpg
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

PORT = 7899
SECONDS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    picture = parser.parse_args().picture
    with tempfile.TemporaryDirectory() as work:
        options = f"--port {PORT} --no-browser".split()
        command = [sys.executable, "-m", "apvg", "studio", "--work", work, *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            found = re.search(r"open at (\S+)", server.stdout.readline())
            assert found is not None
            try:
                photograph(found[1], picture)
            finally:
                server.terminate()


def photograph(address: str, picture: Path) -> None:
    """Let the cellist play, and take the page's picture in the middle of it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(300_000)
        page.goto(address)
        page.get_by_role("button", name="Air, for cello").click()
        page.get_by_role("button", name="Only a part").click()
        page.get_by_label("Play for").fill(str(SECONDS))
        page.get_by_role("button", name="Only a part").click()
        page.get_by_role("button", name="Play it").click()
        page.wait_for_selector("#player .made video")
        page.get_by_text("Side by side").click()
        page.evaluate(f"document.querySelector('#player video').currentTime = {0.7 * SECONDS}")
        page.wait_for_timeout(1500)
        page.screenshot(path=picture, type="jpeg", quality=82)
        browser.close()


if __name__ == "__main__":
    main()
