"""Reports as plain data.

Light to import, so that a report that does not exist is reported at once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from apvg.base.errors import ApvgError


def read_report(folder: Path) -> dict[str, Any]:
    """A report that `apvg evaluate` wrote: its folder, or report.json itself.

    Raises:
        ApvgError: There is no report, it is not one, or it is one of an earlier version with other
            keys.
    """
    path = folder / "report.json" if folder.is_dir() else folder
    cure = "give folders that apvg evaluate wrote"
    try:
        report = json.loads(path.read_text())
    except OSError:
        raise ApvgError(f"{folder} holds no report.json", cure) from None
    except ValueError:
        raise ApvgError(f"{path} is not a report", cure) from None
    if not isinstance(report, dict) or not isinstance(report.get("blocks"), list):
        raise ApvgError(f"{path} is not a report", cure)
    if "beside" in report:  # since then called "comparison"
        raise ApvgError(
            f"{path} was written by an earlier version of apvg, whose figures have other names",
            "evaluate that performer again",
        )
    return report
