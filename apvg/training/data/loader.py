"""Batches ahead of the training step, so that an accelerator does not wait for data."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

import torch

from apvg.training.data.sampling import StepRandom, step_random

Batch = TypeVar("Batch")
Batch_co = TypeVar("Batch_co", covariant=True)


class Dataset(Protocol[Batch_co]):
    """Draws a step's batch, on the CPU, from that step's random numbers and nothing else that
    changes.

    `batch` is called from several threads at a time.
    """

    def batch(self, step: int, random: StepRandom) -> Batch_co: ...


class Loader(Generic[Batch]):
    """The batches of a training, the same whatever the number of workers.

    Workers are threads (own choice). Takes and features are large, and threads share them; forked
    processes break torch and zarr, spawned ones would need a copy each, and cannot be started from
    every notebook. Most of a batch's work is done by torch and numpy, which release the
    interpreter's lock.

    Args:
        dataset: Where batches come from.
        seed: Seed of the training.
        steps: Steps of the training; no batch beyond them is prepared.
        rank: Number of this process among those that train together.
        workers: Threads that prepare batches ahead; 0 to prepare each batch when it is asked for.
    """

    def __init__(
        self, dataset: Dataset[Batch], seed: int, steps: int, *, rank: int = 0, workers: int = 0
    ) -> None:
        self.dataset, self.seed, self.steps, self.rank = dataset, seed, steps, rank
        self._pool = ThreadPoolExecutor(workers, "batches") if workers else None
        self._prefetch = 2 * workers
        self._ahead: dict[int, Future[Batch]] = {}

    def begin(self, step: int) -> Batch:
        """A step's batch.

        Seeds torch's global generators for the step, which layers such as dropout draw from.
        """
        torch.manual_seed(step_random(self.seed, step, self.rank).torch.initial_seed())
        if self._pool is None:
            return self._draw(step)
        wanted = range(step, max(step + 1, min(step + 1 + self._prefetch, self.steps)))
        for other in [ahead for ahead in self._ahead if ahead not in wanted]:
            self._ahead.pop(other).cancel()
        for ahead in wanted:
            if ahead not in self._ahead:
                self._ahead[ahead] = self._pool.submit(self._draw, ahead)
        return self._ahead.pop(step).result()

    def close(self) -> None:
        """Stop the workers. Batches are then prepared when they are asked for."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool, self._ahead = None, {}

    def _draw(self, step: int) -> Batch:
        return self.dataset.batch(step, step_random(self.seed, step, self.rank))
