"""Audio-driven performance video generation: music in, a video of a musician playing it out.

>>> import apvg
>>> performance = apvg.Performer.from_pretrained("piano").perform("song.wav")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apvg.base.version import __version__

if TYPE_CHECKING:
    from apvg.installed import performers
    from apvg.performer import Performer

__all__ = ["Performer", "__version__", "performers"]


def __getattr__(name: str) -> Any:
    # Lazy, so that reading audio or printing the version does not wait seconds for torch.
    if name == "Performer":
        from apvg.performer import Performer

        return Performer
    if name == "performers":
        from apvg.installed import performers

        return performers
    raise AttributeError(f"module 'apvg' has no attribute {name!r}")
