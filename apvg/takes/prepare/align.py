"""Step 3: sound, notes and picture on one clock, and the soundtrack of the take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from apvg.instruments.instrument import find_instrument
from apvg.measures.motion import seen
from apvg.music.notes import Notes
from apvg.takes.found import LIKELY, Found, given
from apvg.takes.prepare.artefacts import load_json, save_json
from apvg.takes.prepare.clean import Cleaned
from apvg.takes.prepare.framing import Framing
from apvg.takes.prepare.layouts import LAYOUTS
from apvg.takes.prepare.matching import (
    ANALYSIS_RATE,
    Match,
    match_onsets,
    note_onsets,
    sound_onsets,
)
from apvg.takes.prepare.options import SAMPLE_RATE, PrepareOptions, is_silent
from apvg.takes.prepare.playing import playing_of
from apvg.takes.prepare.track import Tracked
from apvg.takes.recording import Recording
from apvg.takes.sequences import Sound, stream_sound
from apvg.takes.take import sample_count, write_samples
from apvg.video.reading import VideoInfo


@dataclass(frozen=True)
class Offsets:
    """The artefact of this step; the take's sound is next to it, in the store.

    Attributes:
        sound: Video time minus the sound's time, seconds.
        notes: Video time minus the notes' time, seconds.
    """

    file: ClassVar[str] = "offsets.json"

    sound: Found
    notes: Found

    def save(self, folder: Path) -> None:
        """Write the artefact into a folder."""
        save_json(
            folder / self.file, {"sound": self.sound.to_dict(), "notes": self.notes.to_dict()}
        )

    @classmethod
    def load(cls, folder: Path) -> Offsets:
        """Inverse of :meth:`save`."""
        data = load_json(folder / cls.file)
        return cls(Found.from_dict(data["sound"]), Found.from_dict(data["notes"]))


def align(
    recording: Recording,
    notes: Notes | None,
    info: VideoInfo,
    options: PrepareOptions,
    tracked: Tracked,
    cleaned: Cleaned,
    staging: Path,
) -> Offsets:
    """Find the offsets that are not given, and write the take's sound into the store in `staging`.

    Args:
        recording: The files.
        notes: On the MIDI file's clock.
        info: Of the video.
        options: An offset that is given is taken.
        tracked: Of the first step.
        cleaned: Of the second step.
        staging: The take's folder.

    Raises:
        ApvgError: The sound cannot be read.
    """
    if options.offset is not None:
        offsets = Offsets(given(options.offset), given(options.offset))
    else:
        shown = []
        if notes is not None:
            shown = match_picture(recording, options, tracked.framing, cleaned, notes)
        offsets = find_offsets(recording, notes, shown, video_has_sound=info.has_audio)
    sound = None if is_silent(recording, info) else recording.audio
    pieces = soundtrack(sound, len(cleaned.keypoints_TKD), options, offsets.sound.value)
    write_samples(staging, pieces, SAMPLE_RATE)
    return offsets


def corners_in_take(options: PrepareOptions, framing: Framing) -> np.ndarray | None:
    """The given corners in pixels of the take, float32 [4, 2]."""
    corners_42 = options.corners_42
    return None if corners_42 is None else framing.to_take(corners_42).astype(np.float32)


def match_picture(
    recording: Recording,
    options: PrepareOptions,
    framing: Framing,
    cleaned: Cleaned,
    notes: Notes,
) -> list[tuple[str, Match | None]]:
    """The offsets of the notes at which the picture shows them played, each with what was
    compared."""
    corners_42 = corners_in_take(options, framing)
    instrument = find_instrument(recording.about.instrument).seen(corners_42)
    points_TKD = seen(cleaned.keypoints_TKD, cleaned.confidence_TK)
    matches = []
    for playing in playing_of(instrument).values():
        match = playing.match(
            points_TKD,
            LAYOUTS[options.layout].skeleton,
            instrument.surface.place(corners_42),
            notes,
            options.fps,
        )
        if match is not None:  # the take's first frame lies at `start` on the video's clock
            match = replace(match, shift=match.shift + options.start)
        matches.append((playing.matched, match))
    return matches


def find_offsets(
    recording: Recording,
    notes: Notes | None,
    shown: list[tuple[str, Match | None]],
    *,
    video_has_sound: bool,
) -> Offsets:
    """Put a recording's sound and notes on the picture's clock.

    A video's own sound is there already. Sound from another file is matched with the video's own,
    if it has one; notes are matched with the sound; and where the picture has no sound, with what
    it shows. Sound and notes that are both in files of their own are taken to be on one clock.

    Args:
        recording: Its files.
        notes: On the MIDI file's clock.
        shown: Matches of the notes with what the picture shows, each with what was compared.
        video_has_sound: Whether the video has a sound track.

    Returns:
        Offsets of 0, with certainty 0, where none can be found.
    """
    own = recording.audio == recording.video
    tries: list[tuple[str, Match | None]] = []
    video_E = None
    if video_has_sound and (not own or notes is not None):
        assert isinstance(recording.video, Path)  # a sequence of pictures has no sound
        video_E = sound_onsets(stream_sound(recording.video, ANALYSIS_RATE))
    if video_E is not None and not own:
        apart_E = sound_onsets(stream_sound(recording.audio, ANALYSIS_RATE))
        tries.append(("the sound matched with the video's own", match_onsets(video_E, apart_E)))
    elif video_E is not None and notes is not None:
        match = match_onsets(video_E, note_onsets(notes))
        tries.append(("the notes matched with the video's sound", match))
    tries += shown
    matches = [(what, match) for what, match in tries if match is not None]
    clear = [(what, match) for what, match in matches if match.sure >= LIKELY]
    if clear:
        what, match = clear[0]
        offset = Found(
            round(match.shift, 3),
            match.sure,
            f"{what}; it stands out {match.margin:.0%} above any other offset",
        )
    elif matches:
        what, match = max(matches, key=lambda item: item[1].sure)
        offset = Found(
            0.0,
            0.0,
            f"0 is taken, because no offset stands out ({what}: {match.shift:.2f} s is the best, "
            f"but only {match.margin:.0%} above others)",
        )
    else:
        offset = Found(
            0.0,
            0.0,
            "0 is taken; finding it needs sound in the video, or MIDI and the keyboard's corners",
        )
    if own:
        return Offsets(Found(0.0, 1.0, "the video's own sound"), offset)
    return Offsets(offset, offset)


def soundtrack(
    sound: Sound | None, frames: int, options: PrepareOptions, offset: float
) -> Iterator[np.ndarray]:
    """The sound on the take's clock in pieces of mono samples; silence where the recording has
    none."""
    left = sample_count(frames, options.fps, SAMPLE_RATE)
    later = offset - options.start
    before = left if sound is None else min(left, round(max(0.0, later) * SAMPLE_RATE))
    yield from _silence(before)
    left -= before
    if left and sound is not None:
        start, wanted = max(0.0, -later), left / SAMPLE_RATE
        for piece_S in stream_sound(sound, SAMPLE_RATE, start=start, duration=wanted):
            yield piece_S[:left]
            left -= len(piece_S[:left])
        yield from _silence(left)


def _silence(samples: int) -> Iterator[np.ndarray]:
    for first in range(0, samples, SAMPLE_RATE):
        yield np.zeros(min(SAMPLE_RATE, samples - first), np.float32)
