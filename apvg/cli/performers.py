"""``apvg performers``: what is installed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Performers:
    """List the installed performers: name, instrument, size, licence."""

    def run(self) -> None:
        """Print one line per performer."""
        import apvg

        rows = [("name", "instrument", "size", "licence")]
        for performer in apvg.performers():
            size = f"{performer.size / 1e6:.1f} MB"
            rows.append((performer.name, performer.instrument, size, performer.licence))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
