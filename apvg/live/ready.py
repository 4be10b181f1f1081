"""A performer that is warmed up, so that the first frames need not wait."""

from __future__ import annotations

import numpy as np

from apvg.base.memory import keep_freed_memory
from apvg.engines.choosing import EngineName
from apvg.performer import Performer


def ready_performer(
    name: str, device: str = "cpu", engine: EngineName = "auto", *, block: int
) -> Performer:
    """Load a performer and warm it up on some silence, in a process that does nothing else.

    Args:
        name, device, engine: As :meth:`apvg.Performer.from_pretrained` takes them.
        block: Frames processed at a time later.

    Raises:
        ApvgError: There is no such performer, or its files are damaged.
    """
    keep_freed_memory()
    performer = Performer.from_pretrained(name, device, engine)
    with performer.stream(block=block, live=True) as stream:
        seconds = stream.latency_seconds + 3 * block / performer.fps
        stream.push(np.zeros(round(seconds * performer.sample_rate), np.float32))
    return performer
