"""Losses: pure functions of tensors; those of instruments are registered in
:mod:`apvg.training.losses.playing`."""
