"""The instrument that docs/add-an-instrument.md describes is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documented import ROOT, blocks

from apvg.instruments.instrument import INSTRUMENTS
from apvg.instruments.keyboard import apply_homography
from apvg.music.notes import Notes
from apvg.takes.take import load_takes

#: The bars in a picture of 160 by 96 pixels, seen at an angle.
CORNERS_42 = np.array([[10, 10], [140, 12], [150, 60], [5, 58]], float)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's code defines, once it has registered its instrument; it is forgotten after
    the test."""
    # The tests' own package has a player of that name, too.
    others = {name: known for name, known in INSTRUMENTS.items() if name != "sticks"}
    monkeypatch.setattr(INSTRUMENTS, "_known", others)
    names: dict[str, Any] = {}
    for block in blocks(ROOT / "docs" / "add-an-instrument.md", "python"):
        exec(compile(block, "add-an-instrument.md", "exec"), names)
    return names


def test_its_surface_maps_the_bars_to_the_picture_and_back(named: dict[str, Any]) -> None:
    placement = INSTRUMENTS["sticks"].surface.place(CORNERS_42)
    ends_42 = np.array([[0, 0], [13, 0], [13, 6], [0, 6]], float)
    np.testing.assert_allclose(
        apply_homography(placement.to_pixels_33(160), ends_42), CORNERS_42, atol=1e-6
    )
    np.testing.assert_allclose(placement.to_units(CORNERS_42, 96), ends_42, atol=1e-6)


def test_its_limbs_are_sticks_that_play_with_their_tips(named: dict[str, Any]) -> None:
    skeleton = INSTRUMENTS["sticks"].skeleton
    assert not skeleton.hands
    tips = [skeleton.points[tip] for limb in skeleton.limbs.values() for tip in limb]
    assert tips == ["left_tip", "right_tip"]
    assert skeleton.parents == (-1, 0, -1, 2)


def test_its_takes_know_what_they_are_of(named: dict[str, Any], tmp_path: Path) -> None:
    second, half = np.array([1.0]), np.array([0.5])
    take = named["make_take"](
        "first",
        np.zeros((50, 96, 160, 3), np.uint8),
        np.zeros((50, 4, 2)),
        np.zeros(32_000),
        Notes(half, second, second, np.array([60]), np.array([80])),
        CORNERS_42,
    )
    take.save(tmp_path / "first")
    (loaded,) = load_takes(tmp_path)
    assert loaded.instrument is named["STICK_PLAYER"]
    assert loaded.placement.unit == "bars"
    assert loaded.skeleton == named["STICKS"]
