"""What the documents tell people to type: every code block, and every command, within sentences as
well."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "apvg" / "performers").glob("*/card.md"),
    ]
)


@dataclass(frozen=True)
class Line:
    """A line for the shell: one command, or several in a pipe.

    Attributes:
        commands: Of each, its words.
        variables: What is put into the environment of the first, as NAME=value.
    """

    commands: tuple[tuple[str, ...], ...]
    variables: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([*self.variables, " | ".join(map(shlex.join, self.commands))])


def blocks(document: Path, *languages: str) -> list[str]:
    """The code blocks of these languages, those within lists as well."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```(?:{'|'.join(languages)})\n(.*?)^ *```", text, re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


def lines(document: Path) -> Iterator[Line]:
    """Everything in the blocks that a shell is to read."""
    for block in blocks(document, "sh", "bash"):
        for text in block.replace("\\\n", " ").splitlines():
            yield from _lines(text)


def lines_within_sentences(document: Path) -> Iterator[Line]:
    """Commands between backticks, with what they are given; a verb alone is only its name."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
    for code in re.findall(r"`((?:apvg [a-z]+|ffmpeg|make|pip|pytest|python) [^`]+)`", text):
        if "…" not in code:
            yield from _lines(" ".join(code.split()))


def _lines(text: str) -> Iterator[Line]:
    """The lines of a text: what `;` and `&&` stand between."""
    words = shlex.shlex(text, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    variables: list[str] = []
    commands: list[tuple[str, ...]] = []
    command: list[str] = []
    for word in [*words, ";"]:
        if not set(word) <= set(";|&"):
            # Before the command itself, it is for the environment.
            variable = not command and not commands and re.fullmatch(r"[A-Z_]+=.*", word)
            (variables if variable else command).append(word)
            continue
        if command:
            commands.append(tuple(command))
            command = []
        if word != "|" and commands:
            yield Line(tuple(commands), tuple(variables))
            variables, commands = [], []
