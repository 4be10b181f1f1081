"""The built wheel works where the checkout is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from apvg.base.explain import EXTRAS

ROOT = Path(__file__).parent.parent


def test_every_extra_that_errors_name_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])


@pytest.mark.slow
def test_the_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    # From a copy, for setuptools leaves its scratch in the source folder, and takes up what it finds there.
    source = tmp_path / "source"
    shutil.copytree(ROOT / "apvg", source / "apvg", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("apvg-*.whl")
    place = tmp_path / "installed"
    # Dependencies come from this environment; the package itself from the wheel alone.
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)

    def run(*args: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(place)}
        done = subprocess.run(
            [sys.executable, *args], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-c", "import apvg; print(apvg.__file__)").startswith(str(place))
    assert "piano" in run("-m", "apvg", "performers")
    music = place / "apvg" / "samples" / "prelude.ogg"
    run("-m", "apvg", "generate", str(music), "-o", "play.mp4", "--duration", "2")
    assert (tmp_path / "play.mp4").stat().st_size > 10_000
