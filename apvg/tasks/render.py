"""Render a keypoint file as a video."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter

from apvg.base.errors import ApvgError
from apvg.base.options import Engine, check_options
from apvg.base.progress import Cancel, Progress, reporting, track
from apvg.tasks.video import Video, check_mp4, comment


@dataclass(frozen=True)
class RenderOptions:
    """Options of :func:`render`."""

    keypoints: Path
    """The keypoint file, .npz or .json."""
    output: Path
    """The mp4 file to write."""
    performer: str = "piano"
    """Name of an installed performer, or path of a performer's folder."""
    audio: Path | None = None
    """The music that belongs to the keypoints. It becomes the sound of the video."""
    device: str = "cpu"
    """Device that the networks run on: cpu, cuda or mps."""
    engine: Engine = "auto"
    """Precision of the networks, as for `apvg generate`."""
    force: bool = False
    """Replace the output if it already exists."""


@dataclass(frozen=True)
class Rendered(Video):
    """A video that was rendered from keypoints."""


def render(
    options: RenderOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Rendered:
    """Render a keypoint file, such as :func:`apvg.tasks.generate` writes, as a video.

    Args:
        options: The keypoints, the performer and the output.
        progress: Called before each frame is encoded. The step's item is the frame, RGB uint8 [H,
            W, 3].
        cancel: Cancels the work when it is set.

    Raises:
        ApvgError: The keypoints, the music or the performer cannot be read, the keypoints do not
            fit the performer, or the output cannot be written.
        Stopped: The work was cancelled. No partial file is left behind, as after any error.
    """
    check_options(options)
    with reporting(progress, cancel):
        return _render(options)


def _render(options: RenderOptions) -> Rendered:
    from apvg.base.files import atomic_path
    from apvg.keypoint_files import check_readable, read_keypoints
    from apvg.music.reading import read_audio
    from apvg.video.writing import VideoWriter

    begin = perf_counter()
    check_mp4(options.output)
    check_readable(options.keypoints)
    with atomic_path(options.output, force=options.force) as video:
        # Everything above is fast; loading the performer takes seconds.
        from apvg import Performer
        from apvg.base.memory import keep_freed_memory

        keep_freed_memory()
        performer = Performer.from_pretrained(options.performer, options.device, options.engine)
        poses = read_keypoints(options.keypoints, performer.skeleton)
        fps = performer.fps
        if poses.fps != fps:
            raise ApvgError(
                f"{options.keypoints} has {poses.fps:g} frames per second, but the performer has "
                f"{fps}",
                "resample the keypoints to the performer's frame rate",
            )
        duration = len(poses.keypoints_TKD) / fps
        samples_S = None
        if options.audio is not None:
            samples_S = read_audio(options.audio, performer.sample_rate, duration=duration)
        chunks = performer.render(poses.keypoints_TKD, poses.confidence_TK, samples_S)
        width, height = performer.config.size
        with VideoWriter(
            video,
            width=width,
            height=height,
            fps=fps,
            audio=options.audio,
            duration=duration,
            comment=comment(performer),
        ) as writer:
            frames = chain.from_iterable(chunk.frames_THWC for chunk in chunks)
            for frame_HWC in track(frames, "rendering", len(poses.keypoints_TKD)):
                writer.write(frame_HWC)
    return Rendered(
        options.output, writer.frames, fps, perf_counter() - begin, performer.engine.name
    )
