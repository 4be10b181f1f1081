"""The virtual pianist: from a piece for two hands to the motion of every finger, and the sound.

Data passes through the files in this order: :mod:`styles` and :mod:`scores` (compose a piece),
:mod:`fingering` (chooses hands and fingers), :mod:`hands` (postures of real hands), :mod:`motion`
(both hands as functions of time), :mod:`sound` (synthesis), and :mod:`pianist` (the generator of
takes).
"""
