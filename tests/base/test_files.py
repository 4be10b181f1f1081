"""Outputs are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_text("old")
    with atomic_path(target) as partial:
        assert partial.suffix == ".mp4"
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_behind(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), atomic_path(tmp_path / "a.mp4") as partial:
        partial.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "report"
    for text in ("first", "second"):
        with atomic_path(target) as partial:
            partial.mkdir()
            (partial / "index.html").write_text(text)
    assert (target / "index.html").read_text() == "second"
    assert list(tmp_path.iterdir()) == [target]


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(ApvgError, match="does not exist"), atomic_path(tmp_path / "no" / "a.mp4"):
        pass
    (tmp_path / "a.mp4").touch()
    with (
        pytest.raises(ApvgError, match="allow replacing it"),
        atomic_path(tmp_path / "a.mp4", force=False),
    ):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(ApvgError, match="in the way"), atomic_path(tmp_path / "folder") as partial:
        partial.write_text("a file")
    # The kernel's own folder of processes cannot be written to, whoever runs the tests.
    with pytest.raises(ApvgError, match="cannot write"), atomic_path(Path("/proc/a.mp4")):
        pass
