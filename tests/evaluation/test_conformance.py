"""What every component of figures must do, whatever instrument it is of: all that are registered go
through the same checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bowed import golden_string_take
from jsonschema import Draft202012Validator
from sticks.generator import STICK_PLAYER
from sticks.instrument import STICKS

from apvg.base.plain import json_schema, to_plain
from apvg.evaluation.figures.base import Figures, Piece, Reference, find_lag, playing
from apvg.evaluation.figures.registry import FIGURES, figures_of
from apvg.evaluation.results import PieceSetting
from apvg.instruments.instrument import CELLO, INSTRUMENTS, PIANO, Instrument
from apvg.instruments.keyboard import KEY_LENGTH, Keyboard
from apvg.instruments.skeleton import HANDS
from apvg.measures.lag import onset_strength
from apvg.music.notes import Notes
from apvg.streaming import PredictedPoses
from apvg.takes.take import Take, sample_count
from apvg.virtual.common.corpus import VirtualOptions
from apvg.virtual.piano.hands import load_hand
from apvg.virtual.piano.motion import play
from apvg.virtual.piano.pianist import CORNERS_42
from apvg.virtual.piano.scores import compose

FPS, RATE, SECONDS, SIZE = 25, 16_000, 12, (512, 128)
NO_NOTES = Notes(*(np.zeros(0) for _ in range(5)))


def toccata() -> Take:
    """A virtual pianist's."""
    notes, frames = compose("toccata", 1, SECONDS).notes, SECONDS * FPS
    motion = play(notes, frames, FPS, load_hand(), np.random.default_rng(1))
    keypoints_TKD = Keyboard(CORNERS_42).to_pixels(motion.poses_TKD / [1.0, KEY_LENGTH])
    return Take(
        name="toccata",
        fps=FPS,
        skeleton=HANDS,
        frames_THWC=None,
        keypoints_TKD=keypoints_TKD.astype(np.float32),
        confidence_TK=np.ones(keypoints_TKD.shape[:2], np.float32),
        samples_S=np.zeros(sample_count(frames, FPS, RATE), np.float32),
        sample_rate=RATE,
        notes=notes,
        corners_42=CORNERS_42,
        metadata={"size": SIZE, "style": "toccata"},
    )


def stick_tune() -> Take:
    """Of the toy instrument of the tests."""
    (order,) = STICK_PLAYER.orders(
        VirtualOptions(instrument="sticks", minutes=0.2, seconds=SECONDS, samples=0)
    )
    with TemporaryDirectory() as folder:
        return Take.load(STICK_PLAYER.make(order, Path(folder)))


def unplayed(take: Take) -> Take:
    """The same take of music without a note."""
    silence = {"string": [], "finger": [], "strokes": []}
    return replace(take, notes=NO_NOTES, metadata={**take.metadata, "strings": silence})


#: By component: an instrument that names it, and a take whose keypoints are the truth.
CASES: dict[str, tuple[Instrument, Callable[[], Take]]] = {
    "key-hit": (PIANO, toccata),
    "bowing": (CELLO, golden_string_take),
    "bar-hit": (STICKS, stick_tune),
}


@cache
def case(name: str) -> tuple[Figures, Instrument, Take]:
    assert name in CASES, f"add a take for the figures {name!r}"
    instrument, make = CASES[name]
    return FIGURES[name], instrument, make()


class Player:
    """Plays a take's own keypoints, or one pose throughout."""

    name, version, sample_rate, device = "player", "1", RATE, SimpleNamespace(type="cpu")

    def __init__(self, take: Take, instrument: Instrument) -> None:
        self.take, self.instrument = take, instrument
        self.fps, self.skeleton = take.fps, take.skeleton
        self.placement = instrument.surface.place(take.corners_42)
        self.config = SimpleNamespace(size=take.size, held_out={}, weights={})
        self.plate_HWC = np.zeros((take.size[1], take.size[0], 3), np.uint8)

    def predict_keypoints(self, samples_S: np.ndarray, notes: Notes | None = None) -> Any:
        return self.take.keypoints_TKD, self.take.confidence_TK

    def predict_poses(self, samples_S: np.ndarray, notes: Notes | None = None) -> PredictedPoses:
        no_heights_T0 = np.zeros((len(self.take), 0), np.float32)
        return PredictedPoses(self.take.keypoints_TKD, self.take.confidence_TK, no_heights_T0)


def evaluated(name: str, take: Take | None = None) -> tuple[Piece, Player]:
    component, instrument, whole = case(name)
    if not component.section:
        pytest.skip("it has no pieces of music")
    player: Any = Player(take or whole, instrument)
    assert component.knows(player, player.take)
    return component.evaluate(player, player.take, None), player


