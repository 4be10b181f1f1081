"""Renders MIDI files with FluidSynth and a soundfont, on the clock of the MIDI.

FluidSynth runs as a program of the system; nothing is linked and nothing is downloaded.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.music.reading import stream_channels

#: The audio continues for so long after the last note, and fades out over the last part of that
#: (own choice).
TAIL_SECONDS = 2.0
FADE_SECONDS = 0.5
#: FluidSynth's 32-bit WAV files end at 4 GiB, which is a little more than this; a damaged MIDI file
#: can claim days.
LONGEST_SECONDS = 3 * 3600.0
#: Folders where systems keep soundfonts.
FOLDERS = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/usr/local/share/sounds/sf2",
    "/usr/local/share/sounds/sf3",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
    "~/.local/share/sounds/sf2",
    "~/.local/share/sounds/sf3",
    "~/.local/share/soundfonts",
    "/Library/Audio/Sounds/Banks",
    "~/Library/Audio/Sounds/Banks",
)

# FluidSynth's output is one buffer late, and events wait for the next buffer. 64 samples, its
# smallest buffer, are 1.5 ms at this rate but 4 ms at 16 kHz, so other rates are resampled from
# this one.
_RATE = 44100
_BUFFER = 64
_DRUM_CHANNEL = 9
# Soundfonts by preference; those not named come next, and last the one that imitates a sound chip.
_PREFERENCE = ("fluidr3_gm", "musescore_general", "fluidr3mono", "timgm6mb")
_LAST = "opl-3"
_HELP = (
    "Debian: apt install fluidsynth fluid-soundfont-gm; macOS: brew install fluid-synth, and set "
    "APVG_SOUNDFONT to a General MIDI soundfont (.sf2)"
)


@dataclass(frozen=True)
class _Sound:
    """Settings of the synthesiser; see :func:`render_midi`."""

    soundfont: Path | None = None
    program: int | None = None
    cents: float = 0.0
    gain: float = 0.6
    reverb: bool = True
    chorus: bool = True


def find_soundfonts() -> list[Path]:
    """The soundfonts of this machine, each once, the default one first.

    The one that the environment variable APVG_SOUNDFONT names comes before all others.

    Raises:
        ApvgError: APVG_SOUNDFONT names a file that is not a soundfont.
    """
    found: list[Path] = []
    named = os.environ.get("APVG_SOUNDFONT")
    if named:
        found.append(_check_soundfont(Path(named).expanduser()))
    there = {
        path.resolve()
        for folder in FOLDERS
        for path in Path(folder).expanduser().glob("*.[sS][fF][23]")
        if path.is_file()
    }
    return found + sorted(there - {path.resolve() for path in found}, key=_rank)


def can_play() -> bool:
    """Whether FluidSynth is installed."""
    return shutil.which("fluidsynth") is not None


@cache
def sounds(soundfont: Path, programs: tuple[int, ...]) -> bool:
    """Whether a soundfont has all these General MIDI programs. FluidSynth renders missing ones as
    silence, without a message.

    All programs are rendered in one run, because reading a soundfont takes longer than playing it.
    """
    import mido

    track, rate, slot = mido.MidiTrack(), 8000, 2.0  # seconds, in which a note has died away
    for program in programs:
        track.append(mido.Message("program_change", program=program))
        track.append(mido.Message("note_on", note=60, velocity=90))
        track.append(mido.Message("note_off", note=60, time=240))
        track.append(mido.Message("note_on", note=60, velocity=0, time=round(960 * slot) - 240))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    with tempfile.TemporaryDirectory(prefix="apvg-") as folder:
        midi = Path(folder) / "notes.mid"
        file.save(midi)
        samples_S = render_midi(midi, rate, soundfont, reverb=False, chorus=False)
    for index in range(len(programs)):
        begin = round(index * slot * rate)
        before = np.abs(samples_S[max(begin - rate // 20, 0) : begin]).max(initial=0)
        # Silence is not exactly zero: the synthesiser has a noise floor at -150 dB.
        if np.abs(samples_S[begin : begin + rate // 4]).max() < max(1e-4, 2 * float(before)):
            return False
    return True


def render_midi(
    midi: Path | str,
    sample_rate: int = 44100,
    soundfont: Path | None = None,
    *,
    program: int | None = None,
    cents: float = 0.0,
    gain: float = 0.6,
    reverb: bool = True,
    chorus: bool = True,
) -> np.ndarray:
    """Render a MIDI file with a soundfont.

    Sample 0 is time 0 of the MIDI; a note begins within 3 ms after its time, plus its own attack in
    the soundfont. The audio ends two seconds after the last note. The same input gives the same
    samples on one machine.

    Args:
        midi: A Standard MIDI file.
        sample_rate: Sample rate of the result, Hz.
        soundfont: An .sf2 or .sf3 file; the first of :func:`find_soundfonts` by default.
        program: Play all notes with this General MIDI program, 0..127 (0 grand piano, 3 honky-tonk,
            4 and 5 electric pianos), without drums; the file's own programs by default.
        cents: Detuning, -100..100 hundredths of a semitone, accurate to 1. The synthesiser does it,
            so the clock is unaffected.
        gain: The synthesiser's gain, above 0 and up to 10.
        reverb: Whether FluidSynth's reverb is on.
        chorus: Whether FluidSynth's chorus is on.

    Returns:
        float32 mono samples [S], the mean of left and right. Loud music may slightly exceed -1..1.

    Raises:
        ApvgError: The MIDI file is unreadable, has no notes or is longer than three hours;
            FluidSynth or a soundfont is missing; or FluidSynth fails.
    """
    sound = _Sound(soundfont, program, cents, gain, reverb, chorus)
    with _synthesised(Path(midi), sound) as (wav, seconds):
        return np.concatenate(list(_pieces(wav, seconds, sample_rate, channels=1)), axis=1)[0]


def render_midi_file(midi: Path | str, wav: Path, soundfont: Path | None = None) -> None:
    """Render a MIDI file to a 16-bit stereo WAV file that peaks at -2 dBFS, in constant memory.

    Clock, end and errors are those of :func:`render_midi`.
    """
    with _synthesised(Path(midi), _Sound(soundfont)) as (synthesised, seconds):
        pieces = _pieces(synthesised, seconds, _RATE, channels=2)
        peak = max(float(np.abs(piece_CS).max(initial=0)) for piece_CS in pieces)
        scale = 32767 * 10 ** (-2 / 20) / max(peak, 1e-6)
        with wave.open(str(wav), "wb") as file:
            file.setparams((2, 2, _RATE, 0, "NONE", "not compressed"))
            for piece_CS in _pieces(synthesised, seconds, _RATE, channels=2):
                file.writeframes((piece_CS.T * scale).round().astype("<i2").tobytes())


@contextmanager
def _synthesised(midi: Path, sound: _Sound) -> Iterator[tuple[Path, float]]:
    """A temporary WAV file that FluidSynth has written, and how many seconds of it are used."""
    prepared, seconds = _prepare(midi, sound)
    program = shutil.which("fluidsynth")
    if program is None:
        raise ApvgError(
            f"cannot play {midi}: FluidSynth is not installed",
            f"install it and a soundfont ({_HELP})",
        )
    soundfont = _choose_soundfont(midi, sound.soundfont)
    with tempfile.TemporaryDirectory(prefix="apvg-") as folder:
        score, wav = Path(folder) / "score.mid", Path(folder) / "sound.wav"
        prepared.save(score)
        command = [program, "-ni", "-q", "-f", os.devnull, "-r", str(_RATE), "-z", str(_BUFFER)]
        command += [
            "-o",
            "synth.dynamic-sample-loading=1",
        ]  # loads only what is played: three times faster
        command += [
            "-g",
            str(sound.gain),
            "-R",
            str(int(sound.reverb)),
            "-C",
            str(int(sound.chorus)),
        ]
        command += ["-T", "wav", "-O", "float", "-F", str(wav), str(soundfont), str(score)]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        # It succeeds even if it could not read the soundfont and used another one.
        if done.returncode != 0 or not wav.is_file() or "error" in done.stderr:
            reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise ApvgError(
                f"cannot play {midi} with {soundfont}: FluidSynth says: {reason}",
                "try another soundfont",
                ["soundfont"],
            )
        yield wav, seconds


def _pieces(wav: Path, seconds: float, sample_rate: int, channels: int) -> Iterator[np.ndarray]:
    """Chunks [C, S] of the audio from MIDI time 0 on, faded out at the end; round(seconds * rate)
    samples in total."""
    wanted, given = round(seconds * sample_rate), 0
    fade = FADE_SECONDS * sample_rate
    for piece_CS in stream_channels(
        wav, sample_rate, channels=channels, start=_BUFFER / _RATE, duration=seconds
    ):
        left_S = wanted - np.arange(given, given + piece_CS.shape[1])
        given += piece_CS.shape[1]
        yield piece_CS * np.minimum(left_S / fade, 1.0).astype(np.float32)
    yield np.zeros((channels, wanted - given), np.float32)


def _prepare(midi: Path, sound: _Sound) -> tuple[Any, float]:
    """The file rewritten for FluidSynth, a mido.MidiFile, and how many seconds of it to play.

    It has one tempo, with a tick of a millisecond: FluidSynth rounds times at every tempo change,
    and would drift.
    """
    import mido

    from apvg.music.midi import read_midi
    from apvg.music.smf import read_events

    notes = read_midi(midi)
    seconds = float(notes.sounding_N.max()) + TAIL_SECONDS
    if seconds > LONGEST_SECONDS:
        raise ApvgError(
            f"cannot play {midi}: it lasts {seconds / 3600:.1f} hours, more than "
            f"{LONGEST_SECONDS / 3600:g}",
            "cut it into shorter files",
        )
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=1_000_000))
    last = 0

    def add(message: Any, tick: int) -> None:
        nonlocal last
        track.append(message.copy(time=tick - last))
        last = tick

    channels = range(16)
    for channel in channels:
        if sound.program is not None and channel != _DRUM_CHANNEL:
            add(mido.Message("program_change", channel=channel, program=sound.program), 0)
        for message in _tuning(channel, sound.cents):
            add(message, 0)
    events, file_end = read_events(midi)
    for event in events:
        now, message = event.seconds, event.message
        if now > seconds:
            break
        if not _is_played(message, sound):
            continue
        add(message, round(now * 1000))
        if message.is_cc(121):  # reset all controllers: it also resets FluidSynth's tuning
            for again in _tuning(message.channel, sound.cents):
                add(again, round(now * 1000))
    for channel in channels:  # notes without an end last until the end of the file
        for control in (64, 123):  # pedal up, all notes off
            add(
                mido.Message("control_change", channel=channel, control=control),
                max(round(min(file_end, seconds) * 1000), last),
            )
    end = round(seconds * 1000) + 200
    track.append(mido.MetaMessage("end_of_track", time=end - last))
    prepared = mido.MidiFile(type=0, ticks_per_beat=1000)
    prepared.tracks.append(track)
    return prepared, seconds


def _is_played(message: Any, sound: _Sound) -> bool:
    """Whether a message of the file is passed to the synthesiser."""
    if sound.program is None:
        return True
    chooses_sound = message.type == "program_change" or message.is_cc(0) or message.is_cc(32)
    return not chooses_sound and message.channel != _DRUM_CHANNEL


def _tuning(channel: int, cents: float) -> list[Any]:
    """The messages that tune a channel: registered parameter 1, fine tuning, 8192 steps per 100
    cents."""
    import mido

    if not -100 <= cents <= 100:
        raise ValueError(f"cents must be -100..100, not {cents}")
    if cents == 0:
        return []
    value = min(8192 + math.ceil(cents * 81.92), 16383)
    coarse, fine = divmod(value, 128)
    # The fine part first and last: FluidSynth 2.3 applies the tuning at the coarse part, other
    # versions at either.
    controls = [(101, 0), (100, 1), (38, fine), (6, coarse), (38, fine), (101, 127), (100, 127)]
    return [
        mido.Message("control_change", channel=channel, control=control, value=number)
        for control, number in controls
    ]


def _choose_soundfont(midi: Path, soundfont: Path | None) -> Path:
    if soundfont is not None:
        return _check_soundfont(soundfont)
    found = find_soundfonts()
    if not found:
        raise ApvgError(f"cannot play {midi}: there is no soundfont here", f"install one ({_HELP})")
    return found[0]


def _check_soundfont(path: Path) -> Path:
    """The path, if it is a soundfont; FluidSynth itself would silently use another one."""
    if not path.is_file():
        raise ApvgError(
            f"there is no soundfont at {path}",
            "check the path, or use the default soundfont",
            ["soundfont"],
        )
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise ApvgError(f"{path} is not a soundfont", "choose an .sf2 or .sf3 file", ["soundfont"])
    return path


def _rank(path: Path) -> tuple[int, str]:
    name = path.name.lower()
    if _LAST in name:
        return len(_PREFERENCE) + 1, name
    places = [place for place, start in enumerate(_PREFERENCE) if name.startswith(start)]
    return (places[0] if places else len(_PREFERENCE)), name
