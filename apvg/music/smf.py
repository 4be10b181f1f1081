"""A lenient reader of Standard MIDI files: errors in events that do not affect notes are ignored,
as players do.

Source: "Standard MIDI Files 1.0" (MIDI Manufacturers Association, RP-001). mido's own reader
rejects a file for any key signature or text that it cannot decode, and misreads divisions in SMPTE
frames as negative numbers; only its messages are used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido

_TEMPO, _END_OF_TRACK = 0x51, 0x2F
#: Microseconds per beat unless the file sets a tempo.
_DEFAULT_TEMPO = 500_000
#: SMPTE's name for 30 drop-frame, 29, and its frames per second.
_DROP_FRAME = {29: 30_000 / 1001}
#: Data bytes after a status byte: of channel messages by its upper four bits, of system messages by
#: the whole byte.
_CHANNEL_DATA = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1}


@dataclass(frozen=True)
class Event:
    """A channel message and its time."""

    seconds: float
    message: Any
    """A `mido.Message`, whose attributes depend on its type."""


@dataclass(frozen=True)
class _Tick:
    """An event at a tick of its track; `tempo`, microseconds per beat, sets the length of the ticks
    that follow."""

    tick: int
    message: Any = None
    tempo: int | None = None


def read_events(path: Path) -> tuple[list[Event], float]:
    """The channel messages of all tracks in order of time, and the end of the file, seconds.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is truncated, or not a Standard MIDI file of type 0 or 1.
    """
    data = path.read_bytes()
    begin = data.find(b"MThd")  # some programs write a header of their own before it
    if begin < 0 or len(data) < begin + 14:
        raise ValueError("it has no MIDI header")
    kind, division = _word(data, begin + 8), _word(data, begin + 12)
    if kind > 1:
        raise ValueError(f"it is of type {kind}, whose tracks share no clock")
    ticks: list[_Tick] = []
    for track in _tracks(data, begin):
        ticks += _read_track(track)
    ticks.sort(key=lambda event: event.tick)  # stable: at the same tick the first track comes first
    return _timed(ticks, division)


def _timed(ticks: list[_Tick], division: int) -> tuple[list[Event], float]:
    """Ticks to seconds.

    A division counts ticks per beat or, independent of tempo, per SMPTE frame.
    """
    beats = not division & 0x8000
    if beats:
        second_of_tick = _DEFAULT_TEMPO / 1e6 / division if division else 0.0
    else:
        frames, resolution = 256 - (division >> 8), division & 0xFF
        second_of_tick = 1 / (_DROP_FRAME.get(frames, frames) * resolution) if resolution else 0.0
    if not second_of_tick:
        raise ValueError("its header gives ticks no length")
    events = []
    seconds, before = 0.0, 0
    for event in ticks:
        seconds += (event.tick - before) * second_of_tick
        before = event.tick
        if event.message is not None:
            events.append(Event(seconds, event.message))
        elif event.tempo is not None and beats:
            second_of_tick = event.tempo / 1e6 / division
    return events, seconds


def _tracks(data: bytes, begin: int) -> Iterator[bytes]:
    """The contents of all track chunks; other chunks are skipped."""
    while begin + 8 <= len(data):
        name, size = data[begin : begin + 4], int.from_bytes(data[begin + 4 : begin + 8], "big")
        begin += 8
        if name == b"MTrk":
            if begin + size > len(data):
                raise ValueError("it ends in the middle of a track")
            yield data[begin : begin + size]
        begin += size


def _read_track(data: bytes) -> Iterator[_Tick]:
    """A track's messages and tempo changes, and its end."""
    at = tick = 0
    running = None  # status byte of the last channel message, which may be omitted (running status)
    try:
        while at < len(data):
            wait, at = _variable(data, at)
            tick += wait
            status = data[at] if data[at] & 0x80 else running
            if status is None:
                raise ValueError("a track begins in the middle of a message")
            at += data[at] >> 7
            if status == 0xFF:
                kind = data[at]
                size, at = _variable(data, at + 1)
                if kind == _END_OF_TRACK:
                    break
                tempo = int.from_bytes(data[at : at + 3], "big")
                if kind == _TEMPO and size >= 3 and tempo:
                    yield _Tick(tick, tempo=tempo)
                at += size
            elif status in (0xF0, 0xF7):
                size, at = _variable(data, at)
                at += size
            elif status >= 0xF0:
                at += _SYSTEM_DATA.get(status, 0)
            else:
                running = status
                size = _CHANNEL_DATA[status >> 4]
                values = [min(data[i], 127) for i in range(at, at + size)]
                yield _Tick(tick, mido.Message.from_bytes([status, *values]))
                at += size
    except IndexError:
        raise ValueError("a track ends in the middle of a message") from None
    yield _Tick(tick)


def _variable(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number, seven bits per byte, and the position after it."""
    number = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        number = number << 7 | data[at] & 0x7F
    return number, at + 1


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")
