"""The performer's keypoints beside those of the baselines, which learn from the takes that it may have learnt from.

Figures are those of :func:`motion_figures`, and of a string player's takes its bowing; a baseline that is fooled by none of them
is one to be afraid of. The mean pose has a good pixel error and no motion; the nearest sound moves all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.signal import resample_poly

from apvg.base.errors import ApvgError
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
from apvg.evaluation.evaluate import Block, BlockResult, held_out_blocks, motion_figures
from apvg.evaluation.retrieval import GUARD, StillAnswers
from apvg.evaluation.strings import is_known, string_figures
from apvg.instruments.keyboard import Keys
from apvg.measures.lag import onset_strength
from apvg.measures.motion import seen
from apvg.measures.pictures import compare
from apvg.models.pose_space import PoseSpace

if TYPE_CHECKING:
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: Stretches of takes shorter than this are not learnt from, seconds.
_SHORTEST = 4.0


def train_baselines(
    performer: Performer, takes: Sequence[Take], config: Audio2BodyConfig | None = None
) -> list[KeypointBaseline]:
    """Baselines for a performer's keypoints, from takes of the split "train" but for what it keeps out of training.

    Args:
        performer: Whose pixels and frames/s they answer in.
        takes: Takes with other pixels or keyboards are moved to its own; those of other layouts or frames/s are left out.
        config: Of Audio2BodyDynamics.

    Raises:
        ApvgError: Nothing is left to learn from.
    """
    fitting = [
        take for take in takes if take.about.split == "train" and can_be_moved(performer, take)
    ]
    learnt = [
        stretch
        for take in track(fitting, "listening to takes", len(fitting))
        for stretch in _stretches(performer, take)
    ]
    if not learnt:
        raise ApvgError(
            f"there is no take of the split train for the baselines to learn from, as {performer.name} has learnt; "
            "put some into the same folder"
        )
    fps = performer.fps
    return [
        MeanPose(learnt, fps),
        NearestSound(learnt, fps),
        Audio2BodyDynamics(learnt, fps, config),
    ]


def baseline_figures(
    performer: Performer, baselines: Sequence[KeypointBaseline], take: Take, block: Block
) -> dict[str, Any]:
    """Figures of the performer and of every baseline on a block of a take; plain data, in the performer's pixels.

    Args:
        performer: Whose picture the take can be moved to (:func:`can_be_moved`).
        baselines: From :func:`train_baselines`.
        take: With sound.
        block: What to judge.
    """
    take = moved(performer, take)
    music_S = resample_poly(take.samples_S, performer.sample_rate, take.sample_rate)
    answers = {"apvg": seen(*performer.predict_keypoints(music_S))}
    samples_S = resample_poly(take.samples_S, SAMPLE_RATE, take.sample_rate)
    answers |= {baseline.name: baseline.predict(samples_S) for baseline in baselines}
    now = slice(round(block.start * take.fps), round(block.stop * take.fps))
    true_TKD = seen(take.keypoints_TKD, take.confidence_TK)[now]
    onset_R = onset_strength(take.samples_S, take.sample_rate)
    figures: dict[str, Any] = {"setting": {"take": take.name, "block": {"name": block.name}}}
    for name, poses_TKD in answers.items():
        figures[name] = motion_figures(poses_TKD[now], true_TKD, take, block.start, onset_R)
        if is_known(performer, take) and len(true_TKD) == len(take):
            figures[name]["bowing"] = string_figures(poses_TKD, take)
    return figures


def can_be_moved(performer: Performer, take: Take) -> bool:
    """Whether a take's keypoints can be told in a performer's pixels: the same layout and frames/s, and a keyboard, or none, in both."""
    return (take.skeleton.points, take.fps) == (performer.skeleton.points, performer.fps) and (
        take.corners_42 is None
    ) == (performer.config.corners is None)


def moved(performer: Performer, take: Take) -> Take:
    """A take as the performer's camera would have seen it: its keypoints and its keyboard, without its pictures."""
    corners = performer.config.corners
    corners_42 = None if corners is None else np.array(corners)
    there = PoseSpace(take.size[0], Keys().place(take.corners_42))
    here = PoseSpace(performer.config.size[0], Keys().place(corners_42))
    pixels_TKD = torch.from_numpy(take.keypoints_TKD).float()
    return replace(
        take,
        frames_THWC=None,
        keypoints_TKD=here.to_pixels(there.to_poses(pixels_TKD)).numpy(),
        corners_42=corners_42,
        metadata={**take.metadata, "size": list(performer.config.size)},
    )


def train_pix2pix(
    performer: Performer, stills: StillAnswers, config: Pix2PixConfig | None = None
) -> Pix2Pix:
    """The per-frame baseline for a performer's pictures, from the frames that the still answers are chosen from."""

    def frame_of(index: int) -> np.ndarray:
        take, t = stills.frames[index]
        return np.asarray(take.frames_THWC[t])

    return Pix2Pix(frame_of, stills.poses_NKD, performer.skeleton, config)


def with_baselines(result: BlockResult, painter: Pix2Pix) -> BlockResult:
    """A block's result with the clips and figures of CVG alone and of pix2pix; the still plate is among the still answers.

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
    return replace(result, figures=result.figures | {"baselines": figures}, baselines=clips)


def mean_beside(figures: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Who answers to dotted figure to its mean over all blocks and pieces that have it."""
    values: dict[str, dict[str, list[float]]] = {}
    for piece in figures:
        for name in (name for name in piece if name != "setting"):
            for figure, value in _flat(piece[name]):
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
        elif np.isfinite(value):
            rows.append((prefix + name, float(value)))
    return rows


def _stretches(performer: Performer, take: Take) -> list[SoundAndPoses]:
    """What may be learnt from of a take, in the performer's pixels."""
    take = moved(performer, take)
    poses_TKD = seen(take.keypoints_TKD, take.confidence_TK)
    sound_TC = mfcc(resample_poly(take.samples_S, SAMPLE_RATE, take.sample_rate), take.fps)
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
