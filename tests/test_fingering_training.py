"""scripts/train_fingering.py, and the search for fingers: against all fingerings one by one."""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from apvg.models.fingering.fingers import FingerModel, FingerSearch, HandNotes, as_right_hand
from apvg.models.fingering.hands import HandTagger

SCRIPTS = Path(__file__).parent.parent / "scripts"
MELODY = (60, 62, 63, 67, 65)


def note(step: str, octave: int, staff: int, duration: int, more: str = "", alter: int = 0) -> str:
    return (
        f"<note>{more}<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave>"
        f"</pitch><duration>{duration}</duration><staff>{staff}</staff></note>"
    )


SONG = f"""<?xml version="1.0"?><score-partwise><part id="P1"><measure>
<attributes><divisions>2</divisions><staves>2</staves></attributes><sound tempo="60"/>
{note("C", 5, 1, 2, '<tie type="start"/>')}{note("C", 5, 1, 2, '<tie type="stop"/>')}
<backup><duration>4</duration></backup>
{note("F", 3, 2, 4, alter=1)}{note("A", 3, 2, 4, "<chord/>")}
</measure></part></score-partwise>"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("train_fingering", SCRIPTS / "train_fingering.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "train_fingering", module)
    spec.loader.exec_module(module)
    return module


def drawn_model() -> FingerModel:
    torch.manual_seed(0)
    model = FingerModel()
    for weights in model.parameters():
        torch.nn.init.normal_(weights)
    return model.requires_grad_(False)


def keys() -> HandNotes:
    onset_N = np.arange(len(MELODY)) * 0.25
    return as_right_hand(np.array(MELODY), onset_N, onset_N + 0.2, 1)


def score(model: FingerModel, notes: HandNotes, fingers: tuple[int, ...]) -> float:
    """Term by term."""
    x_1N = torch.from_numpy(notes.x_N).float()[None]
    black_1N = torch.from_numpy(notes.black_N)[None]
    pairs = model.pairs(x_1N, black_1N)[0]
    triples = model.triples(x_1N, black_1N)[0]
    total = model.first_CF[black_1N[0, 0], fingers[0]] + model.last_CF[black_1N[0, -1], fingers[-1]]
    passed = 0
    for n, finger in enumerate(fingers):
        total = total + model.colour_CF[black_1N[0, n], finger]
        if n > 0:
            before, away = fingers[n - 1], notes.x_N[n] - notes.x_N[n - 1]
            total = total + pairs[n - 1, before, finger]
            under, over = away > 0 and before > 0 == finger, away < 0 and before == 0 < finger
            if under or over:
                now = {2: 1, 3: 2}.get(before if under else finger, 0)
                total = total + model.passing_WMN[2 if under else 0, passed, now]
                passed = now
        if n > 1:
            total = total + triples[n - 2, fingers[n - 2], fingers[n - 1], finger]
    return float(total)


def test_the_search_finds_the_best_of_all_fingerings() -> None:
    model, notes = drawn_model(), keys()
    every = list(product(range(5), repeat=len(MELODY)))
    best = max(every, key=lambda fingers: score(model, notes, fingers))
    assert tuple(FingerSearch(model)(notes)) == best
    given_N = np.array([-1, 4, -1, -1, 0])
    best = max(
        (fingers for fingers in every if fingers[1] == 4 and fingers[4] == 0),
        key=lambda fingers: score(model, notes, fingers),
    )
    assert tuple(FingerSearch(model)(notes, given_N)) == best


def test_surprise_is_one_minus_the_share_of_the_taught_fingers(script: ModuleType) -> None:
    model, notes = drawn_model(), keys()
    taught = [(0, 1, 2, 4, 3), (1, 2, 3, 4, 2)]
    every = torch.tensor([score(model, notes, f) for f in product(range(5), repeat=len(MELODY))])
    of_taught = torch.tensor([score(model, notes, fingers) for fingers in taught])
    expected = (torch.logsumexp(every, 0) - torch.logsumexp(of_taught, 0)) / len(MELODY)
    longer = script.Taught(  # padding must not count
        torch.arange(9.0) + 20, torch.zeros(9, dtype=torch.long), torch.zeros(1, 9).long()
    )
    one = script.Taught(
        torch.from_numpy(notes.x_N).float(), torch.from_numpy(notes.black_N), torch.tensor(taught)
    )
    both = script.surprise(model, [one, longer])
    alone = script.surprise(model, [longer])
    assert float(2 * both - alone) == pytest.approx(float(expected), abs=1e-4)


def test_staves_say_the_hands_of_a_song(script: ModuleType, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "song.mxl", "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("song.xml", SONG)
    song = script.read_song(tmp_path / "song.mxl")
    np.testing.assert_array_equal(song.pitch_N, [54, 57, 72])
    np.testing.assert_array_equal(song.hand_N, [0, 0, 1])
    np.testing.assert_allclose(song.onset_N, 0)
    np.testing.assert_allclose(song.offset_N, 2 - 0.02)  # the tied note is one


@pytest.mark.slow
def test_both_learn(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few steps on one scale, and on songs whose hands lie an octave apart."""
    line = np.array([60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60])
    taught_N = np.array([0, 1, 2, 0, 1, 2, 3, 4, 3, 2, 1, 0, 2, 1, 0])
    scale = script.Exercise("scales", 1, line, [taught_N])
    monkeypatch.setattr(script, "FINGER_STEPS", 60)
    monkeypatch.setattr(script, "SHORT_SHARE", 0.0)
    model = script.train_fingers([scale])
    onset_N = np.arange(15) * 0.25
    found_N = FingerSearch(model)(as_right_hand(line, onset_N, onset_N + 0.2, 1))
    np.testing.assert_array_equal(found_N, scale.taught[0])

    monkeypatch.setattr(script, "HAND_STEPS", 12)
    monkeypatch.setattr(script, "PIECES", 1)
    random = np.random.default_rng(0)
    hand_N = random.integers(0, 2, 200)
    onset_N = np.arange(200) * 0.2
    pitch_N = np.where(hand_N == 1, 76, 45) + random.integers(-4, 5, 200)
    song = script.Song(onset_N, onset_N + 0.2, pitch_N, hand_N)
    exercises = [script.Exercise("scales", side, line, [line * 0]) for side in (1, 0)]
    tagger = script.train_hands([song], exercises)
    assert isinstance(tagger, HandTagger)
    assert ((tagger.eval().tag(onset_N, onset_N + 0.2, pitch_N) > 0) == hand_N).mean() > 0.5
