"""The studio's server: the page behind its guard, at an address that is free."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn
from fastapi import FastAPI
from gradio import mount_gradio_app

from apvg.base.errors import ApvgError
from apvg.studio.access import Guard

#: How long the end waits for answers that are being sent, seconds.
_LAST_ANSWERS_SECONDS = 2


@contextmanager
def served(page: Any, host: str, port: int, **options: Any) -> Iterator[tuple[str, Thread]]:
    """Serve gradio's blocks in a thread; gives the address of the page, and the thread.

    Args:
        page: The blocks.
        host: Name or number of the address, with or without an IPv6 address's brackets.
        port: Of the address; 0 for any that is free.
        options: What else `mount_gradio_app` takes.

    Raises:
        ApvgError: The address is taken, or not this machine's.
    """
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mount_gradio_app(application, page, path="", server_name=host, server_port=port, **options)
    with _bound(host, port) as bound:
        config = uvicorn.Config(
            Guard(application, host),  # pyright: ignore[reportArgumentType]
            log_level="warning",
            timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        )
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.01)
            if not thread.is_alive():
                raise ApvgError("the studio's server could not start; the lines above say why")
        try:
            yield _address(host, bound.getsockname()[1]), thread
        finally:
            server.should_exit = True
            thread.join(_LAST_ANSWERS_SECONDS + 3)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at the address."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind)
    except (OSError, UnicodeError) as error:
        raise ApvgError(
            f"there is no address {host!r} here ({error})", "choose another, or none", ["host"]
        ) from None
    with bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(place)
        except PermissionError:
            raise ApvgError(
                f"port {port} is reserved for the system", "choose one above 1023", ["port"]
            ) from None
        except OSError as error:
            raise ApvgError(
                f"port {port} of {host} is in use or not available ({error.strerror})",
                "see whether a studio is open already, or choose another port",
                ["port"],
            ) from None
        yield bound


def _address(host: str, port: int) -> str:
    """What to open in a browser on this machine."""
    host = host.strip("[]")
    if host in ("0.0.0.0", "::"):
        host = "localhost"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
