"""Keys, chords and progressions of generated music, as pitch classes (0 = C ... 11 = B)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
_QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "o": (0, 3, 6),
    "7": (0, 4, 7, 10),
    "M7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "h7": (0, 3, 6, 10),
    "o7": (0, 3, 6, 9),
}
_RICHER = {"": "M7", "m": "m7", "o": "h7"}
#: Chords by name: semitones of the root above the tonic, and the quality.
_CHORDS: dict[str, tuple[int, str]] = {
    "I": (0, ""),
    "i": (0, "m"),
    "I7": (0, "7"),
    "bII": (1, ""),
    "II": (2, ""),
    "II7": (2, "7"),
    "ii": (2, "m"),
    "ii7": (2, "m7"),
    "iih7": (2, "h7"),
    "bIII": (3, ""),
    "III7": (4, "7"),
    "iii": (4, "m"),
    "IV": (5, ""),
    "iv": (5, "m"),
    "#ivo7": (6, "o7"),
    "V": (7, ""),
    "V7": (7, "7"),
    "v": (7, "m"),
    "bVI": (8, ""),
    "vi": (9, "m"),
    "VI7": (9, "7"),
    "bVII": (10, ""),
    "viio7": (11, "o7"),
}
# Four bars each, bars apart by spaces, chords within a bar by commas. Functional, circle-of-fifths,
# borrowed and modal.
_OPENINGS: dict[str, tuple[str, ...]] = {
    "major": (
        "I IV I V7",
        "I vi IV V7",
        "I V7 vi IV",
        "I iii,vi ii7 V7",
        "I III7 vi II7,V7",
        "I I7 IV iv",
        "I,VI7 ii7 V7 I",
        "I bVII IV I",
        "I V iii,vi IV,V",
        "I ii7 V7 vi",
        "I bVI bVII I",
        "I #ivo7 ii7 V7",
    ),
    "minor": (
        "i iv i V7",
        "i bVII bVI V7",
        "i iv bVII bIII",
        "i bVI iv V7",
        "i V7 i,i bVI",
        "i bVI bIII bVII",
        "i iih7 V7 i",
        "i v bVI bIII",
        "i viio7 i V",
    ),
    "dorian": ("i IV i IV", "i bVII IV i", "i ii bIII IV", "i v bVII IV"),
    "mixolydian": ("I bVII IV I", "I v bVII I", "I IV bVII IV", "I bVII I v"),
    "lydian": ("I II I II", "I II vi V", "I iii II I", "vi II I II"),
}
_CADENCES: dict[str, tuple[str, ...]] = {
    "major": (
        "I IV V7 I",
        "vi ii7 V7 I",
        "IV iv,V7 I I",
        "IV,ii7 I,V7 I I",
        "III7,VI7 II7,V7 I I",
        "bVI bVII I I",
        "vi IV I,V7 I",
        "ii7 V7 IV I",
    ),
    "minor": (
        "i iv V7 i",
        "bVI iih7 V7 i",
        "iv,i V7 i i",
        "bII V7 i i",
        "i iv,bVII bIII,bVI V7,i",
        "bVI bVII i i",
        "iv i,V7 i I",
    ),
    "dorian": ("i IV bVII i", "bIII IV i i", "i v IV i"),
    "mixolydian": ("IV bVII I I", "v IV I I", "I bVII IV I"),
    "lydian": ("II V I I", "vi II I I", "iii II I I"),
}


@dataclass(frozen=True)
class Chord:
    """A chord in a key.

    Attributes:
        root: Its root's pitch class.
        tones: Its pitch classes, the root first, then upward in thirds.
        scale: Pitch classes that melodies may use over it: the key's, bent to hold the chord's own.
    """

    root: int
    tones: tuple[int, ...]
    scale: tuple[int, ...]


def build_chord(name: str, tonic: int, mode: str, *, rich: bool) -> Chord:
    """The chord of that name in a key; `rich` turns triads to seventh chords."""
    above, quality = _CHORDS[name]
    if rich:
        quality = "7" if name == "V" else _RICHER.get(quality, quality)
    root = (tonic + above) % 12
    tones = tuple((root + interval) % 12 for interval in _QUALITIES[quality])
    scale = {(tonic + degree) % 12 for degree in MODES[mode]}
    for tone in tones:
        if tone not in scale:
            # An altered degree takes the place of its neighbours: no melody shall play both.
            scale -= {(tone + 1) % 12, (tone - 1) % 12} - set(tones)
            scale.add(tone)
    return Chord(root, tones, tuple(sorted(scale)))


def draw_progression(rng: np.random.Generator, mode: str, bars: int) -> list[tuple[str, ...]]:
    """Chord names of each bar of a phrase that ends with a cadence."""
    cadence = str(rng.choice(_CADENCES[mode])).split()
    if mode == "major" and rng.random() < 0.2:  # a half cadence: the next phrase answers
        cadence = ["I", "IV", "ii7", "V7"]
    names: list[str] = []
    while len(names) + 4 < bars:
        names += str(rng.choice(_OPENINGS[mode])).split()
    missing = bars - len(names)
    return [tuple(bar.split(",")) for bar in names + cadence[4 - missing :]]
