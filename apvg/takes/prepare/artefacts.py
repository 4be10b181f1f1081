"""Artefacts of the steps on disk: arrays and plain data in one file, written whole or not at
all."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError

#: The name of the plain data among the arrays.
_DATA = "data"


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], data: Any = None) -> None:
    """Write arrays by their names, with plain data, as an ``.npz`` file."""
    partial = path.with_name(f"partial{path.suffix}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    everything: dict[str, Any] = {**arrays, _DATA: np.array(json.dumps(data))}
    np.savez(partial, **everything)
    os.replace(partial, path)


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Inverse of :func:`save_arrays`.

    Raises:
        ApvgError: The file is missing or damaged.
    """
    try:
        # Of a damaged archive np.load leaves a file open that it has opened itself.
        with path.open("rb") as file, np.load(file) as data:
            arrays = dict(data)
        return arrays, json.loads(str(arrays.pop(_DATA)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from None


def save_json(path: Path, data: Any) -> None:
    """Write plain data."""
    partial = path.with_name(f"partial{path.suffix}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def load_json(path: Path) -> Any:
    """Inverse of :func:`save_json`.

    Raises:
        ApvgError: The file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> ApvgError:
    return ApvgError(
        f"cannot read {path}: it is damaged ({error})", "delete it, and it is made again"
    )
