"""A live performance: threads read sound, predict keypoints and render, and the main thread shows,
with short queues between them.

What is late is dropped and counted, never queued. A frame that cannot be ready in time is not
rendered, except for one block a second: keypoints are still predicted from the music, only the
picture stands still. A rendered frame that was not taken when the next one is due is left out. For
every frame that is not shown, in its turn, the sink's `stand_still` is called, so that a stream
without time stamps keeps the music's clock. If the sound comes faster than keypoints can be
predicted, sound is lost.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from time import perf_counter, sleep
from typing import TypeVar

import numpy as np

from apvg.live.sinks import Sink, SinkClosed
from apvg.live.sources import PIECE_SECONDS
from apvg.live.statistics import Statistics
from apvg.streaming import Posed, Stream

T = TypeVar("T")
#: Seconds of sound, and of poses, that may wait in a queue.
QUEUED_SECONDS = 1.0
#: Sound that arrives this much later than it should counts as waited for, seconds.
_GAP_SECONDS = 0.1
#: How long to wait at the end for a read in progress, seconds; a pipe may be silent for ever.
_LAST_READ_SECONDS = 0.5
#: If the machine never catches up, a block is rendered this often all the same, seconds.
_LONGEST_STILL_SECONDS = 1.0
#: How often waiting threads check whether the session has ended, seconds.
_WATCH_SECONDS = 0.02


@dataclass(frozen=True)
class Piece:
    """A piece of sound [S], and when its last sample arrived."""

    samples_S: np.ndarray
    at: float


@dataclass(frozen=True)
class Pose:
    """A block that waits to be rendered, when the sound of its frames arrived, and whether the
    music goes on."""

    first: int
    """Number of its first frame."""
    posed: Posed
    received_at: list[float]
    live: bool


@dataclass(frozen=True)
class Picture:
    """A frame, RGB uint8 [H, W, 3], or None where it was not rendered; when its sound arrived, and
    when it is due."""

    number: int
    """Of the frame, from 0."""
    frame_HWC: np.ndarray | None
    received_at: float
    due: float


def play_along(
    stream: Stream, sound: Iterator[np.ndarray], sink: Sink, statistics: Statistics, stop: Event
) -> None:
    """Show what a stream makes of live sound until the sound ends, the sink is closed, or Ctrl-C.

    Args:
        stream: A fresh one.
        sound: Mono pieces at the stream's rate, each when it sounds (see :mod:`apvg.live.sources`).
        sink: Where the frames go.
        statistics: Counts frames, delays and losses.
        stop: Is set at the end, to stop the source.

    Raises:
        Whatever went wrong in any of the threads.
    """
    session = _Session(stream, sound, statistics, stop)
    try:
        session.show(sink)
    except (SinkClosed, KeyboardInterrupt):
        pass
    finally:
        session.end()
    if session.error is not None:
        raise session.error


class _Session:
    def __init__(
        self, stream: Stream, sound: Iterator[np.ndarray], statistics: Statistics, stop: Event
    ) -> None:
        self.error: BaseException | None = None
        self._stream, self._sound, self._statistics, self._stop = stream, sound, statistics, stop
        self._clock = _Clock(stream)
        self._frames = 0
        self._pieces: queue.Queue[Piece | None] = queue.Queue(round(QUEUED_SECONDS / PIECE_SECONDS))
        self._poses: queue.Queue[Pose | None] = queue.Queue(round(QUEUED_SECONDS * stream.fps))
        self._pictures: queue.Queue[Picture | None] = queue.Queue(2 * stream.block + 1)
        # It may hang in a read that cannot be interrupted, and must not keep the process alive.
        self._receiver = Thread(target=self._run, args=(self._receive, self._pieces), daemon=True)
        self._receiver.start()
        self._workers = [
            Thread(target=self._run, args=(self._predict, self._poses), daemon=True),
            Thread(target=self._run, args=(self._paint, self._pictures), daemon=True),
        ]
        for worker in self._workers:
            worker.start()

    def end(self) -> None:
        """End all threads that can be ended."""
        self._stop.set()
        for worker in self._workers:
            worker.join()
        # A microphone returns its next piece soon, and must not be closed while it is read.
        self._receiver.join(_LAST_READ_SECONDS)

    def show(self, sink: Sink) -> None:
        """The main thread's part: show every frame when it is due, to the end."""
        shown = 0
        while True:
            try:
                picture = self._pictures.get(timeout=_WATCH_SECONDS)
            except queue.Empty:
                sink.idle()
                continue
            if picture is None:
                return
            while (early := picture.due - perf_counter()) > 0:
                sink.idle()
                sleep(min(early, _WATCH_SECONDS))
            for _ in range(shown, picture.number):  # those that were dropped before they got here
                sink.stand_still()
            shown = picture.number + 1
            if picture.frame_HWC is None:
                sink.stand_still()
            elif -early > 1 / self._stream.fps and not self._pictures.empty():
                self._statistics.left_out += 1
                sink.stand_still()
            else:
                sink.show(picture.frame_HWC)
                self._statistics.show(perf_counter() - picture.received_at)

    def _run(self, work: Callable[[], None], output: queue.Queue) -> None:
        """A thread: its work, then None to say that there is no more."""
        try:
            work()
        except BaseException as error:
            self.error = self.error or error
        self._put(output, None)

    def _receive(self) -> None:
        before: float | None = None
        for samples_S in self._sound:
            if self._stop.is_set():
                return
            now = perf_counter()
            sounds = len(samples_S) / self._stream.sample_rate
            if before is not None and now - before > sounds + _GAP_SECONDS:
                self._statistics.waited += 1
            before = now
            try:
                self._pieces.put_nowait(Piece(samples_S, now))
            except queue.Full:
                self._statistics.lost += 1

    def _predict(self) -> None:
        while (piece := self._get(self._pieces)) is not None:
            self._clock.add(piece)
            for posed in self._stream.pose(piece.samples_S):
                self._put(self._poses, self._timed(posed, live=True))
        if not self._stop.is_set():  # the music is over: the rest need not hurry
            for posed in self._stream.pose_rest():
                self._put(self._poses, self._timed(posed, live=False))

    def _timed(self, posed: Posed, *, live: bool) -> Pose:
        first, self._frames = self._frames, self._frames + len(posed.keypoints_TKD)
        received_at = [self._clock.arrival(frame) for frame in range(first, self._frames)]
        return Pose(first, posed, received_at, live)

    def _paint(self) -> None:
        fps, wait = self._stream.fps, self._stream.latency_seconds
        patience = (self._stream.block + 1) / fps
        painted_at = perf_counter()
        while (pose := self._get(self._poses)) is not None:
            ready = pose.received_at[0] + wait
            frames: list[np.ndarray | None] = [None] * len(pose.received_at)
            now = perf_counter()
            in_time = now - ready < patience
            if not pose.live or in_time or now - painted_at > _LONGEST_STILL_SECONDS:
                frames = list(self._stream.paint(pose.posed).frames_THWC)
                painted_at = perf_counter()
                if pose.live:  # the end of the music is rendered ahead of time
                    self._statistics.work(max(perf_counter() - ready, 0.0))
            else:
                self._statistics.late += len(frames)
            # Frames of a block are ready together and shown one by one; none waits longer because
            # the machine was busy.
            due_in = wait + min(self._statistics.work_seconds, patience)
            for i, (frame_HWC, received_at) in enumerate(
                zip(frames, pose.received_at, strict=True)
            ):
                picture = Picture(pose.first + i, frame_HWC, received_at, received_at + due_in)
                if not pose.live:
                    self._put(self._pictures, picture)
                elif (dropped := self._put_newest(self._pictures, picture)) is not None:
                    self._statistics.left_out += dropped.frame_HWC is not None

    def _get(self, source: queue.Queue[T]) -> T | None:
        """The next item; None when the session ends."""
        while not self._stop.is_set():
            try:
                return source.get(timeout=_WATCH_SECONDS)
            except queue.Empty:
                continue
        return None

    def _put(self, target: queue.Queue[T], item: T) -> None:
        """Wait for room."""
        while not self._stop.is_set():
            try:
                return target.put(item, timeout=_WATCH_SECONDS)
            except queue.Full:
                continue

    def _put_newest(self, target: queue.Queue[T], item: T) -> T | None:
        """Put an item without waiting: if the queue is full, in place of the oldest item, which is
        returned."""
        dropped = None
        while True:
            try:
                target.put_nowait(item)
                return dropped
            except queue.Full:
                with suppress(queue.Empty):
                    dropped = target.get_nowait()


class _Clock:
    """When the sound of each frame arrived."""

    def __init__(self, stream: Stream) -> None:
        self._rate, self._fps = stream.sample_rate, stream.fps
        self._samples = 0
        self._ends: deque[tuple[int, float]] = (
            deque()
        )  # samples up to there, and when they were there

    def add(self, piece: Piece) -> None:
        self._samples += len(piece.samples_S)
        self._ends.append((self._samples, piece.at))

    def arrival(self, frame: int) -> float:
        """For frames in order: when the sound at a frame's moment arrived."""
        sample = frame * self._rate // self._fps
        while self._ends[0][0] <= sample and len(self._ends) > 1:
            self._ends.popleft()
        end, at = self._ends[0]
        return at - (end - sample) / self._rate
