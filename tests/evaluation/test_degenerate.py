"""Every figure on a correct performance and on degenerate answers: the glossary must say which
answer fools which figure.

The correct performance is one of the same music with every stroke of the bow the other way. A
figure should rate it higher than the mean pose, a frozen one, the truth one second late, and the
truth of shuffled music. Where it does not, the glossary says so, and names a figure that does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from apvg.base.plain import to_plain
from apvg.evaluation.evaluate import keypoint_figures
from apvg.evaluation.figures.base import Reference
from apvg.evaluation.figures.registry import FIGURES
from apvg.evaluation.glossary import ANSWERS, GLOSSARY, about
from apvg.instruments.camera import Camera
from apvg.instruments.instrument import CELLO as CELLO_PLAYER
from apvg.instruments.instrument import PIANO
from apvg.instruments.keyboard import KEY_LENGTH, Keyboard
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW, HANDS
from apvg.instruments.strings import CELLO
from apvg.measures.lag import onset_strength
from apvg.measures.learned import LearnedFigures, set_figures
from apvg.measures.pictures import compare, hand_boxes
from apvg.takes.about import About
from apvg.takes.take import Take
from apvg.video.drawing import draw_skeleton
from apvg.virtual.piano.hands import load_hand
from apvg.virtual.piano.motion import play
from apvg.virtual.piano.pianist import CORNERS_42
from apvg.virtual.piano.scores import compose as compose_piano
from apvg.virtual.strings.motion import move
from apvg.virtual.strings.performance import Performance, truth
from apvg.virtual.strings.scores import compose
from apvg.virtual.strings.sound import synthesise

FPS, RATE, SIZE = 25, 16_000, 96
SECONDS, FILMED = 30, 8
#: The music is heard in stretches of so many seconds, in another order.
STRETCH = 4
#: A right performance of the same music with every stroke the other way, and what is worth nothing.
RIGHT = "another right way"
#: What is alike within the aims of the reports counts as good: motion and sharpness (1), lag
#: (seconds).
WITHIN_ONE, WITHIN_ZERO = 0.2, 0.08


Figures = dict[str, dict[str, Any]]


pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@pytest.fixture(scope="module")
def bowed() -> tuple[Take, dict[str, np.ndarray]]:
    """Forty seconds of a dance, and by name what may be answered to its sound: keypoints in
    pixels."""
    piece = compose("dance", 4, SECONDS, CELLO)
    performance = Performance(piece.notes, CELLO, np.random.default_rng(0))
    samples_S = synthesise(performance, SECONDS, RATE, np.random.default_rng(0))
    known, true_TKD = truth(performance), _played(performance, 0)
    performance.strokes = [
        replace(stroke, begin=1 - stroke.begin, end=1 - stroke.end)
        for stroke in performance.strokes
    ]
    take = Take(
        name="dance",
        fps=FPS,
        skeleton=BODY_HANDS_AND_BOW,
        frames_THWC=None,
        keypoints_TKD=true_TKD,
        confidence_TK=np.ones(true_TKD.shape[:2], np.float32),
        samples_S=samples_S,
        sample_rate=RATE,
        notes=piece.notes,
        about=About(instrument="cello"),
        metadata={"size": [SIZE, SIZE], "strings": known},
    )
    return take, {RIGHT: _played(performance, 1), **_degenerate(true_TKD)}


@pytest.fixture(scope="module")
def bowed_figures(bowed: tuple[Take, dict[str, np.ndarray]]) -> Figures:
    take, answers = bowed
    onset_R = onset_strength(take.samples_S, RATE)
    reference = Reference.of(take, CELLO_PLAYER)
    return {
        name: _flat(to_plain(keypoint_figures(poses_TKD, reference, onset_R, [FIGURES["bowing"]])))
        for name, poses_TKD in answers.items()
    }


@pytest.fixture(scope="module")
def piano_figures() -> Figures:
    """Of half a minute of a toccata; the right answer is another pianist's."""
    notes = compose_piano("toccata", 1, 30).notes

    def played(seed: int) -> np.ndarray:
        motion = play(notes, 30 * FPS, FPS, load_hand(), np.random.default_rng(seed))
        return Keyboard(CORNERS_42).to_pixels(motion.poses_TKD / [1.0, KEY_LENGTH])

    true_TKD = played(1)
    take = Take(
        name="toccata",
        fps=FPS,
        skeleton=HANDS,
        frames_THWC=None,
        keypoints_TKD=true_TKD,
        confidence_TK=np.ones(true_TKD.shape[:2], np.float32),
        samples_S=np.zeros(30 * RATE, np.float32),
        sample_rate=RATE,
        notes=notes,
        corners_42=CORNERS_42,
        metadata={"size": [512, 128]},
    )
    answers = {RIGHT: played(2), **_degenerate(true_TKD)}
    reference, onset_R = Reference.of(take, PIANO), np.zeros(3000)
    return {
        name: _flat(to_plain(keypoint_figures(poses_TKD, reference, onset_R, [FIGURES["key-hit"]])))
        for name, poses_TKD in answers.items()
    }


