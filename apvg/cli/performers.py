"""``apvg performers``: what is installed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Performers:
    """List the installed performers: name, instrument, size, licence."""

    json: bool = False
    """As a JSON array of objects, for other programs; sizes are bytes."""

    def run(self) -> None:
        """Print one line per performer."""
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
