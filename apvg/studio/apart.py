"""A short piece of work in a process of its own, for files of unknown make: what breaks there breaks nothing here."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from apvg.base.errors import ApvgError
from apvg.cli.main import explain

T = TypeVar("T")
#: Longer than any honest file takes to be looked at, seconds.
PATIENCE = 60.0
_CONTEXT = multiprocessing.get_context("spawn")


def apart(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a fresh process.

    Raises:
        ApvgError: It raised one, or something else that a user can act on; it took too long; or its process died.
    """
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_call, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(PATIENCE):
            raise ApvgError("the file takes too long to be looked at; choose another one")
        good, result = ours.recv()
    except EOFError:
        raise ApvgError(
            "the file breaks whoever tries to read it; choose another, or convert it (to wav, mp3 or mp4)"
        ) from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if not good:
        raise ApvgError(result)
    return result


def _call(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        connection.send((True, function(*arguments)))
    except (ApvgError, ImportError, MemoryError, OSError) as error:
        connection.send((False, explain(error)))
