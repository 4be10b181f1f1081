"""The benchmark: what it counts against closed forms, and all of it on a tiny performer."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.__main__ import Benchmark
from benchmarks.arithmetic import multiply_adds
from benchmarks.pix2pixhd import GlobalGenerator

ROOT = Path(__file__).parents[2]


def test_multiply_adds_are_those_of_the_closed_form():
    image = torch.rand(2, 5, 12, 16)
    convolution = nn.Conv2d(5, 7, 3, stride=2, padding=1)
    assert multiply_adds(lambda: convolution(image)) == 2 * (6 * 8) * 7 * (5 * 3 * 3)
    linear = nn.Linear(11, 13)
    with torch.inference_mode():
        assert multiply_adds(lambda: linear(torch.rand(3, 11))) == 3 * 11 * 13
    left, right = torch.rand(4, 5, 6), torch.rand(4, 6, 7)
    assert multiply_adds(lambda: torch.einsum("bij,bjk->bik", left, right)) == 4 * 5 * 6 * 7
    assert multiply_adds(lambda: image + image) == 0


def test_the_generator_is_that_of_the_paper():
    """Its parameters by the paper's list of layers, and what it needs at 256² by their closed
    forms."""
    generator = GlobalGenerator(maps=3)
    widths = [64, 128, 256, 512, 1024]
    weights = 49 * 3 * 64 + 49 * 64 * 3 + 18 * 9 * 1024**2
    weights += 2 * sum(9 * a * b for a, b in itertools.pairwise(widths))
    biases = 64 + 3 + 18 * 1024 + sum(widths[1:]) + sum(widths[:-1])
    assert sum(p.numel() for p in generator.parameters()) == weights + biases
    small = GlobalGenerator(maps=2, channels=4, blocks=1)
    image = torch.rand(1, 2, 32, 48)
    assert small(image).shape == (1, 3, 32, 48)
    cells = 32 * 48
    needed = 49 * (2 * 4 + 4 * 3) * cells + 2 * 9 * 64**2 * cells // 256
    for down in range(4):
        pair = (4 * 2**down) * (8 * 2**down)
        # Down, then up again: both read or write the smaller picture once for each tap.
        needed += 2 * 9 * pair * cells // 4 ** (down + 1)
    assert multiply_adds(lambda: small(image)) == needed


def test_engines_that_are_the_same_here_are_measured_once(monkeypatch: pytest.MonkeyPatch):
    for capabilities, engines in (
        ({}, ["torch"]),
        ({"avx512_bf16": True}, ["torch", "torch-bf16"]),
        ({"amx_bf16": True}, ["torch", "torch-bf16"]),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda c=capabilities: c, raising=False)
        assert Benchmark(engines=("torch", "auto")).distinct_engines() == engines
        assert Benchmark(engines=("torch", "auto"), device="cuda").distinct_engines() == ["torch"]


def test_a_process_does_not_count_the_memory_of_the_one_that_started_it():
    held = b"x" * 400_000_000
    code = "from benchmarks.files import peak_bytes; print(peak_bytes())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 1_000_000 < int(done.stdout) < len(held) / 2


@pytest.mark.slow
def test_all_of_it_on_a_tiny_performer(tiny_performer: Path, tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "--output", str(tmp_path)]
    command += ["--performers", str(tiny_performer), "--engines", "torch", "--seconds", "0.6"]
    command += ["--file-seconds", "0.6"]
    command += ["--sizes", "--cores", "1", "--latency-blocks", "1", "--lengths", "1"]
    done = subprocess.run(
        [*command, "--skip-vid2vid"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "benchmark.png").stat().st_size > 1000
    text = (tmp_path / "benchmark.md").read_text()
    assert text.strip() == done.stdout.strip()
    rows = json.loads((tmp_path / "benchmark.json").read_text())["rows"]
    stages = {row["stage"]: row for row in rows if row["kind"] == "stage"}
    assert set(stages) == {
        *("features", "transcribe", "pose", "coarse", "encode", "recur", "paint", "write")
    }
    assert all(row["seconds"] > 0 for row in stages.values())
    assert all(
        stages[name]["multiply_adds"] > 0 for name in ("transcribe", "coarse", "encode", "paint")
    )
    for kind in ("rate", "file", "latency", "memory"):
        assert any(row["kind"] == kind for row in rows)
