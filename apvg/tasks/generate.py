"""Generate a video of a musician playing the given music."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from apvg.base.errors import ApvgError
from apvg.base.options import Duration, Engine, Moment, Seed, Semitones, check_options
from apvg.base.progress import Cancel, Progress, reporting, track
from apvg.tasks.video import Video, check_mp4, comment

if TYPE_CHECKING:
    import numpy as np

    from apvg.performer import Performer
    from apvg.streaming import Stream

    #: Keypoints [K, 2] of one frame and their confidence [K].
    Pose = tuple[np.ndarray, np.ndarray]

View = Literal["video", "skeleton", "side-by-side"]


@dataclass(frozen=True)
class GenerateOptions:
    """Options of :func:`generate`."""

    audio: Path
    """The music: any audio or video file that FFmpeg reads, or a MIDI file (.mid), which FluidSynth
    synthesises."""
    output: Path
    """The mp4 file to write."""
    performer: str = "piano"
    """Name of an installed performer, or path of a performer's folder."""
    keypoints: Path | None = None
    """Also write the predicted keypoints to this file, .npz or .json."""
    soundfont: Path | None = None
    """Soundfont for a MIDI file, .sf2 or .sf3. By default, the one that APVG_SOUNDFONT names, or
    else the first one found."""
    view: View = "video"
    """What the frames show. With side-by-side, the skeleton is to the right of the video, or
    below it if the video is wide."""
    transpose: Semitones = 0
    """Semitones by which the performer plays higher than the music. The sound does not change.
    With -19, a cello can play a violin part."""
    device: str = "cpu"
    """Device that the networks run on: cpu, cuda or mps."""
    engine: Engine = "auto"
    """Precision of the networks in PyTorch: float32 (torch) or bfloat16 (torch-bf16). auto is the
    faster of the two on this machine; the quality is the same."""
    seed: Seed = 0
    """Seed of PyTorch's random numbers. No performer uses them yet."""
    start: Moment = 0.0
    """Where to start in the music, in seconds."""
    duration: Duration | None = None
    """How much of the music to play, in seconds. By default, all of it."""
    force: bool = False
    """Replace the output if it already exists."""


@dataclass(frozen=True)
class Generated(Video):
    """A generated video, with its keypoints and notes."""

    keypoints: Path | None = None
    """The keypoint file, if one was requested."""
    notes: int = 0
    """Number of notes that were played."""
    notes_moved: int = 0
    """Number of notes outside the performer's pitch range, which were played in the nearest octave.
    """
    remarks: tuple[str, ...] = ()
    """Remarks for the user: sentences without a full stop."""


def generate(
    options: GenerateOptions, *, progress: Progress | None = None, cancel: Cancel | None = None
) -> Generated:
    """Generate a video of a musician playing the given music.

    The music is decoded, performed and encoded block by block, so memory use does not grow with its
    length.

    Args:
        options: The music, the performer and the output.
        progress: Called before each frame is encoded. The step's item is the frame, RGB uint8 [H,
            W, 3].
        cancel: Cancels the work when it is set.

    Raises:
        ApvgError: An option is out of bounds, the music or the performer cannot be read, or the
            output cannot be written.
        Stopped: The work was cancelled. No partial file is left behind, as after any error.
    """
    check_options(options)
    with reporting(progress, cancel):
        return _generate(options)


