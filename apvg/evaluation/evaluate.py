"""The evaluation of one performer on blocks of takes: every figure of the report, and the arrays
behind its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.evaluation.failure_cases import worst_keypoints, worst_pictures
from apvg.evaluation.figures.base import Figures, Reference, find_lag, playing
from apvg.evaluation.figures.registry import figures_of
from apvg.evaluation.results import (
    Block,
    BlockFigures,
    BlockSetting,
    KeypointFigures,
    PlayingFigures,
    ReadBackFigures,
    SoundFigures,
)
from apvg.evaluation.retrieval import RetrievalBaselines
from apvg.instruments.skeleton import HANDS, Skeleton
from apvg.measures.lag import LagCurve, onset_strength
from apvg.measures.motion import (
    MotionFigures,
    PoseComponent,
    motion_figures,
    pose_component,
    seen,
    share,
    speed,
)
from apvg.measures.pictures import Box, PictureFigures, compare, hand_boxes, mean_detail
from apvg.measures.read_back import Tracker, read_back

if TYPE_CHECKING:
    from apvg.instruments.surface import Placement
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: How long the video stages run before a block, so that their recurrent state has settled, seconds.
WARM_UP = 2.0
#: Surfaces whose corners are this close are at the same place, in frame heights: a camera that was
#: not moved.
SAME_SCENE = 0.05
#: A block must have so many seconds of its take.
SHORTEST = 2.0
#: Distance of jittered keypoints from the true ones in every frame, standard deviation in pixels:
#: errors of a hand tracker.
JITTER = 2.0


@dataclass(frozen=True)
class BlockResult:
    """Figures of a block, and what its pictures are drawn from.

    Attributes:
        block: Which.
        figures: All of them.
        clips: Frames [T, H, W, 3] by name: "real", "from keypoints", "from sound".
        coarse_ThwC: The coarse video.
        boxes: Of hands (and a bow) in every frame, by clip; none in frames that picture figures do
            not count.
        playing_T: Whether a frame lies between the first and the last note.
        skeleton: Layout of the keypoints.
        component: The paper's figure.
        curves: Of the lag, by clip, where it can be measured.
        true_TKD, sound_TKD: Keypoints, pixels.
        speeds: Of each part, predicted and true [T].
        baselines: Clips of trained baselines, by name.
    """

    block: Block
    figures: BlockFigures
    clips: Mapping[str, np.ndarray]
    coarse_ThwC: np.ndarray
    boxes: Mapping[str, list[list[Box]]]
    playing_T: np.ndarray
    skeleton: Skeleton
    component: PoseComponent
    curves: Mapping[str, LagCurve]
    true_TKD: np.ndarray
    sound_TKD: np.ndarray
    speeds: Mapping[str, tuple[np.ndarray, np.ndarray]]
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)


def held_out_blocks(performer: Performer, take: Take) -> list[Block]:
    """The blocks of a take that the performer's config says were kept from its training."""
    return [
        Block(name, *bounds, held_out=True)
        for name, bounds in performer.config.held_out.get(take.name, {}).items()
    ]


def blocks_to_evaluate(
    performer: Performer, take: Take, wanted: Sequence[Block], *, whole: bool
) -> list[Block]:
    """The blocks of a take to evaluate: those that are wanted; else those held out, or all where it
    is held out whole."""
    held_out = held_out_blocks(performer, take)
    if whole:
        held_out = [Block("whole", 0.0, take.duration, held_out=True)]
    middle = Block("middle fifth", 0.4 * take.duration, 0.6 * take.duration)
    return [replace(b, held_out=_within(b, held_out)) for b in wanted] or held_out or [middle]


def _within(block: Block, held_out: Sequence[Block]) -> bool | None:
    """Whether a block lies in one that was held out; None when none is known."""
    return any(b.start <= block.start and block.stop <= b.stop for b in held_out) or None


