"""The page's own components: a script each in the folder `page`, in an element that gradio leaves
alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import gradio as gr


def page_file(name: str) -> str:
    """The text of a file in the folder `page`."""
    return files("apvg.studio").joinpath("page", name).read_text(encoding="utf-8")


def component(name: str, served: Sequence[Callable[..., Any]] = (), **props: Any) -> gr.HTML:
    """The component whose script is `NAME.js`.

    Args:
        name: Of the script, of the element's class and of the component's id in the page.
        served: What the script may call as ``server.NAME([argument, …])``.
        props: Its properties, which may be outputs of events.
    """
    return gr.HTML(
        # The script fills this element. Its text never changes, so that gradio never draws it anew.
        html_template=f"<div class='{name}'></div>",
        js_on_load=page_file(f"{name}.js"),
        elem_id=name,
        apply_default_css=False,
        padding=False,
        server_functions=[_function(method) for method in served],
        **props,
    )


def _function(method: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    """Gradio calls plain functions of one argument."""

    def call(arguments: list[Any]) -> Any:
        return method(*arguments)

    call.__name__ = method.__name__
    return call
