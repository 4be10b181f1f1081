"""What another site's page can do to the studio: read, start, stop and delete nothing."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from studio.conftest import Server, Visit, wait_until

from apvg.studio.access import Guard
from apvg.studio.project import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROJECT = Project("learner", "The learner", "pianist", "hands", "film.mp4")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """A server of another site: its port.

    A form on its page posts to the studio that its query names.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path).query
            page = (
                f"<html><body><a href='{target}'>link</a>"
                f"<form method=post enctype=text/plain action='{target}'><input name=a></form>"
                "</body></html>"
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def room(studio: Server) -> Iterator[Path]:
    """The folder of a project."""
    room = studio.work / "performers" / PROJECT.slug
    room.mkdir()
    (room / "project.json").write_text(json.dumps(asdict(PROJECT)))
    yield room
    shutil.rmtree(room, ignore_errors=True)


@pytest.fixture
def removing(studio: Server, visit: Visit) -> dict[str, Any]:
    """The very request by which the studio's own page deletes the project: where to, and what."""
    page = visit(studio)
    component = page.evaluate(
        "window.gradio_config.components.find((one) => one.props.elem_id === 'own').id"
    )
    session = page.evaluate("Math.random().toString(36).slice(2)")
    body = {
        "data": [PROJECT.slug],
        "component_id": component,
        "fn_name": "remove",
        "session_hash": session,
    }
    return {"url": f"{studio.address}gradio_api/component_server/", "body": json.dumps(body)}


#: What a page anywhere may send without asking first.
_FETCH = """async ([url, body, kind]) => {
  const headers = {'Content-Type': kind};
  const options = {method: 'POST', mode: 'no-cors', credentials: 'include', headers, body};
  try { const answer = await fetch(url, options); return answer.type + answer.status; }
  catch (error) { return String(error); }
}"""


def send(page: Page, request: dict[str, Any]) -> str:
    return page.evaluate(_FETCH, [request["url"], request["body"], "text/plain"])


@pytest.mark.slow
def test_the_request_does_delete_where_the_own_page_sends_it(
    studio: Server, visit: Visit, room: Path, removing: dict[str, Any]
) -> None:
    """Or what follows would show nothing."""
    send(visit(studio), removing)
    wait_until(lambda: not room.exists(), 20)


@pytest.mark.slow
@pytest.mark.parametrize("site", ["127.0.0.1", "localhost", "evil.example"])
def test_another_sites_page_can_do_nothing(
    studio: Server,
    browser: Browser,
    elsewhere: int,
    room: Path,
    removing: dict[str, Any],
    site: str,
) -> None:
    """The page is of another port, another name of this machine, or another machine as far as the
    browser knows."""
    uploads = sorted((studio.work / "uploads").rglob("*"))
    jobs = sorted((studio.work / "jobs").iterdir())
    context = browser.new_context()
    try:
        page = context.new_page()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        page.goto(f"http://{site}:{elsewhere}/?{removing['url']}")
        assert "Failed" in send(page, removing) or "opaque" in send(page, removing)
        upload = """async (url) => {
          const form = new FormData(); form.append('files', new Blob(['RIFF']), 'a.wav');
          try { await fetch(url, {method: 'POST', mode: 'no-cors', body: form}); } catch {}
        }"""
        page.evaluate(upload, f"{studio.address}gradio_api/upload")
        read = """async (url) => {
          try { return await (await fetch(url)).text(); } catch (error) { return 'nothing'; }
        }"""
        assert page.evaluate(read, f"{studio.address}config") == "nothing"
        load = """(url) => new Promise((done) => {
          const image = new Image();
          image.onload = () => done('seen');
          image.onerror = () => done('nothing');
          image.src = url;
        })"""
        assert page.evaluate(load, f"{studio.address}favicon.ico") == "nothing"
        for job in jobs:
            video = f"{studio.address}gradio_api/file={job}/preview.jpg"
            assert page.evaluate(load, video) == "nothing"
        page.evaluate("document.forms[0].submit()")
        page.get_by_text("its own page alone").wait_for()
        assert sum(url.startswith(studio.address) for url in sent) >= 4
    finally:
        context.close()
    assert room.exists()
    assert sorted((studio.work / "uploads").rglob("*")) == uploads
    assert sorted((studio.work / "jobs").iterdir()) == jobs


@pytest.mark.slow
def test_a_name_that_was_made_to_lead_here_opens_nothing(
    studio: Server, browser: Browser, room: Path, removing: dict[str, Any]
) -> None:
    """DNS rebinding: to the browser, the studio is then a page of that name's own."""
    port = urlsplit(studio.address).port
    context = browser.new_context()
    try:
        page = context.new_page()
        for path in ("", "config", "gradio_api/info", f"gradio_api/file={room}/project.json"):
            answer = page.goto(f"http://evil.example:{port}/{path}")
            assert answer is not None
            assert answer.status == 403
            assert "access-control-allow-origin" not in answer.headers
            assert PROJECT.title not in answer.text()
        rebound = removing["url"].replace("127.0.0.1", "evil.example")
        assert send(page, {**removing, "url": rebound}) == "basic403"
    finally:
        context.close()
    assert room.exists()


@pytest.mark.slow
def test_a_link_to_the_studio_is_welcome(studio: Server, browser: Browser, elsewhere: int) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"http://evil.example:{elsewhere}/?{studio.address}")
        page.get_by_role("link", name="link").click()
        page.wait_for_selector("#player .stage > *")
        page.goto(f"http://evil.example:{elsewhere}/?{studio.address}config")
        page.get_by_role("link", name="link").click()
        page.get_by_text("its own page alone").wait_for()
    finally:
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:{port}", 200),
        ("127.0.0.1:{port}", 200),
        ("[::1]:{port}", 200),
        ("LOCALHOST", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("localhost.evil.example", 403),
        ("10.0.0.7:{port}", 403),
        ("[::2]", 403),
        ("", 403),
    ],
)
def test_names_of_the_studio(studio: Server, host: str, status: int) -> None:
    port = urlsplit(studio.address).port
    assert port is not None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/config", headers={"Host": host.format(port=port)})
    assert connection.getresponse().status == status
    connection.close()


