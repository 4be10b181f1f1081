"""Every recipe that is shipped, shown or run is read, and names what is there."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from apvg.base.config import from_dict
from apvg.instruments.instrument import INSTRUMENTS
from apvg.training.recipe import Recipe, load_recipe
from apvg.training.trainers import TRAINERS

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path.stem for path in (ROOT / "apvg" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_of_the_package_are_read(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.instrument in INSTRUMENTS
    assert not recipe.start_from or recipe.start_from in RECIPES
    assert any(recipe.steps(stage) for stage in TRAINERS)


def test_there_are_all_that_are_documented() -> None:
    assert {"piano", "piano-eval", "pianist", "pianist-silent", "person", "cello"} <= set(RECIPES)


@pytest.mark.parametrize("file", ["ablations.toml", "ablations-smoke.toml"])
def test_every_variant_of_an_ablation_is_a_recipe(file: str) -> None:
    plan = tomllib.loads((ROOT / "scripts" / file).read_text())

    def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        inner = {key: value for key, value in changes.items() if isinstance(value, dict)}
        tables = {key: merged(base.get(key, {}), value) for key, value in inner.items()}
        return {**base, **changes, **tables}

    for name, variant in plan["variants"].items():
        changes = {key: value for key, value in variant.items() if key != "after"}
        from_dict(Recipe, merged(plan["base"], changes), where=name)
        assert variant.get("after", name) in plan["variants"]
