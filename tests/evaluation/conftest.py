"""Every report that these tests write is what its schema says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from apvg.evaluation.schema import read_schema


@pytest.fixture(autouse=True)
def _reports_fit_the_schema(request: pytest.FixtureRequest) -> Iterator[None]:
    written = "tmp_path" in request.fixturenames and not getattr(request.module, "ABRIDGED", False)
    folder: Path | None = request.getfixturevalue("tmp_path") if written else None
    yield
    for path in folder.rglob("report.json") if folder else ():
        Draft202012Validator(read_schema()).validate(json.loads(path.read_text()))
