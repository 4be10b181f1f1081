"""``apvg performers``: list the installed performers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Performers:
    """List the installed performers with instrument, size and licence."""

    json: bool = False
    """Print a JSON array of objects, for other programs. Sizes are in bytes."""

    def run(self) -> None:
        """Print one line for each performer."""
        from apvg.installed import performers

        found = performers()
        if self.json:
            print(json.dumps([asdict(performer) for performer in found], indent=2))
            return
        rows = [("name", "instrument", "size", "licence")]
        for performer in found:
            size = f"{performer.size / 1e6:.1f} MB"
            rows.append((performer.name, performer.instrument, size, performer.licence))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
