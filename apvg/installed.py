"""Which performers there are, told from their files alone: no network is loaded for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
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
    """All performers that come with the package.

    Raises:
        ApvgError: One of them is damaged.
    """
    found = []
    for path in sorted(_installed_folder().glob(f"*/{CONFIG}")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            about = [str(data[field]) for field in ("name", "instrument", "licence")]
            size = sum(file.stat().st_size for file in path.parent.iterdir())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ApvgError(f"{path} is damaged ({error}); install apvg again") from None
        found.append(Installed(about[0], about[1], size, about[2]))
    return found


def find_performer(name: str | Path) -> Path:
    """The folder of a performer: an existing folder, an installed name, or a download of "owner/name" from the hub.

    Raises:
        ApvgError: There is none of that name.
    """
    if str(name) and Path(name).is_dir():
        return Path(name)
    installed = _installed_folder() / str(name)
    if str(name) and (installed / CONFIG).exists():
        return installed
    names = ", ".join(p.name for p in performers()) or "none"
    if str(name).count("/") == 1 and not str(name).startswith((".", "/")):
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(str(name)))
        except Exception as error:
            raise ApvgError(
                f"there is no folder {name}, and the hub gives no performer of that name "
                f"({type(error).__name__}); installed are: {names}"
            ) from None
    raise ApvgError(f"there is no performer {str(name)!r}; installed are: {names}")


def _installed_folder() -> Path:
    return Path(str(resources.files("apvg"))) / "performers"
