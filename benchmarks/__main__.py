"""``python -m benchmarks``: one table (Markdown and JSON) and a plot of how fast apvg is on this
machine."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

from apvg.base.progress import track
from apvg.cli.progress import progress_bars
from apvg.engines.choosing import EngineName, choose_engine, resolve
from apvg.music.reading import read_audio
from apvg.performer import Performer
from apvg.samples import AIR, SAMPLE
from benchmarks.arithmetic import fastest, matrix_rate, multiply_adds
from benchmarks.files import measure_file
from benchmarks.pix2pixhd import GlobalGenerator
from benchmarks.report import write_report
from benchmarks.stages import measure_latency, measure_stages, resized

Row = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """Measure every stage, whole files, latency and memory. Nothing else should run meanwhile."""

    output: Path = Path("benchmark")
    """Folder for benchmark.md, benchmark.json and benchmark.png."""
    performers: tuple[str, ...] = ("piano", "cello")
    """Names or folders."""
    engines: tuple[EngineName, ...] = ("torch", "auto")
    """What runs the networks."""
    device: str = "cpu"
    """Where the stages run; whole files and latency are measured on the cpu only."""
    seconds: float = 4.0
    """Music for each measurement of stages and latency."""
    file_seconds: float = 20.0
    """Music for each whole file."""
    sizes: tuple[int, ...] = (512,)
    """Sides of square pictures to measure in addition to the performers' own; fresh weights."""
    blocks: tuple[int, ...] = (8,)
    """Frames that the stages work on at a time: the batch sizes."""
    latency_blocks: tuple[int, ...] = (1, 2, 4)
    """The same for latency."""
    cores: tuple[int, ...] = (1, 2)
    """How many cores whole files may use."""
    lengths: tuple[float, ...] = (10.0, 60.0)
    """Lengths of music for the peak of memory, seconds; 600 and 3600 take their time."""
    skip_vid2vid: bool = False
    """Leave out pix2pixHD's global generator."""

    @progress_bars()
    def run(self) -> None:
        """Measure, then write the report and print its table."""
        self.output.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(1)  # as in the pipeline; cores work on different blocks
        steps = list(self._steps())
        rows = [row for step in track(steps, "measuring") for row in step()]
        print(write_report(self.output, machine(self.device), rows))

    def _steps(self) -> Iterator[Callable[[], list[Row]]]:
        dtypes = (torch.float32, torch.bfloat16)
        yield lambda: [
            {"kind": "rate", "dtype": str(d).split(".")[1], "rate": matrix_rate(self.device, d)}
            for d in dtypes
        ]
        for name in self.performers:
            for engine in self.distinct_engines():
                for size in (None, *self.sizes):
                    for block in self.blocks:
                        yield lambda n=name, e=engine, s=size, b=block: self._stages(n, e, s, b)
        if not self.skip_vid2vid:
            for side in {256, *self.sizes}:
                yield lambda s=side: [self._generator(s)]
        if self.device != "cpu":
            return
        for name in self.performers:
            for engine in self.distinct_engines():
                for cores in self.cores:
                    yield lambda n=name, e=engine, c=cores: [self._file(n, self.file_seconds, c, e)]
            for block in self.latency_blocks:
                yield lambda n=name, b=block: [self._latency(n, b)]
            for length in self.lengths:
                yield lambda n=name, s=length: [self._file(n, s, max(self.cores), "auto", "memory")]

    def distinct_engines(self) -> list[EngineName]:
        """The engines that these names stand for on this machine, each once."""
        return list(dict.fromkeys(resolve(name, self.device) for name in self.engines))

    def _stages(self, name: str, engine: EngineName, size: int | None, block: int) -> list[Row]:
        performer = Performer.from_pretrained(name, self.device, engine)
        if size is not None:
            performer = resized(performer, (size, size), engine)
        samples_S = read_audio(_music(name), performer.sample_rate, duration=self.seconds)
        width, height = performer.config.size
        about = {
            "kind": "stage",
            "performer": name,
            "engine": performer.engine.name,
            "size": f"{width}×{height}",
            "block": block,
        }
        return [
            about | {"stage": s.name, "seconds": s.seconds, "multiply_adds": s.multiply_adds}
            for s in measure_stages(performer, samples_S, block=block)
        ]

    @torch.inference_mode()
    def _generator(self, side: int) -> Row:
        generator = GlobalGenerator(maps=3).eval().to(self.device)
        maps_1CHW = torch.rand(1, 3, side, side, device=self.device)
        return {
            "kind": "vid2vid",
            "size": f"{side}×{side}",
            "seconds": fastest(lambda: generator(maps_1CHW), self.device, 2.0),
            "multiply_adds": multiply_adds(lambda: generator(maps_1CHW)),
            "parameters": sum(p.numel() for p in generator.parameters()),
        }

    def _file(
        self, name: str, seconds: float, cores: int, engine: EngineName, kind: str = "file"
    ) -> Row:
        run = measure_file(name, _music(name), seconds, cores, engine)
        return {
            "kind": kind,
            "performer": name,
            "engine": engine,
            "cores": cores,
            "music_seconds": seconds,
            "real_time_factor": run.real_time_factor,
            "peak_bytes": run.peak_bytes,
        }

    def _latency(self, name: str, block: int) -> Row:
        performer = Performer.from_pretrained(name)
        performer.engine = choose_engine(performer.stages)
        samples_S = read_audio(_music(name), performer.sample_rate, duration=self.seconds)
        stated, took_N = measure_latency(performer, samples_S, block=block)
        p50, p95, p99 = (float(took_N.quantile(q)) for q in (0.5, 0.95, 0.99))
        return {
            "kind": "latency",
            "performer": name,
            "engine": performer.engine.name,
            "block": block,
            "waits": stated + 1 / performer.fps,
            "p50": p50,
            "p95": p95,
            "p99": p99,
        }


def machine(device: str) -> Row:
    """What was measured on."""
    name = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    return {
        "processor": name,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else "cpu",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "command": "python -m benchmarks " + " ".join(sys.argv[1:]),
    }


def _music(performer: str) -> Path:
    return AIR if performer == "cello" else SAMPLE


if __name__ == "__main__":
    tyro.cli(Benchmark).run()
