"""Human motion: minimum-jerk paths, and slow random drift."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d


def minimum_jerk(part: np.ndarray) -> np.ndarray:
    """Share of the path covered after a share of the time, which may lie outside 0..1 (Flash &
    Hogan, 1985)."""
    part = np.asarray(part).clip(0, 1)
    return part**3 * (10 - 15 * part + 6 * part**2)


def smooth_noise(
    shape: tuple[int, ...], fps: float, seconds: float, random: np.random.Generator
) -> np.ndarray:
    """Smooth random motion: Gaussian noise of unit variance [T, ...], low-passed over so many
    seconds along T."""
    noise_TX = gaussian_filter1d(random.normal(size=shape), seconds * fps, axis=0, mode="reflect")
    # A Gaussian filter of width s leaves 1 / (2 s sqrt(pi)) of white noise's variance.
    return noise_TX * np.sqrt(2 * seconds * fps * np.sqrt(np.pi))
