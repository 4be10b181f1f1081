"""What mkdocs.yml hooks in: pages that lie outside docs/, and the docstrings' references.

README.md, CONTRIBUTING.md, the performers' cards and the notebook are pages of the site as they
stand, so that nothing is written twice; their links, which GitHub follows from file to file, are
turned so that they work on the site as well.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
#: Files of the repository, outside docs/, to their places on the site.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "LICENSE.txt",
    "apvg/performers/piano/card.md": "performers/piano.md",
    "apvg/performers/cello/card.md": "performers/cello.md",
    "apvg/evaluation/report.schema.json": "report.schema.json",
} | {
    path.relative_to(ROOT).as_posix(): f"recipes/{path.name}.txt"
    for path in (ROOT / "apvg" / "recipes").glob("*.toml")
}
NOTEBOOK = "docs/tour.ipynb"
_PLACES = OUTSIDE | {NOTEBOOK: "tour.md"}
_PATHS = {place: path for path, place in _PLACES.items()}
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")
_ROLE = re.compile(r":(?:meth|class|func|attr|data|mod|exc):`~?([\w.]+)`")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files from outside docs/, and the notebook as a page with the pictures that it
    holds."""
    for path, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    names = {"unique_key": "tour", "output_files_dir": "tour"}
    text, found = MarkdownExporter().from_filename(str(ROOT / NOTEBOOK), resources=names)
    files.append(File.generated(config, _PLACES[NOTEBOOK], content=text))
    for name, picture in found["outputs"].items():
        files.append(File.generated(config, name, content=picture))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links from file to file of the repository into links from page to page."""
    here = page.file.src_uri
    folder = posixpath.dirname(_PATHS.get(here, f"docs/{here}"))

    def turned(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[1]))
        place = _PLACES.get(path, path.removeprefix("docs/"))
        return posixpath.relpath(place, posixpath.dirname(here) or ".")

    return _LINK.sub(turned, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Give the theme's search a name, for screen readers."""
    return output.replace('class="md-search"', 'class="md-search" aria-label="Search"', 1)


class Roles(griffe.Extension):
    """References of docstrings, :meth:`such` as Sphinx knows, as links where the site shows what
    they name."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        self._rewrite(pkg)

    def _rewrite(self, thing: griffe.Object) -> None:
        if thing.docstring is not None:
            thing.docstring.value = _ROLE.sub(
                lambda role: self._link(thing, role[1]), thing.docstring.value
            )
        for member in thing.members.values():
            if isinstance(member, griffe.Object):
                self._rewrite(member)

    def _link(self, thing: griffe.Object, name: str) -> str:
        try:
            path = thing.resolve(name)
        except griffe.NameResolutionError:
            path = name
        shown = name.removeprefix("apvg.").rpartition("streaming.")[2]
        return f'<autoref optional identifier="{path}"><code>{shown}</code></autoref>'