def too_short(block: Block, take: Take) -> ApvgError | None:
    """Why a block cannot be evaluated; None when it can."""
    if min(block.stop, take.duration) - block.start >= SHORTEST:
        return None
    return ApvgError(
        f"block {block.name} has under two seconds of take {take.name}, which lasts "
        f"{take.duration:.3g} s",
        "give a longer block, or a longer take",
        options=["block"],
    )


def mismatch(performer: Performer, take: Take) -> ApvgError | None:
    """Why this performer cannot be evaluated on the pictures of a take; None when they can.

    Pictures can be compared only within one scene: the same size, and the surface that is played on
    at the same place.
    """
    if not take.filmed:
        return ApvgError(
            f"take {take.name} has no pictures",
            "add a take with notes, or one of the performer's scene",
        )
    for what, has, needs, option in (
        ("frames/s", take.fps, performer.fps, "fps"),
        ("size", tuple(take.size), tuple(performer.config.size), "size"),
        ("keypoint layout", take.skeleton.name, performer.skeleton.name, "layout"),
    ):
        if has != needs:
            return ApvgError(
                f"take {take.name} has {what} {has}, performer {performer.name} needs {needs}",
                "prepare the take again with that",
                options=[option],
            )
    away = performer.placement.distance(placement(performer, take))
    if np.isfinite(away) and away > SAME_SCENE * take.size[1]:
        return ApvgError(
            f"take {take.name} shows another scene than performer {performer.name} "
            f"(the corners of the {performer.instrument.name} are up to {away:.0f} px apart)",
            "evaluate on a take of its own scene",
        )
    return None


def placement(performer: Performer, take: Take) -> Placement:
    """Where the surface that the performer plays on lies in a take's picture."""
    return performer.instrument.surface.place(take.corners_42)


def evaluate_block(
    performer: Performer,
    take: Take,
    block: Block,
    retrieval: RetrievalBaselines,
    music_S: np.ndarray,
    predicted: tuple[np.ndarray, np.ndarray],
    tracker: Tracker | None,
) -> BlockResult:
    """All figures of one block.

    Args:
        performer: It fits the take (:func:`mismatch`).
        take: With sound; with notes and a calibrated surface its instrument's figures come too.
        block: What to evaluate; not :func:`too_short`.
        retrieval: Of the same scene.
        music_S: The whole take's sound at the performer's rate.
        predicted: Keypoints_TKD and confidence_TK that the performer predicts from it.
        tracker: For read-back; left out when None.
    """
    fps, (width, height) = take.fps, take.size
    first, last = round(block.start * fps), min(round(block.stop * fps), len(take.keypoints_TKD))
    now = slice(first, last)
    reference = Reference.of(take, performer.instrument, now)
    components = figures_of(performer.instrument, take.skeleton, reference.placement)
    by_block = [component for component in components if component.by_block]
    onset_R = onset_strength(music_S, performer.sample_rate)
    true_THWC = np.asarray(take.frames_THWC[now])
    true_TKD = seen(take.keypoints_TKD[now], take.confidence_TK[now])
    sound_TKD = seen(predicted[0][now], predicted[1][now])
    playing_T = _playing(take, first, last)
    boxes = {
        name: [
            found if playing_T[t] else []
            for t, found in enumerate(hand_boxes(points_TKD, take.skeleton, width, height))
        ]
        for name, points_TKD in (("real", true_TKD), ("from sound", sound_TKD))
    }
    boxes["from keypoints"] = true_boxes = boxes["real"]

    given = take.keypoints_TKD, take.confidence_TK
    jittered = _jittered(take.keypoints_TKD), take.confidence_TK
    clips = {"real": true_THWC}
    clips["from keypoints"], _ = _render(performer, take, music_S, given, first, last)
    clips["from sound"], coarse_ThwC = _render(performer, take, music_S, predicted, first, last)
    jittered_THWC, _ = _render(performer, take, music_S, jittered, first, last)

    retrieved = {
        name: compare(answer, true_THWC, true_boxes)
        for name, answer in retrieval.answers(true_TKD).items()
    }
    # Another fingering can be right: detail is measured where the predicted hands are.
    detail = mean_detail(clips["from sound"], boxes["from sound"])
    sharpness = share(detail, mean_detail(true_THWC, true_boxes))
    curves = {
        name: find_lag(components, keypoints_TKD, reference, onset_R)
        for name, keypoints_TKD in (("real", true_TKD), ("from sound", sound_TKD))
    }
    figures = BlockFigures(
        setting=_setting(take, block, reference, first, last, true_boxes),
        real=playing(by_block, true_TKD, reference, curves["real"]),
        retrieval_baselines=retrieved,
        from_keypoints=_with_gain(
            compare(clips["from keypoints"], true_THWC, true_boxes), retrieved
        ),
        from_jittered_keypoints=compare(jittered_THWC, true_THWC, true_boxes),
        from_sound=SoundFigures(
            replace(compare(clips["from sound"], true_THWC, true_boxes), sharpness=sharpness),
            _motion(sound_TKD, reference),
            playing(by_block, sound_TKD, reference, curves["from sound"]),
        ),
        failure_cases=[
            *worst_keypoints(sound_TKD, true_TKD, take.skeleton, fps, reference.start),
            *worst_pictures(
                clips["from keypoints"], true_THWC, true_boxes, take.skeleton, fps, reference.start
            ),
        ],
        read_back=None
        if tracker is None
        else _read_back(clips, tracker, playing_T, by_block, reference, onset_R),
    )
    return BlockResult(
        block=block,
        figures=figures,
        clips=clips,
        coarse_ThwC=coarse_ThwC,
        boxes=boxes,
        playing_T=playing_T,
        skeleton=take.skeleton,
        component=pose_component(sound_TKD, true_TKD),
        curves={name: curve for name, curve in curves.items() if curve is not None},
        true_TKD=true_TKD,
        sound_TKD=sound_TKD,
        speeds=_speeds(sound_TKD, true_TKD, reference),
    )


