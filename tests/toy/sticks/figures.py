"""What a report says of it: how many strokes have a head over their bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apvg.evaluation.figures.base import BlockTarget, Figures, Reference
from apvg.evaluation.results import BlockFigures
from apvg.instruments.instrument import Instrument
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.measures.targets import Target
from sticks.instrument import LOWEST, BarsInPicture


@dataclass(frozen=True)
class BarHits:
    """Share of strokes with a head within half a bar, and how many strokes there are."""

    rate: float
    strokes: int


class BarHit(Figures):
    """See :class:`apvg.evaluation.figures.base.Figures`."""

    key, kind, rows = "bar_hit", BarHits, ("rate",)

    def applies(self, instrument: Instrument, skeleton: Skeleton, placement: Placement) -> bool:
        return isinstance(placement, BarsInPicture)

    def targets(self, skeleton: Skeleton) -> Sequence[BlockTarget]:
        def rate(block: BlockFigures) -> float | None:
            hits = block.from_sound.playing.of(BarHits)
            return hits.rate if hits else None

        return (Target("bars hit, from sound", rate, low=0.8),)

    def measure(self, keypoints_TKD: np.ndarray, reference: Reference) -> BarHits | None:
        if reference.notes is None:
            return None
        stop = reference.start + len(keypoints_TKD) / reference.fps
        notes = reference.notes.between(reference.start, stop)
        frame_N = ((notes.onset_N - reference.start) * reference.fps).round().astype(int)
        frame_N = frame_N.clip(0, len(keypoints_TKD) - 1)
        heads = [head for heads in reference.skeleton.limbs.values() for head in heads]
        heads_TH = reference.placement.to_units(keypoints_TKD[:, heads], reference.size[1])[..., 0]
        away_NH = np.abs(heads_TH[frame_N] - (notes.pitch_N[:, None] - LOWEST + 0.5))
        hit_N = np.nan_to_num(away_NH, nan=np.inf).min(axis=1, initial=np.inf) <= 0.5
        return BarHits(float(hit_N.mean()) if len(notes) else float("nan"), len(notes))

    def skill(self, figures: BarHits) -> float:
        return figures.rate


BAR_HIT = BarHit()
