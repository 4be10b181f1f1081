"""The tab Live: the microphone plays a performer."""

from __future__ import annotations

import gradio as gr

from apvg.studio.components import component
from apvg.studio.session import Live


def build_live(live: Live, performers: list[dict[str, str]]) -> gr.HTML:
    """Lay the tab out."""
    shown = [{"name": p["name"], "title": p["title"], "picture": p["picture"]} for p in performers]
    return component("live", [live.begin, live.push, live.end], value={}, performers=shown)
