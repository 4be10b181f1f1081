"""The JSON schema of report.json, which is in `report.schema.json` next to this file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from apvg.base.plain import json_schema
from apvg.evaluation.figures.base import Figures
from apvg.evaluation.figures.registry import BUILT_IN
from apvg.evaluation.results import Report

FILE = "report.schema.json"


def report_schema(components: Sequence[Figures] = BUILT_IN) -> dict[str, Any]:
    """The schema of a report.

    Args:
        components: Figures of instruments whose parts of the report are described. Those of others
            are allowed.
    """
    pieces = [component for component in components if component.section]
    return json_schema(
        Report,
        {
            "playing": {c.key: c.kind for c in components if c.key},
            "pieces": {c.section: list[c.piece] for c in pieces},
            "styles": {c.section: dict[str, c.style] for c in pieces},
        },
    )


def read_schema() -> dict[str, Any]:
    """The schema that comes with the package."""
    return json.loads((files("apvg.evaluation") / FILE).read_text(encoding="utf-8"))


def markdown_table(schema: dict[str, Any] | None = None) -> str:
    """The top-level keys of a report, for docs/evaluation.md."""
    schema = schema or report_schema()
    rows = ["| key | what it holds |", "|---|---|"]
    for key, entry in schema["properties"].items():
        rows.append(f"| `{key}` | {_said(entry, schema)} |")
    return "\n".join(rows)


def _said(entry: dict[str, Any], schema: dict[str, Any]) -> str:
    if "description" in entry:
        return entry["description"]
    inner = entry.get("items") or entry.get("additionalProperties") or entry
    text = schema["$defs"][inner["$ref"].rsplit("/", 1)[-1]]["description"]
    each = "style" if "additionalProperties" in entry else "piece"
    return f"{text.rstrip('.')}; one for each {each}."
