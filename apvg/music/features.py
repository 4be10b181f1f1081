"""Audio features: log-frequency spectra and onset strength, shared by KHP and CVG (own choice; the
source only says "audio").

Each row holds two spectra around one moment, on the pitch grid with three bins per semitone: one
through a long window, which resolves neighbouring low pitches, and one through a short window,
which resolves onsets in time. The last column is an onset strength. Transposing the music by an
octave shifts each spectrum by exactly 36 columns. Nothing is normalised over the whole file, so a
file and its chunks, of any size, have the same features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.base.conventions import FPS
from apvg.instruments.pitch_grid import BINS_PER_SEMITONE, LOWEST_PITCH, N_BINS

#: MIDI pitch of each bin: A0, a third of a semitone above it, … two thirds above C8.
BIN_MIDI = LOWEST_PITCH + np.arange(N_BINS) / BINS_PER_SEMITONE
#: Frequency of each bin, Hz.
BIN_HZ = 440.0 * 2.0 ** ((BIN_MIDI - 69) / 12)
LONG_WINDOW = 4096
SHORT_WINDOW = 1024
#: Magnitudes m (1 = a full-scale sine) become log(1 + COMPRESSION m), 0 to 4.6.
COMPRESSION = 100.0
#: The onset strength compares a row with the one so many rows before: about half of the short
#: window, so that they hardly overlap.
FLUX_ROWS = 3
#: Scales the mean rise over all bins to the range of the other columns.
FLUX_SCALE = 10.0
#: Rows computed at a time, which bounds the memory for chunks of any length.
BLOCK_ROWS = 256


@dataclass(frozen=True)
class FeatureConfig:
    """Frame rate and resolution of the features."""

    fps: int = FPS
    """Video frames per second."""
    rows_per_frame: int = 4
    """Feature rows per video frame: row r is at second r / (fps * rows_per_frame)."""
    hop: int = 160
    """Samples from one row to the next."""

    def __post_init__(self) -> None:
        if min(self.fps, self.rows_per_frame, self.hop) < 1:
            raise ValueError(f"fps, rows_per_frame and hop must be positive: {self}")
        if self.sample_rate < 2.1 * BIN_HZ[-1]:
            raise ValueError(
                f"a sample rate of {self.sample_rate} Hz is too low for the highest notes"
            )

    @property
    def sample_rate(self) -> int:
        """Sample rate of the audio, Hz: 16 kHz by default."""
        return self.fps * self.rows_per_frame * self.hop

    @property
    def size(self) -> int:
        """F, the number of columns: both spectra and the onset strength."""
        return 2 * N_BINS + 1

    @property
    def lookahead_seconds(self) -> float:
        """How much audio after a row's own moment the row depends on: half the long window, 0.128 s
        by default.

        The rows of frame t lie at and after the frame's own moment t / fps, the last one
        ``(rows_per_frame - 1) / rows_per_frame`` of a frame later.
        """
        return LONG_WINDOW / 2 / self.sample_rate

    def frames(self, n_samples: int) -> int:
        """Video frames for so many samples: round(duration * fps)."""
        return round(n_samples / (self.rows_per_frame * self.hop))


class LogSpectrum:
    """Magnitudes at :data:`BIN_HZ` through a Hann window of `size` points; a full-scale sine at a
    bin gives 1 in it.

    At low frequencies, where an FFT is too coarse for a third of a semitone, the windowed Fourier
    transform is evaluated at each bin's own frequency. Above, triangular filters, each from one
    neighbouring bin to the other, sum the FFT's power.
    """

    def __init__(self, size: int, sample_rate: int) -> None:
        self.size = size
        time_S = np.arange(size) - size / 2
        self.window_S = 0.5 + 0.5 * np.cos(2 * np.pi * time_S / size)  # periodic, 1 in the middle
        scale = 2 / self.window_S.sum()
        spacing = sample_rate / size
        bin_width_N = BIN_HZ * (2 ** (1 / (12 * BINS_PER_SEMITONE)) - 1)
        low_N = bin_width_N < 2 * spacing
        self.n_low = int(low_N.sum())
        phase_SN = 2 * np.pi * np.outer(time_S / sample_rate, BIN_HZ[low_N])
        kernel_SN = np.concatenate([np.cos(phase_SN), np.sin(phase_SN)], axis=1)
        self.kernel_SN = (scale * self.window_S[:, None] * kernel_SN).astype(np.float32)
        fft_midi_K = 69 + 12 * np.log2(np.fft.rfftfreq(size, 1 / sample_rate).clip(1e-3) / 440)
        away_KN = np.abs(fft_midi_K[:, None] - BIN_MIDI[None, ~low_N]) * BINS_PER_SEMITONE
        triangle_KN = (1 - away_KN).clip(0)
        # 1.5: the power of one sine adds up to so much over the Hann window's main lobe.
        self.power_KN = (scale**2 / 1.5 * triangle_KN).astype(np.float32)
        self.window_S = self.window_S.astype(np.float32)

    def __call__(self, frames_RS: np.ndarray) -> np.ndarray:
        """Audio frames [R, size] to magnitudes [R, N_BINS], float32."""
        frames_RS = np.array(frames_RS)  # BLAS is slow on overlapping rows
        parts_RN = _product(frames_RS, self.kernel_SN)
        low_RN = np.hypot(parts_RN[:, : self.n_low], parts_RN[:, self.n_low :])
        spectrum_RK = np.fft.rfft(frames_RS * self.window_S, axis=1)
        power_RK = (spectrum_RK.real**2 + spectrum_RK.imag**2).astype(np.float32)
        return np.concatenate([low_RN, np.sqrt(_product(power_RK, self.power_KN))], axis=1)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrix product by torch. NumPy's BLAS has threads of its own, which keep spinning for a while
    after each product: in live music, with a product every hundredth of a second, that would cost a
    whole core."""
    return (torch.from_numpy(a) @ torch.from_numpy(b)).numpy()


