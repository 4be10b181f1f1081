"""Whether a WAV file is whole. FFmpeg quietly takes one that was cut off for a shorter one; its header knows better.

Not every header can be believed: programs that write to a pipe do not know the length when they write it, and some count
a little wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Lengths from here on, bytes, stand for "unknown" where the file is shorter: SoX writes 0x7ffff000 and FFmpeg 0xffffffff to a
#: pipe, others 0x7fffffff or 0x80000000, each with or without the header's own length.
_UNKNOWN_BYTES = 0x7FFF0000
#: Share of its sound by which a header may be wrong.
_TOLERANCE = 0.01


def missing_sound(path: Path, seconds: float) -> float:
    """How much of a WAV file's sound is missing according to its header, seconds; 0 where it is whole or does not say.

    Args:
        path: A WAV file (RIFF, RIFX or RF64). Of what can be read only once, as a pipe, nothing is known.
        seconds: How much sound is there.
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
    """Where the samples of a WAV file begin, and how many bytes of them it says to have."""
    magic = file.read(12)[:4]
    order = ">" if magic == b"RIFX" else "<"
    long_bytes = None
    for name, size in _chunks(file, order):
        if name == b"ds64":  # lengths beyond 32 bits: of the file, then of the samples
            long_bytes = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0]
        elif name == b"data":
            if magic in (b"RF64", b"BW64") and size == 2**32 - 1 and long_bytes is not None:
                return file.tell(), long_bytes
            return None if size >= _UNKNOWN_BYTES else (file.tell(), size)
    return None


def _chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int]]:
    """Name and size of every chunk; the file stands at its content."""
    while len(head := file.read(8)) == 8:
        size = struct.unpack(f"{order}I", head[4:])[0]
        begin = file.tell()
        yield head[:4], size
        file.seek(begin + size + size % 2)
