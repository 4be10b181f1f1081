"""What the documents say to type is what there is to be typed, and what they explain is so."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
import soundfile
from documented import DOCUMENTS, ROOT, blocks, lines, lines_within_sentences

from apvg.cli.main import parse

documents = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)
#: Programs that are not this project's, and are taken as they are.
OTHERS = {"cd", "ffmpeg", "ffplay", "pytest", "sudo", "tensorboard"}


@documents
def test_every_command_is_understood(document: Path) -> None:
    every = [*lines(document), *lines_within_sentences(document)]
    for program, *words in (command for line in every for command in line.commands):
        words = [word for word in words if word != "--help"]
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


def messages() -> str:
    """Every string of the package, with … for what is put in at run time; errors as the command
    line prints them, too."""
    found = []
    for path in (ROOT / "apvg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found.append(text_of(node))
            if isinstance(node, ast.Call) and text_of(node.func) == "ApvgError":
                what, cure, *options = [*node.args, ast.Constant("")][: 3 if node.args[2:] else 2]
                names = [text_of(name) for each in options for name in getattr(each, "elts", [])]
                flags = ", ".join(f"--{name.replace('_', '-')}" for name in names)
                found.append(f"{text_of(what)}; {text_of(cure)}" + (f" ({flags})" if flags else ""))
    return "\n".join(found)


def text_of(node: ast.AST) -> str:
    """What a name or a string says."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(p) if isinstance(p, ast.Constant) else "…" for p in node.values)
    if isinstance(node, ast.Constant):
        return str(node.value)
    return node.id if isinstance(node, ast.Name) else ""


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


def test_the_readme_s_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tone_S = 0.3 * np.sin(2 * np.pi * 220 * np.arange(6_400) / 16_000)
    soundfile.write("song.wav", tone_S, 16_000)
    names = {"samples": np.zeros(8_000, np.float32)}
    for block in blocks(ROOT / "README.md", "python"):
        exec(compile(block, "README.md", "exec"), names)


def test_documents_are_found() -> None:
    assert len(list(lines(ROOT / "README.md"))) > 20
    assert "apvg prepare SOURCE TAKES" in map(
        str, lines_within_sentences(ROOT / "docs" / "data.md")
    )