async def _nothing(*_: Any) -> None:
    """An application that is never asked."""


@pytest.mark.parametrize(
    ("served_at", "host", "own"),
    [
        ("0.0.0.0", "192.168.1.7:7860", True),
        ("0.0.0.0", "[fe80::1]:7860", True),
        ("0.0.0.0", "evil.example:7860", False),
        ("0.0.0.0", "7.evil.example", False),
        ("::", "192.168.1.7", True),
        ("192.168.1.7", "192.168.1.7:80", True),
        ("192.168.1.7", "192.168.1.8:80", False),
        ("studio.home", "studio.home", True),
        ("studio.home", "studio.home.evil.example", False),
        ("[::1]", "[::1]:1", True),
    ],
)
def test_names_by_the_address_that_it_is_served_at(served_at: str, host: str, own: bool) -> None:
    scope = {"type": "http", "method": "GET", "path": "/config"}
    assert (Guard(_nothing, served_at)._refusal(scope, {"host": host}) == "") == own


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),  # a program that is no browser
        ({"origin": "http://127.0.0.1:7860"}, False),
        ({"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({"origin": "http://localhost:7860"}, True),
        ({"origin": "http://127.0.0.1:7860.evil.example"}, True),
        ({"origin": "http://evil.example@127.0.0.1:7860"}, True),
        ({"origin": "http://[::1"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, True),
        (
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "iframe",
            },
            True,
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_where_a_request_comes_from(headers: dict[str, str], refused: bool, method: str) -> None:
    scope = {"type": "http", "method": method, "path": "/"}
    refusal = Guard(_nothing, "127.0.0.1")._refusal(scope, {"host": "127.0.0.1:7860", **headers})
    assert bool(refusal) == refused