@pytest.fixture(params=FIGURES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_an_instrument_finds_it(name: str) -> None:
    component, instrument, take = case(name)
    placement = instrument.surface.place(take.corners_42)
    assert component in figures_of(instrument, take.skeleton, placement)


def test_the_truth_scores_best_and_a_constant_pose_at_the_floor(name: str) -> None:
    component, instrument, take = case(name)
    reference = Reference.of(take, instrument)
    true_TKD = take.keypoints_TKD.astype(np.float64)
    mean_TKD = np.broadcast_to(true_TKD.mean(axis=0), true_TKD.shape)
    late_TKD = np.roll(true_TKD, FPS, axis=0)
    skill = {
        answer: component.skill(component.measure(poses_TKD, reference))
        for answer, poses_TKD in (("truth", true_TKD), ("mean", mean_TKD), ("late", late_TKD))
    }
    assert 0.9 < skill["truth"] <= 1.0
    assert skill["mean"] < 0.3
    assert skill["late"] < skill["truth"] - 0.1


def test_the_lag_of_the_truth_is_small(name: str) -> None:
    component, instrument, take = case(name)
    onset_R = onset_strength(take.samples_S, take.sample_rate)
    reference = Reference.of(take, instrument)
    curve = find_lag([component], take.keypoints_TKD.astype(np.float64), reference, onset_R)
    assert curve is None or abs(curve.lag) <= 0.1


def test_what_is_not_there_breaks_nothing(name: str) -> None:
    """No point seen; no note; no notes known."""
    component, instrument, take = case(name)
    unseen_TKD = np.full(take.keypoints_TKD.shape, np.nan)
    for now in (take, unplayed(take), replace(take, notes=None)):
        reference = Reference.of(now, instrument)
        for keypoints_TKD in (unseen_TKD, take.keypoints_TKD.astype(np.float64)):
            figures = playing([component], keypoints_TKD, reference, None)
            assert valid(figures, type(figures))
    assert (
        component.measure(unseen_TKD, Reference.of(replace(take, notes=None), instrument)) is None
    )


def test_pieces_and_styles_are_what_their_types_say(name: str) -> None:
    component = FIGURES[name]
    if not component.section:
        pytest.skip("it has no pieces of music")
    assert component.piece is not None
    assert component.style is not None
    for take in (case(name)[2], unplayed(case(name)[2])):
        piece, _ = evaluated(name, take)
        assert isinstance(piece.figures, component.piece)
        assert isinstance(piece.figures.setting, PieceSetting)
        assert valid(piece.figures, component.piece)
        other = replace(piece.figures, setting=replace(piece.figures.setting, style="another"))
        styles = component.by_style([piece, replace(piece, figures=other)], [])
        assert len(styles) == 3, "two styles, and all together"
        assert all(valid(style, component.style) for style in styles.values())
        *_, everything = styles.values()
        assert everything.pieces == 2
        assert everything.notes == 2 * piece.figures.setting.notes
        for table in component.tables(styles):
            assert len(table.rows) == 3
            assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_truth_meets_its_targets(name: str) -> None:
    piece, _ = evaluated(name)
    *_, style = FIGURES[name].by_style([piece], []).values()
    assert style.targets
    assert [row.figure for row in style.targets if not row.met] == []


def test_pictures_of_a_piece_are_there(name: str, tmp_path: Path) -> None:
    piece, player = evaluated(name)
    pictures = FIGURES[name].draw(piece, player.take, player, tmp_path)  # pyright: ignore
    assert {p.name for p in pictures} == {path.name for path in tmp_path.iterdir()}
    assert all(picture.caption for picture in pictures)


def test_components_have_names_of_their_own() -> None:
    keys = [c.key for c in FIGURES.values()]
    sections = [c.section for c in FIGURES.values() if c.section]
    assert len(set(keys)) == len(keys)
    assert len(set(sections)) == len(sections)
    assert all(c.title and c.note for c in FIGURES.values() if c.section)


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=lambda i: i.name)
def test_instruments_name_components_that_exist(instrument: Instrument) -> None:
    assert set(instrument.figures) <= set(FIGURES)
    placement = instrument.surface.place(None)
    (component, *_) = figures_of(instrument, instrument.skeleton, placement)
    assert component.targets(instrument.skeleton)


def valid(figures: Any, kind: type) -> bool:
    known = {"playing": {c.key: c.kind for c in FIGURES.values()}}
    Draft202012Validator(json_schema(kind, known)).validate(to_plain(figures))
    return True
