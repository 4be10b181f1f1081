"""A short piece of work in a process of its own, for files of unknown make: what breaks there
breaks nothing here."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from apvg.base.errors import ApvgError
from apvg.base.explain import EXPLAINED, explain

T = TypeVar("T")
#: Longer than any honest file takes to be examined, seconds.
TIMEOUT_SECONDS = 60.0
_CONTEXT = multiprocessing.get_context("spawn")


def apart(function: Callable[..., T], file: Path, *arguments: Any) -> T:
    """Call a function of a module in a fresh process.

    Args:
        function: Takes a path and the arguments.
        file: Its path. The process runs in its folder, so that messages name the file, not where it
            lies on the server.
        arguments: Whatever else the function takes.

    Raises:
        ApvgError: It raised one, or something else that a user can act on; it took too long; or its
            process died.
    """
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_call, args=(theirs, function, file, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(TIMEOUT_SECONDS):
            raise ApvgError("the file takes too long to be read", "choose another one")
        good, result = ours.recv()
    except EOFError:
        raise ApvgError(
            "the file crashes whatever tries to read it",
            "choose another one, or convert it (to wav, mp3 or mp4)",
        ) from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if not good:
        raise result
    return result


def _call(
    connection: Connection, function: Callable[..., Any], file: Path, arguments: tuple[Any, ...]
) -> None:
    try:
        os.chdir(file.parent)
        connection.send((True, function(Path(file.name), *arguments)))
    except EXPLAINED as error:
        kept = error if isinstance(error, ApvgError) else ApvgError(explain(error))
        connection.send((False, kept))
