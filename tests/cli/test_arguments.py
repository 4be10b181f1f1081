"""Options that cannot be: one line for every verb, before anything is begun."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.cli.errors import print_error
from apvg.cli.main import VERBS, main, parse

#: What each verb cannot do without.
NEEDED = {
    "generate": ["a.wav", "-o", "a.mp4"],
    "render": ["a.npz", "-o", "a.mp4"],
    "live": ["a.wav", "-o", "a.y4m"],
    "prepare": ["a.mp4", "takes"],
    "virtual": ["takes"],
    "train": ["takes", "performer", "--recipe", "pianist"],
    "evaluate": ["piano", "takes", "-o", "report"],
    "export": ["piano", "onnx"],
    "performers": [],
    "studio": ["--no-browser"],
}


def refused(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command is refused with."""
    assert main(args) == 1
    error = capsys.readouterr().err
    assert error.startswith("apvg: error: ")
    assert error.count("\n") == 1
    return error


def numeric_options() -> list[tuple[str, str, bool]]:
    """Verb, option, and whether it is a whole number."""
    found = []
    for verb, place in VERBS.items():
        module, _, name = place.partition(":")
        options = getattr(import_module(module), name)
        hints = get_type_hints(options)
        for field in fields(options):
            if hints[field.name] in (int, float, int | None, float | None):
                whole = hints[field.name] in (int, int | None)
                found.append((verb, f"--{field.name.replace('_', '-')}", whole))
    return found


def test_every_verb_has_its_needs_here() -> None:
    assert NEEDED.keys() == VERBS.keys()
    assert len(numeric_options()) > 25


@pytest.mark.parametrize(("verb", "option", "whole"), numeric_options())
def test_numbers_that_no_option_can_be(
    capsys: pytest.CaptureFixture[str], verb: str, option: str, whole: bool
) -> None:
    for number in ("nan", "inf", "-inf", "1e400"):
        args = [verb, *NEEDED[verb], f"{option}={number}"]
        if not whole:
            assert option in refused(args, capsys), number
            continue
        with pytest.raises(SystemExit) as leave:
            main(args)
        assert leave.value.code == 2
        capsys.readouterr()
    for number in (10**23, -(10**23)):
        assert option in refused([verb, *NEEDED[verb], f"{option}={number}"], capsys)


@pytest.mark.parametrize(
    ("verb", "option", "message"),
    [
        ("generate", "--transpose=89", "give a number from -88 to 88 (--transpose)"),
        ("generate", "--start=nan", "give a number from 0 to 100000000 (--start)"),
        ("generate", "--start=-0.5", "give a number from 0 to 100000000 (--start)"),
        ("generate", "--duration=-inf", "duration cannot be -inf"),
        ("generate", "--duration=0", "give a number above 0, up to 100000000 (--duration)"),
        ("generate", f"--seed={10**23}", f"seed cannot be {10**23}; give a number from 0 to"),
        ("virtual", f"--seed={10**23}", f"seed cannot be {10**23}"),
        ("virtual", "--drawn=1.5", "drawn cannot be 1.5; give a number from 0 to 1 (--drawn)"),
        ("live", "--rate=3000000000", "give a number from 1000 to 768000 (--rate)"),
        ("live", "--channels=0", "channels cannot be 0; give a number from 1 to 64 (--channels)"),
        ("live", "--block=1000000", "give a number from 1 to 250 (--block)"),
        ("prepare", "--fps=0", "fps cannot be 0; give a number from 1 to 240 (--fps)"),
        ("prepare", "--jobs=0", "jobs cannot be 0; give a number from 1 to 1024 (--jobs)"),
        ("evaluate", "--jobs=0", "jobs cannot be 0; give a number from 1 to 1024 (--jobs)"),
        ("evaluate", "--baseline-steps=0", "baseline steps cannot be 0; give a number from 1 to"),
        ("studio", "--port=70000", "port cannot be 70000; give a number from 0 to 65535 (--port)"),
        (
            "studio",
            "--limits.music-minutes=nan",
            "give a number from 0.1 to",
        ),
        ("train", "--until=0", "until cannot be 0"),
    ],
)
def test_what_may_be_is_said(
    capsys: pytest.CaptureFixture[str], verb: str, option: str, message: str
) -> None:
    args = [verb, *NEEDED[verb], option.replace("limits.", "")]
    assert message in refused(args, capsys)


@pytest.mark.parametrize(
    ("verb", "position"),
    [(verb, i) for verb, args in NEEDED.items() for i, arg in enumerate(args) if arg[0] != "-"],
)
def test_no_name_holds_a_nul(capsys: pytest.CaptureFixture[str], verb: str, position: int) -> None:
    args = list(NEEDED[verb])
    args[position] = f"a\0{args[position]}"
    assert "NUL" in refused([verb, *args], capsys)


@pytest.mark.parametrize(
    "device", ["meta", "cpu:", "vulkan", "fpga", "", "cuda:99", "abacus", "CPU"]
)
def test_devices_that_are_not_available(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_performer: Path, device: str
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 16000)
    music, out = str(tmp_path / "a.wav"), str(tmp_path / "a.mp4")
    args = ["generate", music, "-o", out, "--performer", str(tiny_performer), "--device", device]
    assert "choose the device cpu (--device)" in refused(args, capsys)
    assert not Path(out).exists()


@settings(max_examples=40, deadline=None)
@given(
    transpose=st.integers(-88, 88),
    start=st.floats(0, 0.2),
    duration=st.floats(0.05, 1e8),
    seed=st.integers(0, 2**63 - 1),
)
def test_whatever_may_be_is_done(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_performer: Path,
    transpose: int,
    start: float,
    duration: float,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("options")
    soundfile.write(folder / "a.wav", np.zeros(8000), 16000)
    options = {"transpose": transpose, "start": start, "duration": duration, "seed": seed}
    named = [f"--{name}={value}" for name, value in options.items()]
    music, out = str(folder / "a.wav"), str(folder / "a.mp4")
    assert main(["generate", music, "-o", out, "--performer", str(tiny_performer), *named]) == 0


def test_every_verb_keeps_its_task_s_bounds_where_it_writes_an_option_otherwise() -> None:
    for verb, args in NEEDED.items():
        command: Any = parse([verb, *args])
        base = type(command).__mro__[1]
        if base is not object:
            own = get_type_hints(type(command))
            for name, kind in get_type_hints(base).items():
                if (verb, name) != ("evaluate", "takes"):  # which may be left out for --compare
                    assert own[name] == kind, f"{verb} {name}"


def test_positions_have_no_flag_in_messages(capsys: pytest.CaptureFixture[str]) -> None:
    command: Any = parse(["generate", "a.wav", "-o", "a.mp4"])
    options = ["audio", "force", "soundfont", "resume"]  # the last is of another verb
    print_error(ApvgError("it is so", "do this", options), command)
    assert capsys.readouterr().err == "apvg: error: it is so; do this (--force, --soundfont)\n"
