"""The performer that a training has made, written to its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from apvg.base.files import atomic_path
from apvg.bundle import PerformerConfig, write_bundle
from apvg.performer import Performer
from apvg.training.material import Material


def write_performer(material: Material, folder: Path) -> None:
    """Write the averaged weights of all stages, the scene's plate and a painted frame as a
    performer."""
    cache, plate_HWC = material.cache, material.cache.plate_HWC
    stages = material.weights.stages(plate_HWC, joint=True)
    scene, config = cache.scene, material.plan.config
    middle = scene.training_T[len(scene.training_T) // 2]
    shown = slice(middle, middle + 1)
    keypoints_TKD, confidence_TK = scene.keypoints_TKD[shown], scene.confidence_TK[shown]
    sample = next(Performer(stages).render(keypoints_TKD.numpy(), confidence_TK.numpy()))
    with atomic_path(folder / "bundle") as partial:
        partial.mkdir()
        sample_HWC = sample.frames_THWC[0]
        write_bundle(partial, config, stages.networks, plate_HWC, sample_HWC, _card(config))
    for file in (folder / "bundle").iterdir():
        file.replace(folder / file.name)
    shutil.rmtree(folder / "bundle")


def _card(config: PerformerConfig) -> str:
    """First lines of the performer's card; whoever publishes it adds what was measured."""
    return (
        f"# {config.name}\n\nA performer of apvg: {config.instrument}, "
        f"{config.size[0]}×{config.size[1]} pixels at {config.features.fps} frames/s.\n\n"
        f"- Recipe: {config.recipe}\n- Licence: {config.licence}\n- Credit: {config.credit}\n"
    )
