"""Playing live: sound in and frames out, through :mod:`apvg.live` in a process of its own.

Nobody waits for anybody: what a process that is held up has not taken yet is bounded and waits in a
thread of its own.
"""

from __future__ import annotations

import base64
import multiprocessing
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.base.explain import EXPLAINED, explain
from apvg.studio.cards import chosen
from apvg.studio.folder import WorkFolder
from apvg.studio.jobs import Queue

#: A page that sends nothing for so long is gone, seconds.
_SILENT_SECONDS = 15.0
#: So much sound may wait for the performer's process, seconds; more is left out. It is less than
#: `apvg.live.session` keeps waiting, so that nothing is lost there, and frames can be counted from
#: what was taken.
_MOST_BEHIND = 0.9
#: Less than this, seconds, is not worth sending.
_LEAST_SOUND = 0.05
#: So many pictures may wait for the page, seconds.
_MOST_PICTURES = 5.0
#: Frames that are worked on at a time: few, so that they come soon.
_BLOCK = 4
_CONTEXT = multiprocessing.get_context("spawn")


class Live:
    """One session at a time: sound in, frames out as they are ready."""

    def __init__(self, folder: WorkFolder, queue: Queue) -> None:
        self._folder, self._queue = folder, queue
        self._lock = threading.Lock()
        self._session: _Session | None = None

    def begin(self, performer: str, rate: int) -> dict[str, Any]:
        """Start a session with sound of `rate` Hz to come."""
        try:
            path = chosen(self._folder, performer)
            if not 8000 <= int(rate) <= 192_000:
                raise ApvgError(
                    "the microphone gives sound at an unknown rate; try another browser"
                )
            with self._lock:
                if self._session is not None and self._session.alive:
                    raise ApvgError("someone else is playing live just now; try again in a while")
                if self._session is not None:
                    self._session.close()  # before the queue is held anew, for it lets go of it
                self._queue.hold()
                try:
                    self._session = _Session(path, int(rate), self._queue.release)
                except BaseException:
                    self._queue.release()
                    raise
                return {"session": self._session.id}
        except (ApvgError, OSError, TypeError, ValueError) as error:
            return {"error": str(error)}

    def push(self, session: str, samples: str) -> dict[str, Any]:
        """Take the next samples (base64 of int16) and return the frames that are ready.

        Returns:
            `frames` as data URLs, one for every 1 / `fps` of all the sound that was `taken` so far
            (here in seconds, the newest of what was sent), or None for a frame that came too late
            to be rendered; `fps` is 0 until the performer is ready.
        """
        with self._lock:
            current = self._session
        if current is None or current.id != session or not current.alive:
            return {"error": "the session is over; press Start to play on"}
        return current.push(np.frombuffer(base64.b64decode(samples), "<i2"))

    def end(self, session: str) -> None:
        """End a session."""
        with self._lock:
            if self._session is not None and self._session.id == session:
                self._session.close()
                self._session = None

    def close(self) -> None:
        """End whatever is going on."""
        with self._lock:
            if self._session is not None:
                self._session.close()


