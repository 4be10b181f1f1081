"""Every command in the documents is run, with what it names, and leaves what it promises.

What is given to them is of a second or two (tests/desk.py). Where a command as it is written would
take minutes even so, `SMALLER` says what is run instead; what needs something that is not here is
skipped, and `ABSENT` says what that is. `ELSEWHERE` is what does not run here. Everything else runs
as it is written, a command that is new in a document as well.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import av
import pytest
from desk import Desk
from documented import DOCUMENTS, ROOT, Line, lines, lines_within_sentences

from apvg import Performer
from apvg.cli.main import VERBS, main
from apvg.music.soundfonts import find_soundfonts
from apvg.takes.take import load_takes

#: What commands like these are given in place of what is written, or besides: options, or another
#: performer. A number of 0 stays.
SMALLER = {
    "apvg train": "--recipe {written}.toml",  # the same with two steps a stage
    "apvg virtual": "--minutes 0.0834 --seconds 5 --jobs 1",  # a piece
    # Pictures take their time: those of one command are enough
    "apvg virtual (?!.*--scores)": "--samples 0",
    "apvg virtual .*--scores": "--samples 1 --size 32",
    "apvg evaluate (?!--compare)": "--jobs 1",
    "apvg evaluate .*(--baselines|piano-eval)": "--no-read-back",  # one with a tracker is enough
    "apvg evaluate .*--baselines": "--baseline-steps 2",
    "apvg live": "--duration 0.4",
    "ffmpeg .*-t": "-t 0.4",
    "ffplay": "-autoexit",
    "apvg studio": "--port PORT",
    "tensorboard": "--port PORT",
}
#: Options that commands like these are run without: they take their time, and another line is run
#: with them.
LEFT_OUT = {"apvg evaluate (my-performer|piano-eval) ": ("--baselines",)}
#: Lines of scripts, which stand for so much work that others are put in their place.
SHORTER = {
    "scripts/make_pictures.py": (
        "BEGIN, END, MOMENT = 2.0, 7.6, 5.0",
        "BEGIN, END, MOMENT = 0.1, 0.4, 0.2",
    ),
}
#: Programs that stay until they are stopped, and serve a page meanwhile.
SERVERS = ("apvg studio", "tensorboard")
#: What is not run here, and why.
ELSEWHERE = {
    "apvg export piano": "tests/engines/test_exporting.py runs it on a tiny performer",
    "make docs": "tests/test_site.py builds the site",
    "python -m nbconvert": "tests/documents/test_documents.py runs the notebook",
    "python -m benchmarks(?! --help)": "tests/benchmarks runs it on a tiny performer",
    "python scripts/measure_hour.py": "takes minutes at the least",
    "python scripts/measure_fingering.py": "tests/test_fingering_script.py runs it",
    "python scripts/show_wrongs.py": "needs the pianist's footage and minutes of rendering",
    "python scripts/ablate.py": "make results-smoke runs it on a tiny corpus",
    "PYTHONPATH=tests python -m goldens.record": "tests/goldens/test_goldens.py compares",
    "make test": "this is what it runs",
    "pytest": "this is what it runs",
    "make results-smoke": "takes minutes: a job of its own in CI",
}


def smaller(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command with what `SMALLER` says, and without what `LEFT_OUT` does."""
    for beginning, options in LEFT_OUT.items():
        if re.match(beginning, shlex.join(command)):
            command = tuple(word for word in command if word not in options)
    for beginning, options in SMALLER.items():
        if re.match(beginning, shlex.join(command)):
            if not options.startswith("-"):
                command = (*beginning.split()[:-1], options, *command[3:])
                continue
            for option in re.findall(r"-.+?(?=$| -)", options):
                command = with_option(command, *option.split())
    return command


def with_option(command: tuple[str, ...], name: str, *values: str) -> tuple[str, ...]:
    """The command with these values of an option in place of what is written there, if it is not
    0."""
    if name not in command:
        return *command, name, *values
    at = command.index(name) + 1
    after = at
    while after < len(command) and not command[after].startswith("-"):
        after += 1
    written = command[at:after]
    if written == ("0",):
        return command
    return *command[:at], *(v.format(written="".join(written)) for v in values), *command[after:]


def as_run(line: Line) -> Line:
    """The line with every command as small as it is run."""
    return replace(line, commands=tuple(map(smaller, line.commands)))


def sense(line: Line) -> tuple[tuple[str, ...], ...]:
    """What a line comes to when it is made smaller, in whatever order its options stand and however
    its folders are called."""
    words = [sorted(word.lower() for word in command) for command in as_run(line).commands]
    return line.variables, *map(tuple, words)


#: Every line of the documents; of those that come to the same, the first.
LINES = list(
    {
        sense(line): line
        for document in reversed(DOCUMENTS)
        for line in reversed([*lines(document), *lines_within_sentences(document)])
    }.values()
)[::-1]


def lacks(*programs: str) -> bool:
    return not all(map(shutil.which, programs))


def no_portaudio() -> bool:
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError):
        return True
    return False


def no_microphone() -> bool:
    if no_portaudio():
        return True
    import sounddevice

    return not any(device["max_input_channels"] for device in sounddevice.query_devices())


