"""The report on a string player: one that knows the truth has it told so, and test takes are judged
whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apvg.base.plain import to_plain
from apvg.cli.main import main
from apvg.evaluation.figures.bowing import Bowing, PlayedStrings, StringFigures
from apvg.evaluation.report import write_report
from apvg.instruments.instrument import CELLO as CELLO_PLAYER
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.instruments.strings import CELLO, STOPS
from apvg.instruments.surface import Placement
from apvg.measures.bowing import BowingFigures
from apvg.takes.about import About
from apvg.takes.take import Take, load_takes
from apvg.training.losses.playing import stops_of
from apvg.video.drawing import draw_skeleton

SIZE = 64


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Take]:
    """Two pieces of ten seconds, one to train on and one to test, with drawn skeletons for
    pictures."""
    folder = tmp_path_factory.mktemp("strings")
    common = ["--samples", "0", "--seconds", "10", "--jobs", "1", "--size", str(SIZE)]
    for split in ("train", "test"):
        command = ["virtual", str(folder), "--minutes", "0.17", "--split", split]
        assert main([*command, *common, "--seed", "1" if split == "train" else "2"]) == 0
    return [replace(take, frames_THWC=drawn(take)) for take in load_takes(folder)]


def drawn(take: Take) -> np.ndarray:
    plate_HWC = np.full((SIZE, SIZE, 3), 60, np.uint8)
    return np.stack(
        [draw_skeleton(plate_HWC, p, np.ones(len(p)), take.skeleton) for p in take.keypoints_TKD]
    )


class Player:
    """Stands in for a performer that plays a take's own keypoints, or stands still."""

    name, version, skeleton, fps, sample_rate = "oracle", "1", BODY_HANDS_AND_BOW, 25, 16_000
    device = SimpleNamespace(type="cpu")
    instrument, placement = CELLO_PLAYER, Placement()

    def __init__(self, take: Take, *, still: bool = False) -> None:
        self.take, self.still = take, still
        self.plate_HWC = np.full((SIZE, SIZE, 3), 60, np.uint8)
        self.config = SimpleNamespace(size=(SIZE, SIZE), weights={}, corners=None, held_out={})

    def predict_keypoints(self, samples_S: np.ndarray, notes: Any = None) -> tuple[Any, Any]:
        keypoints_TKD = self.take.keypoints_TKD
        if self.still:
            keypoints_TKD = np.repeat(keypoints_TKD[:1], len(keypoints_TKD), axis=0)
        return keypoints_TKD, self.take.confidence_TK

    def render(self, keypoints_TKD: np.ndarray, confidence_TK: np.ndarray, samples_S: Any) -> Any:
        for points_KD, confidence_K in zip(keypoints_TKD, confidence_TK, strict=True):
            image_HWC = draw_skeleton(self.plate_HWC, points_KD, confidence_K, self.skeleton)
            image_HWC = (0.9 * image_HWC).astype(np.uint8)  # else its PSNR would be infinite
            yield SimpleNamespace(
                frames_THWC=image_HWC[None], coarse_ThwC=self.plate_HWC[None, ::4, ::4]
            )


def test_who_plays_the_truth_is_right(takes: list[Take]) -> None:
    take = takes[0]
    player: Any = Player(take)
    assert Bowing().knows(player, take)
    assert not Bowing().knows(player, replace(take, metadata={}))
    figures = Bowing().evaluate(player, take, None).figures
    for played in (figures.from_sound.strings, figures.from_notes.strings):
        assert played.bowing.direction > 0.95
        assert played.motion_energy_bow_arm == pytest.approx(1.0)
        assert played.motion_energy_left_hand == pytest.approx(1.0)
    still: Any = Player(take, still=True)
    frozen = Bowing().evaluate(still, take, None).figures
    assert frozen.from_sound.strings.motion_energy_bow_arm == 0


def test_pieces_weigh_what_they_count() -> None:
    def piece(style: str, direction: float, frames: int) -> Any:
        share = dict.fromkeys(("direction", "direction_ungiven", "string"), direction)
        change = dict.fromkeys(("change_precision", "change_recall", "change_f1"), 1.0)
        counts = {"sounding_frames": frames, "stops": 0, "changes": 3}
        bowing = BowingFigures(**share, stop=float("nan"), **change, **counts)
        played = PlayedStrings(StringFigures(bowing, 1.0, 1.0))
        setting = SimpleNamespace(style=style, notes=5)
        figures = SimpleNamespace(setting=setting, from_sound=played, from_notes=played)
        return SimpleNamespace(figures=figures, curves={})

    pieces = [piece("air", 1.0, 300), piece("air", 0.6, 100), piece("gigue", 0.0, 400)]
    rows = Bowing().by_style(pieces, [])
    assert rows["air"].from_sound.direction == pytest.approx(0.9)
    assert rows["all"].from_notes.direction == pytest.approx(0.45)
    assert np.isnan(rows["gigue"].from_sound.stop)
    assert rows["all"].pieces == 3


def test_test_takes_are_judged_whole_beside_those_trained_on(
    takes: list[Take], tmp_path: Path
) -> None:
    test = next(take for take in takes if take.about.split == "test")
    player: Any = Player(test)
    written = to_plain(write_report(player, takes, tmp_path))
    (figures,) = written["blocks"]
    assert figures["setting"]["take"] == test.name
    block = figures["setting"]["block"]
    assert block == {"name": "whole", "start": 0.0, "stop": test.duration, "held_out": True}
    assert {row["figure"].split()[0] for row in figures["targets"]} == {"PSNR", "sharpness"}
    assert figures["retrieval_baselines"]["nearest pose"]["hand_psnr"] > 0
    assert [piece["setting"]["take"] for piece in written["bowing"]] == [test.name]
    (row,) = written["bowing_styles"].values()
    assert {target["figure"].split(",")[0] for target in row["targets"] if target["met"]} >= {
        "bow direction right"
    }
    assert "Bowing and fingering" in (tmp_path / "report.html").read_text()
    # Alone it has nothing to be compared with but itself.
    alone = tmp_path / "alone"
    alone.mkdir()
    written = to_plain(write_report(player, [test], alone))
    (figures,) = written["blocks"]
    assert figures["setting"]["block"]["name"] == "whole"
    assert list(figures["retrieval_baselines"]) == ["clean plate"]
    assert "hand_psnr_gain" not in figures["from_keypoints"]


def test_stops_are_those_of_the_notes(takes: list[Take]) -> None:
    take = takes[0]
    stops_T2, notes = stops_of(take), take.notes
    assert stops_T2 is not None
    assert notes is not None
    for t, (place, finger) in enumerate(stops_T2.tolist()):
        sounding_N = (notes.onset_N <= t / take.fps) & (t / take.fps < notes.offset_N)
        assert sounding_N.any() == (place >= 0)
        if place >= 0:
            (note,) = np.flatnonzero(sounding_N)
            assert CELLO.open_pitches[place // STOPS] + place % STOPS == notes.pitch_N[note]
            assert (finger == 0) == (place % STOPS == 0)
    assert stops_of(replace(take, metadata={}, about=About())) is None
