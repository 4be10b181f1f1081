"""The public door: whole music against any chunking, frame counts, and damaged bundles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.music.notes import Notes
from apvg.performer import Performer
from apvg.streaming import BLOCK


@pytest.fixture(scope="module")
def performer(tiny_performer: Path) -> Performer:
    return Performer.from_pretrained(tiny_performer)


def music(samples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


def cut(samples_S: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    while len(samples_S):
        size = sizes.pop() if sizes else len(samples_S)
        yield samples_S[:size]
        samples_S = samples_S[size:]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(1, 9000), max_size=6))
def test_any_chunking_gives_the_same_performance(performer: Performer, sizes: list[int]):
    samples_S = music(16000)
    whole = performer.perform(samples_S)
    parts = list(performer.stream().run(cut(samples_S, sizes)))
    keypoints_TKD = np.concatenate([part.keypoints_TKD for part in parts])
    np.testing.assert_allclose(keypoints_TKD, whole.keypoints_TKD, atol=1e-3)
    frames_THWC = np.concatenate([part.frames_THWC for part in parts]).astype(int)
    assert np.abs(frames_THWC - whole.frames_THWC).max() <= 1  # a rounding apart at most


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(samples=st.integers(0, 20000))
def test_there_is_a_frame_for_every_25th_of_a_second(performer: Performer, samples: int):
    assert len(performer.perform(music(samples)).frames_THWC) == round(samples / 16000 * 25)


def test_predicted_and_rendered_is_performed(performer: Performer):
    samples_S = music(24000)
    performance = performer.perform(samples_S)
    keypoints_TKD, confidence_TK = performer.predict_keypoints(samples_S)
    np.testing.assert_allclose(keypoints_TKD, performance.keypoints_TKD, atol=1e-3)
    rendered = list(performer.render(keypoints_TKD, confidence_TK, samples_S))
    frames_THWC = np.concatenate([part.frames_THWC for part in rendered]).astype(int)
    assert np.abs(frames_THWC - performance.frames_THWC).max() <= 1
    assert max(len(part.frames_THWC) for part in rendered) <= BLOCK


def test_points_that_are_not_there_leave_no_trace(performer: Performer):
    """NaN is how other programs say so; the STU's recurrent state, which it would reach for good,
    goes on."""
    performed = performer.perform(music(40000))
    keypoints_TKD, confidence_TK = performed.keypoints_TKD.copy(), performed.confidence_TK.copy()
    gone_TK = np.zeros(confidence_TK.shape, bool)
    gone_TK[5, 3] = gone_TK[20:30] = True
    there_TK = np.where(gone_TK, 0, confidence_TK)
    keypoints_TKD[gone_TK] = 0
    expected = list(performer.render(keypoints_TKD, there_TK))
    keypoints_TKD[gone_TK] = np.nan
    for confidence in (confidence_TK, np.where(gone_TK, np.nan, confidence_TK)):
        painted = list(performer.render(keypoints_TKD, confidence))
        for one, other in zip(painted, expected, strict=True):
            np.testing.assert_array_equal(one.frames_THWC, other.frames_THWC)
    keypoints_TKD[7, 4] = np.inf
    with pytest.raises(ValueError, match="of frame 7 lies more than"):
        list(performer.render(keypoints_TKD, confidence_TK))


def test_nothing_beyond_the_lookahead_has_an_influence(performer: Performer):
    """A change of the music later than the stated lookahead changes no frame before it."""
    assert performer.lookahead_seconds <= 0.6
    samples_S = music(32000)
    changed_S = samples_S.copy()
    changed_S[20000:] = 0.0
    keypoints = [performer.predict_keypoints(s)[0] for s in (samples_S, changed_S)]
    unheard = int((20000 / 16000 - performer.lookahead_seconds) * 25)
    np.testing.assert_allclose(keypoints[0][:unheard], keypoints[1][:unheard], atol=1e-4)
    assert np.abs(keypoints[0] - keypoints[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda d: (d / "config.json").unlink(), "holds no performer"),
        (lambda d: (d / "config.json").write_text("{"), "damaged"),
        (lambda d: (d / "khp.safetensors").unlink(), "missing"),
        (lambda d: (d / "cvg.safetensors").write_bytes(b"0" * 100), "damaged"),
        (lambda d: (d / "plate.png").write_bytes(b""), "not a readable picture"),
        (
            lambda d: (d / "config.json").write_text(
                json.dumps(json.loads((d / "config.json").read_text()) | {"format_version": 9})
            ),
            "format 9",
        ),
    ],
)
def test_damaged_bundles_are_refused_in_one_line(
    tiny_performer: Path, tmp_path: Path, harm, words: str
):
    folder = tmp_path / "harmed"
    shutil.copytree(tiny_performer, folder)
    harm(folder)
    with pytest.raises(ApvgError, match=words) as error:
        Performer.from_pretrained(folder)
    assert "\n" not in str(error.value)


def test_unknown_performers_and_devices_are_refused(tiny_performer: Path):
    with pytest.raises(ApvgError, match="no performer 'nobody'"):
        Performer.from_pretrained("nobody")
    with pytest.raises(ApvgError, match="choose the device cpu"):
        Performer.from_pretrained(tiny_performer, device="warp")


def notes(seconds: float) -> Notes:
    onset_N = np.arange(0.2, seconds - 0.5, 0.3)
    pitch_N = 40 + 5 * (np.arange(len(onset_N)) % 8)
    return Notes(onset_N, onset_N + 0.2, onset_N + 0.2, pitch_N, np.full(len(onset_N), 80))


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(1, 9000), max_size=6))
def test_known_notes_are_played_whatever_sounds(performer: Performer, sizes: list[int]):
    """The same notes give the same hands, however the sound comes in and whatever it is."""
    samples_S, known = music(32000), notes(2.0)
    whole, _ = performer.predict_keypoints(samples_S, known)
    silence, _ = performer.predict_keypoints(np.zeros_like(samples_S), known)
    np.testing.assert_array_equal(whole, silence)
    parts = list(performer.stream(known).run(cut(samples_S, list(sizes))))
    streamed = np.concatenate([part.keypoints_TKD for part in parts])
    np.testing.assert_allclose(streamed, whole, atol=1e-3)
    other, _ = performer.predict_keypoints(samples_S, known.transposed(12))
    assert np.abs(other - whole).max() > 0.01  # ten times what the way of cutting may change


def test_transposed_music_is_played_elsewhere(performer: Performer):
    """Known notes exactly as if they had been written so; transcribed ones otherwise than
    without."""
    samples_S, known = music(32000), notes(2.0)
    plain = performer.perform(samples_S, notes=known)
    lower = performer.perform(samples_S, notes=known, transpose=-7)
    written = performer.perform(samples_S, notes=known.transposed(-7))
    np.testing.assert_array_equal(lower.keypoints_TKD, written.keypoints_TKD)
    assert not np.array_equal(lower.keypoints_TKD, plain.keypoints_TKD)