@pytest.fixture(scope="module")
def filmed(bowed: tuple[Take, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Drawn frames of the truth ("true") and of every answer, eight seconds."""
    take, answers = bowed
    plate_HWC = np.random.default_rng(0).integers(40, 90, (SIZE, SIZE, 3)).astype(np.uint8)
    sure_K = np.ones(len(BODY_HANDS_AND_BOW))

    def drawn(keypoints_TKD: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                draw_skeleton(plate_HWC, points_KD, sure_K, BODY_HANDS_AND_BOW)
                for points_KD in keypoints_TKD[: FILMED * FPS]
            ]
        )

    true_THWC = drawn(take.keypoints_TKD)
    return {"true": true_THWC, RIGHT: drawn(answers[RIGHT]), **_degenerate(true_THWC)}


@pytest.fixture(scope="module")
def picture_figures(
    bowed: tuple[Take, dict[str, np.ndarray]], filmed: dict[str, np.ndarray]
) -> Figures:
    true_TKD = bowed[0].keypoints_TKD[: FILMED * FPS].astype(np.float64)
    boxes = hand_boxes(true_TKD, BODY_HANDS_AND_BOW, SIZE, SIZE)
    return {
        name: _flat(to_plain(compare(frames_THWC, filmed["true"], boxes)))
        for name, frames_THWC in filmed.items()
        if name != "true"
    }


class Look(nn.Module):
    """Stands in for the networks of FID and LPIPS: a small picture of the picture."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.adaptive_avg_pool2d(x / 255, (4, 4)).flatten(1)


class Apart(nn.Module):
    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return (one - other).square().mean(dim=(1, 2, 3))


class Watch(nn.Module):
    """Stands in for that of FVD: how a clip looks, and how much it moves, in three by three
    places."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        moved = F.adaptive_avg_pool2d((x[:, :, 1:] - x[:, :, :-1]).abs().mean(dim=(1, 2)), (3, 3))
        seen = F.adaptive_avg_pool2d(x.mean(dim=(1, 2)), (3, 3))
        return torch.cat([seen, moved], dim=1).flatten(1)


@pytest.fixture(scope="module")
def learned_figures(
    filmed: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Figures:
    folder = tmp_path_factory.mktemp("networks")
    paths = [folder / f"{network.__name__}.pt" for network in (Look, Apart, Watch)]
    for network, path in zip((Look, Apart, Watch), paths, strict=True):
        torch.jit.script(network()).save(str(path))
    learned = LearnedFigures.load(paths[0], paths[1], paths[2])
    sets = set_figures(
        {
            name.replace("true", "real"): [learned.features(frames)]
            for name, frames in filmed.items()
        }
    )
    return {
        name: {"lpips": learned.distance(frames, filmed["true"])}
        | to_plain(sets[name.replace(" ", "_")])
        for name, frames in filmed.items()
        if name != "true"
    }


def _played(performance: Performance, seed: int) -> np.ndarray:
    points_TK3 = move(performance, SECONDS * FPS, FPS, np.random.default_rng(seed))
    return Camera().to_pixels(points_TK3, SIZE, SIZE)


def _degenerate(true_T: np.ndarray) -> dict[str, np.ndarray]:
    """What does not listen, made of the truth itself: poses or pictures."""
    still_T = np.repeat(true_T[:1], len(true_T), axis=0)
    mean_T = np.broadcast_to(true_T.mean(axis=0), true_T.shape).astype(true_T.dtype)
    late_T = np.concatenate([still_T[:FPS], true_T[:-FPS]])
    pieces = np.array_split(true_T, len(true_T) // (STRETCH * FPS))
    shuffled_T = np.concatenate(pieces[1:] + pieces[:1])
    return {"mean": mean_T, "frozen": still_T, "late": late_T, "shuffled": shuffled_T}


def _flat(figures: dict[str, Any], prefix: str = "") -> dict[str, float]:
    flat = {}
    for name, value in figures.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = float("nan") if value is None else float(value)
    return flat


def _badness(key: str, value: float) -> float:
    """How far from good a figure is; what a figure does not know is worst."""
    if np.isnan(value):
        return np.inf
    best = GLOSSARY[key].best
    if best == "one":
        return max(abs(value - 1), WITHIN_ONE)
    if best == "zero":
        return max(abs(value), WITHIN_ZERO)
    return value if best == "low" else -value


def _fooled_by(key: str, name: str, table: Figures) -> set[str]:
    """The answers that a figure, by its name in the table, finds at least as good as the right
    one."""
    good = _badness(key, table[RIGHT][name])
    return {answer for answer in ANSWERS if _badness(key, table[answer].get(name, np.nan)) <= good}


def _names(key: str, table: Figures) -> list[str]:
    """A figure's names in a table: of parts and thresholds it has several."""
    return [
        name
        for name in table[RIGHT]
        if about(name) is GLOSSARY[key]
        and "_by_part" not in name
        and "@0.05" not in name
        and "@0.2" not in name
    ]


@pytest.mark.slow
@pytest.mark.parametrize("key", GLOSSARY)
def test_the_glossary_says_what_fools_a_figure_and_what_catches_it(
    key: str,
    bowed_figures: Figures,
    piano_figures: Figures,
    picture_figures: Figures,
    learned_figures: Figures,
) -> None:
    tables = (bowed_figures, piano_figures, picture_figures, learned_figures)
    found = {
        answer
        for table in tables
        for name in _names(key, table)
        for answer in _fooled_by(key, name, table)
    }
    assert any(_names(key, table) for table in tables), "no answer was judged by it"
    assert found == set(GLOSSARY[key].fooled_by)
    for answer in found:
        catching = [
            other for other in GLOSSARY[key].caught_by if answer not in GLOSSARY[other].fooled_by
        ]
        assert catching, f"nothing catches {answer}"
