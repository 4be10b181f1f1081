"""What reading sound and reading pictures have in common: opening a file, and where its clock is zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from apvg.errors import ApvgError

#: Containers whose time stamps count from a zero of their own, so that a late start is meant (an empty edit, say). Where
#: others start late it is an accident of the format (an MP3 encoder's delay, a broadcast's running clock).
_FORMATS_WITH_ZERO = {"mov", "matroska"}


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """Open anything FFmpeg reads.

    Raises:
        ApvgError: The file is missing, empty, unreadable, or of no kind that FFmpeg knows.
    """
    path = Path(path)
    if not path.exists():
        raise ApvgError(f"cannot read {path}: there is no such file; check the name")
    if path.is_dir():
        raise ApvgError(f"cannot read {path}: it is a folder; name a file")
    if path.is_file() and path.stat().st_size == 0:
        raise ApvgError(f"cannot read {path}: it is empty (0 bytes); get the file again")
    try:
        container = av.open(str(path))
    except PermissionError:
        raise ApvgError(f"cannot read {path}: permission denied; make it readable") from None
    except (FFmpegError, ValueError):
        raise ApvgError(
            f"cannot read {path}: it is damaged, cut off, or neither sound nor video; "
            "check that a media player plays it"
        ) from None
    with container:
        yield container


def time_zero(container: InputContainer) -> Fraction:
    """The time stamp, in seconds, that is second 0 of the file for its picture and its sound alike."""
    if container.start_time is None or _FORMATS_WITH_ZERO & set(container.format.name.split(",")):
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)
