"""How much later the picture's clock is than the sound's, found from what both show of the same notes.

Every way compares two curves over all shifts at once (correlation by FFT, so hours take seconds) and asks how far the best
shift stands out above the second best one elsewhere: music repeats itself, and so such a margin says more than a height.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from apvg.instruments.keyboard import KEY_COUNT, KEY_X, LOWEST_PITCH
from apvg.measures.lag import lag_curve
from apvg.music.notes import Notes
from apvg.takes.found import LIKELY, Found
from apvg.takes.recording import Recording
from apvg.takes.sequences import stream_sound

#: Curves of onsets have so many values a second.
ONSET_RATE = 100
#: Sound is analysed at this rate, Hz.
ANALYSIS_RATE = 16000
#: A second-best shift is one at least this far from the best, seconds.
_ELSEWHERE = 1.0
#: The share by which the best stands out above the second best that means nothing, and that is as good as certain. On the
#: PianoRay takes the true offsets stand out by 0.26 and 0.62 (fingers on keys) and by 0.70 (notes in the sound), excerpts
#: of 15 s by 0.25 to 0.52; wrong offsets, from notes of the other take or excerpts of 4 s, by 0.15 at most.
_NO_MARGIN, _CLEAR_MARGIN = 0.10, 0.25
#: Nor does a best that chance reaches, too, say anything: standard deviations.
_LEAST_HEIGHT = 3.5
#: Shifts at which less than this lies over one another are not considered: seconds of sound (and share of the shorter one),
#: notes.
_LEAST_SECONDS, _LEAST_SHARE, _LEAST_NOTES = 3.0, 0.2, 8
_WINDOW = 512
_BANDS = 32


@dataclass(frozen=True)
class Match:
    """The best shift of one curve against another.

    Attributes:
        shift: Seconds to add to the second clock to get the first.
        height: Standard deviations above chance.
        margin: 1 - second best / best height: 0 = another shift is as good.
    """

    shift: float
    height: float
    margin: float

    @property
    def sure(self) -> float:
        """0..1: how clearly the best shift stands out."""
        if self.height < _LEAST_HEIGHT:
            return 0.0
        return float(np.clip((self.margin - _NO_MARGIN) / (_CLEAR_MARGIN - _NO_MARGIN), 0, 1))


@dataclass(frozen=True)
class Offsets:
    """Video time minus the sound's time, and minus the notes' time, seconds."""

    sound: Found
    notes: Found


def find_offsets(
    recording: Recording,
    notes: Notes | None,
    tip_x_TF: np.ndarray | None,
    fps: float,
    start: float,
    *,
    video_has_sound: bool,
) -> Offsets:
    """Put a recording's sound and notes on the picture's clock.

    A video's own sound is there already. Sound from another file is laid over the video's own, if it has one; notes over
    the sound; and where the picture is mute, struck keys are laid under the fingertips. Sound and notes that are both in
    files of their own are taken to be on one clock.

    Args:
        recording: Its files.
        notes: On the MIDI file's clock.
        tip_x_TF: Fingertips in white keys, NaN where not seen; None where the keyboard's place is not known.
        fps: Frames per second of the fingertips.
        start: Where in the video their first frame is, seconds.
        video_has_sound: Whether the video has a sound track.

    Returns:
        Offsets of 0, not sure at all, where none can be found.
    """
    own = recording.audio == recording.video
    tries: list[tuple[str, Match | None]] = []
    heard_E = None
    if video_has_sound and (not own or notes is not None):
        assert isinstance(recording.video, Path)  # pictures in a row are mute
        heard_E = sound_onsets(stream_sound(recording.video, ANALYSIS_RATE))
    if heard_E is not None and not own:
        apart_E = sound_onsets(stream_sound(recording.audio, ANALYSIS_RATE))
        tries.append(("the sound matched with the video's own", match_onsets(heard_E, apart_E)))
    elif heard_E is not None and notes is not None:
        match = match_onsets(heard_E, note_onsets(notes))
        tries.append(("the notes matched with the video's sound", match))
    if notes is not None and tip_x_TF is not None:
        match = match_keys(tip_x_TF, notes, fps)
        if match is not None:
            match = replace(match, shift=match.shift + start)
        tries.append(("struck keys matched with the fingertips", match))
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
            f"0 is taken, for no offset stands out ({what}: {match.shift:.2f} s is the best, but only {match.margin:.0%} above others)",
        )
    else:
        offset = Found(
            0.0,
            0.0,
            "0 is taken; finding it needs sound in the video, or --midi and --corners",
        )
    if own:
        return Offsets(Found(0.0, 1.0, "the video's own sound"), offset)
    return Offsets(offset, offset)


# ---------------------------------------------------------------------------------------------- fingers and keys


def match_keys(tip_x_TF: np.ndarray, notes: Notes, fps: float) -> Match | None:
    """The shift that lays struck keys under fingertips.

    Args:
        tip_x_TF: Fingertips in white keys, frame t at t / fps seconds, NaN where not seen.
        notes: On their own clock.
        fps: Frames per second.

    Returns:
        What to add to the notes' times; None without enough notes or hands.
    """
    on_piano_N = (notes.pitch_N >= LOWEST_PITCH) & (notes.pitch_N < LOWEST_PITCH + KEY_COUNT)
    notes = notes.select(on_piano_N & (notes.onset_N >= 0))
    seen_T = np.isfinite(tip_x_TF).any(axis=1)
    if len(notes) < _LEAST_NOTES or not seen_T.any():
        return None
    frame_N = np.round(notes.onset_N * fps).astype(int)
    frames, length = len(tip_x_TF), int(frame_N.max()) + 1
    tip_x_TF = tip_x_TF.astype(np.float32)
    # For every shift: how near the tips are to the struck keys, and what chance and its scatter would make of it.
    near_L = expected_L = variance_L = count_L = np.zeros(frames + length - 1)
    for pitch in np.unique(notes.pitch_N):
        struck_T = np.bincount(frame_N[notes.pitch_N == pitch], minlength=length).astype(float)
        away_TF = np.abs(tip_x_TF - np.float32(KEY_X[pitch - LOWEST_PITCH]))
        near_T = 1 - np.fmin(np.fmin.reduce(away_TF, axis=1, initial=1.0), 1.0)
        overlap_L = _correlate(np.ones(frames), struck_T)
        near_L = near_L + _correlate(near_T, struck_T)
        expected_L = expected_L + overlap_L * near_T[seen_T].mean()
        variance_L = variance_L + overlap_L * near_T[seen_T].var()
        count_L = count_L + overlap_L
    height_L = (near_L - expected_L) / np.sqrt(np.maximum(variance_L, 1e-3))
    height_L[np.round(count_L) < _LEAST_NOTES] = -np.inf
    match = _best(height_L, length, fps)
    if match is None:
        return None
    # Frames are coarse; the tips between them tell more.
    fine = lag_curve(tip_x_TF, notes.shifted(match.shift), fps)
    lag = 0.0 if np.isnan(fine.distance_L).all() else fine.lag
    return Match(match.shift + lag, match.height, match.margin)


# ---------------------------------------------------------------------------------------------- onsets


def match_onsets(first_E: np.ndarray, second_E: np.ndarray) -> Match | None:
    """The shift that lays two curves of onsets (``ONSET_RATE`` values a second) over each other.

    Returns:
        What to add to the second curve's times; None if one is too short or flat.
    """
    shorter = min(len(first_E), len(second_E))
    least = max(round(_LEAST_SECONDS * ONSET_RATE), round(_LEAST_SHARE * shorter))
    if shorter < least or first_E.std() == 0 or second_E.std() == 0:
        return None
    a_E, b_E = first_E - first_E.mean(), second_E - second_E.mean()
    one_a, one_b = np.ones(len(a_E)), np.ones(len(b_E))
    overlap_L = np.round(_correlate(one_a, one_b))
    energy_L = _correlate(a_E**2, one_b) * _correlate(one_a, b_E**2)
    floor = 1e-3 * float((a_E**2).mean() * (b_E**2).mean())
    height_L = _correlate(a_E, b_E) * np.sqrt(
        overlap_L / np.maximum(energy_L, floor * np.maximum(overlap_L, 1) ** 2)
    )
    height_L[overlap_L < least] = -np.inf
    return _best(height_L, len(b_E), ONSET_RATE)


def sound_onsets(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """How much sets in at each moment of a sound: spectral flux in logarithmic bands (own choice of bands).

    Args:
        chunks: Mono samples at ``ANALYSIS_RATE``, in pieces of any length.

    Returns:
        [E] at ``ONSET_RATE``, value e around second e / ONSET_RATE; nothing but these is kept in memory.
    """
    hop = ANALYSIS_RATE // ONSET_RATE
    window_W = np.hanning(_WINDOW).astype(np.float32)
    edges_B = np.geomspace(60, ANALYSIS_RATE / 2, _BANDS + 1) * _WINDOW / ANALYSIS_RATE
    edges_B = np.maximum.accumulate(np.round(edges_B).astype(int))
    edges_B = np.unique(np.clip(edges_B, 1, _WINDOW // 2))
    left_S = np.zeros(_WINDOW // 2, np.float32)  # so that a value is about the middle of its window
    before_B: np.ndarray | None = None
    parts = []
    for chunk_S in chunks:
        left_S = np.concatenate([left_S, chunk_S])
        if len(left_S) < _WINDOW:
            continue
        windows_EW = np.lib.stride_tricks.sliding_window_view(left_S, _WINDOW)[::hop]
        power_EF = np.abs(np.fft.rfft(windows_EW * window_W)) ** 2
        level_EB = np.log1p(1e2 * np.add.reduceat(power_EF, edges_B, axis=1))
        first_B = level_EB[:1] if before_B is None else before_B
        rise_EB = np.diff(np.concatenate([first_B, level_EB]), axis=0)
        parts.append(np.maximum(rise_EB, 0).sum(axis=1).astype(np.float32))
        before_B = level_EB[-1:]
        left_S = left_S[hop * len(windows_EW) :]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def note_onsets(notes: Notes) -> np.ndarray:
    """The same curve for notes: a bump of 20 ms at each, as high as it is struck hard."""
    played = notes.select(notes.onset_N >= 0)
    if not len(played):
        return np.zeros(0, np.float32)
    at_N = np.round(played.onset_N * ONSET_RATE).astype(int)
    curve_E = np.bincount(at_N, played.velocity_N / 64, minlength=int(at_N.max()) + ONSET_RATE)
    return np.convolve(curve_E, [0.25, 0.75, 1.0, 0.75, 0.25], mode="same").astype(np.float32)


def _correlate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For each shift from -(len(second) - 1) to len(first) - 1: the sum of first[t + shift] * second[t]."""
    length = len(first) + len(second) - 1
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size))
    return np.roll(np.fft.irfft(spectrum, size), len(second) - 1)[:length]


def _best(height_L: np.ndarray, second: int, rate: float) -> Match | None:
    """The highest shift, and how far it stands out, of a curve made by :func:`_correlate`."""
    best = int(np.argmax(height_L))
    if not np.isfinite(height_L[best]) or height_L[best] <= 0:
        return None
    away_L = np.abs(np.arange(len(height_L)) - best) >= _ELSEWHERE * rate
    other = float(height_L[away_L].max(initial=0.0))
    return Match(
        (best - (second - 1)) / rate, float(height_L[best]), float(1 - other / height_L[best])
    )
