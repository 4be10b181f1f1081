"""Still images, read and written by the same library as videos."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path


def save_png(path: Path, image_HWC: np.ndarray) -> None:
    """Write an RGB uint8 image [H, W, 3]."""
    encoder = av.VideoCodecContext.create("png", "w")
    encoder.height, encoder.width = image_HWC.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    with atomic_path(path) as partial:
        partial.write_bytes(b"".join(bytes(packet) for packet in packets))


def jpeg(image_HWC: np.ndarray) -> bytes:
    """An RGB uint8 image [H, W, 3] as the bytes of a JPEG file, for web pages."""
    encoder = av.VideoCodecContext.create("mjpeg", "w")
    encoder.height, encoder.width = image_HWC.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuvj444p", Fraction(1, 25)
    encoder.options = {"qmin": "3", "qmax": "3"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
    frame = frame.reformat(format="yuvj444p")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def read_image(path: Path) -> np.ndarray:
    """Read an image as RGB uint8 [H, W, 3].

    Raises:
        ApvgError: The file is missing or is not an image.
    """
    try:
        # Opened here, because FFmpeg looks for protocols and sequence numbers in file names.
        with path.open("rb") as file, av.open(file, "r") as container:
            return next(container.decode(video=0)).to_ndarray(format="rgb24")
    except (OSError, av.error.FFmpegError, StopIteration, IndexError) as error:
        raise ApvgError(f"{path} is not a readable picture", "restore the file") from error


def contact_sheet(rows: Sequence[Sequence[np.ndarray]], gap: int = 4) -> np.ndarray:
    """Rows of RGB uint8 images [H, W, 3] as one image on a light background, `gap` pixels apart."""
    height = sum(max(picture.shape[0] for picture in row) + gap for row in rows) - gap
    width = max(sum(picture.shape[1] + gap for picture in row) for row in rows) - gap
    sheet_HWC = np.full((height, width, 3), 235, np.uint8)
    top = 0
    for row in rows:
        left = 0
        for picture in row:
            sheet_HWC[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            left += picture.shape[1] + gap
        top += max(picture.shape[0] for picture in row) + gap
    return sheet_HWC
