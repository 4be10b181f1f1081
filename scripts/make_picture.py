"""Make the README's picture, docs/play.png: moments of a generated video, one below the other.

make play && python scripts/make_picture.py out/play.mp4
"""

from __future__ import annotations

import sys
from pathlib import Path

from apvg.video.images import contact_sheet, save_png
from apvg.video.reading import read_frames

SECONDS = (2.0, 7.0, 12.0, 18.0)


def main() -> None:
    rows = []
    for second in SECONDS:
        frame_HWC = next(read_frames(Path(sys.argv[1]), 25, start=second, duration=0.1))
        rows.append([frame_HWC.repeat(2, axis=0).repeat(2, axis=1)])
    save_png(Path(__file__).parents[1] / "docs" / "play.png", contact_sheet(rows, gap=6))


if __name__ == "__main__":
    main()
