"""Loop music for an hour through a performer's stream: memory by the minute, frames, drift of pose and colour.

python scripts/measure_hour.py --performer piano --minutes 60

Minute 1 (the second of them, when all that the stages remember has been filled) is compared with the last minute: the same
music is played in both, so that what differs is drift.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from apvg import Performer
from apvg.audio.reading import read_audio
from apvg.engines.memory import keep_freed_memory
from apvg.progress import track
from apvg.samples import AIR, SAMPLE


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--performer", default="piano")
    parser.add_argument("--audio", help="music to loop; the performer's own sample by default")
    parser.add_argument("--minutes", type=int, default=60, help="how long, at least 3")
    arguments = parser.parse_args()
    if arguments.minutes < 3:
        parser.error("--minutes must be at least 3")
    keep_freed_memory()
    performer = Performer.from_pretrained(arguments.performer, engine="auto")
    sample = AIR if performer.config.instrument == "cello" else SAMPLE
    samples_S = read_audio(arguments.audio or sample, performer.sample_rate)
    minute_S = np.resize(samples_S, 60 * performer.sample_rate)  # every minute begins anew

    def chunks() -> Iterator[np.ndarray]:
        for _ in range(arguments.minutes):
            yield from np.array_split(minute_S, 60)

    per_minute = 60 * performer.fps
    total = arguments.minutes * per_minute
    kept: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {1: [], arguments.minutes - 1: []}
    frames, memory = 0, []
    with performer.stream() as stream:
        for part in track(stream.run(chunks()), "performing", total // stream.block):
            for frame_HWC, keypoints_KD in zip(part.frames_THWC, part.keypoints_TKD, strict=True):
                minute, within = divmod(frames, per_minute)
                # A frame every second; the end of a minute hears the beginning of the next, so not of the last.
                if minute in kept and within % performer.fps == 0 and within < 58 * performer.fps:
                    kept[minute].append((keypoints_KD.copy(), frame_HWC.copy()))
                frames += 1
                if frames % per_minute == 0:
                    memory.append(resident_mebibytes())
                    print(f"minute {minute + 1}: {memory[-1]:.0f} MiB", flush=True)
    print(f"{frames} frames, {total} are right")
    flat = [m / memory[1] - 1 for m in memory[1:]]
    print(f"memory from minute 2 on: {100 * min(flat):+.1f} % to {100 * max(flat):+.1f} %")
    early, late = kept[1], kept[arguments.minutes - 1]
    pose = np.stack([k for k, _ in late]) - np.stack([k for k, _ in early])
    colour = np.stack([f for _, f in late]).astype(float) - np.stack([f for _, f in early])
    print(
        f"from minute 2 to {arguments.minutes}: keypoints differ by {np.abs(pose).mean():.4f} px on the mean, "
        f"{np.abs(pose).max():.4f} at most; pixels by {np.abs(colour).mean():.4f} of 255, all taken "
        f"together by {colour.mean():+.5f}"
    )


def resident_mebibytes() -> float:
    """Memory that the process has at this moment."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
