"""What the documents say to type is what there is to be typed, and the quick ones are typed here."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
import soundfile

from apvg.audio.soundfonts import find_soundfonts
from apvg.cli.main import main, parse
from apvg.midi import Notes, write_midi

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "apvg" / "performers").glob("*/card.md"),
    ]
)
documents = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)
#: Programs that are not this project's, and are taken as they are.
OTHERS = {"cd", "ffmpeg", "ffplay", "pytest", "sudo", "tensorboard"}
#: Verbs that are done within seconds with a built-in performer and little music.
QUICK = ("generate", "performers", "render")


def blocks(document: Path, *languages: str) -> list[str]:
    """The code blocks of these languages, those within lists as well."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```(?:{'|'.join(languages)})\n(.*?)^ *```", text, re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


def commands(document: Path) -> Iterator[list[str]]:
    """Every simple command of the blocks that a shell is to read, as its words; those of a pipe apart."""
    for block in blocks(document, "sh", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.shlex(line, posix=True, punctuation_chars=True)
            words.whitespace_split = True
            command: list[str] = []
            for word in [*words, ";"]:
                if not set(word) <= set(";|&"):
                    command.append(word)
                    continue
                while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
                    command.pop(0)
                if command:
                    yield command
                command = []


@documents
def test_every_command_is_understood(document: Path) -> None:
    for program, *words in commands(document):
        if program == "apvg":
            parse(words)
        elif program == "make":
            subprocess.run(["make", "--dry-run", *words], cwd=ROOT, check=True, capture_output=True)
        elif program == "python":
            check_python(words)
        elif program == "pip":
            check_extras(words)
        else:
            assert program in OTHERS, f"nobody looks after {program} {shlex.join(words)}"


def check_python(words: list[str]) -> None:
    """The script or module is there, and knows the options that it is given."""
    source = ROOT / words[0]
    if words[0] == "-m":
        words = words[1:]
        spec = importlib.util.find_spec(words[0])
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin).parent
    if "site-packages" in source.parts:  # not ours
        return
    files = source.rglob("*.py") if source.is_dir() else [source]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    for word in words[1:]:
        if word.startswith("--"):
            name = word.removeprefix("--").partition("=")[0]
            assert f'"--{name}"' in text or f"{name.replace('-', '_')}:" in text, word


def check_extras(words: list[str]) -> None:
    """`pip install '.[a,b]'` names extras that there are."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"^(?:\.|apvg)\[(.+)\]$", "\n".join(words), re.M):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


@documents
def test_commands_within_sentences_are_understood(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
    for code in re.findall(r"`((?:apvg [a-z]+|python) [^`]*)`", text):
        program, *words = (word for word in shlex.split(code) if word != "--help")
        if program == "python":
            check_python(words)
        elif "--" in code and "…" not in code:
            parse(words)


def messages() -> str:
    """Every string of the package, with … for what is put in at run time."""
    found = []
    for path in (ROOT / "apvg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else "…" for p in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_the_failures_that_are_explained_can_happen() -> None:
    text = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8").partition("## It works")[0]
    failures = [quoted for quoted in re.findall(r"\*\*(.+?)\*\*", text) if "…" in quoted]
    said = messages()
    assert len(failures) > 15
    for failure in failures:
        # What it begins or ends with may be more, in the program, than is put in here.
        assert failure.strip("… ") in said, failure


@documents
def test_python_is_python(document: Path) -> None:
    for block in blocks(document, "python"):
        compile(block, str(document), "exec")


@pytest.fixture
def desk(tmp_path: Path, tiny_performer: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, worked in, with the files that the documents speak of, each of 0.4 s."""
    monkeypatch.chdir(tmp_path)
    tone_S = 0.3 * np.sin(2 * np.pi * 220 * np.arange(6_400) / 16_000)
    for name in ("song.wav", "song.mp3", "violin.mp3"):
        soundfile.write(name, tone_S, 16_000)
    when = np.array([0.0]), np.array([0.3]), np.array([0.3])
    write_midi(Notes(*when, pitch_N=np.array([60]), velocity_N=np.array([80])), "song.mid")
    shutil.copytree(tiny_performer, "my-performer")
    return tmp_path


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where it keeps its video
    path = ROOT / "docs" / "tour.ipynb"
    assert path.stat().st_size < 500_000
    notebook = nbformat.read(path, as_version=4)
    before = [pictures(cell) for cell in notebook.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    after = [pictures(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert after == before
    assert sum(after) >= 8


def pictures(cell: nbformat.NotebookNode) -> int:
    """How many pictures a cell's outputs hold."""
    return sum("image/jpeg" in output.get("data", {}) for output in cell.outputs)


@pytest.mark.slow
def test_the_quick_commands_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    can_play_notes = bool(shutil.which("fluidsynth") and find_soundfonts())
    done = []
    # In the order of the documents: what is rendered was generated before.
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for program, *words in commands(document):
            if program != "apvg" or words[0] not in QUICK or words in done:
                continue
            if any(word.endswith(".mid") for word in words) and not can_play_notes:
                continue
            for video in desk.glob("*.mp4"):
                video.unlink()
            assert main(words) == 0, capsys.readouterr().err
            if "-o" in words:
                assert (desk / words[words.index("-o") + 1]).stat().st_size > 1000
            done.append(words)
    assert {words[0] for words in done} == set(QUICK)


def test_the_readme_s_python_runs(desk: Path) -> None:
    names = {"samples": np.zeros(8_000, np.float32)}
    for block in blocks(ROOT / "README.md", "python"):
        exec(compile(block, "README.md", "exec"), names)


def test_documents_are_found() -> None:
    assert len(list(commands(ROOT / "README.md"))) > 20
    assert any(words[0] == "apvg" for words in commands(ROOT / "docs" / "data.md"))
