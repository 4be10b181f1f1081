"""Resampling: the one function that training, evaluation and use get their samples from, at any
rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain

import av
import numpy as np


def resample(samples_S: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    """Mono samples [S] at another rate, Hz: float32, round(S * rate / source_rate) of them."""
    chunks = resample_chunks(np.asarray(samples_S, np.float32)[None], (), source_rate, rate)
    return np.concatenate([np.zeros((1, 0), np.float32), *chunks], axis=1)[0]


def resample_chunks(
    first_CS: np.ndarray, rest: Iterable[np.ndarray], source_rate: int, rate: int
) -> Iterator[np.ndarray]:
    """Resample a stream of chunks [C, S], float32; round(S * rate / source_rate) samples in total.

    Args:
        first_CS: The first chunk, with one or two channels.
        rest: The chunks that follow.
        source_rate: Their sample rate, Hz.
        rate: Sample rate of the result, Hz.
    """
    if source_rate == rate:
        yield first_CS
        yield from rest
        return
    layout = "mono" if len(first_CS) == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    taken = given = 0

    def push(samples_CS: np.ndarray | None) -> list[np.ndarray]:
        frame = None
        if samples_CS is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples_CS), "fltp", layout)
            frame.sample_rate = source_rate
        return [out.to_ndarray() for out in resampler.resample(frame)]

    for chunk_CS in chain([first_CS], rest):
        if not chunk_CS.shape[1]:
            continue
        taken += chunk_CS.shape[1]
        for out_CS in push(chunk_CS):
            given += out_CS.shape[1]
            yield out_CS
    if not taken:
        return
    left = round(Fraction(taken * rate, source_rate)) - given
    tail_CS = np.concatenate([*push(None), np.zeros((len(first_CS), max(left, 0)), np.float32)], 1)
    if left > 0:
        yield tail_CS[:, :left]
