"""Measure the hands of takes for the virtual pianist: `python scripts/measure_hands.py TAKES
RECIPE` → apvg/virtual/piano/hands.json.

Only takes that the recipe trains on count, and of those only what it does not hold out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from apvg.models.pose_space import PoseSpace
from apvg.takes.take import load_takes
from apvg.training.plan import place, training_mask
from apvg.training.recipe import load_recipe
from apvg.virtual.piano.hands import measure_hands, mirrored, strikes_seen, to_json


def main(takes: str, name: str) -> None:
    recipe = load_recipe(name)
    hands, strikes, sources = [], [], []
    for take in load_takes(takes):
        if (
            take.notes is None
            or take.corners_42 is None
            or (recipe.takes and take.name not in recipe.takes)
        ):
            continue
        space = PoseSpace(take.size[0], place(recipe, take))
        poses_TKD = space.to_poses(torch.from_numpy(take.keypoints_TKD).float()).numpy()
        seen_TK = (take.confidence_TK > 0) & training_mask(take, recipe)[:, None]
        for hand, ids in take.skeleton.hands.items():
            whole_T = seen_TK[:, list(ids)].all(axis=1)
            poses_TJD = np.where(whole_T[:, None, None], poses_TKD[:, list(ids)], np.nan)
            strikes += strikes_seen(poses_TJD, take.notes, take.fps)
            seen_TJD = poses_TJD[whole_T]
            hands.append(mirrored(seen_TJD) if hand == "left_hand" else seen_TJD)
        sources.append(f"{take.name} ({take.about.credit})")
    statistics = measure_hands(np.concatenate(hands), strikes)
    source = f"tracked hands of {', '.join(sources)}, as recipe {recipe.name} trains on"
    Path(__file__).parents[1].joinpath("apvg/virtual/piano/hands.json").write_text(
        to_json(statistics, source)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
