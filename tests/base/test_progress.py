"""Progress bars keep out of logs."""

from __future__ import annotations

import pytest

from apvg.base.progress import track


def test_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(iter(range(5)), "counting", 5)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")
