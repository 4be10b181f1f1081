"""The documentation's site is built without a warning, and its pages fetch nothing from
elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


class Fetched(HTMLParser):
    """Addresses that a browser loads by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name == "src" or (tag == "link" and name == "href")):
                self.addresses.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 8
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        for address in fetched.addresses:
            assert not re.match(r"(https?:)?//", address), f"{page}: {address}"
            if page.name != "404.html" and not address.startswith("data:"):
                assert (page.parent / re.split("[?#]", address)[0]).exists(), f"{page}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text("utf-8"))


@pytest.mark.slow
def test_the_pages_are_there(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    assert "your music, played by a musician" in home
    assert 'href="performers/piano/"' in home
    python = (site / "python" / "index.html").read_text(encoding="utf-8")
    for shown in ("Performer.from_pretrained", "Stream.push", "Take.load", "Skeleton.adjacency_KK"):
        assert re.search(rf'id="apvg\.[a-z._]+\.{re.escape(shown)}"', python), shown
    assert not re.search(r":(meth|class|func|attr|data|mod):", python)
