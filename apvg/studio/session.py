"""Playing live: sound in and frames out, through :meth:`apvg.Performer.stream` in a process of its own."""

from __future__ import annotations

import base64
import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from apvg.errors import ApvgError
from apvg.studio.cards import chosen
from apvg.studio.folder import WorkFolder
from apvg.studio.jobs import Queue

#: A page that sends nothing for so long is gone, seconds.
_SILENT_SECONDS = 15.0
#: Sound further ahead of the frames than this, seconds, is left out, so that the performer is never far behind.
_MOST_BEHIND = 3.0
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
            `frames` as data URLs, one for every 1 / `fps` of all the sound that was `taken`; `fps` is 0 until the performer is
            ready, and sound is not taken while the performer is far behind.
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
        self._heard = time.monotonic()
        self._told = threading.Lock()
        self._fps, self._behind = 0, 0.0  # no frames a second until the performer is ready
        self._frames: list[str] = []
        self._error = ""
        self._closing = threading.Lock()
        self._closed = False
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._closed and self._process.is_alive()

    def push(self, samples_S: np.ndarray) -> dict[str, Any]:
        self._heard = time.monotonic()
        seconds = len(samples_S) / self._rate
        with self._told:
            frames, self._frames = self._frames, []
            # What is played before the performer has sat down is not kept for later.
            taken = self._fps > 0 and 0 < seconds <= _MOST_BEHIND - self._behind
            if taken:
                self._behind += seconds
        try:
            if taken:
                self._pipe.send_bytes(samples_S.tobytes())
        except OSError:
            self.close()
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
            self._listener.join()
            self._pipe.close()
            self._release()

    def _listen(self) -> None:
        """Take what the process says as soon as it does, or it and who sends it sound would each wait for the other."""
        with suppress(EOFError, OSError):
            while True:
                what, value = self._pipe.recv()
                with self._told:
                    if what == "ready":
                        self._fps = value
                    elif what == "frames":
                        self._frames += value
                    elif what == "taken":
                        self._behind -= value
                    else:
                        self._error = value

    def _watch(self) -> None:
        """End the session of a page that was closed."""
        while not self._closed:
            time.sleep(1.0)
            if time.monotonic() - self._heard > _SILENT_SECONDS or not self._process.is_alive():
                self.close()


def _perform(pipe: Connection, performer_name: str, rate: int) -> None:
    """The process: samples in by the pipe, lists of JPEG files out, as data URLs."""
    from apvg.audio.reading import resample
    from apvg.cli.main import explain
    from apvg.live.ready import ready_performer
    from apvg.video.images import jpeg

    def heard() -> Iterator[np.ndarray]:
        while True:
            samples_S = np.frombuffer(pipe.recv_bytes(), "<i2").astype(np.float32) / 32768
            yield samples_S[None]
            pipe.send(("taken", samples_S.shape[0] / rate))

    try:
        performer = ready_performer(performer_name, block=_BLOCK)
        with performer.stream(block=_BLOCK) as stream:
            pipe.send(("ready", stream.fps))
            sound = heard()
            for samples_CS in resample(next(sound), sound, rate, stream.sample_rate):
                frames_THWC = stream.push(samples_CS[0]).frames_THWC
                encoded = [base64.b64encode(jpeg(frame)).decode() for frame in frames_THWC]
                pipe.send(("frames", [f"data:image/jpeg;base64,{frame}" for frame in encoded]))
    except (EOFError, BrokenPipeError):
        return  # the session was ended
    except (ApvgError, ImportError, MemoryError, OSError) as error:
        pipe.send(("error", explain(error)))
