"""Bounds that whoever serves the studio chooses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from apvg.base.errors import ApvgError
from apvg.cli.main import main, parse
from apvg.cli.studio import Studio
from apvg.studio.limits import Limits, check_music_length, check_size


def test_bounds_are_options_and_hold(tmp_path: Path) -> None:
    studio = parse(["studio", "--music-minutes", "0.5", "--music-megabytes", "1", "--kept", "3"])
    assert isinstance(studio, Studio)
    limits = studio.limits
    assert limits == Limits(music_minutes=0.5, music_megabytes=1, kept=3)
    song = tmp_path / "song.wav"
    soundfile.write(song, np.zeros(31 * 8000), 8000)
    check_size(song, limits.music_megabytes)
    check_music_length(song, limits.music_minutes, 0.0, 30.0)
    with pytest.raises(ApvgError, match=r"plays up to 0:30 min.*Only a part"):
        check_music_length(song, limits.music_minutes, 0.0, None)
    song.write_bytes(bytes(1_000_001))
    with pytest.raises(ApvgError, match="takes files up to 1 MB"):
        check_size(song, limits.music_megabytes)


@pytest.mark.parametrize(
    "option", ["--music-megabytes", "--music-minutes", "--footage-minutes", "--waiting", "--kept"]
)
@pytest.mark.parametrize("bound", ["0", "-1"])
def test_bounds_with_which_nothing_can_be_done_are_refused(
    tmp_path: Path, option: str, bound: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["studio", "--work", str(tmp_path / "w"), "--no-browser", option, bound]) == 1
    said = capsys.readouterr().err
    assert f"cannot be {bound}" in said
    assert f"({option})" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "w").exists()
