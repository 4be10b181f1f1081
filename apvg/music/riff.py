"""Finds truncated WAV files. FFmpeg silently reads them as shorter files, but their headers state
the true length.

Not every header is right: programs that write to a pipe do not know the length in advance, and some
are slightly off.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Lengths from here on, bytes, mean "unknown" if the file is shorter: to a pipe, SoX writes
#: 0x7ffff000, FFmpeg 0xffffffff and others 0x7fffffff or 0x80000000, each with or without the
#: length of the header.
_UNKNOWN_BYTES = 0x7FFF0000
#: Relative error of the length that is tolerated.
_TOLERANCE = 0.01


def missing_sound(path: Path, seconds: float) -> float:
    """How much of a WAV file's audio is missing according to its header, seconds; 0 if it is
    complete or does not say.

    Args:
        path: A WAV file (RIFF, RIFX or RF64); 0 is returned for what is not a regular file, such as
            a pipe.
        seconds: How much audio was read.
    """
    if not path.is_file():
        return 0.0
    with path.open("rb") as file:
        stated = _stated_bytes(file)
        if stated is None:
            return 0.0
        there = file.seek(0, 2) - stated[0]
    missing = stated[1] - there
    if there <= 0 or missing <= _TOLERANCE * stated[1]:
        return 0.0
    return seconds * missing / there


def _stated_bytes(file: BinaryIO) -> tuple[int, int] | None:
    """Where the samples of a WAV file begin, and how many bytes of them its header states."""
    magic = file.read(12)[:4]
    order = ">" if magic == b"RIFX" else "<"
    long_bytes = None
    for name, size in _chunks(file, order):
        if name == b"ds64":  # 64-bit lengths: of the file, then of the samples
            long_bytes = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0]
        elif name == b"data":
            if magic in (b"RF64", b"BW64") and size == 2**32 - 1 and long_bytes is not None:
                return file.tell(), long_bytes
            return None if size >= _UNKNOWN_BYTES else (file.tell(), size)
    return None


def _chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int]]:
    """Name and size of every chunk, with the file positioned at its content."""
    while len(head := file.read(8)) == 8:
        size = struct.unpack(f"{order}I", head[4:])[0]
        begin = file.tell()
        yield head[:4], size
        file.seek(begin + size + size % 2)
