"""Which performers are installed, from their files alone: no network is loaded.

Other packages add performers by entry points of the group `apvg.performers`: each names a package
whose folder holds bundles.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path

from apvg.base.errors import ApvgError

#: The file of a bundle that says what it is; see :mod:`apvg.bundle`.
CONFIG = "config.json"


@dataclass(frozen=True)
class Installed:
    """A performer that is there to be used."""

    name: str
    instrument: str
    size: int
    """Bytes."""
    licence: str


def performers() -> list[Installed]:
    """All installed performers, by name.

    Raises:
        ApvgError: One of them is damaged.
    """
    found = []
    for folder in installed_folders().values():
        path = folder / CONFIG
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            about = [str(data[field]) for field in ("name", "instrument", "licence")]
            size = sum(file.stat().st_size for file in folder.iterdir())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ApvgError(f"{path} is damaged ({error})", "install its package again") from None
        found.append(Installed(about[0], about[1], size, about[2]))
    return found


def find_performer(name: str | Path) -> Path:
    """The folder of a performer: an existing folder, an installed name, or a download of
    "owner/name" from the hub.

    Raises:
        ApvgError: There is none of that name.
    """
    if str(name) and Path(name).is_dir():
        return Path(name)
    folders = installed_folders()
    if str(name) in folders:
        return folders[str(name)]
    names = ", ".join(folders) or "none"
    if str(name).count("/") == 1 and not str(name).startswith((".", "/")):
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(str(name)))
        except Exception as error:
            raise ApvgError(
                f"there is no folder {name}, and the hub gives no performer of that name "
                f"({type(error).__name__})",
                f"choose one of those installed: {names}",
            ) from None
    raise ApvgError(
        f"there is no performer {str(name)!r}", f"choose one of those installed: {names}"
    )


def installed_folders() -> dict[str, Path]:
    """The bundles of this package and of others, by name."""
    packages = [
        "apvg.performers",
        *(entry.value for entry in entry_points(group="apvg.performers")),
    ]
    found = [path for package in packages for path in _folder(package).glob(f"*/{CONFIG}")]
    return {
        path.parent.name: path.parent for path in sorted(found, key=lambda path: path.parent.name)
    }


def _folder(package: str) -> Path:
    parent, _, name = package.rpartition(".")
    return Path(str(resources.files(parent))) / name if parent else Path(str(resources.files(name)))
