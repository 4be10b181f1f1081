"""Short pieces of music that come with the package, to try a performer on.

Both were composed for this project and are given away under CC0 1.0: a prelude in G of 23 seconds
for a piano, played by FluidSynth with the soundfont FluidR3 GM (Frank Wen, MIT licence;
`scripts/make_sample.py`), and an air in G of 20 seconds for a cello, with the sound of the virtual
player (`scripts/make_air.py`).
"""

from importlib.resources import files
from pathlib import Path

#: The prelude's sound, and the notes that were played.
SAMPLE = Path(str(files(__name__) / "prelude.ogg"))
SAMPLE_MIDI = Path(str(files(__name__) / "prelude.mid"))
#: The air's.
AIR = Path(str(files(__name__) / "air.ogg"))
AIR_MIDI = Path(str(files(__name__) / "air.mid"))
