"""Bowing figures: the truth meets all of them, and what knows nothing of the music meets none."""

from __future__ import annotations

import numpy as np
import pytest

from apvg.instruments.camera import Camera
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.instruments.strings import CELLO
from apvg.measures.bowing import BowingFigures, bowing_figures
from apvg.virtual.strings.motion import move
from apvg.virtual.strings.performance import Performance, truth
from apvg.virtual.strings.scores import compose

FPS, SIZE = 25, (256, 256)


def take(style: str, seed: int):
    piece = compose(style, seed, 20, CELLO)
    performance = Performance(piece.notes, CELLO, np.random.default_rng(seed))
    points_TK3 = move(performance, 20 * FPS, FPS, np.random.default_rng(seed))
    return piece.notes, truth(performance), Camera().to_pixels(points_TK3, *SIZE)


def judged(notes, known, keypoints_TKD: np.ndarray) -> BowingFigures:
    return bowing_figures(
        keypoints_TKD, BODY_HANDS_AND_BOW, notes, known, CELLO, Camera(), SIZE, FPS
    )


@pytest.mark.parametrize("style", ["air", "bariolage", "scales", "shifts", "gigue"])
def test_the_truth_is_right(style: str) -> None:
    for seed in range(3):
        figures = judged(*take(style, seed))
        assert figures.direction > 0.97
        assert figures.direction_ungiven > 0.97
        assert figures.string > 0.93
        assert figures.stop > 0.95 or figures.stops == 0
        assert figures.change_f1 > 0.9
        assert figures.sounding_frames > 100


def test_answers_that_know_nothing_are_wrong() -> None:
    notes, known, true_TKD = take("air", 1)
    frozen = judged(notes, known, np.repeat(true_TKD[:1], len(true_TKD), axis=0))
    assert frozen.direction < 0.1  # a bow that stands goes no way
    assert np.isnan(frozen.change_precision)
    assert frozen.change_recall == 0
    other = judged(notes, known, take("air", 2)[2])
    assert other.direction_ungiven < 0.7
    assert other.string < 0.7
    assert other.stop < 0.7  # by chance where both keep to the first position
    assert other.change_f1 < 0.5
    late = judged(notes, known, np.roll(true_TKD, FPS, axis=0))
    assert late.change_f1 < 0.5
    assert late.direction < 0.75


def test_a_phrase_is_judged_by_the_way_that_it_began() -> None:
    """The same strokes the other way round are right when the first one's way is given, and wrong
    when it is not."""
    notes, known, true_TKD = take("dance", 4)
    backwards = {
        **known,
        "strokes": [[*row[:3], 1 - row[3], 1 - row[4], row[5]] for row in known["strokes"]],
    }
    figures = judged(notes, backwards, true_TKD)
    assert figures.direction > 0.97
    assert figures.direction_ungiven < 0.03
