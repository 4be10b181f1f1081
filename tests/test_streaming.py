"""Streams: any cutting of the music and any block give the same performance, as soon as it can be
given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from apvg.engines.pytorch import PyTorchEngine
from apvg.models.stu import Encoded
from apvg.music.notes import Notes
from apvg.performer import Performer
from apvg.stages import Stages
from apvg.streaming import BLOCK, Performance, join
from apvg.video.compositing import Layer, composite

RATE, FPS = 16000, 25
SAMPLES_PER_FRAME = RATE // FPS


class Unquantised(PyTorchEngine):
    """The engine itself, which also keeps what it paints as it is before it becomes bytes."""

    def __init__(self, stages: Stages) -> None:
        super().__init__(stages)
        self.painted: list[np.ndarray] = []

    def paint(self, recurred: tuple[Encoded, Tensor | None]) -> Layer:
        layer = super().paint(recurred)
        self.painted.append(composite(self._stages.plate_1CHW, [layer]).numpy())
        return layer


@pytest.fixture(scope="module")
def performer(tiny_performer: Path) -> Performer:
    return Performer.from_pretrained(tiny_performer)


def music(samples: int) -> np.ndarray:
    """Noise that comes and goes, so that something is heard."""
    loud_S = 0.5 + 0.5 * np.sin(np.arange(samples) / 900)
    return (loud_S * np.random.default_rng(0).normal(0, 0.2, samples)).astype(np.float32)


def notes(seconds: float) -> Notes:
    onset_N = np.arange(0.1, seconds, 0.3)
    pitch_N = 40 + 5 * (np.arange(len(onset_N)) % 8)
    return Notes(onset_N, onset_N + 0.2, onset_N + 0.2, pitch_N, np.full(len(onset_N), 80))


def performed(
    performer: Performer, chunks: list[np.ndarray], block: int, known: Notes | None
) -> tuple[Performance, np.ndarray]:
    """What a stream gives for these pushes, and its frames before quantising."""
    engine = performer.engine = Unquantised(performer.stages)
    try:
        with performer.stream(known, block=block) as stream:
            parts = [stream.push(chunk_S) for chunk_S in chunks]
            parts.append(stream.finish())
    finally:
        performer.engine = PyTorchEngine(performer.stages)
    width, height = performer.config.size
    floats_TCHW = np.concatenate([np.zeros((0, 3, height, width), np.float32), *engine.painted])
    return join(parts, performer.config), floats_TCHW


@settings(max_examples=30, deadline=None)
@given(
    samples=st.one_of(st.integers(0, 2 * SAMPLES_PER_FRAME), st.integers(0, 20000)),
    sizes=st.lists(st.one_of(st.sampled_from([0, 1, 1, 639, 640, 641]), st.integers(0, 9000))),
    block=st.integers(1, 12),
    with_notes=st.booleans(),
)
def test_any_cutting_gives_the_same_performance(
    performer: Performer, samples: int, sizes: list[int], block: int, with_notes: bool
) -> None:
    samples_S, known = music(samples), notes(samples / RATE) if with_notes else None
    cuts = np.minimum(np.cumsum(sizes, dtype=int), samples)
    whole, whole_TCHW = performed(performer, [samples_S], BLOCK, known)
    parts, parts_TCHW = performed(performer, np.split(samples_S, cuts), block, known)
    assert len(whole) == len(parts) == len(parts_TCHW) == round(samples / RATE * FPS)
    # Half a grey level: a keypoint that lies a hundredth of a pixel aside moves edges by a quarter
    # of it.
    np.testing.assert_allclose(parts_TCHW, whole_TCHW, atol=2e-3, rtol=0)
    # 1e-4 of the picture's width.
    np.testing.assert_allclose(parts.keypoints_TKD, whole.keypoints_TKD, atol=0.0128, rtol=0)
    np.testing.assert_allclose(parts.confidence_TK, whole.confidence_TK, atol=1e-4, rtol=0)
    for one, other in (
        (parts.frames_THWC, whole.frames_THWC),
        (parts.coarse_ThwC, whole.coarse_ThwC),
    ):
        assert np.abs(one.astype(int) - other).max(initial=0) <= 1  # a rounding apart at most


def test_whole_files_go_through_side_by_side_and_give_the_same(performer: Performer) -> None:
    """`run`, whose stages work at once, against `push` and `finish`, which work one after the
    other."""
    samples_S = music(20000)
    pushed, _ = performed(performer, [samples_S], BLOCK, None)
    with performer.stream() as stream:
        run = join(list(stream.run(np.split(samples_S, [7000, 7001]))), performer.config)
    np.testing.assert_allclose(run.keypoints_TKD, pushed.keypoints_TKD, atol=1e-3)
    assert np.abs(run.frames_THWC.astype(int) - pushed.frames_THWC).max() <= 1


def test_one_sample_at_a_time(performer: Performer) -> None:
    samples_S = music(1500)
    whole, whole_TCHW = performed(performer, [samples_S], BLOCK, None)
    parts, parts_TCHW = performed(performer, np.split(samples_S, 1500), 1, None)
    assert len(whole) == len(parts) == 2
    np.testing.assert_allclose(parts_TCHW, whole_TCHW, atol=1e-4, rtol=0)


@pytest.mark.parametrize("block", [1, 3, 8])
def test_frames_come_as_late_as_stated_and_no_later(performer: Performer, block: int) -> None:
    """The last frame of a block is there once the music beyond it has been heard that the block
    waits for."""
    samples_S = music(2 * RATE)
    with performer.stream(block=block) as stream:
        late = stream.latency_seconds
        heard, shown, lateness = 0.0, 0, []
        for chunk_S in np.split(samples_S, len(samples_S) // 160):
            heard += len(chunk_S) / RATE
            if ready := len(stream.push(chunk_S)):
                lateness.append(heard - shown / FPS)
                shown += ready
    # The first block lies half before the music, and its first frame comes sooner.
    assert len(lateness) > 3
    np.testing.assert_allclose(lateness[1:], late, atol=0.0101)


def test_integers_are_taken_at_full_scale(performer: Performer) -> None:
    samples_S = (music(8000) * 32767).round()

    def pushed(given_S: np.ndarray) -> np.ndarray:
        # One way for both: other numbers of threads add up in another order.
        with performer.stream() as stream:
            return join([stream.push(given_S), stream.finish()], performer.config).keypoints_TKD

    floats_TKD = pushed((samples_S / 32768).astype(np.float64))
    np.testing.assert_array_equal(pushed(samples_S.astype(np.int16)), floats_TKD)
    assert len(floats_TKD)
    assert not np.array_equal(pushed(np.zeros(8000)), floats_TKD)


def test_samples_that_are_not_numbers_are_silence(performer: Performer) -> None:
    samples_S = music(8000)
    broken_S, silent_S = samples_S.copy(), samples_S.copy()
    broken_S[3000:3100:2], broken_S[3001:3100:2], silent_S[3000:3100] = np.nan, np.inf, 0
    broken, silent = performer.perform(broken_S), performer.perform(silent_S)
    np.testing.assert_array_equal(broken.frames_THWC, silent.frames_THWC)


@pytest.mark.parametrize("loud", [1e20, -3e38])
def test_samples_that_are_far_too_loud_pass(performer: Performer, loud: float) -> None:
    samples_S = music(40000)
    samples_S[3000] = loud
    played = performer.perform(samples_S)
    assert np.isfinite(played.keypoints_TKD).all()
    assert len(np.unique(played.frames_THWC[-1])) > 10


@pytest.mark.parametrize("samples", [np.zeros((2, 9)), np.zeros(9, np.uint8), np.zeros(9, complex)])
def test_what_are_no_mono_samples_is_refused(performer: Performer, samples: np.ndarray) -> None:
    with performer.stream() as stream, pytest.raises(ValueError, match="mono samples"):
        stream.push(samples)


def test_a_stream_that_is_over_takes_no_more(performer: Performer) -> None:
    with performer.stream() as stream:
        stream.push(music(RATE))
        assert len(stream.finish())
        with pytest.raises(RuntimeError, match="open another"):
            stream.finish()
        with pytest.raises(RuntimeError, match="open another"):
            stream.push(music(10))
    with performer.stream() as left:
        left.push(music(10))
    with pytest.raises(RuntimeError, match="open another"):
        left.push(music(10))


def test_a_block_has_frames(performer: Performer) -> None:
    with pytest.raises(ValueError, match="at least 1 frame"):
        performer.stream(block=0)
