"""All generators, by the names that instruments know them under
(:attr:`apvg.instruments.instrument.Instrument.generator`)."""

from __future__ import annotations

from apvg.base.errors import ApvgError
from apvg.base.registry import Registry
from apvg.instruments.instrument import INSTRUMENTS, find_instrument
from apvg.virtual.common.corpus import Generator
from apvg.virtual.piano.pianist import Pianist
from apvg.virtual.strings.string_player import StringPlayer

GENERATORS: Registry[Generator] = Registry("generator", "apvg.generators")
GENERATORS.register("pianist", Pianist())
GENERATORS.register("string player", StringPlayer())


def find_generator(instrument: str) -> Generator:
    """The generator of an instrument.

    Raises:
        ApvgError: The instrument has none.
    """
    name = find_instrument(instrument).generator
    if not name:
        playable = ", ".join(sorted(i for i, known in INSTRUMENTS.items() if known.generator))
        raise ApvgError(
            f"there is no virtual player of {instrument!r}",
            f"choose from {playable}",
            ["instrument"],
        )
    return GENERATORS[name]
