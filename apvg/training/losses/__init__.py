"""Losses: pure functions of tensors. Those that belong to an instrument are registered in :mod:`apvg.training.losses.playing`."""
