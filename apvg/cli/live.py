"""``apvg live``: a performer that plays along in real time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import tyro

from apvg.base.options import (
    Block,
    Channels,
    Duration,
    Engine,
    Moment,
    SampleRate,
    Semitones,
)
from apvg.live.sources import PipeFormat

if TYPE_CHECKING:
    import numpy as np

    from apvg.live.sinks import Sink
    from apvg.live.statistics import Statistics
    from apvg.music.notes import Notes
    from apvg.performer import Performer

#: Sources and sinks that are not files.
MICROPHONE, PIPE, WINDOW, CAMERA = "microphone", "-", "window", "camera"


@dataclass(frozen=True)
class Live:
    """Play along with a microphone, a pipe or a file in real time. Press Ctrl-C to stop."""

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")] = MICROPHONE
    """The music: `microphone`; `-` for raw samples on standard input (--rate, --channels,
    --format); or an audio, video or MIDI file, played in real time."""
    output: Annotated[str, tyro.conf.arg(aliases=["-o"])] = WINDOW
    """Where the frames go: `window`; `camera`, a virtual camera for other programs; `-` for a Y4M
    video stream on standard output; or a file or named pipe for that stream. No output has sound.
    """
    performer: str = "piano"
    """Name of an installed performer, or path of a performer's folder."""
    rate: SampleRate = 44100
    """Sample rate of standard input, in Hz."""
    channels: Channels = 1
    """Number of interleaved channels on standard input."""
    format: PipeFormat = "s16le"
    """Sample format of standard input, in FFmpeg's notation."""
    microphone: str | None = None
    """Number of a sound device, or part of its name. By default, the system's default device."""
    soundfont: Path | None = None
    """Soundfont for a MIDI file, .sf2 or .sf3. By default, the one that APVG_SOUNDFONT names, or
    else the first one found."""
    transpose: Semitones = 0
    """Semitones by which the performer plays higher than the music."""
    start: Moment = 0.0
    """Where to start in a file, in seconds."""
    duration: Duration | None = None
    """Stop after this many seconds of music."""
    block: Block = 1
    """Frames processed at a time. Larger blocks are slightly more efficient, but each additional
    frame adds 0.04 s of latency."""
    device: str = "cpu"
    """Device that the networks run on: cpu, cuda or mps."""
    engine: Engine = "auto"
    """Precision of the networks: torch (float32), torch-bf16 (CVG and FPVG in bfloat16), or auto,
    the faster of the two on this machine."""
    force: bool = False
    """Replace the output file if it already exists."""

    def run(self) -> None:
        """Read sound, render and show at the same time."""
        import torch

        from apvg.live.ready import ready_performer
        from apvg.live.session import play_along
        from apvg.live.sources import first_seconds
        from apvg.live.statistics import Statistics

        torch.set_num_threads(
            1
        )  # prediction and rendering each have a thread (see apvg.base.pipeline)
        stop = Event()
        with ExitStack() as stack:
            performer = ready_performer(self.performer, self.device, self.engine, block=self.block)
            statistics = Statistics(performer.fps)
            sound, notes = stack.enter_context(self._sound(performer, stop, statistics))
            if self.duration is not None:
                sound = first_seconds(sound, performer.sample_rate, self.duration)
            sink = stack.enter_context(self._sink(performer))
            stream = stack.enter_context(
                performer.stream(notes, transpose=self.transpose, block=self.block, live=True)
            )
            with status_line(statistics):
                play_along(stream, sound, sink, statistics, stop)
        print(
            f"{statistics.line()}{statistics.growth()} ({performer.engine.name})", file=sys.stderr
        )

    @contextmanager
    def _sound(
        self, performer: Performer, stop: Event, statistics: Statistics
    ) -> Iterator[tuple[Iterator[np.ndarray], Notes | None]]:
        """The sound of the source, and its notes if they are known."""
        from apvg.live.sources import microphone_sound, paced, pipe_sound
        from apvg.music.reading import measure_audio, stream_audio
        from apvg.music.source import open_music

        rate = performer.sample_rate
        if self.source == MICROPHONE:
            with microphone_sound(rate, stop, statistics, self.microphone) as sound:
                yield sound, None
        elif self.source == PIPE:
            pipe = sys.stdin.buffer.raw  # pyright: ignore[reportAttributeAccessIssue]
            yield (
                pipe_sound(
                    pipe,
                    rate,
                    stop,
                    source_rate=self.rate,
                    channels=self.channels,
                    kind=self.format,
                ),
                None,
            )
        else:
            with open_music(self.source, self.soundfont) as music:
                stop_at = None if self.duration is None else self.start + self.duration
                measure_audio(music.audio, stop_at)  # raises at once if the file cannot be read
                notes = music.notes.shifted(-self.start) if music.notes is not None else None
                yield paced(stream_audio(music.audio, rate, start=self.start), rate, stop), notes

    @contextmanager
    def _sink(self, performer: Performer) -> Iterator[Sink]:
        from apvg.base.files import atomic_path
        from apvg.live.sinks import VirtualCamera, Window, Y4MStream

        size, fps = performer.config.size, performer.fps
        with ExitStack() as stack:
            if self.output == WINDOW:
                sink = Window(f"apvg live: {performer.name}", size)
            elif self.output == CAMERA:
                sink = VirtualCamera(size, fps)
            elif self.output == PIPE:
                # A separate file object: if the reader has gone, buffered data must not be written
                # again at exit.
                sink = Y4MStream(os.fdopen(os.dup(1), "wb", buffering=0), size, fps)
            else:
                path = Path(self.output)
                if not path.exists() or path.is_file():
                    path = stack.enter_context(atomic_path(path, force=self.force))
                sink = Y4MStream(path.open("wb", buffering=0), size, fps)
            stack.callback(sink.close)
            yield sink


@contextmanager
def status_line(statistics: Statistics) -> Iterator[None]:
    """Show the statistics on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live as LiveDisplay
    from rich.text import Text

    with LiveDisplay(
        get_renderable=lambda: Text(statistics.line()),
        console=Console(stderr=True),
        refresh_per_second=2,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield
