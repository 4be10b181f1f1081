"""The virtual string player: from a melody to every point of the player, the bow and the sound.

Data passes through the files in this order: :mod:`scores` (composes a melody), :mod:`fingering` and
:mod:`bowing` (choose fingers, strings and bow strokes), :mod:`performance` (both as functions of
time), :mod:`motion` (the figure's joints), :mod:`sound` (synthesis), :mod:`scene` and
:mod:`picture` (rendering), and :mod:`string_player` (the generator of takes).
"""
