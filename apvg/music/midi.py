"""Reading and writing notes as Standard MIDI files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mido
import numpy as np

from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path
from apvg.music.notes import Notes
from apvg.music.smf import Event, read_events

SUSTAIN_PEDAL = 64
_DRUM_CHANNEL = 9
# One tick is 50 microseconds, far below what can be noticed.
_TICKS_PER_BEAT = 10_000
_TEMPO = 500_000  # microseconds a beat, the format's default
_TICKS_PER_SECOND = _TICKS_PER_BEAT * 1_000_000 // _TEMPO


def read_midi(path: Path | str) -> Notes:
    """Read the notes of a MIDI file.

    All tracks and channels are merged, except for the drum channel. Tempo changes in any track
    apply to all tracks, as the standard says. A note without an end lasts until the end of the
    file.

    Raises:
        ApvgError: The file is missing, damaged, of type 2 (its tracks share no clock), or has no
            notes.
    """
    path = Path(path)
    try:
        events, end = read_events(path)
    except FileNotFoundError:
        raise ApvgError(f"there is no MIDI file at {path}", "check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ApvgError(
            f"{path} is not a readable MIDI file ({reason})",
            "export it again as a Standard MIDI file of type 0 or 1",
        ) from None
    notes = _collect(events, end)
    if not len(notes):
        raise ApvgError(f"{path} has no notes", "use a MIDI file with the notes of the piece")
    return notes


def write_midi(notes: Notes, path: Path | str) -> None:
    """Write notes as a MIDI file with one track. The sustain pedal holds notes that sound longer
    than their keys are down.

    :func:`read_midi` returns the same notes, with times within 50 microseconds and without slurs.

    Raises:
        ApvgError: No one can play the notes with one sustain pedal (a note ends while the pedal
            must hold another), a key is pressed while it is down, a time is negative, there are no
            notes, or the file cannot be written.
    """
    path = Path(path)
    if not len(notes):
        raise ApvgError(f"cannot write {path}: there are no notes", "give at least one")
    events = sorted(_events(notes), key=lambda event: event[:2])
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=_TEMPO)])
    now = 0
    for tick, _, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track"))
    file = mido.MidiFile(type=0, ticks_per_beat=_TICKS_PER_BEAT)
    file.tracks.append(track)
    # Whatever a pedal or a key cannot do shows as a difference when the track is read back.
    written = _collect(*_track_events(track))
    for name, wanted_N in _in_file_order(notes).to_arrays().items():
        if name == "slurred_N":
            continue  # MIDI files have no slurs
        written_N = getattr(written, name)
        if (
            written_N.shape != wanted_N.shape
            or np.abs(written_N - wanted_N).max() > 2 / _TICKS_PER_SECOND
        ):
            raise ApvgError(
                f"cannot write {path}: one pianist with one sustain pedal cannot play these notes "
                f"({name} differs)",
                "release each key before it is pressed again, and end no note while the pedal "
                "holds another",
            )
    with atomic_path(path) as partial:
        file.save(partial)


def _events(notes: Notes) -> list[tuple[int, int, Any]]:
    """(tick, rank, message) of every key and pedal; the rank orders events at the same tick."""

    def ticks(seconds_N: np.ndarray) -> np.ndarray:
        return np.rint(seconds_N * _TICKS_PER_SECOND).astype(np.int64)

    on_N, stop_N = ticks(notes.onset_N), ticks(notes.sounding_N)
    off_N = np.maximum(ticks(notes.offset_N), on_N + 1)
    if on_N.min() < 0:
        raise ApvgError(
            "cannot write notes that begin before the file does", "shift them to 0 s or later"
        )
    events: list[tuple[int, int, Any]] = []
    # Pedal up before pedal down; pedal down before the keys that it holds are released; keys up
    # before keys down.
    for start, stop in _merged([(a, b) for a, b in zip(off_N, stop_N, strict=True) if b > a]):
        pedal = mido.Message("control_change", control=SUSTAIN_PEDAL, value=127)
        events += [(start, 1, pedal), (stop, 0, pedal.copy(value=0))]
    for on, off, pitch, velocity in zip(on_N, off_N, notes.pitch_N, notes.velocity_N, strict=True):
        events.append((int(off), 2, mido.Message("note_off", note=int(pitch))))
        events.append(
            (int(on), 3, mido.Message("note_on", note=int(pitch), velocity=int(velocity)))
        )
    return events


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans with overlapping ones joined; those that only touch stay separate."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted((int(a), int(b)) for a, b in spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _in_file_order(notes: Notes) -> Notes:
    """Notes in the order of the file: by onset in whole ticks, then by pitch."""
    ticks_N = np.rint(notes.onset_N * _TICKS_PER_SECOND)
    return notes.select(np.lexsort((notes.pitch_N, ticks_N)))


def _track_events(track: mido.MidiTrack) -> tuple[list[Event], float]:
    """The events of a track that was just made, and its end in seconds."""
    events, now = [], 0
    for message in track:
        now += message.time
        if not message.is_meta:
            events.append(Event(now / _TICKS_PER_SECOND, message))
    return events, now / _TICKS_PER_SECOND


def _collect(events: list[Event], end: float) -> Notes:
    """The notes of a file that ends at second `end`."""
    # Rows of onset, offset, sounding, pitch, velocity; the ends are NaN until they are known.
    rows: list[list[float]] = []
    # (channel, pitch) → row of the keys that are down, and of those that are up but sustained by
    # the pedal.
    held: dict[tuple[int, int], int] = {}
    ringing: dict[tuple[int, int], int] = {}
    pedal_down: set[int] = set()
    now = 0.0

    def release(key: tuple[int, int]) -> None:
        row = held.pop(key, None)
        if row is None:
            return
        rows[row][1] = now
        if key[0] in pedal_down:
            ringing[key] = row
        else:
            rows[row][2] = now

    for event in events:
        now, message = event.seconds, event.message
        channel = message.channel
        if channel == _DRUM_CHANNEL:
            continue
        if message.type == "note_on" and message.velocity > 0:
            key = (channel, message.note)
            release(key)
            if key in ringing:
                rows[ringing.pop(key)][2] = now
            held[key] = len(rows)
            rows.append([now, np.nan, np.nan, message.note, message.velocity])
        elif message.type in ("note_on", "note_off"):
            release((channel, message.note))
        elif message.type == "control_change" and message.control == SUSTAIN_PEDAL:
            if message.value >= 64:
                pedal_down.add(channel)
            else:
                pedal_down.discard(channel)
                for key in [key for key in ringing if key[0] == channel]:
                    rows[ringing.pop(key)][2] = now
    table_N5 = np.array(rows, np.float64).reshape(-1, 5)
    table_N5[:, 1:3] = np.where(np.isnan(table_N5[:, 1:3]), end, table_N5[:, 1:3])
    table_N5 = table_N5[np.lexsort((table_N5[:, 3], table_N5[:, 0]))]
    return Notes(*table_N5.T)
