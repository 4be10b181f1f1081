"""A short piece of music that comes with the package, to try a performer on.

A prelude in G of 23 seconds, composed for this project and given away under CC0 1.0; played by FluidSynth with the
soundfont FluidR3 GM (Frank Wen, MIT licence). `scripts/make_sample.py` makes both files.
"""

from importlib.resources import files
from pathlib import Path

#: The sound, and the notes that were played.
SAMPLE = Path(str(files(__name__) / "prelude.ogg"))
SAMPLE_MIDI = Path(str(files(__name__) / "prelude.mid"))
