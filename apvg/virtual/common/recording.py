"""Audio augmentation: turns clean sound into recordings, with rooms, microphones, noise, levels and
codecs.

All ranges are own choices, wider than those of real recordings. The direct sound keeps its time.
Detuning is left to the synthesiser (``render_midi(cents=...)``), because resampling would also
change the tempo.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from apvg.base.media import time_zero


@dataclass(frozen=True)
class RecordingConfig:
    """Probability of each effect, 0..1, and the bounds of its parameters, which are drawn
    uniformly."""

    clean: float = 1 / 6
    """No effect at all."""
    room: float = 0.7
    equaliser: float = 0.7
    phone: float = 0.2
    """Among the equalised: a small microphone or loudspeaker, without lows and highs."""
    noise: float = 0.7
    compression: float = 0.4
    clipping: float = 0.15
    codec: float = 0.4
    rt60: tuple[float, float] = (0.15, 1.6)
    """Reverberation time (decay by 60 dB) at low frequencies, seconds."""
    wet_db: tuple[float, float] = (-24.0, 0.0)
    """Energy of the reverberation relative to the direct sound; more would hide onsets."""
    equaliser_db: float = 9.0
    """Greatest gain or attenuation of the equaliser's bands."""
    snr_db: tuple[float, float] = (15.0, 60.0)
    peak_db: tuple[float, float] = (-24.0, -1.0)
    """Level of the recording's peak, relative to full scale."""


#: Encoder, container, range of bit rates (kbit/s), and the sample rates that the encoder supports
#: (Hz).
_CODECS = {
    "libmp3lame": ("mp3", (32, 128), (16000, 22050, 24000, 32000, 44100, 48000)),
    "aac": ("mp4", (32, 128), (16000, 22050, 24000, 32000, 44100, 48000)),
    "libopus": ("ogg", (32, 96), (16000, 24000, 48000)),
}


def record(
    samples_S: np.ndarray,
    sample_rate: int,
    random: np.random.Generator,
    config: RecordingConfig | None = None,
) -> np.ndarray:
    """A recording of clean mono sound, with the same length and clock; deterministic for a given
    `random`.

    Args:
        samples_S: The clean sound [S], float.
        sample_rate: Hz, 8000 or more.
        random: Source of all choices.
        config: Probabilities and bounds.

    Returns:
        float32 [S], -1..1 (unchanged if the recording is clean).
    """
    config = config or RecordingConfig()
    recorded_S = np.asarray(samples_S, np.float32)
    if random.random() < config.clean or not recorded_S.any():
        return recorded_S.copy()
    loudness = _loudness(recorded_S, sample_rate)
    if random.random() < config.room:
        recorded_S = add_room(recorded_S, sample_rate, random, config)
    if random.random() < config.equaliser:
        recorded_S = equalise(recorded_S, sample_rate, random, config)
    recorded_S = recorded_S * (loudness / _loudness(recorded_S, sample_rate))
    if random.random() < config.noise:
        recorded_S = add_noise(recorded_S, sample_rate, random, config)
    if random.random() < config.compression:
        recorded_S = compress(recorded_S, sample_rate, random)
    if random.random() < config.clipping:
        recorded_S = clip_softly(recorded_S, random)
    recorded_S = set_peak(recorded_S, random.uniform(*config.peak_db))
    if random.random() < config.codec:
        codec = str(random.choice(sorted(_CODECS)))
        recorded_S = encode_and_decode(
            recorded_S, sample_rate, codec, round(random.uniform(*_CODECS[codec][1]))
        )
    return np.clip(recorded_S, -1, 1)


def add_room(
    samples_S: np.ndarray,
    sample_rate: int,
    random: np.random.Generator,
    config: RecordingConfig | None = None,
) -> np.ndarray:
    """Reverberation: the direct sound, early reflections, and decaying noise, whose high
    frequencies decay sooner."""
    config = config or RecordingConfig()
    rt60 = random.uniform(*config.rt60)
    length = round(rt60 * sample_rate)
    time_I = np.arange(length) / sample_rate
    # The tail starts when reflections are dense, which takes longer in large rooms.
    predelay = random.uniform(0.003, 0.01) + 0.01 * rt60
    tail_I = np.zeros(length)
    for low, high, shorter in ((0, 0.08, 1.0), (0.08, 0.3, 0.75), (0.3, 1.0, 0.45)):
        band_I = _band_noise(length, low, high, random)
        tail_I += band_I * 10 ** (-3 * time_I / (shorter * rt60))
    tail_I *= np.clip(time_I / predelay, 0, 1) ** 2
    early_I = np.zeros(length)
    count = int(random.integers(4, 12))
    delays_N = np.sort(random.uniform(0.002, 0.05, count))
    places_N = np.minimum((delays_N * sample_rate).astype(int), length - 1)
    gains_N = random.uniform(0.2, 1.0, count) * random.choice([-1.0, 1.0], count)
    np.add.at(early_I, places_N, gains_N * 10 ** (-delays_N / 0.05))
    early_share = random.uniform(0.1, 0.6)
    room_I = (
        _unit_energy(early_I) * early_share**0.5 + _unit_energy(tail_I) * (1 - early_share) ** 0.5
    )
    room_I[: round(0.001 * sample_rate)] = 0
    wet = 10 ** (random.uniform(*config.wet_db) / 20)
    wet_S = _convolve(samples_S, room_I)
    # Relative to the energy of this music; otherwise notes at the room's modes would ring.
    wet *= _loudness(samples_S, sample_rate) / max(_loudness(wet_S, sample_rate), 1e-9)
    return samples_S + (wet * wet_S).astype(np.float32)


