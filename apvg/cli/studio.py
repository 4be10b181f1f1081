"""``apvg studio``: a web page on this machine where people play."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from apvg.base.options import Port
from apvg.studio.limits import Limits


@dataclass(frozen=True)
class Studio:
    """Open a web page: bring music, choose a performer, watch; edit fingers; make a performer of your own.

    The page is served to this machine alone, and nothing is sent anywhere."""

    work: Path | None = None
    """The folder for all that is uploaded or made; APVG_STUDIO, or one among the user's data, by default."""
    host: str = "127.0.0.1"
    """The address to serve at. 0.0.0.0 lets everyone in the network in: there is no password."""
    port: Port = 7860
    """The port to serve at."""
    no_browser: bool = False
    """Do not open the page in the browser."""
    limits: Limits = field(default_factory=Limits)

    def run(self) -> None:
        """Serve until Ctrl-C; see :mod:`apvg.studio`."""
        from apvg.studio.app import StudioConfig, serve
        from apvg.studio.folder import default_folder

        serve(
            StudioConfig(
                work=self.work or default_folder(),
                host=self.host,
                port=self.port,
                browser=not self.no_browser,
                limits=self.limits,
            )
        )
