"""Pictures of what still looks wrong, for docs/results.md: what was recorded, what is painted from
its true keypoints, and from its sound.

    python scripts/show_wrongs.py TAKES    # docs/wrong/NAME.png

TAKES holds the pianist's `bach` and the cellist's two pictured test takes; docs/results.md says how
they are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from apvg import Performer
from apvg.base.progress import track
from apvg.cli.progress import progress_bars
from apvg.evaluation.evaluate import WARM_UP
from apvg.takes.take import Take, load_takes
from apvg.video.images import save_png

DOCS = Path(__file__).parents[1] / "docs"
#: White between pictures, and how wide each is at most, pixels.
GAP, WIDTH = 4, 256


@dataclass(frozen=True)
class Wrong:
    """A moment that shows something wrong.

    Attributes:
        name: Of the picture.
        performer, take: Who was to play it.
        second: When, on the take's clock.
        box: What of the frame to look at: left, top, right, bottom, pixels.
    """

    name: str
    performer: str
    take: str
    second: float
    box: tuple[int, int, int, int]


PIANO, CELLO = ("piano-eval", "bach"), ("cello", "cello-arioso-40000")
WRONGS = (
    Wrong("piano-reach", *PIANO, 78.4, (100, 30, 356, 128)),
    Wrong("piano-fast", *PIANO, 72.0, (100, 30, 228, 128)),
    Wrong("piano-fingers", *PIANO, 125.0, (212, 30, 340, 128)),
    Wrong("cello-left-hand", *CELLO, 2.2, (120, 120, 184, 184)),
    Wrong("cello-bow", "cello", "cello-gigue-40001", 7.96, (0, 86, 256, 256)),
)


@progress_bars()
def main(takes: Annotated[Path, tyro.conf.Positional]) -> None:
    """Write all pictures."""
    found = {take.name: take for take in load_takes(takes)}
    (DOCS / "wrong").mkdir(exist_ok=True)
    for wrong in track(WRONGS, "painting"):
        performer = Performer.from_pretrained(wrong.performer)
        take = found[wrong.take]
        save_png(DOCS / "wrong" / f"{wrong.name}.png", row(performer, take, wrong))


def row(performer: Performer, take: Take, wrong: Wrong) -> np.ndarray:
    """Recorded, from true keypoints, from sound: a part of the frame, side by side."""
    t = round(wrong.second * take.fps)
    first = max(0, t - round(WARM_UP * take.fps))
    stretch = slice(first, t + 1)
    music_S = take.sound_at(performer.sample_rate)
    per_frame = performer.sample_rate // performer.fps
    context_S = music_S[first * per_frame : (t + 1 + take.fps) * per_frame]
    left, top, right, bottom = wrong.box
    pictures = [np.asarray(take.frames_THWC[t])]
    for keypoints_TKD, confidence_TK in (
        (take.keypoints_TKD, take.confidence_TK),
        performer.predict_keypoints(music_S),
    ):
        parts = list(performer.render(keypoints_TKD[stretch], confidence_TK[stretch], context_S))
        pictures.append(parts[-1].frames_THWC[-1])
    times = max(1, WIDTH // (right - left))
    white_HWC = np.full((times * (bottom - top), GAP, 3), 255, np.uint8)
    parts = []
    for picture_HWC in pictures:
        part_HWC = picture_HWC[top:bottom, left:right]
        parts += [part_HWC.repeat(times, axis=0).repeat(times, axis=1), white_HWC]
    return np.concatenate(parts[:-1], axis=1)


if __name__ == "__main__":
    tyro.cli(main)
