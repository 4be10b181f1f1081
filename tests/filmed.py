"""Small videos for tests of preparing: scikit-image's picture of a person, moving."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SOUND = Path(__file__).parents[1] / "apvg" / "samples" / "prelude.ogg"
TICK = Fraction(1, 12800)


def film(
    path: Path,
    picture: Callable[[float], np.ndarray],
    times: Iterable[float],
    rotation: int = 0,
) -> Path:
    """A video without sound that shows picture(t) from each second t on; stored turned, to be shown
    upright."""
    with av.open(str(path), "w") as container:
        options = {"crf": "16", "preset": "ultrafast"}
        stream = container.add_stream("libx264", rate=25, options=options)
        first_HWC = np.rot90(picture(0), -rotation // 90)
        stream.height, stream.width, stream.pix_fmt = *first_HWC.shape[:2], "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICK
        if rotation:
            stream.set_display_rotation(rotation)
        for time in times:
            image_HWC = np.ascontiguousarray(np.rot90(picture(time), -rotation // 90))
            frame = av.VideoFrame.from_ndarray(image_HWC)
            frame.pts, frame.time_base = round(time / TICK), TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def astronaut(time: float) -> np.ndarray:
    """A person moving to the right by 40 pixels a second on a wide grey ground."""
    from skimage.data import astronaut as picture

    wide_HWC = np.full((512, 640, 3), 128, np.uint8)
    left = round(40 * time)
    wide_HWC[:, left : left + 512] = picture()
    return wide_HWC
