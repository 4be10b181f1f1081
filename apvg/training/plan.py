"""What a training consists of: its takes, the performer that it makes, and the one that it starts
from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from apvg.base.errors import ApvgError
from apvg.bundle import PerformerConfig, read_config
from apvg.installed import find_performer
from apvg.instruments.instrument import Instrument, find_instrument
from apvg.instruments.pitch_grid import HIGHEST_PITCH, LOWEST_PITCH
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.music.features import FeatureConfig
from apvg.music.notes import Notes
from apvg.takes.take import Take
from apvg.training.recipe import KHP_PARTS, Recipe

#: Corners are marked by hand: those of one place may differ by so much from take to take, pixels.
_MISPLACED = 1.0


@dataclass(frozen=True)
class Plan:
    """One training.

    Attributes:
        recipe: How each stage is trained.
        config: The performer that it makes.
        takes: What KHP trains on; filmed takes and generated ones.
        scene_takes: The filmed takes that CVG and FPVG train on: one scene, seen by one fixed
            camera.
        start_from: Folder of the performer that it starts from; None for random weights.
    """

    recipe: Recipe
    config: PerformerConfig
    takes: tuple[Take, ...]
    scene_takes: tuple[Take, ...]
    start_from: Path | None = None

    @property
    def instrument(self) -> Instrument:
        """What is played, as far as the scene lets it be learnt."""
        return find_instrument(self.recipe.instrument).seen(self.scene_takes[0].corners_42)

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the instrument's own losses, which every take must allow."""
        whole = find_instrument(self.recipe.instrument)
        seen = [whole.seen(take.corners_42).losses for take in self.takes]
        return tuple(name for name in self.instrument.losses if all(name in one for one in seen))

    def placement(self, take: Take) -> Placement:
        """Where the recipe's instrument lies in a take's frames."""
        return place(self.recipe, take)

    def training_mask(self, take: Take) -> np.ndarray:
        """See :func:`training_mask`."""
        return training_mask(take, self.recipe)


def make_plan(recipe: Recipe, takes: Sequence[Take], start_from: Path | None = None) -> Plan:
    """Choose what a recipe trains on.

    Args:
        recipe: The recipe.
        takes: All takes that are there; those of another split than "train" are left out.
        start_from: A performer's folder, in place of the recipe's own `start_from`.

    Raises:
        ApvgError: A take that the recipe needs is not there, or may not be trained on; or the takes
            do not fit together.
    """
    if start_from is None and recipe.start_from:
        start_from = find_performer(recipe.start_from)
    takes = _of_split_train(takes, recipe)
    filmed = [take for take in takes if take.filmed]
    if not filmed:
        raise ApvgError(
            "all takes are generated, and a performer needs footage",
            "prepare at least one filmed take of the split train",
        )
    by_name = {take.name: take for take in takes}
    names = recipe.takes or tuple(take.name for take in filmed)
    scene_takes = _scene_takes(filmed, recipe)
    missing = sorted(set(names) - set(by_name))
    if not scene_takes:
        missing.insert(0, recipe.scene)
    if missing:
        there = _few([take.name for take in filmed])
        raise ApvgError(
            f"recipe {recipe.name} needs a take {missing[0]!r}, and the filmed takes are {there}",
            "prepare that take first",
        )
    chosen = [by_name[name] for name in names] + [take for take in takes if not take.filmed]
    config = performer_config(recipe, scene_takes[0], chosen)
    if start_from is not None and "khp" in recipe.start_stages:
        config = _with_khp_of(read_config(start_from), config, recipe)
    return Plan(recipe, config, tuple(chosen), tuple(scene_takes), start_from)


def performer_config(recipe: Recipe, scene: Take, takes: Sequence[Take]) -> PerformerConfig:
    """The performer that a recipe makes.

    Args:
        recipe: The recipe.
        scene: The take that gives the picture.
        takes: Those whose notes tell the performer's pitch range and voices, where the instrument
            does not.
    """
    instrument = find_instrument(recipe.instrument).seen(scene.corners_42)
    corners = None
    if scene.corners_42 is not None:
        corners = tuple((float(x), float(y)) for x, y in scene.corners_42)
    pitch_range, voices = instrument.pitch_range, instrument.voices
    if pitch_range is None:  # of what nobody described, only what was seen is played
        pitch_range, voices = _range_and_voices(takes)
    return PerformerConfig(
        name=recipe.name,
        instrument=recipe.instrument,
        licence=recipe.licence,
        credit=recipe.credit,
        recipe=recipe.name,
        size=(int(scene.size[0]), int(scene.size[1])),
        skeleton=scene.skeleton,
        corners=corners,
        features=FeatureConfig(fps=scene.fps),
        khp=recipe.model.khp.for_instrument(instrument),
        cvg=recipe.model.cvg,
        stu=recipe.model.stu,
        sigma=recipe.model.sigma,
        pitch_range=pitch_range,
        voices=voices,
        held_out=recipe.held_out,
    )


