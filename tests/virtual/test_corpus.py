"""Takes of the virtual pianist, by the command, as training reads them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apvg.cli.main import main
from apvg.instruments.keyboard import Keyboard
from apvg.instruments.skeleton import HANDS
from apvg.measures.motion import fingertip_x, key_hit
from apvg.music.midi import write_midi
from apvg.music.soundfonts import find_soundfonts
from apvg.takes.take import load_takes
from apvg.virtual.common.corpus import HELD_OUT_SOUNDFONTS, Order, VirtualOptions
from apvg.virtual.piano.pianist import Pianist
from apvg.virtual.piano.scores import compose
from apvg.virtual.piano.styles import HELD_OUT_STYLES

pytestmark = pytest.mark.skipif(
    shutil.which("fluidsynth") is None
    or not any(not path.name.startswith(HELD_OUT_SOUNDFONTS) for path in find_soundfonts()),
    reason="FluidSynth or a soundfont is not installed",
)


def orders(minutes: float, seed: int, **options: Any) -> list[Order]:
    """What the pianist is ordered to play, in pieces of half a minute."""
    options = {"instrument": "piano", "seconds": 30} | options
    return Pianist().orders(VirtualOptions(minutes=minutes, seed=seed, **options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    scores = folder / "scores"
    scores.mkdir()
    write_midi(compose("waltz", 3, 10).notes, scores / "own.mid")
    command = [
        "virtual",
        str(folder / "takes"),
        "--instrument",
        "piano",
        "--minutes",
        "0.34",
        "--seconds",
        "10",
    ]
    assert main([*command, "--scores", str(scores), "--jobs", "1"]) == 0
    return folder


def test_takes_have_music_and_hands_on_one_clock(folder: Path) -> None:
    takes = load_takes(folder / "takes")
    assert len(takes) == 3
    for take in takes:
        assert not take.filmed
        assert take.notes is not None
        assert isinstance(take.placement, Keyboard)
        tips_TF = fingertip_x(take.keypoints_TKD, HANDS, take.placement)
        assert key_hit(tips_TF, take.notes, take.fps).rate > 0.98
        # The sound begins with the first note, not before it.
        first = round(take.notes.onset_N[0] * take.sample_rate)
        before, after = take.samples_S[: max(first - 400, 1)], take.samples_S[first : first + 8000]
        assert np.abs(after).max() > 3 * np.abs(before).max()
        assert take.about.instrument == "piano"
        assert take.about.split == "train"


def test_what_is_there_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "virtual",
        str(folder / "takes"),
        "--instrument",
        "piano",
        "--minutes",
        "0.34",
        "--seconds",
        "10",
    ]
    assert main([*command, "--jobs", "1"]) == 0
    assert "0 takes generated, 2 already existed" in capsys.readouterr().out


def test_test_pieces_share_neither_style_nor_soundfont_with_training() -> None:
    train = orders(60, 0, split="train")
    assert not {order.style for order in train} & set(HELD_OUT_STYLES)
    assert not any(
        order.soundfont and order.soundfont.name.startswith(HELD_OUT_SOUNDFONTS) for order in train
    )
    assert orders(60, 0, split="train") == train
    if any(path.name.startswith(HELD_OUT_SOUNDFONTS) for path in find_soundfonts()):
        test = orders(60, 0, split="test")
        assert {order.style for order in test} == set(HELD_OUT_STYLES)
        assert not {order.soundfont for order in test} & {order.soundfont for order in train}


def test_a_share_of_the_training_pieces_is_heard_through_pianos_of_their_own() -> None:
    by_soundfont, mixed = (orders(200, 3, drawn=share) for share in (0, 0.5))
    drawn = [order.soundfont is None for order in mixed]
    assert 0.4 < np.mean(drawn) < 0.6
    for before, now in zip(by_soundfont, mixed, strict=True):  # the others are what they were
        assert now.soundfont in (None, before.soundfont)
        assert (now.name, now.seed) == (before.name, before.seed)
    if any(path.name.startswith(HELD_OUT_SOUNDFONTS) for path in find_soundfonts()):
        assert all(order.soundfont for order in orders(20, 3, split="test", drawn=0.5))


def test_styles_can_be_chosen_among_those_of_the_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = orders(2, 0, styles=("octaves", "march"))
    assert [order.style for order in chosen] == ["octaves", "march"] * 2
    for instrument, style in (("piano", "toccata"), ("cello", "gigue")):
        command = ["virtual", str(tmp_path / "t"), "--instrument", instrument, "--styles", style]
        assert main([*command, "--minutes", "1", "--jobs", "1"]) == 1
        told = capsys.readouterr().err
        assert style in told
        assert "split train" in told
    assert not (tmp_path / "t").exists()


def test_a_folder_without_scores_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["virtual", str(tmp_path / "t"), "--scores", str(tmp_path), "--jobs", "1"]) == 1
    assert "no MIDI files" in capsys.readouterr().err
