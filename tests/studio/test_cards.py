"""Performers to choose from: what is damaged is left out and said, and all else goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from studio.conftest import Server, Visit

from apvg.base.errors import ApvgError
from apvg.studio.cards import cards_of, chosen
from apvg.studio.folder import WorkFolder


def lose_the_card(performer: Path) -> None:
    (performer / "card.md").unlink()


def spoil_the_picture(performer: Path) -> None:
    (performer / "sample.png").write_bytes(b"no picture")


def spoil_the_config(performer: Path) -> None:
    (performer / "config.json").write_text("{")


def spoil_the_project(performer: Path) -> None:
    (performer.parent / "project.json").write_text("{}")


@pytest.mark.parametrize(
    "spoil", [lose_the_card, spoil_the_picture, spoil_the_config, spoil_the_project]
)
def test_a_damaged_performer_is_left_out_with_a_line(
    furnished: Callable[[], Path], tiny_performer: Path, spoil: Callable[[Path], None]
) -> None:
    folder = WorkFolder(furnished()).create()
    performer = folder.performers / "broken-one" / "performer"
    shutil.copytree(tiny_performer, performer)
    spoil(performer)
    cards = cards_of(folder)
    names = [card["name"] for card in cards.performers]
    assert {"piano", "cello", "own/tiny"} <= set(names)
    assert "own/broken-one" not in names
    (line,) = cards.left_out
    assert line.startswith("“Broken one” is damaged and left out: ")
    assert "performers/broken-one" in line
    assert str(folder.root) not in line
    assert "\n" not in line


def test_a_picture_that_was_restored_is_seen(furnished: Callable[[], Path]) -> None:
    folder = WorkFolder(furnished()).create()
    sample = folder.performers / "tiny" / "performer" / "sample.png"
    whole = sample.read_bytes()
    before = cards_of(folder)
    sample.write_bytes(b"no picture")
    assert len(cards_of(folder).left_out) == 1
    sample.write_bytes(whole)
    assert cards_of(folder) == before


@pytest.mark.parametrize("name", ["", "own/nobody", "../piano", "piano-eval", None, 3])
def test_names_that_browsers_make_up_are_no_performers(
    furnished: Callable[[], Path], name: object
) -> None:
    folder = WorkFolder(furnished()).create()
    assert chosen(folder, "own/tiny") == str(folder.performers / "tiny" / "performer")
    assert chosen(folder, "piano") == "piano"
    with pytest.raises(ApvgError, match="choose a performer"):
        chosen(folder, name)


@pytest.mark.slow
def test_the_page_says_which_performer_is_damaged(
    studio: Server, visit: Visit, tiny_performer: Path
) -> None:
    performer = studio.work / "performers" / "broken-one" / "performer"
    shutil.copytree(tiny_performer, performer)
    spoil_the_picture(performer)
    try:
        page = visit(studio)
        page.get_by_text("“Broken one” is damaged and left out").wait_for()
        assert page.get_by_role("radio", name="Tiny").count() == 1
        assert page.get_by_role("radio", name="Broken one").count() == 0
    finally:
        shutil.rmtree(performer.parent)