#: What commands like these need, whether it is absent, and the reason for which they are skipped
#: then.
ABSENT: dict[str, tuple[Callable[[], bool], str]] = {
    "pip install": (lambda: True, "installs from the network, into this very environment"),
    r"apvg live( -o camera| --.*)?$": (no_microphone, "no microphone here"),
    "python -m sounddevice": (no_portaudio, "no PortAudio here"),
    "apvg live -o camera": (lambda: not list(Path("/dev").glob("video*")), "no virtual camera"),
    "APVG_MITSUBA=llvm": (lambda: find_library("LLVM-19") is None, "no LLVM 19 here"),
    "ffmpeg -f pulse": (lambda: lacks("ffmpeg", "pactl"), "no sound server here (PulseAudio)"),
    r"(^|\| )ffmpeg ": (lambda: lacks("ffmpeg"), "no ffmpeg here"),
    r"\| ffplay ": (lambda: lacks("ffplay"), "no ffplay here"),
    # Those with baselines are run without a tracker, see SMALLER.
    r"apvg prepare (?!.*--openpose)"
    r"|apvg evaluate (?!--compare)(?!.*(--baselines|piano-eval|--no-read-back))": (
        lambda: find_spec("mediapipe") is None,
        "no MediaPipe here (extra pose)",
    ),
    r"apvg .*\.mid\b": (
        lambda: lacks("fluidsynth") or not find_soundfonts(),
        "no FluidSynth or soundfont here",
    ),
}
#: What a command writes where it is not told a place.
WRITES = {
    "make play": "out/play.mp4",
    "python scripts/make_pictures.py": "docs/play.webp",
}


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, tiny_performer: Path) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"), tiny_performer)


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES, ids=str)
def test_it_runs(
    line: Line, desk: Desk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pattern, (is_absent, reason) in ABSENT.items():
        if re.search(pattern, str(line)) and is_absent():
            pytest.skip(reason)
    for beginning, place in ELSEWHERE.items():
        if re.match(beginning, str(line)):
            pytest.skip(place)
    own = line.commands[0][0] in ("make", "python")
    table = request.getfixturevalue("checkout" if own else "tmp_path")
    monkeypatch.chdir(table)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(table if own else ROOT))
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # windows on no screen
    monkeypatch.setenv("BROWSER", "true")  # which opens nothing
    monkeypatch.setenv("APVG_STUDIO", str(table / "studio"))
    line = as_run(line)
    made = [output for command in line.commands for output in outputs(command)]
    given = inputs(line) | ({"apvg"} if own else set())
    for name in sorted(given & desk.makers.keys() - {str(path) for path in made}):
        desk.lay(name, table)
    if own and (script := line.commands[0][1]) in SHORTER:
        before, after = SHORTER[script]
        text = (table / script).read_text(encoding="utf-8")
        assert before in text
        (table / script).write_text(text.replace(before, after), encoding="utf-8")
    run(line)
    for output in made:
        check(output)


def outputs(command: tuple[str, ...]) -> Iterator[Path]:
    """What a command promises to write."""
    text = shlex.join(command)
    if text.startswith(("apvg prepare ", "apvg train ", "apvg export ")):
        yield Path(command[3])
    elif text.startswith("apvg virtual "):
        yield Path(command[2])
    for option, value in pairwise(command):
        if option in ("-o", "--keypoints") and value not in ("-", "camera"):
            yield Path(value)
    if text.startswith("ffmpeg ") and not text.endswith("-"):
        yield Path(command[-1])
    for beginning, path in WRITES.items():
        if re.match(beginning, text):
            yield Path(path)


def inputs(line: Line) -> set[str]:
    """The first part of whatever may be a path."""
    words = (word.rpartition("=")[2] for command in line.commands for word in command[1:])
    return {Path(word).parts[0] for word in words if word.strip(".")}


def run(line: Line) -> None:
    """As a shell would, but for single commands of ours, which need no process of their own."""
    command = line.commands[0]
    if str(line).startswith(SERVERS):
        serve(command)
    elif command[0] == "apvg" and "-" not in command and not (line.commands[1:] or line.variables):
        assert main(command[1:]) == 0
    else:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", str(line)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr.decode()


def serve(command: tuple[str, ...]) -> None:
    """Start it, get its page, and stop it by Ctrl-C."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = tuple(word.replace("PORT", str(port)) for word in command)
    # Jobs in a shell's background are born deaf to Ctrl-C, and so would be what they start.
    hearing = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    with subprocess.Popen(command, stderr=subprocess.STDOUT, preexec_fn=hearing) as process:
        try:
            page = fetch(f"http://127.0.0.1:{port}", process)
            assert "<html" in page.lower()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def fetch(address: str, process: subprocess.Popen[bytes]) -> str:
    """A page that is there soon."""
    until = time.monotonic() + 120
    while True:
        assert process.poll() is None, "it ended by itself"
        try:
            with urllib.request.urlopen(address) as answer:
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.2)


def check(path: Path) -> None:
    """It is there, and is what its name says."""
    if path.suffix in (".mp4", ".y4m"):
        with av.open(str(path)) as video:
            assert len(list(video.decode(video=0))) > 0
    elif path.is_dir():
        folders = {path.name for path in path.iterdir() if not path.name.startswith(".")}
        assert folders
        if "config.json" in folders:
            Performer.from_pretrained(path)
        elif not {"report.html", "compare.html", "stages.json"} & folders:
            assert load_takes(path)
    else:
        assert path.stat().st_size > 100


def test_every_verb_is_documented() -> None:
    verbs = {command[1] for line in LINES for command in line.commands if command[0] == "apvg"}
    assert set(VERBS) <= verbs


def test_nothing_is_said_of_commands_that_are_no_longer_there() -> None:
    for pattern in (*SMALLER, *LEFT_OUT, *ABSENT, *ELSEWHERE, *WRITES, *SERVERS):
        assert any(re.search(pattern, str(line)) for line in LINES), pattern
