"""Late pictures are dropped, never queued; a Y4M stream holds what was shown."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event

import av
import numpy as np
import pytest
from torch import Tensor

from apvg.engines.pytorch import PyTorchEngine
from apvg.live.session import play_along
from apvg.live.sinks import Y4MStream
from apvg.live.sources import PIECE_SECONDS, paced
from apvg.live.statistics import Statistics
from apvg.models.stu import Encoded
from apvg.performer import Performer
from apvg.video.compositing import Layer

RATE, FPS = 16000, 25


class Screen:
    """Takes so long for a picture."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.shown, self.still = seconds, 0, 0

    def show(self, frame_HWC: np.ndarray) -> None:
        time.sleep(self.seconds)
        self.shown += 1

    def stand_still(self) -> None:
        self.still += 1

    def idle(self) -> None: ...

    def close(self) -> None: ...


class Slow(PyTorchEngine):
    """The engine itself on a slower machine: a frame takes three times as long as it lasts."""

    def paint(self, recurred: tuple[Encoded, Tensor | None]) -> Layer:
        time.sleep(3 / FPS)
        return super().paint(recurred)


@pytest.fixture
def performer(tiny_performer: Path) -> Performer:
    return Performer.from_pretrained(tiny_performer)


class Stalling(Y4MStream):
    """Hangs at one of the frames, for as long as a disk may that others write to."""

    shown = 0

    def show(self, frame_HWC: np.ndarray) -> None:
        self.shown += 1
        if self.shown == 10:
            time.sleep(0.8)
        super().show(frame_HWC)


def performed(performer: Performer, screen: Screen | Stalling, seconds: float) -> Statistics:
    """What is counted."""
    statistics, stop = Statistics(FPS), Event()
    samples_S = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE))
    sound = paced([samples_S.astype(np.float32)], RATE, stop)
    with performer.stream(block=1) as stream:
        play_along(stream, sound, screen, statistics, stop)
    assert screen.shown == statistics.shown > 0
    return statistics


def frames_heard(seconds: float, statistics: Statistics) -> float:
    """How many frames the sound that was heard makes: a machine at much other work may lose some
    pieces of it."""
    return FPS * (seconds - PIECE_SECONDS * statistics.lost)


def test_a_machine_that_is_too_slow_leaves_pictures_out_and_keeps_up(performer: Performer) -> None:
    performer.engine = Slow(performer.stages)
    statistics = performed(performer, Screen(), 3.0)
    assert (
        statistics.late > 20
    )  # of 75; a third can be painted, and all those after the end of the music
    seen = statistics.shown + statistics.late + statistics.left_out
    assert seen == pytest.approx(frames_heard(3.0, statistics), abs=0.5)


def test_a_screen_that_is_too_slow_leaves_pictures_out(performer: Performer) -> None:
    screen = Screen(3 / FPS)
    statistics = performed(performer, screen, 3.0)
    assert statistics.left_out + statistics.late > 20
    assert screen.still == statistics.left_out + statistics.late


def test_a_file_keeps_the_music_s_clock_when_frames_are_left_out(
    performer: Performer, tmp_path: Path
) -> None:
    stream = Stalling((tmp_path / "a.y4m").open("wb", buffering=0), performer.config.size, FPS)
    statistics = performed(performer, stream, 3.0)
    stream.close()
    assert statistics.left_out + statistics.late > 0  # most of the 20 of its pause
    frames = decoded(tmp_path / "a.y4m")
    assert len(frames) == statistics.shown + statistics.left_out + statistics.late
    assert len(frames) == pytest.approx(frames_heard(3.0, statistics), abs=0.5)
    # The picture stood still, and no longer than that.
    still = sum(np.array_equal(a, b) for a, b in pairwise(frames))
    assert still >= statistics.left_out


def test_a_pipe_gets_the_frames_that_were_left_out_when_there_is_time(tmp_path: Path) -> None:
    """Not before the next one: a player that was paused would never again see what is played
    now."""
    reader, writer = os.pipe()
    stream = Y4MStream(os.fdopen(writer, "wb", buffering=0), (16, 16), FPS)
    red_HWC, blue_HWC = np.zeros((2, 16, 16, 3), np.uint8)
    red_HWC[..., 0] = blue_HWC[..., 2] = 255
    stream.show(red_HWC)
    stream.stand_still()
    stream.stand_still()
    stream.show(blue_HWC)
    for _ in range(5):
        stream.idle()
    stream.close()
    with os.fdopen(reader, "rb") as pipe:
        (tmp_path / "a.y4m").write_bytes(pipe.read())
    red = [frame_HWC[8, 8, 0] > 128 for frame_HWC in decoded(tmp_path / "a.y4m")]
    assert red == [True, False, False, False]


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_what_goes_wrong_with_the_sound_is_raised(performer: Performer) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield np.zeros(160, np.float32)
        raise OSError("the cable is out")

    with performer.stream(block=1) as stream, pytest.raises(OSError, match="cable"):
        play_along(stream, broken(), Screen(), Statistics(FPS), Event())


def test_a_y4m_stream_holds_what_was_shown(tmp_path: Path) -> None:
    ramp_HW = np.linspace(0, 255, 64 * 32).reshape(32, 64)
    frames = [np.stack([ramp_HW, ramp_HW[::-1], np.full((32, 64), v)], 2) for v in (0, 128, 255)]
    frames = [frame_HWC.astype(np.uint8) for frame_HWC in frames]
    stream = Y4MStream((tmp_path / "a.y4m").open("wb", buffering=0), (64, 32), FPS)
    stream.stand_still()  # black
    for frame_HWC in frames:
        stream.show(frame_HWC)
    stream.stand_still()
    stream.close()
    read = decoded(tmp_path / "a.y4m")
    due = [np.zeros_like(frames[0]), *frames, frames[-1]]
    assert len(read) == len(due)
    for read_HWC, due_HWC in zip(read, due, strict=True):
        assert np.abs(read_HWC.astype(int) - due_HWC).mean() < 4  # two pixels share their colour


def test_statistics_tell_shares_and_growth() -> None:
    statistics = Statistics(FPS)
    for minute, latency in enumerate((0.5, 0.6, 0.7)):
        for _ in range(60 * FPS):
            statistics.show(latency)
        assert bool(statistics.growth()) == (minute > 0)
    assert statistics.latency(0.5) == pytest.approx(0.6, abs=0.005)
    assert statistics.latency(1.0) == pytest.approx(0.7, abs=0.005)
    assert "minute 1 0.500 s, in minute 3 0.700 s" in statistics.growth()
    statistics.late += 45
    assert statistics.dropped == pytest.approx(0.0099, abs=1e-4)
