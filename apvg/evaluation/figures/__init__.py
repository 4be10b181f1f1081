"""Figures on how an instrument is played: a component for each way of playing, which instruments
name."""
