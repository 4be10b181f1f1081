"""The schema of report.json: the committed one is the one of the code, in the package and in the
docs."""

from __future__ import annotations

from pathlib import Path

from jsonschema import Draft202012Validator

from apvg.evaluation.schema import markdown_table, read_schema, report_schema

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert read_schema() == report_schema(), "run scripts/write_schema.py"


def test_it_is_a_schema_that_describes_its_keys() -> None:
    schema = read_schema()
    Draft202012Validator.check_schema(schema)
    # An object without descriptions, or one that takes anything, would say nothing.
    assert not Draft202012Validator(schema).is_valid({})
    for name, entry in schema["$defs"].items():
        assert entry["description"], name
        assert entry["properties"], name


def test_the_docs_hold_its_keys() -> None:
    assert markdown_table() in DOCS.read_text(encoding="utf-8"), "run scripts/write_schema.py"
