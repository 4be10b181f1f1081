"""The pitch grid: the pitches that features, piano rolls and networks have a place for, those of a
piano's 88 keys.

Features divide each semitone into bins, so that bin b is at MIDI pitch `LOWEST_PITCH + b /
BINS_PER_SEMITONE`.
"""

from __future__ import annotations

#: MIDI pitch of the first and of the last place, A0 and C8.
LOWEST_PITCH, HIGHEST_PITCH = 21, 108
#: How many pitches there are.
PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1
BINS_PER_SEMITONE = 3
N_BINS = PITCHES * BINS_PER_SEMITONE
