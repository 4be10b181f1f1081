"""Components of figures by the names that instruments give
(:attr:`apvg.instruments.instrument.Instrument.figures`)."""

from __future__ import annotations

from collections.abc import Sequence

from apvg.base.registry import Registry
from apvg.evaluation.figures.base import Figures
from apvg.evaluation.figures.bowing import Bowing
from apvg.evaluation.figures.key_hit import KeyHits
from apvg.instruments.instrument import Instrument
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement

#: Other packages add theirs by entry points of the group `apvg.figures`: each names an object of a
#: class that extends Figures.
FIGURES: Registry[Figures] = Registry("component of figures", "apvg.figures")
#: Of this package: those that the committed schema of report.json knows.
BUILT_IN: Sequence[Figures] = (
    FIGURES.register("bowing", Bowing()),
    FIGURES.register("key-hit", KeyHits()),
)
_ANY = Figures()


def figures_of(
    instrument: Instrument, skeleton: Skeleton, placement: Placement
) -> Sequence[Figures]:
    """The components that an instrument names, as far as they apply; where none does, the one of
    any instrument."""
    named = (FIGURES[name] for name in instrument.figures)
    return [c for c in named if c.applies(instrument, skeleton, placement)] or [_ANY]
