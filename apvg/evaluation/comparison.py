"""Comparison with baselines, which are trained on takes that the performer may have been trained
on.

No single figure is enough: the mean pose has a good pixel error and no motion; the nearest sound
moves all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from apvg.base.errors import ApvgError
from apvg.base.plain import to_plain
from apvg.base.progress import track
from apvg.baselines.keypoints import (
    SAMPLE_RATE,
    Audio2BodyConfig,
    Audio2BodyDynamics,
    KeypointBaseline,
    MeanPose,
    NearestSound,
    SoundAndPoses,
    mfcc,
)
from apvg.baselines.pictures import Pix2Pix, Pix2PixConfig, enlarged
from apvg.evaluation.evaluate import BlockResult, held_out_blocks, keypoint_figures, placement
from apvg.evaluation.figures.base import Reference
from apvg.evaluation.figures.registry import figures_of
from apvg.evaluation.results import (
    Block,
    BlockName,
    ComparisonFigures,
    ComparisonSetting,
)
from apvg.evaluation.retrieval import GUARD, RetrievalBaselines
from apvg.measures.lag import onset_strength
from apvg.measures.motion import seen
from apvg.measures.pictures import compare
from apvg.models.pose_space import PoseSpace

if TYPE_CHECKING:
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: Baselines are not trained on stretches of takes shorter than this, seconds.
_SHORTEST = 4.0


def train_baselines(
    performer: Performer, takes: Sequence[Take], config: Audio2BodyConfig | None = None
) -> list[KeypointBaseline]:
    """Train baselines for a performer's keypoints on takes of the split "train", except what it
    keeps out of training.

    Args:
        performer: They predict keypoints in its pixels and at its frames/s.
        takes: Takes of another picture are moved to its own (:func:`moved`); those of other layouts
            or frames/s are left out.
        config: Of Audio2BodyDynamics.

    Raises:
        ApvgError: There is nothing to train on.
    """
    fitting = [
        take for take in takes if take.about.split == "train" and can_be_moved(performer, take)
    ]
    learnt = [
        stretch
        for take in track(fitting, "reading takes for baselines", len(fitting))
        for stretch in _stretches(performer, take)
    ]
    if not learnt:
        raise ApvgError(
            f"no take of the split train fits {performer.name}, so the baselines have nothing to "
            "be trained on",
            "put some into the same folder",
        )
    fps = performer.fps
    return [
        MeanPose(learnt, fps),
        NearestSound(learnt, fps),
        Audio2BodyDynamics(learnt, fps, config),
    ]


def compare_keypoints(
    performer: Performer, baselines: Sequence[KeypointBaseline], take: Take, block: Block
) -> ComparisonFigures:
    """Figures of the performer and of every baseline on a block of a take, in the performer's
    pixels.

    Args:
        performer: The take can be moved to its picture (:func:`can_be_moved`).
        baselines: From :func:`train_baselines`.
        take: With sound.
        block: What to evaluate. Components that measure whole pieces alone do so where it is the
            whole take.
    """
    take = moved(performer, take)
    music_S = take.sound_at(performer.sample_rate)
    answers = {"apvg": seen(*performer.predict_keypoints(music_S))}
    samples_S = take.sound_at(SAMPLE_RATE)
    answers |= {baseline.name: baseline.predict(samples_S) for baseline in baselines}
    first, last = round(block.start * take.fps), round(block.stop * take.fps)
    now = slice(first, last)
    whole = first == 0 and last >= len(take)
    reference = Reference.of(take, performer.instrument, now)
    components = [
        component
        for component in figures_of(performer.instrument, take.skeleton, reference.placement)
        if component.by_block or whole
    ]
    onset_R = onset_strength(take.samples_S, take.sample_rate)
    return ComparisonFigures(
        ComparisonSetting(take.name, BlockName(block.name)),
        {
            name: keypoint_figures(poses_TKD[now], reference, onset_R, components)
            for name, poses_TKD in answers.items()
        },
    )


def can_be_moved(performer: Performer, take: Take) -> bool:
    """Whether a take's keypoints can be mapped to a performer's pixels: the same layout and
    frames/s, and a surface whose place is known in both or in neither."""
    same = (take.skeleton.points, take.fps) == (performer.skeleton.points, performer.fps)
    return same and bool(np.isfinite(performer.placement.distance(placement(performer, take))))


def moved(performer: Performer, take: Take) -> Take:
    """A take as the performer's camera would have seen it: its keypoints and corners, without its
    pictures."""
    there = PoseSpace(take.size[0], placement(performer, take))
    here = PoseSpace(performer.config.size[0], performer.placement)
    pixels_TKD = torch.from_numpy(take.keypoints_TKD).float()
    return replace(
        take,
        frames_THWC=None,
        keypoints_TKD=here.to_pixels(there.to_poses(pixels_TKD)).numpy(),
        corners_42=performer.placement.corners_42,
        metadata={**take.metadata, "size": list(performer.config.size)},
    )


def train_pix2pix(
    performer: Performer, retrieval: RetrievalBaselines, config: Pix2PixConfig | None = None
) -> Pix2Pix:
    """The per-frame baseline for a performer's pictures, trained on the frames that can be
    retrieved."""

    def frame_of(index: int) -> np.ndarray:
        take, t = retrieval.frames[index]
        return np.asarray(take.frames_THWC[t])

    return Pix2Pix(frame_of, retrieval.poses_NKD, performer.skeleton, config)


def with_baselines(result: BlockResult, painter: Pix2Pix) -> BlockResult:
    """The result of a block with clips and figures of CVG alone and of pix2pix; the clean plate is
    among the retrieval baselines.

    Args:
        result: Of the performer on the block.
        painter: Trained on the same scene.
    """
    true_THWC, boxes = result.clips["real"], result.boxes["real"]
    height, width = true_THWC.shape[1:3]
    clips = {
        "CVG alone": enlarged(result.coarse_ThwC, (height, width)),
        "pix2pix from keypoints": painter.paint(result.true_TKD),
        "pix2pix from sound": painter.paint(result.sound_TKD),
    }
    figures = {name: compare(clip_THWC, true_THWC, boxes) for name, clip_THWC in clips.items()}
    return replace(result, figures=replace(result.figures, baselines=figures), baselines=clips)


def mean_figures(comparisons: Sequence[ComparisonFigures]) -> dict[str, dict[str, float]]:
    """Name to dotted figure to its mean over all blocks and pieces that have it."""
    values: dict[str, dict[str, list[float]]] = {}
    for comparison in comparisons:
        for name, answer in comparison.answers.items():
            for figure, value in _flat(to_plain(answer)):
                values.setdefault(name, {}).setdefault(figure, []).append(value)
    return {
        name: {figure: float(np.nanmean(value_P)) for figure, value_P in row.items()}
        for name, row in values.items()
    }


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    rows = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            rows.append((prefix + name, float(value)))
    return rows


def _stretches(performer: Performer, take: Take) -> list[SoundAndPoses]:
    """What baselines may be trained on of a take, in the performer's pixels."""
    take = moved(performer, take)
    poses_TKD = seen(take.keypoints_TKD, take.confidence_TK)
    sound_TC = mfcc(take.sound_at(SAMPLE_RATE), take.fps)
    frames = min(len(sound_TC), len(poses_TKD))
    allowed_T = np.ones(frames + 2, bool)
    allowed_T[[0, -1]] = False
    for block in held_out_blocks(performer, take):
        first, last = (block.start - GUARD) * take.fps, (block.stop + GUARD) * take.fps
        allowed_T[max(0, int(first)) + 1 : int(np.ceil(last)) + 1] = False
    edges = np.flatnonzero(np.diff(allowed_T))
    return [
        SoundAndPoses(sound_TC[begin:end], poses_TKD[begin:end])
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
        if end - begin >= _SHORTEST * take.fps
    ]
