"""``apvg studio``: a web page that is served on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from apvg.base.options import Port
from apvg.studio.limits import Limits


@dataclass(frozen=True)
class Studio:
    """Open a web page on which you generate videos, edit fingers, play live and train your own
    performer.

    By default, only this machine can open the page. Nothing is sent anywhere."""

    work: Path | None = None
    """Folder for uploaded and generated files. By default, the one that APVG_STUDIO names, or
    else a folder in the user's data directory."""
    host: str = "127.0.0.1"
    """Address to serve on. With 0.0.0.0, everyone in your network can use the studio: there is
    no password."""
    port: Port = 7860
    """Port to serve on."""
    no_browser: bool = False
    """Do not open the page in the browser."""
    limits: Limits = field(default_factory=Limits)

    def run(self) -> None:
        """Serve the page until Ctrl-C. See :mod:`apvg.studio`."""
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
