"""Writes frames and music to an mp4 file that browsers can play."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from apvg.base.media import ffmpeg_name
from apvg.music.reading import probe_audio, stream_channels

#: Sample rates that AAC and browsers support, Hz; music at one of them keeps it.
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
#: The audio is written so far ahead of the video, seconds, so that players need not wait for
#: either.
_AUDIO_AHEAD = 1.0


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709) with the music as AAC, frame by frame, with the index at the
    front of the file.

    Use it as a context manager, on a path from :func:`apvg.base.files.atomic_path`. Frames of odd
    width or height are extended by a copy of the last column or row, because yuv420p needs even
    sizes.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        width: int,
        height: int,
        fps: int,
        audio: Path | None,
        audio_start: float = 0.0,
        duration: float | None = None,
        comment: str,
    ) -> None:
        """Open the file.

        Args:
            path: The mp4 to write.
            width: Width of the frames, pixels.
            height: Height of the frames, pixels.
            fps: Frames per second.
            audio: File with the music, written with at most 48 kHz and two channels; None for a
                silent video.
            audio_start: Second of the music at the first frame.
            duration: How much of the music to take, seconds; to its end by default.
            comment: Comment in the file's metadata.

        Raises:
            ApvgError: The music cannot be read.
        """
        self.frames = 0
        self._size = (height, width)
        self._even = ((0, height % 2), (0, width % 2), (0, 0))
        self._sound: Iterator[np.ndarray] = iter(())
        self._sound_rate = 0
        self._sound_samples = 0
        channels = 0
        if audio is not None:
            info = probe_audio(audio)
            channels = min(info.channels, 2)
            self._sound_rate = next((r for r in AAC_RATES if r >= info.sample_rate), AAC_RATES[-1])
            self._sound = stream_channels(
                audio, self._sound_rate, channels=channels, start=audio_start, duration=duration
            )
        self._container = av.open(
            ffmpeg_name(path), "w", format="mp4", options={"movflags": "+faststart"}
        )
        self._container.metadata["comment"] = comment
        self._picture_track = self._container.add_stream(
            "libx264", rate=fps, options={"crf": "18", "preset": "veryfast"}
        )
        track = self._picture_track
        track.width, track.height = width + width % 2, height + height % 2
        track.pix_fmt = "yuv420p"
        track.time_base = Fraction(1, fps)
        track.gop_size = 2 * fps  # players can seek to every other second
        track.colorspace = track.color_primaries = track.color_trc = Colorspace.ITU709
        track.color_range = ColorRange.MPEG
        self._fps = fps
        self._sound_track: av.AudioStream | None = None
        if channels:
            layout = "mono" if channels == 1 else "stereo"
            self._sound_track = self._container.add_stream(
                "aac", rate=self._sound_rate, layout=layout
            )
            self._sound_track.bit_rate = channels * min(96_000, 4 * self._sound_rate)

    def write(self, frame_HWC: np.ndarray) -> None:
        """Append one frame, RGB uint8 [H, W, 3]."""
        if frame_HWC.shape != (*self._size, 3) or frame_HWC.dtype != np.uint8:
            raise ValueError(
                f"frames must be RGB uint8 of {self._size}, not {frame_HWC.dtype} of "
                f"{frame_HWC.shape}"
            )
        even_HWC = np.ascontiguousarray(np.pad(frame_HWC, self._even, mode="edge"))
        frame = av.VideoFrame.from_ndarray(even_HWC, "rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts = self.frames
        frame.time_base = Fraction(1, self._fps)
        self._container.mux(self._picture_track.encode(frame))
        self.frames += 1
        self._write_sound(self.frames / self._fps + _AUDIO_AHEAD)

    def _write_sound(self, until: float) -> None:
        """Encode the music up to a second of the video."""
        track = self._sound_track
        while track is not None and self._sound_samples < until * self._sound_rate:
            samples_CS = next(self._sound, None)
            if samples_CS is None:
                self._container.mux(track.encode(None))
                self._sound_track = None
                return
            layout = "mono" if len(samples_CS) == 1 else "stereo"
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples_CS), "fltp", layout)
            frame.sample_rate = self._sound_rate
            frame.pts = self._sound_samples
            frame.time_base = Fraction(1, self._sound_rate)
            self._container.mux(track.encode(frame))
            self._sound_samples += samples_CS.shape[1]

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._write_sound(float("inf"))
                self._container.mux(self._picture_track.encode(None))
        finally:
            self._container.close()