@lru_cache(maxsize=4)
def _spectra(sample_rate: int) -> tuple[LogSpectrum, LogSpectrum]:
    return LogSpectrum(LONG_WINDOW, sample_rate), LogSpectrum(SHORT_WINDOW, sample_rate)


class FeatureExtractor:
    """Features of a stream of audio: push chunks of any size, then flush.

    Row r is centred on sample r * hop; the audio is padded with silence on both sides.
    """

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self._long, self._short = _spectra(config.sample_rate)
        # The audio that the next rows need; it begins half a window before the first sample.
        self._ring_S = np.zeros(LONG_WINDOW // 2, np.float32)
        self._before_RN = np.zeros((FLUX_ROWS, N_BINS), np.float32)
        self._samples = 0
        self._rows = 0

    def push(self, samples_S: np.ndarray) -> np.ndarray:
        """Add samples (mono, -1..1) and return the rows [R, F], float32, that they complete; R may
        be 0."""
        self._samples += len(samples_S)
        self._ring_S = np.concatenate([self._ring_S, samples_S.astype(np.float32, copy=False)])
        return self._complete_rows()

    def flush(self) -> np.ndarray:
        """Return the remaining rows [R, F]; the total is rows_per_frame * round(duration * fps)."""
        total = self.config.rows_per_frame * self.config.frames(self._samples)
        length = (total - self._rows - 1) * self.config.hop + LONG_WINDOW
        self._ring_S = np.pad(self._ring_S, (0, max(length - len(self._ring_S), 0)))[
            : max(length, 0)
        ]
        return self._complete_rows()

    def _complete_rows(self) -> np.ndarray:
        hop = self.config.hop
        blocks = [np.zeros((0, self.config.size), np.float32)]
        while len(self._ring_S) >= LONG_WINDOW:
            rows = min((len(self._ring_S) - LONG_WINDOW) // hop + 1, BLOCK_ROWS)
            frames_RS = np.lib.stride_tricks.sliding_window_view(self._ring_S, LONG_WINDOW)
            blocks.append(self._block(frames_RS[: rows * hop : hop]))
            self._ring_S = self._ring_S[rows * hop :]
            self._rows += rows
        return np.concatenate(blocks)

    def _block(self, frames_RS: np.ndarray) -> np.ndarray:
        middle = slice((LONG_WINDOW - SHORT_WINDOW) // 2, (LONG_WINDOW + SHORT_WINDOW) // 2)
        long_RN = np.log1p(COMPRESSION * self._long(frames_RS))
        short_RN = np.log1p(COMPRESSION * self._short(frames_RS[:, middle]))
        with_before_RN = np.concatenate([self._before_RN, short_RN])
        rise_RN = (short_RN - with_before_RN[:-FLUX_ROWS]).clip(0)
        onset_R1 = FLUX_SCALE * rise_RN.mean(axis=1, keepdims=True)
        self._before_RN = with_before_RN[-FLUX_ROWS:]
        return np.concatenate([long_RN, short_RN, onset_R1], axis=1)


def extract_features(samples_S: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Features [rows_per_frame * round(duration * fps), F], float32, of mono samples at
    ``config.sample_rate``."""
    extractor = FeatureExtractor(config)
    return np.concatenate([extractor.push(samples_S), extractor.flush()])


def shift_features(features_RF: Tensor, semitones: int) -> Tensor:
    """The features of the same music, transposed up by so many semitones; bins from beyond the grid
    are silent."""
    if not semitones:
        return features_RF
    by = max(-N_BINS, min(semitones * BINS_PER_SEMITONE, N_BINS))
    long_RN, short_RN, onset_R1 = features_RF.split((N_BINS, N_BINS, 1), dim=-1)
    return torch.cat([F.pad(long_RN, (by, -by)), F.pad(short_RN, (by, -by)), onset_R1], dim=-1)
