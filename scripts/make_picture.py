"""Make the README's pictures: moments of generated videos, docs/play.png one below the other, docs/cello.png side by side.

make play && python scripts/make_picture.py out/play.mp4 docs/play.png
make play PERFORMER=cello && python scripts/make_picture.py out/play.mp4 docs/cello.png --across
"""

from __future__ import annotations

import argparse
from pathlib import Path

from apvg.video.images import contact_sheet, save_png
from apvg.video.reading import read_frames

SECONDS = (2.0, 7.0, 12.0, 18.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--across", action="store_true", help="side by side")
    arguments = parser.parse_args()
    moments = []
    for second in SECONDS:
        frame_HWC = next(read_frames(arguments.video, 25, start=second, duration=0.1))
        moments.append(frame_HWC.repeat(2, axis=0).repeat(2, axis=1))
    rows = [moments] if arguments.across else [[moment] for moment in moments]
    save_png(arguments.picture, contact_sheet(rows, gap=6))


if __name__ == "__main__":
    main()
