"""The software gives what it gave when `goldens.record` was last run: nothing changes by
accident."""

from __future__ import annotations

import pytest

from goldens import record

#: Other processors round differently: pixels of keypoints, of 255 in frames, of anything else.
KEYPOINTS, FRAMES, NUMBERS = 1e-3, 2.0, 2e-3


@pytest.mark.parametrize("name", record.PERFORMERS)
def test_performers_play_as_they_did(name: str):
    away = record.farthest(record.performance(name), record.read(f"performance-{name}"))
    for key, (most, _) in away.items():
        assert most <= (KEYPOINTS if key.endswith(("TKD", "TK")) else FRAMES), key


@pytest.mark.slow
@pytest.mark.parametrize("instrument", record.STAGES)
def test_trainers_lose_as_they_did(instrument: str):
    away = record.farthest(record.losses(instrument), record.read(f"losses-{instrument}"))
    assert {key: most for key, (most, _) in away.items() if most > NUMBERS} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", record.PERFORMERS)
def test_evaluations_say_what_they_said(name: str):
    away = record.farthest(record.figures(name), record.read(f"figures-{name}"))
    assert {key: most for key, (most, _) in away.items() if most > NUMBERS} == {}
