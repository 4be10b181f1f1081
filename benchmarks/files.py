"""From file to file in a process of its own, on so many cores: how long it takes and how much
memory.

``python -m benchmarks.files PERFORMER SAMPLE SECONDS CORES ENGINE`` prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

RATE = 16000


@dataclass(frozen=True)
class FileRun:
    """One video made.

    Attributes:
        seconds: That it took, from the command to the whole file; without Python's start.
        frames: Of the video.
        fps: Its frames per second.
        peak_bytes: Most memory that the process ever held.
    """

    seconds: float
    frames: int
    fps: int
    peak_bytes: int

    @property
    def real_time_factor(self) -> float:
        """Seconds of work per second of music."""
        return self.seconds * self.fps / self.frames


def measure_file(performer: str, sample: Path, seconds: float, cores: int, engine: str) -> FileRun:
    """Make a video of so many seconds of this music, played again and again, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.files", performer, str(sample), str(seconds)]
    done = subprocess.run(
        [*command, str(cores), engine], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the measurement failed: {done.stderr.strip()[-2000:]}")
    return FileRun(**json.loads(done.stdout.splitlines()[-1]))


def _main(performer: str, sample: str, seconds: str, cores: str, engine: str) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    from time import perf_counter

    from apvg.bundle import read_config
    from apvg.performer import find_performer
    from apvg.tasks import GenerateOptions, generate

    with tempfile.TemporaryDirectory() as folder:
        music, video = Path(folder) / "music.wav", Path(folder) / "video.mp4"
        _write_looped(Path(sample), float(seconds), music)
        begin = perf_counter()
        generate(GenerateOptions(music, video, performer, engine=engine))  # pyright: ignore[reportArgumentType]
        took = perf_counter() - begin
    fps = read_config(find_performer(performer)).features.fps
    frames = round(float(seconds) * fps)
    run = FileRun(took, frames, fps, peak_bytes())
    print(json.dumps(run.__dict__))


def _write_looped(sample: Path, seconds: float, path: Path) -> None:
    """Mono sound of so many seconds: the sample again and again."""
    import numpy as np

    from apvg.music.reading import read_audio

    once_S = (read_audio(sample, RATE).clip(-1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        left = round(seconds * RATE)
        while left > 0:
            file.writeframes(np.ascontiguousarray(once_S[:left]).tobytes())
            left -= len(once_S)


def peak_bytes() -> int:
    """The most memory that this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which on Linux begins with what the process held that started this one.
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(peak.split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    _main(*sys.argv[1:])
