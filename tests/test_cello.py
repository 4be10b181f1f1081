"""The cellist that ships, on the package's own air: what it is told, and what it hears."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from apvg.instruments.camera import Camera
from apvg.instruments.strings import CELLO
from apvg.measures.bowing import bowing_figures
from apvg.measures.motion import seen
from apvg.music.reading import read_audio
from apvg.performer import Performer
from apvg.samples import AIR
from apvg.virtual.strings.performance import Performance, PlayingStyle, truth


@pytest.mark.parametrize("told", ["sound", "notes"])
def test_the_cellist_plays_the_air(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[1] / "scripts")])
    notes = importlib.import_module("make_air").compose()
    performance = Performance(notes, CELLO, np.random.default_rng(0), PlayingStyle(vibrato=0.18))
    performer = Performer.from_pretrained("cello")
    samples_S = read_audio(AIR, performer.sample_rate)
    poses_TKD = seen(*performer.predict_keypoints(samples_S, notes if told == "notes" else None))
    figures = bowing_figures(
        poses_TKD,
        performer.skeleton,
        notes,
        truth(performance),
        CELLO,
        Camera(),
        performer.config.size,
        performer.fps,
    )
    assert figures.string > 0.95
    assert figures.stop > 0.8
    # By ear it misses strokes (its card tells how many), and all after one go the other way.
    if told == "notes":
        assert figures.change_f1 > 0.8
        assert figures.direction > 0.9
