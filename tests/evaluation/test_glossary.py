"""The figures' glossary finds every figure of a report, and the docs hold its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from apvg.evaluation.glossary import ANSWERS, GLOSSARY, about, markdown_table
from apvg.evaluation.page import figure_name, number

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"


@pytest.mark.parametrize(
    ("name", "key", "shown"),
    [
        ("from_sound.motion_energy.left_hand", "motion_energy", "motion energy of the left hand"),
        (
            "bowing.from_notes.motion_energy_bow_arm",
            "motion_energy",
            "motion energy of the bow arm",
        ),
        ("pck@0.05", "pck", "PCK at 0.05"),
        ("pixel_error_by_part.body", "pixel_error", "A2B pixel error of the body, px"),
        ("blocks.from_sound.key_hit.skill", "key_hit.skill", "key-hit skill"),
        ("from_keypoints.hand_psnr", "hand_psnr", "PSNR of hands, dB"),
    ],
)
def test_a_figure_is_found_by_its_name_in_a_report(name: str, key: str, shown: str) -> None:
    assert about(name) is GLOSSARY[key]
    assert figure_name(name) == shown


def test_what_is_no_figure_is_called_by_its_words() -> None:
    assert about("from_sound.stops") is None
    assert figure_name("setting.frames_judged") == "setting, frames judged"
    assert [number(v) for v in (None, 0.12345, 11880.3, 12, True, "x")] == [
        "–",
        "0.123",
        "11,880",
        "12",
        "True",
        "x",
    ]


def test_whatever_fools_a_figure_is_caught_by_another() -> None:
    for key, known in GLOSSARY.items():
        assert set(known.fooled_by) <= set(ANSWERS), key
        for answer in known.fooled_by:
            assert any(answer not in GLOSSARY[other].fooled_by for other in known.caught_by), key


def test_the_docs_hold_the_table() -> None:
    assert markdown_table() in DOCS.read_text()
