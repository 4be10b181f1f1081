"""The one folder in which everything lies that the studio is given or makes."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from apvg.base.errors import ApvgError


def default_folder() -> Path:
    """Where this user's programs keep their data; APVG_STUDIO says otherwise."""
    if named := os.environ.get("APVG_STUDIO"):
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "apvg" / "studio"


@dataclass(frozen=True)
class WorkFolder:
    """Its rooms: `uploads` (what browsers send), `jobs` (one folder each) and `performers`
    (people's own)."""

    root: Path

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def performers(self) -> Path:
        return self.root / "performers"

    def create(self) -> WorkFolder:
        """Make the rooms.

        Raises:
            ApvgError: That cannot be done.
        """
        try:
            for room in (self.uploads, self.jobs, self.performers):
                room.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ApvgError(
                f"cannot work in {self.root}: {error.strerror}", "choose another folder", ["work"]
            ) from None
        return self

    def uploaded(self, path: str | Path) -> Path:
        """A path that a browser names, where it is a file among the uploads.

        Raises:
            ApvgError: It is anything else, whoever asks.
        """
        file = Path(path).resolve()
        if not file.is_relative_to(self.uploads.resolve()) or not file.is_file():
            raise ApvgError("that file is not here any more", "choose it again")
        return file


def bring(file: Path, folder: Path) -> Path:
    """A copy of a file in a job's folder, under a name that is safe and still its own."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w .()-]+", "_", file.stem).strip(" .")[:80] or "file"
    suffix = re.sub(r"[^\w.]+", "", file.suffix)[:10]
    target = folder / f"{stem}{suffix}"
    shutil.copyfile(file, target)
    return target
