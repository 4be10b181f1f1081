"""One process at a time for each take: a lock that the system releases when its holder ends,
however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from apvg.base.errors import ApvgError


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`, which holds this process's id, while the block runs; then it is
    gone.

    A file that a killed process left behind is taken over. Folders on the way are made.

    Args:
        path: The lock's file.
        what: What is being done, for the message: "preparing the take …".

    Raises:
        ApvgError: Another process holds it.
    """
    file = _open_locked(path, what)
    try:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        file.close()


def _open_locked(path: Path, what: str) -> IO[str]:
    """The lock file, open and locked."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a+")
        except FileNotFoundError:
            continue  # the folder was empty, and another process tidied it away just now
        if not _lock(file):
            file.seek(0)
            holder = file.read().strip() or "(just started)"
            file.close()
            raise ApvgError(
                f"process {holder} is {what} at this moment",
                "wait until it is done, or stop it",
            )
        # Whoever held it may have removed the file between its opening and its locking.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def _lock(file: IO[str]) -> bool:
    """Take the lock, without waiting."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1024)  # beyond the id, which others are to read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