def _generate(options: GenerateOptions) -> Generated:
    import numpy as np

    from apvg.base.files import atomic_path
    from apvg.keypoint_files import KeypointTrack, check_suffix, write_keypoints
    from apvg.music.reading import measure_audio, stream_audio
    from apvg.music.source import open_music
    from apvg.video.writing import VideoWriter

    begin = perf_counter()
    start, duration = options.start, options.duration
    check_mp4(options.output)
    if options.keypoints is not None:
        check_suffix(options.keypoints)
    with ExitStack() as outputs:
        # Check that files can be read and written before loading the networks, which takes seconds.
        music = outputs.enter_context(open_music(options.audio, options.soundfont))
        stop = None if duration is None else start + duration
        length = measure_audio(music.audio, until=stop) - start
        video = outputs.enter_context(atomic_path(options.output, force=options.force))
        keypoints = None
        if options.keypoints is not None:
            keypoints = outputs.enter_context(atomic_path(options.keypoints, force=options.force))
        performer = _load(options)
        from apvg.base.pipeline import ahead

        fps = performer.fps
        width, height = view_size(performer.config.size, options.view)
        samples = stream_audio(music.audio, performer.sample_rate, start=start, duration=duration)
        notes = music.notes.shifted(-start) if music.notes is not None else None
        stream = outputs.enter_context(performer.stream(notes, transpose=options.transpose))
        poses: list[Pose] = []

        def frames() -> Iterator[np.ndarray]:
            for frame_HWC, pose in _performed(stream, samples, performer, options.view):
                if keypoints is not None:
                    poses.append(pose)
                yield compose_view(frame_HWC, *pose, performer, options.view)

        with VideoWriter(
            video,
            width=width,
            height=height,
            fps=fps,
            audio=music.audio,
            audio_start=start,
            duration=duration,
            comment=comment(performer),
        ) as writer:
            total = round(min(length, duration or length) * fps)
            # The next frames are rendered while these are encoded.
            for frame_HWC in track(ahead(frames()), "performing", total):
                writer.write(frame_HWC)
            if writer.frames == 0:
                raise ApvgError(
                    f"{options.audio} is shorter than half a frame ({0.5 / fps:g} s)",
                    "use longer music, or a longer part of it",
                    ["duration"],
                )
        if keypoints is not None:
            keypoints_TKD, confidence_TK = map(np.stack, zip(*poses, strict=True))
            pose_track = KeypointTrack(keypoints_TKD, confidence_TK, fps)
            write_keypoints(keypoints, pose_track, performer.skeleton)
    remarks = []
    if stream.folding.folded:
        remarks.append(
            f"{stream.folding}, the pitch range of {performer.name}; they were played in the "
            "nearest octave"
        )
    return Generated(
        options.output,
        writer.frames,
        fps,
        perf_counter() - begin,
        performer.engine.name,
        options.keypoints,
        stream.folding.notes,
        stream.folding.folded,
        tuple(remarks),
    )


def _load(options: GenerateOptions) -> Performer:
    import torch

    from apvg import Performer
    from apvg.base.memory import keep_freed_memory

    keep_freed_memory()
    torch.manual_seed(options.seed)
    return Performer.from_pretrained(options.performer, options.device, options.engine)


def _performed(
    stream: Stream, samples: Iterator[np.ndarray], performer: Performer, view: View
) -> Iterator[tuple[np.ndarray, Pose]]:
    """Every frame with its keypoints and their confidence.

    For the skeleton view, frames are black and nothing is rendered.
    """
    import numpy as np

    from apvg.base.pipeline import ahead

    if view == "skeleton":
        width, height = performer.config.size
        black_HWC = np.zeros((height, width, 3), np.uint8)
        for keypoints_TKD, confidence_TK in ahead(stream.keypoints(samples)):
            for pose in zip(keypoints_TKD, confidence_TK, strict=True):
                yield black_HWC, pose
        return
    for chunk in stream.run(samples):
        poses_T = zip(chunk.keypoints_TKD, chunk.confidence_TK, strict=True)
        yield from zip(chunk.frames_THWC, poses_T, strict=True)


def view_size(size: tuple[int, int], view: View) -> tuple[int, int]:
    """Width and height of the frames that :func:`compose_view` returns, in pixels."""
    width, height = size
    if view != "side-by-side":
        return width, height
    return (width, 2 * height) if width > height else (2 * width, height)


def compose_view(
    frame_HWC: np.ndarray,
    keypoints_KD: np.ndarray,
    confidence_K: np.ndarray,
    performer: Performer,
    view: View,
) -> np.ndarray:
    """One frame of the output: the video frame, the skeleton on black, or both."""
    import numpy as np

    from apvg.video.drawing import draw_skeleton

    if view == "video":
        return frame_HWC
    black_HWC = np.zeros_like(frame_HWC)
    drawn_HWC = draw_skeleton(black_HWC, keypoints_KD, confidence_K, performer.skeleton)
    if view == "skeleton":
        return drawn_HWC
    axis = 0 if frame_HWC.shape[1] > frame_HWC.shape[0] else 1
    return np.concatenate([frame_HWC, drawn_HWC], axis=axis)
