"""The built wheel works where the checkout is not."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import apvg
from apvg.base.explain import EXTRAS

ROOT = Path(__file__).parent.parent


def test_every_extra_that_errors_name_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])


def exporting() -> list[str]:
    """Names of the modules that say what they export."""
    found = pkgutil.walk_packages(apvg.__path__, "apvg.")
    sources = {"apvg": ROOT / "apvg" / "__init__.py"}
    for module in found:
        path = ROOT / Path(*module.name.split("."))
        sources[module.name] = path / "__init__.py" if module.ispkg else path.with_suffix(".py")
    return [name for name, path in sources.items() if "\n__all__ = " in path.read_text("utf-8")]


@pytest.mark.parametrize("name", exporting())
def test_what_a_module_exports_is_there_and_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    for exported in module.__all__:
        thing = getattr(module, exported)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__module__.startswith("apvg.")
            assert (thing.__doc__ or "").strip(), f"{name}.{exported} has no docstring"


@pytest.mark.parametrize("name", exporting())
def test_what_a_module_makes_public_is_exported(name: str) -> None:
    """A public class or function of its own in its namespace is in `__all__`, or a user would come
    to rely on a name that nobody promised."""
    module = importlib.import_module(name)
    public = {
        key
        for key, thing in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__.startswith(name)
    }
    assert public <= set(module.__all__)


@pytest.mark.slow
def test_the_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    # From a copy, for setuptools leaves its scratch in the source folder, and takes up what it
    # finds there.
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