def equalise(
    samples_S: np.ndarray,
    sample_rate: int,
    random: np.random.Generator,
    config: RecordingConfig | None = None,
) -> np.ndarray:
    """The frequency response of microphone and loudspeaker: smooth gains, with lows and highs cut
    off."""
    config = config or RecordingConfig()
    low_cut, high_cut = random.uniform(15, 80), random.uniform(6000, 20000)
    if random.random() < config.phone:
        low_cut, high_cut = random.uniform(120, 400), random.uniform(3000, 6000)
    knots_N = np.geomspace(50, 16000, 9)
    gains_N = random.uniform(-config.equaliser_db, config.equaliser_db, len(knots_N))
    size = _fast_length(len(samples_S) + sample_rate // 4)
    frequency_F = np.fft.rfftfreq(size, 1 / sample_rate)
    # Zero phase: it neither delays nor smears, so the clock is kept.
    octave_F = np.log(np.maximum(frequency_F, 1.0))
    gain_F = 10 ** (np.interp(octave_F, np.log(knots_N), gains_N) / 20)
    gain_F /= np.sqrt(1 + (low_cut / np.maximum(frequency_F, 1e-3)) ** 4)
    gain_F /= np.sqrt(1 + (frequency_F / high_cut) ** random.choice([4, 8]))
    filtered_S = np.fft.irfft(np.fft.rfft(samples_S, size) * gain_F, size)[: len(samples_S)]
    return filtered_S.astype(np.float32)


def add_noise(
    samples_S: np.ndarray,
    sample_rate: int,
    random: np.random.Generator,
    config: RecordingConfig | None = None,
) -> np.ndarray:
    """Hiss, rumble or mains hum, at a signal-to-noise ratio within the bounds."""
    config = config or RecordingConfig()
    kind = random.choice(["hiss", "pink", "hum"])
    if kind == "hum":
        noise_S = _hum(len(samples_S), sample_rate, random)
        noise_S += 0.2 * random.standard_normal(len(samples_S), np.float32)
    else:
        noise_S = random.standard_normal(len(samples_S), np.float32)
    if kind == "pink":
        size = _fast_length(len(noise_S))
        frequency_F = np.fft.rfftfreq(size, 1 / sample_rate)
        slope = random.uniform(0.4, 1.0)  # of amplitude: 0.5 is pink, 1 is brown
        spectrum_F = np.fft.rfft(noise_S, size) / np.maximum(frequency_F, 30.0) ** slope
        noise_S = np.fft.irfft(spectrum_F, size)[: len(noise_S)]
    level = _loudness(samples_S, sample_rate) * 10 ** (-random.uniform(*config.snr_db) / 20)
    return samples_S + (noise_S * (level / noise_S.std())).astype(np.float32)


def compress(samples_S: np.ndarray, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """Dynamic range compression, as by a recorder's automatic gain: fast attack, slow release."""
    hop = round(0.01 * sample_rate)
    blocks = -(-len(samples_S) // hop)
    padded_S = np.pad(samples_S, (0, blocks * hop - len(samples_S)))
    level_B = 20 * np.log10(np.abs(padded_S.reshape(blocks, hop)).max(axis=1) + 1e-6)
    threshold = np.percentile(level_B, random.uniform(20, 80))
    share = 1 - 1 / random.uniform(1.5, 8)  # of what is above the threshold
    attack, release = random.uniform(0.01, 0.05), random.uniform(0.1, 1.5)
    follow_up, follow_down = 1 - np.exp(-0.01 / attack), 1 - np.exp(-0.01 / release)
    reduction_B = np.zeros(blocks)
    held = 0.0
    for block, wanted in enumerate((share * np.maximum(level_B - threshold, 0)).tolist()):
        held += (follow_up if wanted > held else follow_down) * (wanted - held)
        reduction_B[block] = held
    centres_B = (np.arange(blocks) + 0.5) * hop
    reduction_S = np.interp(np.arange(len(samples_S)), centres_B, reduction_B)
    return (samples_S * 10 ** (-reduction_S / 20)).astype(np.float32)


def clip_softly(samples_S: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Soft clipping: overdriven by up to 10 dB over the 99th percentile of the samples."""
    loud = max(float(np.percentile(np.abs(samples_S), 99)), 1e-6)
    drive = 10 ** (random.uniform(-6, 10) / 20) / loud
    return np.tanh(samples_S * drive) / np.float32(drive)


def set_peak(samples_S: np.ndarray, peak_db: float) -> np.ndarray:
    """The same sound with its peak at so many dB of full scale."""
    return samples_S * np.float32(10 ** (peak_db / 20) / max(np.abs(samples_S).max(), 1e-9))


def encode_and_decode(
    samples_S: np.ndarray, sample_rate: int, codec: str, kilobits: int
) -> np.ndarray:
    """The sound after a lossy codec, without the codec's delay.

    Args:
        samples_S: Mono sound [S], -1..1.
        sample_rate: Hz.
        codec: libmp3lame, aac or libopus.
        kilobits: Bit rate, kbit/s.
    """
    container_format, _, rates = _CODECS[codec]
    rate = min((rate for rate in rates if rate >= sample_rate), default=rates[-1])
    memory = io.BytesIO()
    with av.open(memory, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 1000 * kilobits
        # Encoders take different sample formats.
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples_S[None], np.float32), "fltp", "mono"
        )
        frame.sample_rate = sample_rate
        # Without a time stamp the container would not store the encoder's delay.
        frame.pts, frame.time_base = 0, Fraction(1, sample_rate)
        for converted in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    memory.seek(0)
    return _decode(memory, sample_rate, len(samples_S))


def _decode(memory: io.BytesIO, sample_rate: int, length: int) -> np.ndarray:
    """`length` samples of a sound file in memory, from time 0 of its clock on."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate)
    pieces: list[np.ndarray] = []
    begin: Fraction | None = None
    with av.open(memory, "r") as container:
        zero = time_zero(container)
        for frame in container.decode(audio=0):
            if begin is None:
                assert frame.pts is not None
                assert frame.time_base is not None
                begin = frame.pts * frame.time_base - zero
            pieces += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        pieces += [part.to_ndarray()[0] for part in resampler.resample(None)]
    decoded_S = np.concatenate([*pieces, np.zeros(0, np.float32)])
    late = round((begin or 0) * sample_rate)
    decoded_S = np.pad(decoded_S, (late, 0)) if late > 0 else decoded_S[-late:]
    return np.pad(decoded_S[:length], (0, max(length - len(decoded_S), 0)))


def _hum(length: int, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """Mains hum: 50 or 60 Hz and its harmonics."""
    mains = random.choice([50.0, 60.0]) * random.uniform(0.998, 1.002)
    period = np.arange(length) * (mains / sample_rate)
    hum_S = np.zeros(length, np.float32)
    for harmonic in range(1, 9):
        if harmonic * mains >= sample_rate / 2:
            break
        amplitude = random.uniform(0.1, 1.0) / harmonic
        phase = random.uniform(0, 2 * np.pi)
        hum_S += (amplitude * np.sin(2 * np.pi * harmonic * period + phase)).astype(np.float32)
    return hum_S


def _loudness(samples_S: np.ndarray, sample_rate: int) -> float:
    """Root mean square over the blocks of 0.1 s that are not silent, so that pauses do not
    count."""
    size = max(sample_rate // 10, 1)
    whole = len(samples_S) // size * size
    if whole == 0:
        return float(np.sqrt(np.mean(np.square(samples_S, dtype=np.float64))))
    power_B = np.square(samples_S[:whole].reshape(-1, size)).mean(axis=1, dtype=np.float64)
    return float(np.sqrt(power_B[power_B >= 1e-3 * power_B.max()].mean()))


def _band_noise(length: int, low: float, high: float, random: np.random.Generator) -> np.ndarray:
    """Gaussian noise in a band, given as shares of half the sample rate."""
    spectrum_F = np.fft.rfft(random.standard_normal(length))
    share_F = np.linspace(0, 1, len(spectrum_F))
    return np.fft.irfft(spectrum_F * ((share_F >= low) & (share_F < high)), length)


def _unit_energy(impulse_I: np.ndarray) -> np.ndarray:
    return impulse_I / max(float(np.sqrt(np.square(impulse_I).sum())), 1e-9)


def _convolve(samples_S: np.ndarray, impulse_I: np.ndarray) -> np.ndarray:
    """The first S samples of the convolution, by overlap-add."""
    block = 4 * _fast_length(len(impulse_I))
    size = _fast_length(block + len(impulse_I))
    impulse_F = np.fft.rfft(impulse_I, size)
    out_S = np.zeros(len(samples_S) + size)
    for first in range(0, len(samples_S), block):
        piece_F = np.fft.rfft(samples_S[first : first + block], size)
        out_S[first : first + size] += np.fft.irfft(piece_F * impulse_F, size)
    return out_S[: len(samples_S)]


def _fast_length(length: int) -> int:
    """The next length with a fast FFT: 1, 1.25, 1.5 or 1.75 times a power of two."""
    power = 1 << max(length.bit_length() - 3, 0)
    return -(-length // power) * power
