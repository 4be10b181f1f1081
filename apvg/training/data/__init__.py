"""Datasets: a step's batch is a pure function of (seed, step, rank), so that worker threads can
prepare batches ahead."""
