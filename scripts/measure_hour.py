"""An hour of music from file to file: memory by the minute, frames, drift of pose and colour, sync
at the end.

    python scripts/measure_hour.py --performer piano --minutes 60

The sample is looped so that every minute is the same. Minute 1 (the second of them, when the state
of all stages has been filled) is compared with the last one: what differs is drift. Sync is
measured in the finished mp4: which of its frames looks like the one that was painted for that
moment, and where in its sound the given sound lies.
"""

from __future__ import annotations

import argparse
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from apvg import Performer
from apvg.base.memory import keep_freed_memory
from apvg.base.progress import track
from apvg.cli.progress import progress_bars
from apvg.music.reading import read_audio, stream_audio
from apvg.samples import AIR, SAMPLE
from apvg.video.reading import frame_times, read_frames
from apvg.video.writing import VideoWriter

#: How far away a frame or a sound is looked for: frames, and seconds.
FRAMES_AWAY, SOUND_AWAY = 3, 0.1
#: Frames that are kept of a minute: one a second, but for the last ones, whose features contain the
#: minute after.
KEPT = 58


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--performer", default="piano")
    parser.add_argument("--audio", help="music to loop; the performer's own sample by default")
    parser.add_argument("--minutes", type=int, default=60, help="how long, at least 3")
    arguments = parser.parse_args()
    minutes = arguments.minutes
    if minutes < 3:
        parser.error("--minutes must be at least 3")
    keep_freed_memory()
    performer = Performer.from_pretrained(arguments.performer, engine="auto")
    sample = AIR if performer.config.instrument == "cello" else SAMPLE
    samples_S = read_audio(arguments.audio or sample, performer.sample_rate)
    minute_S = np.resize(samples_S, 60 * performer.sample_rate)  # every minute begins anew
    with tempfile.TemporaryDirectory() as folder:
        music, video = Path(folder) / "music.wav", Path(folder) / "video.mp4"
        write_looped(music, minute_S, performer.sample_rate, minutes)
        kept = perform(performer, music, video, minutes)
        report_drift(kept[1], kept[minutes - 1], minutes)
        report_sync(kept[minutes - 1], video, minute_S, performer, minutes)


def write_looped(path: Path, minute_S: np.ndarray, sample_rate: int, minutes: int) -> None:
    """A WAV file of the same minute again and again."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, sample_rate, 0, "NONE", "not compressed"))
        for _ in range(minutes):
            file.writeframes((minute_S.clip(-1, 1) * 32767).astype("<i2").tobytes())


class Moments:
    """A frame of every second of a minute, and its keypoints; all of their memory is taken at once,
    before any is measured."""

    def __init__(self, performer: Performer) -> None:
        width, height = performer.config.size
        self.keypoints_NKD = np.ones((KEPT, len(performer.skeleton), 2), np.float32)
        self.frames_NHWC = np.ones((KEPT, height, width, 3), np.uint8)
        self._count = 0

    def add(self, keypoints_KD: np.ndarray, frame_HWC: np.ndarray) -> None:
        self.keypoints_NKD[self._count] = keypoints_KD
        self.frames_NHWC[self._count] = frame_HWC
        self._count += 1


@progress_bars()
def perform(performer: Performer, music: Path, video: Path, minutes: int) -> dict[int, Moments]:
    """Write the video as `apvg generate` does.

    Of minute 1 and the last a frame every second, with its keypoints.
    """
    per_minute = 60 * performer.fps
    total = minutes * per_minute
    kept = {1: Moments(performer), minutes - 1: Moments(performer)}
    memory = []
    samples = stream_audio(music, performer.sample_rate)
    with performer.stream() as stream, writer(performer, music, video) as file:
        for part in track(stream.run(samples), "performing", total // stream.block):
            for frame_HWC, keypoints_KD in zip(part.frames_THWC, part.keypoints_TKD, strict=True):
                minute, within = divmod(file.frames, per_minute)
                if minute in kept and within % performer.fps == 0 and within < KEPT * performer.fps:
                    kept[minute].add(keypoints_KD, frame_HWC)
                file.write(frame_HWC)
                if file.frames % per_minute == 0:
                    memory.append(resident_mebibytes())
                    print(f"minute {minute + 1}: {memory[-1]:.0f} MiB", flush=True)
    print(f"{file.frames} frames, {total} are right")
    flat = [m / memory[1] - 1 for m in memory[1:]]
    print(f"memory from minute 2 on: {100 * min(flat):+.1f} % to {100 * max(flat):+.1f} %")
    return kept


@contextmanager
def writer(performer: Performer, music: Path, video: Path) -> Iterator[VideoWriter]:
    width, height = performer.config.size
    with VideoWriter(
        video, width=width, height=height, fps=performer.fps, audio=music, comment="measured"
    ) as file:
        yield file


def report_drift(early: Moments, late: Moments, minutes: int) -> None:
    """How the same music is played early and late."""
    pose = late.keypoints_NKD - early.keypoints_NKD
    colour = late.frames_NHWC.astype(float) - early.frames_NHWC
    print(
        f"from minute 2 to {minutes}: keypoints differ by {np.abs(pose).mean():.4f} px on the "
        f"mean, {np.abs(pose).max():.4f} at most; pixels by {np.abs(colour).mean():.4f} of 255, "
        f"all taken together by {colour.mean():+.5f}"
    )


def report_sync(
    late: Moments, video: Path, minute_S: np.ndarray, performer: Performer, minutes: int
) -> None:
    """Whether the last minute's frames and sound lie in the file where they belong."""
    fps, begin = performer.fps, 60 * (minutes - 1)
    shown = list(read_frames(video, fps, start=begin))
    away = []
    for second, painted_HWC in enumerate(late.frames_NHWC):
        first = max(0, second * fps - FRAMES_AWAY)
        near = np.stack(shown[first : second * fps + FRAMES_AWAY + 1]).astype(float)
        differences = np.abs(near - painted_HWC).mean(axis=(1, 2, 3))
        if np.ptp(differences) > 0.05 * differences.max():  # where nothing moves all look alike
            away.append(first + int(differences.argmin()) - second * fps)
    times = frame_times(video)
    print(
        f"the video holds {len(times)} frames, the last at {times[-1]:.3f} s; of its last minute's "
        f"{len(away)} moments with motion {sum(a == 0 for a in away)} are on their own frame, "
        f"others up to {max(map(abs, away))} away"
    )
    rate = performer.sample_rate
    found_S = read_audio(video, rate, start=begin)
    print(
        f"sound of the last minute lies {1e3 * sound_offset(found_S, minute_S, rate):+.1f} ms from "
        "its place"
    )


def sound_offset(found_S: np.ndarray, given_S: np.ndarray, sample_rate: int) -> float:
    """How much later than given a sound is, seconds: where both correlate most."""
    most = round(SOUND_AWAY * sample_rate)
    length = min(len(found_S), len(given_S)) - 2 * most
    middle_S = given_S[most : most + length]
    scores = [float(found_S[o : o + length] @ middle_S) for o in range(2 * most + 1)]
    return (int(np.argmax(scores)) - most) / sample_rate


def resident_mebibytes() -> float:
    """Memory that the process has at this moment."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
