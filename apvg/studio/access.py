"""Who may ask the studio: whoever sits at this machine, through the studio's own page. No other web
page may.

A page on any site can make the browser send requests to this machine. It cannot read the answers,
unless its own name has been made to lead here (DNS rebinding), but it need not read what it makes
the studio do. So a request must name the studio by a name that it has, and must come from the
studio's own page; a link that leads to that page is welcome. Programs other than browsers send
neither of the headers that tell
(https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site), and are let in.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_OWN_NAMES = {"localhost", "127.0.0.1", "::1"}
#: Nobody else shows the page in a frame, or loads what is here into a page.
_HEADERS = [
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """An ASGI application that lets another one answer only those who may ask.

    Args:
        app: The other.
        host: The address that it is served at. "0.0.0.0" and "::" stand for all of this machine's:
            it is then known by any number, which cannot lead astray, and by the machine's own name.
    """

    def __init__(self, app: App, host: str) -> None:
        self._app = app
        host = _name(host)
        self._names = _OWN_NAMES | {host}
        self._any_number = False
        with suppress(ValueError):
            self._any_number = ipaddress.ip_address(host).is_unspecified
        if self._any_number:
            machine = socket.gethostname().lower()
            self._names |= {machine, f"{machine.split('.')[0]}.local"}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        refusal = self._refusal(scope, headers)
        if refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        elif refusal:
            kind = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
            await send({"type": "http.response.start", "status": 403, "headers": kind})
            await send({"type": "http.response.body", "body": f"{refusal}\n".encode()})
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Message, headers: dict[str, str]) -> str:
        """Why a request is refused; empty where it is not."""
        host = headers.get("host", "")
        if not self._is_own(_name(host)):
            return (
                "This studio does not answer to that name. "
                "Open the address that it printed when it began."
            )
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        foreign = origin is not None and origin not in (f"http://{host}", f"https://{host}")
        if (foreign or site not in ("none", "same-origin")) and not _is_link(scope, headers):
            return "This studio takes requests from its own page alone."
        return ""

    def _is_own(self, name: str) -> bool:
        if name in self._names:
            return True
        if not self._any_number:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _is_link(scope: Message, headers: dict[str, str]) -> bool:
    """Whether a link on another page was followed that leads to the studio's."""
    return (
        scope.get("method") in ("GET", "HEAD")
        and scope["path"] == "/"
        and "origin" not in headers
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _name(host: str) -> str:
    """A host without its port and the brackets of an IPv6 address."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and ":" not in name else host


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sending