def keypoint_figures(
    predicted_TKD: np.ndarray,
    reference: Reference,
    onset_R: np.ndarray,
    components: Sequence[Figures],
) -> KeypointFigures:
    """All figures of predicted keypoints.

    Args:
        predicted_TKD: Pixels; NaN where not seen.
        reference: With true keypoints of the same frames.
        onset_R: Onset strength of the whole take (:func:`apvg.measures.lag.onset_strength`).
        components: What measures how they play.
    """
    curve = find_lag(components, predicted_TKD, reference, onset_R)
    return KeypointFigures(
        _motion(predicted_TKD, reference), playing(components, predicted_TKD, reference, curve)
    )


def _motion(predicted_TKD: np.ndarray, reference: Reference) -> MotionFigures:
    assert reference.true_TKD is not None
    return motion_figures(
        predicted_TKD,
        reference.true_TKD,
        reference.skeleton,
        reference.placement,
        reference.size[1],
        reference.fps,
    )


def _setting(
    take: Take, block: Block, reference: Reference, first: int, last: int, boxes: list[list[Box]]
) -> BlockSetting:
    notes = take.notes
    return BlockSetting(
        take=take.name,
        split=take.about.split,
        block=block,
        clip_seconds=(last - first) / take.fps,
        fps=take.fps,
        width=take.size[0],
        height=take.size[1],
        frames=last - first,
        frames_judged=sum(map(bool, boxes)),
        notes=None if notes is None else len(notes.between(reference.start, last / take.fps)),
        motion_energy_unit=reference.placement.unit,
        jitter_pixels=JITTER,
    )


def _with_gain(figures: PictureFigures, retrieved: Mapping[str, PictureFigures]) -> PictureFigures:
    """With the gain over the best retrieval baseline; without it where that is the plate alone,
    which is easily beaten."""
    if len(retrieved) < 2:
        return figures
    best = max(answer.hand_psnr for answer in retrieved.values())
    return replace(figures, hand_psnr_gain=figures.hand_psnr - best)


