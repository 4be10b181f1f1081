"""The page as a whole: theme, tabs, server."""

from __future__ import annotations

import os
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apvg.studio.folder import WorkFolder
from apvg.studio.limits import Limits

if TYPE_CHECKING:
    from apvg.studio.jobs import Queue
    from apvg.studio.session import Live


@dataclass(frozen=True)
class StudioConfig:
    """How a studio is opened."""

    work: Path
    """The folder for all that is uploaded or made."""
    host: str
    port: int
    browser: bool
    """Whether to open the page in the user's browser."""
    limits: Limits


def serve(config: StudioConfig) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        ApvgError: The folder cannot be used, another studio uses it, or the address is taken.
    """
    folder = WorkFolder(config.work.resolve()).create()
    # Before gradio is imported, which looks at them then: uploads stay in the work folder, and
    # nothing is reported to anyone.
    os.environ["GRADIO_TEMP_DIR"] = str(folder.uploads)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from apvg.studio.jobs import Queue
    from apvg.studio.serving import served
    from apvg.studio.session import Live
    from apvg.takes.lock import only_one

    most = max(config.limits.music_megabytes, config.limits.footage_megabytes)
    with ExitStack() as stack:
        stack.enter_context(only_one(folder.root / ".lock", f"serving a studio from {folder.root}"))
        queue = Queue(folder.jobs, waiting=config.limits.waiting, kept=config.limits.kept)
        stack.callback(queue.close)
        live = Live(folder, queue)
        stack.callback(live.close)
        page, options = build(folder, queue, live, config.limits)
        address, server = stack.enter_context(
            served(page, config.host, config.port, max_file_size=most * 1_000_000, **options)
        )
        print(
            f"the studio is open at {address} (its folder: {folder.root}); Ctrl-C closes it",
            flush=True,
        )
        if config.browser:
            webbrowser.open(address)
        server.join()


def build(
    folder: WorkFolder, queue: Queue, live: Live, limits: Limits
) -> tuple[Any, dict[str, Any]]:
    """The page and how it is served."""
    import gradio as gr

    import apvg
    from apvg.studio.cards import cards_of
    from apvg.studio.components import page_file
    from apvg.studio.edit import Editor, build_editor
    from apvg.studio.live import build_live
    from apvg.studio.own import Own, build_own
    from apvg.studio.play import Play, build_play

    samples = Path(apvg.__file__).parent / "samples"
    play = Play(folder, queue, limits)
    shown = cards_of(folder)
    with gr.Blocks(
        title="apvg studio", analytics_enabled=False, delete_cache=(3600, 86400)
    ) as page:
        gr.HTML(
            "<header class='masthead'><h1>apvg studio</h1>"
            "<p>Bring music, choose who plays it, and watch. Nothing leaves this "
            "computer.</p></header>"
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Play", id="play"):
                player, cards = build_play(play, shown)
            with gr.Tab("Edit", id="edit"):
                editor = Editor(queue)
                edit = build_editor(editor, play.look)
            with gr.Tab("Live", id="live"):
                stage = build_live(live, shown.performers)
            with gr.Tab("Make your own", id="own"):
                own = build_own(Own(folder, queue, limits))
        quiet: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None}
        player.select(
            lambda value: (value, gr.Tabs(selected="edit")), player, [edit, tabs], **quiet
        )
        edit.submit(
            lambda value: (editor.submit(value), gr.Tabs(selected="play")),
            edit,
            [player, tabs],
            **quiet,
        )

        def look_again() -> tuple[Any, Any]:
            now = cards_of(folder)
            return (
                gr.HTML(performers=now.performers, left_out=now.left_out),
                gr.HTML(performers=now.performers),
            )

        # Performers of people's own come while the page is open, and are there when it is opened
        # again.
        for event in (page.load, own.change):
            event(look_again, None, [cards, stage], **quiet)
    options = {
        "theme": _theme(),
        "css": page_file("studio.css"),
        "head": f"<script>{page_file('common.js')}</script>",
        "allowed_paths": [str(folder.jobs), str(samples)],
        "footer_links": [],
        "ssr_mode": False,
        "pwa": False,
    }
    return page, options


def _theme() -> Any:
    """Gradio's plain theme in the studio's colours, with the system's own fonts, for others come
    from the network."""
    from gradio.themes import Base

    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
    theme = Base(
        primary_hue="teal", neutral_hue="stone", font=sans, font_mono=("ui-monospace", "monospace"),
        radius_size="lg", text_size="md",
    )  # fmt: skip
    return theme.set(
        body_background_fill="#fbfaf7",
        body_background_fill_dark="#17181a",
        body_text_color="#23211d",
        body_text_color_dark="#eceae5",
        body_text_color_subdued="#635f57",
        body_text_color_subdued_dark="#aca79c",
        block_background_fill="#ffffff",
        block_background_fill_dark="#202225",
        block_label_text_color="#23211d",
        block_label_text_color_dark="#eceae5",
        block_title_text_color="#23211d",
        block_title_text_color_dark="#eceae5",
        border_color_primary="#dedad2",
        border_color_primary_dark="#3a3c40",
        button_primary_background_fill="#1f5f5b",
        button_primary_background_fill_hover="#17504c",
        button_primary_background_fill_dark="#7cc7bd",
        button_primary_background_fill_hover_dark="#93d5cc",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#10201e",
        input_background_fill="#ffffff",
        input_background_fill_dark="#202225",
        slider_color="#1f5f5b",
        slider_color_dark="#7cc7bd",
    )
