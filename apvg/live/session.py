"""A live performance: threads hear, listen and paint, and the main one shows, with short queues between them.

What is late is dropped and counted, never queued. A frame that cannot be ready in time is not painted, but for one block a
second: the music is heard and the hands go on, only the picture stands still. A painted frame that nobody has taken when
the next is due is left out. The sink is told of every frame that is not shown, in order, so that one without time stamps
can keep the music's clock. If even what is heard cannot be followed, sound is lost.
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
#: So much sound may wait for its turn, and so many seconds of poses: what is late is passed over in no time.
HEARD_SECONDS = 1.0
#: Sound that comes so much later than it sounds was waited for.
_GAP_SECONDS = 0.1
#: How long the end waits for a read that is going on; a pipe may be silent for ever.
_LAST_READ_SECONDS = 0.5
#: Where the machine never catches up, a picture comes so often all the same, seconds.
_LONGEST_STILL_SECONDS = 1.0
#: How often threads that wait look whether they are still wanted.
_WATCH_SECONDS = 0.02


@dataclass(frozen=True)
class Heard:
    """A piece of sound [S], and when its last sample was there."""

    samples_S: np.ndarray
    at: float


@dataclass(frozen=True)
class Pose:
    """A block that waits to be painted, when the moments of its frames were heard, and whether the music goes on."""

    first: int
    """Number of its first frame."""
    posed: Posed
    heard_at: list[float]
    live: bool


@dataclass(frozen=True)
class Picture:
    """A frame, RGB uint8 [H, W, 3], or None where it was not painted; when its moment was heard, and when it is due."""

    number: int
    """Of the frame, from 0."""
    frame_HWC: np.ndarray | None
    heard_at: float
    due: float


def play_along(
    stream: Stream, sound: Iterator[np.ndarray], sink: Sink, statistics: Statistics, stop: Event
) -> None:
    """Show what a stream makes of live sound until it ends, nobody looks any more, or Ctrl-C.

    Args:
        stream: A fresh one.
        sound: Mono pieces at the stream's rate, each when it sounds (see :mod:`apvg.live.sources`).
        sink: Where the pictures go.
        statistics: Counts how it goes.
        stop: Is set at the end, for the source to see.

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
        self._heard: queue.Queue[Heard | None] = queue.Queue(round(HEARD_SECONDS / PIECE_SECONDS))
        self._poses: queue.Queue[Pose | None] = queue.Queue(round(HEARD_SECONDS * stream.fps))
        self._pictures: queue.Queue[Picture | None] = queue.Queue(2 * stream.block + 1)
        # It may hang in a read that nobody can stop, and must not keep the process alive.
        self._hearing = Thread(target=self._run, args=(self._hear, self._heard), daemon=True)
        self._hearing.start()
        self._workers = [
            Thread(target=self._run, args=(self._listen, self._poses), daemon=True),
            Thread(target=self._run, args=(self._paint, self._pictures), daemon=True),
        ]
        for worker in self._workers:
            worker.start()

    def end(self) -> None:
        """Let go of all threads that can be."""
        self._stop.set()
        for worker in self._workers:
            worker.join()
        # A microphone gives its next piece in no time, and must not be closed while it is read.
        self._hearing.join(_LAST_READ_SECONDS)

    def show(self, sink: Sink) -> None:
        """The main thread's part: every picture when it is due, to the end."""
        told = 0
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
            for _ in range(told, picture.number):  # those that were left out on their way here
                sink.stand_still()
            told = picture.number + 1
            if picture.frame_HWC is None:
                sink.stand_still()
            elif -early > 1 / self._stream.fps and not self._pictures.empty():
                self._statistics.left_out += 1
                sink.stand_still()
            else:
                sink.show(picture.frame_HWC)
                self._statistics.show(perf_counter() - picture.heard_at)

    def _run(self, work: Callable[[], None], output: queue.Queue) -> None:
        """The life of a thread: its work, then the word that there is no more."""
        try:
            work()
        except BaseException as error:
            self.error = self.error or error
        self._put(output, None)

    def _hear(self) -> None:
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
                self._heard.put_nowait(Heard(samples_S, now))
            except queue.Full:
                self._statistics.lost += 1

    def _listen(self) -> None:
        while (heard := self._get(self._heard)) is not None:
            self._clock.heard(heard)
            for posed in self._stream.pose(heard.samples_S):
                self._put(self._poses, self._timed(posed, live=True))
        if not self._stop.is_set():  # the music is over: what is left need not hurry
            for posed in self._stream.pose_rest():
                self._put(self._poses, self._timed(posed, live=False))

    def _timed(self, posed: Posed, *, live: bool) -> Pose:
        first, self._frames = self._frames, self._frames + len(posed.keypoints_TKD)
        heard_at = [self._clock.when_heard(frame) for frame in range(first, self._frames)]
        return Pose(first, posed, heard_at, live)

    def _paint(self) -> None:
        fps, wait = self._stream.fps, self._stream.latency_seconds
        patience = (self._stream.block + 1) / fps
        painted_at = perf_counter()
        while (pose := self._get(self._poses)) is not None:
            ready = pose.heard_at[0] + wait
            frames: list[np.ndarray | None] = [None] * len(pose.heard_at)
            now = perf_counter()
            in_time = now - ready < patience
            if not pose.live or in_time or now - painted_at > _LONGEST_STILL_SECONDS:
                frames = list(self._stream.paint(pose.posed).frames_THWC)
                painted_at = perf_counter()
                if pose.live:  # the end of the music is worked on before its time
                    self._statistics.work(max(perf_counter() - ready, 0.0))
            else:
                self._statistics.late += len(frames)
            # Frames of a block are ready together and shown one by one. None waits for a machine that was held up.
            due_in = wait + min(self._statistics.work_seconds, patience)
            for i, (frame_HWC, heard_at) in enumerate(zip(frames, pose.heard_at, strict=True)):
                picture = Picture(pose.first + i, frame_HWC, heard_at, heard_at + due_in)
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
        """Hand on an item without waiting: where there is no room, in place of the oldest, which is returned."""
        dropped = None
        while True:
            try:
                target.put_nowait(item)
                return dropped
            except queue.Full:
                with suppress(queue.Empty):
                    dropped = target.get_nowait()


class _Clock:
    """When the moments of frames were heard."""

    def __init__(self, stream: Stream) -> None:
        self._rate, self._fps = stream.sample_rate, stream.fps
        self._samples = 0
        self._ends: deque[tuple[int, float]] = (
            deque()
        )  # samples up to there, and when they were there

    def heard(self, heard: Heard) -> None:
        self._samples += len(heard.samples_S)
        self._ends.append((self._samples, heard.at))

    def when_heard(self, frame: int) -> float:
        """Of frames in their order: when the sound at a frame's moment was there."""
        sample = frame * self._rate // self._fps
        while self._ends[0][0] <= sample and len(self._ends) > 1:
            self._ends.popleft()
        end, at = self._ends[0]
        return at - (end - sample) / self._rate
