"""The project's earlier, private words do not come back: the field's words are used, as
docs/glossary.md lists them.

Documents and pages are scanned whole, but for the addresses of links. Of Python files every name,
string and comment is.
"""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented import ROOT

#: What is scanned: files, and in folders all files of KINDS.
ROOTS = ("README.md", "CONTRIBUTING.md", "mkdocs.yml", "docs", "apvg", "scripts", "benchmarks")
#: The kinds of files that hold words of ours.
KINDS = (".md", ".py", ".jinja", ".js", ".html", ".css")
#: Files whose business earlier words are: history, what explains them, and what reads old bundles.
EXEMPT = ("docs/glossary.md", "docs/experiments.md", "apvg/format_3.py")
#: Earlier words, as regular expressions of whole words without regard to case, and what to say in
#: their place.
WORDS = {
    "ears": "transcriber, audio encoder",
    "hears?|heard|hearing": "transcribe, transcription",
    "listens?|listened|listening": "transcribe, encode",
    "movers?": "motion decoder",
    "struck": "onset, played",
    "told|tellers?": "predicted, given, reported",
    "likelihoods?": "probability, threshold",
    "sightings?": "detections",
    "remembers?|remembered|remembering": "recurrent state, keep",
    "judges?|judged|judging": "discriminator, evaluate",
    "convincing": "adversarial loss",
    "free_hands|freehands": "copy-paste augmentation",
    "by_ear|lend_ears": "on predicted notes, initialise from",
    "trembles?|trembled|trembling": "keypoint jitter",
    "still (answers?|plates?)|stills": "retrieval baselines, clean plate",
    "beside": "compared with, next to, in addition to",
    "compass(es)?": "pitch range",
    "mend|mends|mended|mending": "edit, correct, fix",
    "memory_at": "recurrent_level",
}
#: Where a word means what it always means: people who hear, quoted messages, and keys of files.
ORDINARY = (
    "cannot hear a microphone",  # an error message, of people's devices
    "frames_judged",  # a key of report.json
    '"beside"',  # a key of older reports
)
_EARLIER = re.compile(rf"(?<![a-z])({'|'.join(WORDS)})(?![a-z])")
_ORDINARY = re.compile("|".join(ORDINARY))
#: Between the words of a name like HandMover.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: What stands between round brackets after a link's text, and bare addresses.
_ADDRESS = re.compile(r"(?<=\]\()[^)\s]+|https?://\S+")
#: Tokens of Python that hold words of ours; from Python 3.12 on, f-strings are tokens of their own.
_TOKENS = {"NAME", "STRING", "COMMENT", "FSTRING_MIDDLE"}


def found(text: str) -> set[str]:
    """The earlier words in a text."""
    text = _HUMP.sub(" ", _ORDINARY.sub(" ", text)).lower()
    # Names of several words are earlier words themselves; all others are looked for in their parts.
    return {hit[0] for part in (text, text.replace("_", " ")) for hit in _EARLIER.finditer(part)}


def read(path: Path) -> Iterator[tuple[int, str]]:
    """Lines or tokens of a file that hold words of ours, with their line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        text = _ADDRESS.sub("", text)
        yield from enumerate(text.splitlines(), start=1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if tokenize.tok_name[token.type] in _TOKENS and not keyword.iskeyword(token.string):
            yield from enumerate(token.string.splitlines(), start=token.start[0])


def scanned() -> list[Path]:
    """Every file that ROOTS names, but for those that may hold earlier words."""
    files: list[Path] = []
    for root in map(ROOT.joinpath, ROOTS):
        folder = sorted(p for p in root.rglob("*") if p.suffix in KINDS)
        files += folder if root.is_dir() else [root]
    spared = {ROOT / name for name in EXEMPT}
    return [path for path in files if path not in spared]


@pytest.mark.parametrize("path", scanned(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_earlier_words_are_absent(path: Path) -> None:
    hits = [f"{path.name}:{line}: {word}" for line, part in read(path) for word in found(part)]
    assert not hits, "\n".join([*hits, "docs/glossary.md has the present words"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The ears hear it.", {"ears", "hear"}),
        ("years, a hearth, remembrance, judgement, besides", set()),
        ("class HandMover", {"mover"}),
        ("self._lend_ears(network)", {"lend_ears", "ears"}),
        ("told_B2TP", {"told"}),
        ("cannot hear a microphone: …", set()),
    ],
)
def test_words_are_found_in_sentences_and_in_names(text: str, words: set[str]) -> None:
    assert found(text) == words


def test_python_is_read_by_names_strings_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text('"""What it\nheard."""\nstruck = None  # of ears\nf"it {1} told"\n')
    hits = [(line, word) for line, part in read(path) for word in found(part)]
    assert hits == [(2, "heard"), (3, "struck"), (3, "ears"), (4, "told")]


def test_every_exception_is_needed() -> None:
    for name in EXEMPT:
        assert any(found(part) for _, part in read(ROOT / name)), name


def test_the_glossary_has_the_earlier_words() -> None:
    """Who meets an earlier word in an old note finds it there."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    table = text.partition("## Earlier words")[2]
    for word in (
        "ears",
        "hear",
        "struck",
        "told",
        "remember",
        "judge",
        "compass",
        "mend",
        "beside",
    ):
        assert re.search(rf"\b{word}\b", table), word
