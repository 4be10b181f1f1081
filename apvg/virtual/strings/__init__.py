"""The virtual cellist: bowed strings, from a melody to every point of the player, the bow and the sound.

The way goes through the files in this order: :mod:`instruments` (what the instrument is and how it is held), :mod:`scores`
(music for it), :mod:`fingering` and :mod:`bowing` (which finger on which string, which way the bow goes), :mod:`performance`
(both as functions of time), :mod:`motion` (the figure that does it), :mod:`sound` (what it sounds like), :mod:`scene` and
:mod:`picture` (what it looks like), and :mod:`corpus` (takes of all that).
"""
