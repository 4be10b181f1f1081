"""What an instrument is, as data: one entry here and the components that it names, and apvg plays
it.

Everyone else looks up. Names of components are keys of registries higher up: transcribers and
motion decoders in :mod:`apvg.models`, losses in :mod:`apvg.training`, figures in
:mod:`apvg.measures` and :mod:`apvg.evaluation`, generators in :mod:`apvg.virtual`. Other packages
add instruments by entry points of the group `apvg.instruments`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from apvg.base.registry import Registry
from apvg.instruments.camera import Camera
from apvg.instruments.keyboard import Keys
from apvg.instruments.pitch_grid import LOWEST_PITCH, PITCHES
from apvg.instruments.skeleton import BODY_AND_HANDS, BODY_HANDS_AND_BOW, HANDS, Skeleton
from apvg.instruments.strings import CELLO as CELLO_STRINGS
from apvg.instruments.surface import NoSurface, Surface


@dataclass(frozen=True)
class Instrument:
    """An instrument and its player.

    Attributes:
        name: What takes, recipes and performers call it.
        pitch_range: MIDI pitch of the lowest and of the highest note; None where takes must tell.
        voices: How many notes it can play at a time; 0 for any number.
        skeleton: Of its player.
        surface: What is played on.
        camera: Where a virtual player is seen from; None where there is none.
        transcriber: What tells its notes from sound.
        motion_decoder: What turns notes into poses.
        losses: What its motion decoder is trained by, in addition to the losses on keypoints.
        figures: What a report says of its playing, in addition to the figures on keypoints and
            pictures.
        generator: Of its virtual player; none where empty.
        unplaced: Name of the instrument in whose place it is learnt from footage in which its
            surface has no known place; empty where that makes no difference.
        placed: The same for footage in which a surface has a known place, of an instrument that is
            not described.
        programs: General MIDI programs that sound like it, from 0.
    """

    name: str
    pitch_range: tuple[int, int] | None = None
    voices: int = 0
    skeleton: Skeleton = BODY_AND_HANDS
    surface: Surface = field(default_factory=NoSurface)
    camera: Camera | None = None
    transcriber: str = "notes"
    motion_decoder: str = "body"
    losses: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    generator: str = ""
    unplaced: str = ""
    placed: str = ""
    programs: tuple[int, ...] = ()

    def seen(self, corners_42: np.ndarray | None) -> Instrument:
        """The instrument as it can be learnt from footage where its surface has these corners
        (None: not known)."""
        other = self.unplaced if corners_42 is None else self.placed
        return replace(INSTRUMENTS[other], name=self.name) if other else self


INSTRUMENTS: Registry[Instrument] = Registry("instrument", "apvg.instruments")


def find_instrument(name: str) -> Instrument:
    """The instrument of a name; one that is not described is any person with a body and two
    hands."""
    return INSTRUMENTS[name] if name in INSTRUMENTS else replace(PERSON, name=name)


def _add(instrument: Instrument) -> Instrument:
    return INSTRUMENTS.register(instrument.name, instrument)


#: Whatever is played in footage of which no more is known; where corners are known, they are a
#: keyboard's.
PERSON = _add(Instrument("person", placed="piano"))
PIANO = _add(
    Instrument(
        "piano",
        pitch_range=(LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1),
        skeleton=HANDS,
        surface=Keys(),
        motion_decoder="planned fingers",
        losses=("planned tips on keys",),
        figures=("key-hit",),
        generator="pianist",
        unplaced="person",
        programs=(0, 1, 2, 3, 4, 5),
    )
)
CELLO = _add(
    Instrument(
        "cello",
        pitch_range=(CELLO_STRINGS.lowest, CELLO_STRINGS.highest),
        voices=1,
        skeleton=BODY_HANDS_AND_BOW,
        surface=CELLO_STRINGS,
        camera=Camera(),
        transcriber="bowed notes",
        losses=("stops",),
        figures=("bowing",),
        generator="string player",
        programs=CELLO_STRINGS.programs,
    )
)
#: Instruments of which only the range is known, as usual in orchestras.
for _name, _lowest, _highest, _voices in (
    ("violin", 55, 100, 0),
    ("viola", 48, 91, 0),
    ("double bass", 28, 67, 0),
    ("flute", 60, 96, 1),
    ("oboe", 58, 93, 1),
    ("clarinet", 50, 94, 1),
    ("saxophone", 49, 92, 1),
    ("bassoon", 34, 75, 1),
    ("trumpet", 54, 84, 1),
    ("horn", 34, 77, 1),
    ("trombone", 40, 77, 1),
    ("tuba", 26, 65, 1),
):
    _add(Instrument(_name, pitch_range=(_lowest, _highest), voices=_voices))
