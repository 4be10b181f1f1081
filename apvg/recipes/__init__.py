"""Recipes that come with the package: one TOML file per trained performer."""
