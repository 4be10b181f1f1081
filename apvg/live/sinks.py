"""Outputs of live frames: a window, a virtual camera, or a raw video stream for other programs."""

from __future__ import annotations

import io
import os
import stat
from typing import Protocol

import numpy as np

from apvg.base.errors import ApvgError


class SinkClosed(Exception):
    """The window was closed, or the reader of the stream has gone."""


class Sink(Protocol):
    """Shows frames.

    All methods are called from the main thread, as some systems require for windows.
    """

    def show(self, frame_HWC: np.ndarray) -> None:
        """Show the next frame, RGB uint8 [H, W, 3].

        Raises:
            SinkClosed: The output was closed.
        """
        ...

    def stand_still(self) -> None:
        """Skip the next frame, because it or the sink was late; raises as :meth:`show`."""
        ...

    def idle(self) -> None:
        """Called every few hundredths of a second while there is nothing to show; raises as
        :meth:`show`."""
        ...

    def close(self) -> None: ...


class Window:
    """A window of SDL's, which can be resized; Escape, Q or its button close it."""

    def __init__(self, title: str, size: tuple[int, int]) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame = pygame
        try:
            pygame.display.init()
            screen_w, screen_h = pygame.display.get_desktop_sizes()[0]
            # About two thirds of the screen, at a whole multiple, so that pixels stay sharp.
            scale = max(min(2 * screen_w // 3 // size[0], 2 * screen_h // 3 // size[1]), 1)
            self._screen = pygame.display.set_mode(
                (scale * size[0], scale * size[1]), pygame.RESIZABLE
            )
        except pygame.error as error:
            raise ApvgError(
                f"cannot open a window ({error})",
                "write a video stream, or use a virtual camera",
                ["output"],
            ) from None
        pygame.display.set_caption(title)

    def show(self, frame_HWC: np.ndarray) -> None:
        self.idle()
        pygame = self._pygame
        height, width = frame_HWC.shape[:2]
        picture = pygame.image.frombuffer(frame_HWC.tobytes(), (width, height), "RGB")
        scale = min(self._screen.get_width() / width, self._screen.get_height() / height)
        picture = pygame.transform.smoothscale(
            picture, (round(scale * width), round(scale * height))
        )
        self._screen.fill((0, 0, 0))
        self._screen.blit(picture, picture.get_rect(center=self._screen.get_rect().center))
        pygame.display.flip()

    def stand_still(self) -> None:
        pass

    def idle(self) -> None:
        pygame = self._pygame
        for event in pygame.event.get():
            key = event.key if event.type == pygame.KEYDOWN else None
            if event.type == pygame.QUIT or key in (pygame.K_ESCAPE, pygame.K_q):
                raise SinkClosed

    def close(self) -> None:
        self._pygame.display.quit()


class VirtualCamera:
    """A camera device that other programs see: of OBS (Windows, macOS), or of v4l2loopback
    (Linux)."""

    def __init__(self, size: tuple[int, int], fps: int) -> None:
        import pyvirtualcam

        try:
            self._camera = pyvirtualcam.Camera(*size, fps)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ApvgError(
                f"there is no virtual camera here ({reason})",
                "install OBS, or on Linux load v4l2loopback",
            ) from None

    def show(self, frame_HWC: np.ndarray) -> None:
        self._camera.send(frame_HWC)

    def stand_still(self) -> None:
        pass

    def idle(self) -> None:
        pass

    def close(self) -> None:
        self._camera.close()


class Y4MStream:
    """YUV4MPEG2, the raw video that FFmpeg, mpv, OBS and GStreamer read from pipes: 4:2:0, BT.601,
    limited range.

    It has no time stamps, so that a skipped frame is written by repeating the one before: in a file
    at once; in a pipe when there is time, because a reader that is no faster than the music would
    stay behind for good.
    """

    def __init__(self, file: io.RawIOBase, size: tuple[int, int], fps: int) -> None:
        self._file = file
        self._is_pipe = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        self._owed = 0  # repeated frames that are still to be written
        width, height = size
        self._last = bytes(width * height) + bytes([128]) * (width * height // 2)  # black
        self._write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())

    def show(self, frame_HWC: np.ndarray) -> None:
        import av
        from av.video.reformatter import ColorRange, Colorspace

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), "rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG
        )
        self._last = frame.to_ndarray().tobytes()
        self._write_last()

    def stand_still(self) -> None:
        if self._is_pipe:
            self._owed += 1
        else:
            self._write_last()

    def idle(self) -> None:
        if self._owed:
            self._owed -= 1
            self._write_last()

    def close(self) -> None:
        self._file.close()

    def _write_last(self) -> None:
        self._write(b"FRAME\n" + self._last)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except BrokenPipeError:
            raise SinkClosed from None