def place(recipe: Recipe, take: Take) -> Placement:
    """Where a recipe's instrument lies in a take's frames."""
    instrument = find_instrument(recipe.instrument).seen(take.corners_42)
    return instrument.surface.place(take.corners_42)


def training_mask(take: Take, recipe: Recipe) -> np.ndarray:
    """bool [T]: the frames that may be trained on, outside held-out blocks and their guards."""
    seconds_T = np.arange(len(take)) / take.fps
    mask_T = np.ones(len(take), bool)
    for start, stop in recipe.held_out.get(take.name, {}).values():
        mask_T &= (seconds_T < start - recipe.guard) | (seconds_T >= stop + recipe.guard)
    return mask_T


def _with_khp_of(
    before: PerformerConfig, config: PerformerConfig, recipe: Recipe
) -> PerformerConfig:
    """KHP in the shape of the one that it starts from.

    Where its motion is not trained, it keeps its pitch range and voices.
    """
    if recipe.khp.on_predicted_notes and not before.khp.transcriber.decided:
        raise ApvgError(
            f"recipe {recipe.name} trains khp on predicted notes, which the performer "
            f"{before.name} does not decide on",
            "remove on_predicted_notes from the recipe's table khp, "
            "or start from another performer",
            ("start_from",),
        )
    config = replace(config, khp=before.khp)
    if any(recipe.steps(stage) for stage in (*KHP_PARTS, "khp")):
        return config
    return replace(config, pitch_range=before.pitch_range, voices=before.voices)


def _range_and_voices(takes: Sequence[Take]) -> tuple[tuple[int, int], int]:
    """The pitch range of takes, and 1 where all are melodies, else 0."""
    known = [take.notes for take in takes if take.notes is not None and len(take.notes)]
    if not known:
        return (LOWEST_PITCH, HIGHEST_PITCH), 0
    pitches = [end for notes in known for end in (notes.pitch_N.min(), notes.pitch_N.max())]
    return (int(min(pitches)), int(max(pitches))), int(all(_is_melody(notes) for notes in known))


def _is_melody(notes: Notes) -> bool:
    """Whether every note is over when the next begins."""
    return bool((notes.offset_N[:-1] <= notes.onset_N[1:] + 1e-6).all())


def _of_split_train(takes: Sequence[Take], recipe: Recipe) -> list[Take]:
    """The takes whose split is "train"; the others are kept for evaluation."""
    chosen = [take for take in takes if take.about.split == "train"]
    others = {take.name: take.about.split for take in takes if take.about.split != "train"}
    barred = [name for name in (recipe.scene, *recipe.takes) if name in others]
    if barred:
        raise ApvgError(
            f"recipe {recipe.name} trains on the take {barred[0]!r}, whose split is "
            f"{others[barred[0]]}",
            "name a take whose split is train",
        )
    if not chosen:
        splits = " or ".join(sorted(set(others.values())))
        raise ApvgError(
            f"nothing to train on: the split of {', '.join(others)} is {splits}",
            "prepare takes whose split is train",
        )
    return chosen


def _scene_takes(filmed: Sequence[Take], recipe: Recipe) -> list[Take]:
    """The takes that give the performer's picture.

    Raises:
        ApvgError: Their pictures or keypoints are not alike.
    """
    if not recipe.scene:
        return [max(filmed, key=len)]
    takes = [take for take in filmed if fnmatchcase(take.name, recipe.scene)]
    problem = f"the takes {recipe.scene} of recipe {recipe.name} make no single scene"
    for take in takes[1:]:
        for what in ("fps", "size", "skeleton"):
            mine, first = getattr(take, what), getattr(takes[0], what)
            if mine != first:
                mine, first = (x.name if isinstance(x, Skeleton) else x for x in (mine, first))
                raise ApvgError(
                    f"{problem}: {what} of {take.name} is {mine}, of {takes[0].name} {first}",
                    "prepare them alike, or name fewer takes as the recipe's scene",
                )
        if place(recipe, take).distance(place(recipe, takes[0])) > _MISPLACED:
            raise ApvgError(
                f"{problem}: the {recipe.instrument} of {take.name} is not in the place of that of "
                f"{takes[0].name}",
                "name one of them as the recipe's scene",
            )
    return takes


def _few(names: Sequence[str], most: int = 8) -> str:
    """Names for a message; of many only the first."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