def _read_back(
    clips: Mapping[str, np.ndarray],
    tracker: Tracker,
    playing_T: np.ndarray,
    components: Sequence[Figures],
    reference: Reference,
    onset_R: np.ndarray,
) -> dict[str, ReadBackFigures]:
    """What the tracker finds in each clip, and as shares of what it finds in real frames."""
    hands = reference.seen_as(HANDS)
    able = [c for c in components if c.applies(hands.instrument, HANDS, hands.placement)]
    backs = {
        name.replace(" ", "_"): read_back(clip, reference.fps, tracker, playing_T)
        for name, clip in track(clips.items(), "reading back", len(clips))
    }
    played = {
        name: playing(
            able, back.keypoints_TKD, hands, find_lag(able, back.keypoints_TKD, hands, onset_R)
        )
        for name, back in backs.items()
    }
    skills = {name: _skill(able, figures) for name, figures in played.items()}
    return {
        name: ReadBackFigures(
            hands_found=back.found,
            hands_found_share=share(back.found, backs["real"].found),
            playing=played[name],
            skill_share=_share(skills[name], skills["real"]),
        )
        for name, back in backs.items()
    }


def _skill(components: Sequence[Figures], figures: PlayingFigures) -> float | None:
    """Of the first component that could measure."""
    found = ((c, figures.found[c.key]) for c in components if c.key in figures.found)
    return next((component.skill(measured) for component, measured in found), None)


def _share(skill: float | None, whole: float | None) -> float | None:
    return None if skill is None or whole is None else share(skill, whole)


def _playing(take: Take, first: int, last: int) -> np.ndarray:
    """[T] whether a frame lies between the first and the last note; every frame where no notes are
    known."""
    time_T = np.arange(first, last) / take.fps
    if take.notes is None or not len(take.notes):
        return np.ones(len(time_T), bool)
    return (time_T >= take.notes.onset_N[0]) & (time_T <= take.notes.offset_N.max())


def _render(
    performer: Performer,
    take: Take,
    music_S: np.ndarray,
    pose: tuple[np.ndarray, np.ndarray],
    first: int,
    last: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Frames first..last painted from a whole take's keypoints, and the coarse frames, after
    WARM_UP."""
    begin = max(first - round(WARM_UP * take.fps), 0)
    per_frame = performer.sample_rate // performer.fps
    # The networks also get the music beyond the block, as they would within a longer piece.
    samples_S = music_S[begin * per_frame : (last + take.fps) * per_frame]
    parts = list(performer.render(pose[0][begin:last], pose[1][begin:last], samples_S))
    frames_THWC = np.concatenate([part.frames_THWC for part in parts])
    coarse_ThwC = np.concatenate([part.coarse_ThwC for part in parts])
    return frames_THWC[first - begin :], coarse_ThwC[first - begin :]


def _jittered(keypoints_TKD: np.ndarray) -> np.ndarray:
    """Keypoints with an error of JITTER, drawn anew in every frame; half of its variance is the
    same for all points."""
    random, size = np.random.default_rng(0), JITTER / np.sqrt(2)
    frames, points, _ = keypoints_TKD.shape
    own_TKD, shared_T1D = (random.normal(0, size, (frames, n, 2)) for n in (points, 1))
    return keypoints_TKD + own_TKD + shared_T1D


def _speeds(
    sound_TKD: np.ndarray, true_TKD: np.ndarray, reference: Reference
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    height, fps = reference.size[1], reference.fps
    sound_TKD, true_TKD = (
        reference.placement.to_units(points, height) for points in (sound_TKD, true_TKD)
    )
    return {
        part: (speed(sound_TKD[:, list(ids)], fps), speed(true_TKD[:, list(ids)], fps))
        for part, ids in reference.skeleton.parts.items()
    }