class _Session:
    """The server's end of a performing process."""

    def __init__(self, performer: str, rate: int, release: Callable[[], None]) -> None:
        self.id = uuid.uuid4().hex
        self._rate, self._release = rate, release
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=_perform, args=(theirs, performer, rate), daemon=True
        )
        self._process.start()
        theirs.close()
        self._last_push = time.monotonic()
        self._state = threading.Lock()
        self._fps, self._behind = 0, 0.0  # no frames a second until the performer is ready
        self._frames: list[str | None] = []
        self._sound: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._error = ""
        self._closing = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._receive, self._send)
        ]
        for thread in self._threads:
            thread.start()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._closed and self._process.is_alive()

    def push(self, samples_S: np.ndarray) -> dict[str, Any]:
        self._last_push = time.monotonic()
        with self._state:
            frames, self._frames = self._frames, []
            # What is played before the performer has sat down is not kept for later.
            room = _MOST_BEHIND - self._behind if self._fps else 0.0
            samples_S = samples_S[max(len(samples_S) - int(max(room, 0.0) * self._rate), 0) :]
            taken = len(samples_S) / self._rate
            taken = taken if taken >= _LEAST_SOUND else 0.0
            self._behind += taken
        if taken:
            self._sound.put(samples_S.tobytes())
        if self._error or self._closed:
            self.close()
            return {"error": self._error or "the performer has stopped; press Start to play on"}
        return {"fps": self._fps, "frames": frames, "taken": taken}

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._process.kill()
            self._process.join()
            self._sound.put(None)
            for thread in self._threads:  # without the process, neither reads nor writes any more
                thread.join()
            self._pipe.close()
            self._release()

    def _receive(self) -> None:
        """Take what the process says as soon as it does, or it and who sends it sound would each
        wait for the other."""
        with suppress(EOFError, OSError):
            while True:
                what, value = self._pipe.recv()
                with self._state:
                    if what == "ready":
                        self._fps = value
                    elif what == "frame":
                        self._frames.append(value)
                        del self._frames[: -round(_MOST_PICTURES * self._fps)]
                    elif what == "taken":
                        self._behind -= value
                    else:
                        self._error = value

    def _send(self) -> None:
        """Hand sound to the process, however long it takes over it."""
        with suppress(OSError):
            while (sound := self._sound.get()) is not None:
                self._pipe.send_bytes(sound)

    def _watch(self) -> None:
        """End the session of a page that was closed."""
        while not self._closed:
            time.sleep(1.0)
            if time.monotonic() - self._last_push > _SILENT_SECONDS or not self._process.is_alive():
                self.close()


class _Page:
    """A sink of pictures that stand in a page: JPEG files as data URLs."""

    def __init__(self, say: Callable[[str, Any], None]) -> None:
        self._say = say

    def show(self, frame_HWC: np.ndarray) -> None:
        from apvg.video.images import jpeg

        picture = base64.b64encode(jpeg(frame_HWC)).decode()
        self._say("frame", f"data:image/jpeg;base64,{picture}")

    def stand_still(self) -> None:
        self._say("frame", None)

    def idle(self) -> None:
        pass

    def close(self) -> None:
        pass


def _perform(pipe: Connection, performer_name: str, rate: int) -> None:
    """The process: samples in by the pipe; frames, and how much sound was taken, out."""
    import torch

    from apvg.live.ready import ready_performer
    from apvg.live.session import play_along
    from apvg.live.sources import PIECE_SECONDS
    from apvg.live.statistics import Statistics
    from apvg.music.resampling import resample_chunks

    speaking = threading.Lock()

    def say(what: str, value: Any) -> None:
        with speaking:
            pipe.send((what, value))

    def received() -> Iterator[np.ndarray]:
        size = round(PIECE_SECONDS * rate)
        while True:
            samples_S = np.frombuffer(pipe.recv_bytes(), "<i2").astype(np.float32) / 32768
            for first in range(0, len(samples_S), size):
                yield samples_S[None, first : first + size]
            say("taken", len(samples_S) / rate)

    try:
        torch.set_num_threads(
            1
        )  # prediction and rendering each have a thread (see apvg.base.pipeline)
        performer = ready_performer(performer_name, block=_BLOCK)
        with performer.stream(block=_BLOCK) as stream:
            say("ready", stream.fps)
            sound = received()
            pieces = resample_chunks(next(sound), sound, rate, stream.sample_rate)
            mono = (piece_CS[0] for piece_CS in pieces)
            play_along(stream, mono, _Page(say), Statistics(stream.fps), threading.Event())
    except (EOFError, BrokenPipeError):
        return  # the session was ended
    except EXPLAINED as error:
        say("error", explain(error))
