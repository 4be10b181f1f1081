"""Readers of sources: how the files of each kind are laid out.

Other packages add readers by entry points of the group `apvg.readers`, each a
:class:`apvg.takes.readers.reader.Reader`.
"""

from __future__ import annotations

from pathlib import Path

from apvg.base.errors import ApvgError
from apvg.base.registry import Registry
from apvg.takes.readers import footage, suburmp, urmp
from apvg.takes.readers.reader import Reader, ReaderOptions
from apvg.takes.recording import Recording

__all__ = ["READERS", "Reader", "ReaderOptions", "read_source"]

READERS: Registry[Reader] = Registry("reader", "apvg.readers")
READERS.register("footage", footage.READER)
READERS.register("urmp", urmp.READER)
READERS.register("suburmp", suburmp.READER)


def read_source(reader: str, source: Path, options: ReaderOptions) -> list[Recording]:
    """The recordings in a source.

    Args:
        reader: A name in :data:`READERS`.
        source: The source's file or folder.
        options: For the reader.

    Raises:
        ApvgError: There is no such reader, it does not take one of the options, or it finds no
            recordings.
    """
    known = READERS[reader]
    for name, value in vars(options).items():
        if value is not None and name not in known.options:
            raise ApvgError(
                f"the reader {reader} does not take {name.replace('_', ' ')}: it finds that itself",
                "leave it out",
                options=[name],
            )
    return known.read(source, options)
