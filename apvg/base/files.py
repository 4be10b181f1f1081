"""Outputs that are either whole or not there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apvg.base.errors import ApvgError

#: What the system says when nothing more can be written: the disk, the user's share of it, or the
#: longest file is full.
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_path(target: str | Path, *, force: bool = True) -> Iterator[Path]:
    """A free path next to `target` to write a file or a folder to; it becomes `target` when the
    block ends well.

    The temporary path has the same suffix as `target`, does not exist yet, and is removed on any
    exception, Ctrl-C included. An older `target` is replaced only at the end.

    Args:
        target: Where the result is wanted.
        force: Whether something that is already there may be replaced.

    Raises:
        ApvgError: The folder is missing or cannot be written to; `target` exists and `force` is
            false, or it is of the other kind (a folder where a file is wanted, or the reverse).
        OSError: The disk is full.
    """
    target = Path(target)
    folder = target.parent
    if not folder.is_dir():
        raise ApvgError(
            f"cannot write {target}: the folder {folder} does not exist; create it first"
        )
    if target.exists() and not force:
        raise ApvgError(
            f"{target} is already there", "choose another name, or allow replacing it", ["force"]
        )
    try:
        # A folder of its own both proves that the place is writable and can never clash with
        # another run.
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=folder))
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise ApvgError(
            f"cannot write {target}: {error.strerror}; choose a folder you can write to"
        ) from None
    try:
        partial = scratch / target.name
        yield partial
        if partial.is_dir() != target.is_dir() and target.exists():
            kind = "folder" if target.is_dir() else "file"
            raise ApvgError(f"cannot write {target}: a {kind} of that name is in the way; move it")
        if target.is_dir():
            # A folder cannot be renamed onto a full one: put the old one aside, to be removed with
            # the scratch.
            os.replace(target, scratch / "replaced")
        os.replace(partial, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
