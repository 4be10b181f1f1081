"""The evaluation of one performer on blocks of takes: every figure of the report, and the arrays behind its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from apvg.base.progress import track
from apvg.evaluation.failure_cases import WorstMoment, worst_keypoints, worst_pictures
from apvg.evaluation.retrieval import StillAnswers
from apvg.instruments.skeleton import Skeleton
from apvg.measures.lag import LagCurve, onset_strength, take_lag
from apvg.measures.motion import (
    KeyHit,
    PoseComponent,
    derivative_error,
    fingertip_x,
    key_hit,
    motion_energy,
    pck,
    pixel_error,
    pose_component,
    seen,
    share,
)
from apvg.measures.pictures import (
    Box,
    compare,
    crops,
    detail_energy,
    hand_boxes,
)
from apvg.measures.read_back import ReadBack, Tracker, read_back

if TYPE_CHECKING:
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: How long the video stages run before a block, so that their memory is warm, seconds.
WARM_UP = 2.0
#: Keyboard corners this close are the same, in frame heights: a camera that was not moved.
SAME_SCENE = 0.05
#: A block must have so many seconds of its take.
SHORTEST = 2.0
#: How far trembling keypoints are from the true ones in every frame, standard deviation in pixels: a hand tracker's errors.
TREMBLE = 2.0
_PCK_ALPHAS = (0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Block:
    """A stretch of a take, seconds of its own clock.

    Attributes:
        name: What the report calls it.
        start: First second.
        stop: Where it ends.
        held_out: Whether the performer says that it was not trained on it; None when it does not say.
    """

    name: str
    start: float
    stop: float
    held_out: bool | None = None


@dataclass(frozen=True)
class BlockResult:
    """Figures of a block (plain data, for JSON), and what its pictures are drawn from."""

    block: Block
    figures: dict[str, Any]
    clips: dict[str, np.ndarray]
    coarse_ThwC: np.ndarray
    boxes: dict[str, list[list[Box]]]
    playing_T: np.ndarray
    skeleton: Skeleton
    component: PoseComponent
    lags: dict[str, LagCurve]
    worst: list[WorstMoment]
    true_TKD: np.ndarray
    sound_TKD: np.ndarray
    speeds: dict[str, tuple[np.ndarray, np.ndarray]]
    unit: str
    baselines: dict[str, np.ndarray] = field(default_factory=dict)
    """Others' clips of the same frames, by name."""


def held_out_blocks(performer: Performer, take: Take) -> list[Block]:
    """The blocks of a take that the performer's config says were kept from its training."""
    return [
        Block(name, *bounds, held_out=True)
        for name, bounds in performer.config.held_out.get(take.name, {}).items()
    ]


def judged_blocks(
    performer: Performer, take: Take, wanted: Sequence[Block], *, whole: bool
) -> list[Block]:
    """What to judge of a take: the blocks that are wanted; else those held out, or all where it is held out whole."""
    held_out = held_out_blocks(performer, take)
    if whole:
        held_out = [Block("whole", 0.0, take.duration, held_out=True)]
    middle = Block("middle fifth", 0.4 * take.duration, 0.6 * take.duration)
    return [replace(b, held_out=_within(b, held_out)) for b in wanted] or held_out or [middle]


def _within(block: Block, held_out: Sequence[Block]) -> bool | None:
    """Whether a block lies in one that was held out; None when none is known."""
    return any(b.start <= block.start and block.stop <= b.stop for b in held_out) or None


def too_short(block: Block, take: Take) -> str | None:
    """Why a block cannot be judged; None when it can."""
    if min(block.stop, take.duration) - block.start >= SHORTEST:
        return None
    return (
        f"block {block.name} has under two seconds of take {take.name}, which lasts {take.duration:.3g} s; "
        "give a longer --block, or a longer take"
    )


def mismatch(performer: Performer, take: Take) -> str | None:
    """Why a take cannot be judged with this performer, and what to do; None when it can.

    Pictures can be compared only within one scene: the same size, and the keyboard at the same place.
    """
    if not take.filmed:
        return f"take {take.name} has no pictures; add a take with notes, or one of the performer's scene"
    for what, has, needs, option in (
        ("frames/s", take.fps, performer.fps, "--fps"),
        ("size", tuple(take.size), tuple(performer.config.size), "--size"),
        ("keypoint layout", take.skeleton.name, performer.skeleton.name, "--layout"),
    ):
        if has != needs:
            return (
                f"take {take.name} has {what} {has}, performer {performer.name} needs {needs}; "
                f"prepare it again with {option}"
            )
    mine, theirs = performer.config.corners, take.corners_42
    if mine is not None and theirs is not None:
        away = np.abs(np.array(mine) - theirs).max()
        if away > SAME_SCENE * take.size[1]:
            return (
                f"take {take.name} shows another scene than performer {performer.name} "
                f"(the keyboard's corners are up to {away:.0f} px apart); evaluate on a take of its own scene"
            )
    return None


def evaluate_block(
    performer: Performer,
    take: Take,
    block: Block,
    stills: StillAnswers,
    music_S: np.ndarray,
    heard: tuple[np.ndarray, np.ndarray],
    tracker: Tracker | None,
) -> BlockResult:
    """All figures of one block.

    Args:
        performer: It fits the take (:func:`mismatch`).
        take: With sound; with notes and keyboard corners the piano's figures come too.
        block: What to judge; not :func:`too_short`.
        stills: Of the same scene.
        music_S: The whole take's sound at the performer's rate.
        heard: Keypoints_TKD and confidence_TK that the performer predicts from it.
        tracker: For read-back; left out when None.
    """
    fps, (width, height) = take.fps, take.size
    first, last = round(block.start * fps), min(round(block.stop * fps), len(take.keypoints_TKD))
    start = first / fps
    now = slice(first, last)
    true_THWC = np.asarray(take.frames_THWC[now])
    true_TKD = seen(take.keypoints_TKD[now], take.confidence_TK[now])
    sound_TKD = seen(heard[0][now], heard[1][now])
    true_boxes = hand_boxes(true_TKD, take.skeleton, width, height)
    playing_T = _playing(take, first, last)
    true_boxes = [boxes if playing_T[t] else [] for t, boxes in enumerate(true_boxes)]
    sound_boxes = hand_boxes(sound_TKD, take.skeleton, width, height)
    sound_boxes = [boxes if playing_T[t] else [] for t, boxes in enumerate(sound_boxes)]

    tracked = (take.keypoints_TKD, take.confidence_TK)
    clips = {"real": true_THWC}
    clips["from keypoints"], _ = _render(performer, take, music_S, tracked, first, last)
    clips["from sound"], coarse_ThwC = _render(performer, take, music_S, heard, first, last)
    trembling = (_trembling(take.keypoints_TKD), take.confidence_TK)
    trembled_THWC, _ = _render(performer, take, music_S, trembling, first, last)
    answers = {
        name: compare(answer, true_THWC, true_boxes)
        for name, answer in stills.answers(true_TKD).items()
    }
    rendered = compare(clips["from keypoints"], true_THWC, true_boxes)
    if len(answers) > 1:  # the plate alone is easily beaten
        best = max(answer["hand_psnr"] for answer in answers.values())
        rendered["hand_psnr_gain"] = rendered["hand_psnr"] - best
    performed = compare(clips["from sound"], true_THWC, true_boxes)
    # Another fingering can be right: detail is judged where the predicted hands are.
    performed["sharpness"] = share(
        _mean_detail(clips["from sound"], sound_boxes), _mean_detail(true_THWC, true_boxes)
    )

    keyboard, notes = take.keyboard, take.notes
    scale, unit = _scale(take)
    onset_R = onset_strength(music_S, performer.sample_rate)
    speeds = {
        part: (
            _speed(scale(sound_TKD)[:, list(ids)], fps),
            _speed(scale(true_TKD)[:, list(ids)], fps),
        )
        for part, ids in take.skeleton.parts.items()
    }
    curves = {
        name: take_lag(keypoints_TKD, take, onset_R, start)
        for name, keypoints_TKD in (("real", true_TKD), ("from sound", sound_TKD))
    }

    figures = {
        "setting": {
            "take": take.name,
            "split": take.about.split,
            "block": asdict(block),
            "clip_seconds": (last - first) / fps,
            "fps": fps,
            "width": width,
            "height": height,
            "frames": last - first,
            "frames_judged": sum(map(bool, true_boxes)),
            "notes": None if notes is None else len(notes.between(start, last / fps)),
            "motion_energy_unit": unit,
            "trembling_pixels": TREMBLE,
        },
        "real": {**_key_hit_figures(true_TKD, take, start), **lag_figures(curves["real"])},
        "still_answers": answers,
        "from_keypoints": rendered,
        "from_trembling_keypoints": compare(trembled_THWC, true_THWC, true_boxes),
        "from_sound": {**performed, **motion_figures(sound_TKD, true_TKD, take, start, onset_R)},
    }
    worst = [
        *worst_keypoints(sound_TKD, true_TKD, take.skeleton, fps, start),
        *worst_pictures(clips["from keypoints"], true_THWC, true_boxes, take.skeleton, fps, start),
    ]
    figures["worst"] = [moment.to_dict() for moment in worst]
    if tracker is not None:
        backs = {
            name: read_back(
                clip, fps, tracker, playing_T, keyboard=keyboard, notes=notes, start=start
            )
            for name, clip in track(clips.items(), "reading back", len(clips))
        }
        figures["read_back"] = {
            name.replace(" ", "_"): _read_back_figures(back, backs["real"])
            for name, back in backs.items()
        }
    return BlockResult(
        block=block,
        figures=figures,
        clips=clips,
        coarse_ThwC=coarse_ThwC,
        boxes={"real": true_boxes, "from keypoints": true_boxes, "from sound": sound_boxes},
        playing_T=playing_T,
        skeleton=take.skeleton,
        component=pose_component(sound_TKD, true_TKD),
        lags={name: curve for name, curve in curves.items() if curve is not None},
        worst=worst,
        true_TKD=true_TKD,
        sound_TKD=sound_TKD,
        speeds=speeds,
        unit=unit,
    )


def motion_figures(
    predicted_TKD: np.ndarray,
    true_TKD: np.ndarray,
    take: Take,
    start: float,
    onset_R: np.ndarray,
) -> dict[str, Any]:
    """How predicted keypoints move beside the true ones of a take, from second `start` on; plain data.

    With notes and keyboard corners the piano's figures come too. `onset_R` is the whole take's
    (:func:`apvg.measures.lag.onset_strength`).
    """
    scale, _ = _scale(take)
    component = pose_component(predicted_TKD, true_TKD)
    energy = motion_energy(scale(predicted_TKD), scale(true_TKD), take.skeleton, take.fps)
    figures = {
        "pixel_error": pixel_error(predicted_TKD, true_TKD),
        "pixel_error_by_part": {
            part: pixel_error(predicted_TKD[:, list(ids)], true_TKD[:, list(ids)])
            for part, ids in take.skeleton.parts.items()
        },
        **{f"pck@{alpha}": pck(predicted_TKD, true_TKD, alpha) for alpha in _PCK_ALPHAS},
        "velocity_error": derivative_error(predicted_TKD, true_TKD, take.fps, 1),
        "jerk_error": derivative_error(predicted_TKD, true_TKD, take.fps, 3),
        "motion_energy": energy,
        "component_correlation": component.correlation,
        "component_explained": component.explained,
    }
    lag = take_lag(predicted_TKD, take, onset_R, start)
    return figures | _key_hit_figures(predicted_TKD, take, start) | lag_figures(lag)


def _key_hit_figures(keypoints_TKD: np.ndarray, take: Take, start: float) -> dict[str, Any]:
    """Key-hit, where there are notes and a keyboard."""
    if take.keyboard is None or take.notes is None:
        return {}
    tips_TF = fingertip_x(keypoints_TKD, take.skeleton, take.keyboard)
    return {"key_hit": hit_figures(key_hit(tips_TF, take.notes, take.fps, start=start))}


def _scale(take: Take) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """What motion is measured in, from pixels, and its unit."""
    if take.keyboard is not None:
        return take.keyboard.to_keyboard, "white keys"
    return lambda points: points / take.size[1], "frame heights"


def hit_figures(hit: KeyHit) -> dict[str, float]:
    """A key-hit figure as plain data, its skill with it."""
    return {**asdict(hit), "skill": hit.skill}


def lag_figures(curve: LagCurve | None) -> dict[str, float]:
    """A lag as plain data; nothing where there is no note to tell it by."""
    if curve is None or not curve.known:
        return {}
    return {"lag": curve.lag, "lag_contrast": curve.contrast}


def _read_back_figures(back: ReadBack, real: ReadBack) -> dict[str, Any]:
    """What the tracker found, and as shares of what it found in real frames."""
    figures: dict[str, Any] = {
        "hands_found": back.found,
        "hands_found_share": share(back.found, real.found),
    }
    if back.hit is not None and real.hit is not None:
        figures["key_hit"] = hit_figures(back.hit)
        figures["skill_share"] = share(back.hit.skill, real.hit.skill)
        figures.update(lag_figures(back.lag))
    return figures


def _playing(take: Take, first: int, last: int) -> np.ndarray:
    """[T] whether a frame lies between the first and the last note; every frame where no notes are known."""
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
    """Frames first..last by the performer from a whole take's keypoints, and the coarse frames, its memory warm."""
    begin = max(first - round(WARM_UP * take.fps), 0)
    per_frame = performer.sample_rate // performer.fps
    # What lies beyond the block is heard too, as it would be within a longer piece.
    samples_S = music_S[begin * per_frame : (last + take.fps) * per_frame]
    parts = list(performer.render(pose[0][begin:last], pose[1][begin:last], samples_S))
    frames_THWC = np.concatenate([part.frames_THWC for part in parts])
    coarse_ThwC = np.concatenate([part.coarse_ThwC for part in parts])
    return frames_THWC[first - begin :], coarse_ThwC[first - begin :]


def _trembling(keypoints_TKD: np.ndarray) -> np.ndarray:
    """Keypoints with an error of TREMBLE that is drawn anew in every frame, half of its variance the same for all points."""
    random, size = np.random.default_rng(0), TREMBLE / np.sqrt(2)
    frames, points, _ = keypoints_TKD.shape
    own_TKD, shared_T1D = (random.normal(0, size, (frames, n, 2)) for n in (points, 1))
    return keypoints_TKD + own_TKD + shared_T1D


def _mean_detail(frames: Iterable[np.ndarray], boxes: list[list[Box]]) -> float:
    energies = [detail_energy(crop) for crop in crops(frames, boxes)]
    return float(np.mean(energies)) if energies else float("nan")


def _speed(points_TKD: np.ndarray, fps: float) -> np.ndarray:
    """[T] mean speed of a part after the 5-frame filter, for drawing; the rim is NaN."""
    speed_T = np.full(len(points_TKD), np.nan)
    smooth_TKD = np.lib.stride_tricks.sliding_window_view(points_TKD, 5, axis=0).mean(axis=-1)
    speed_T[3:-2] = np.linalg.norm(np.diff(smooth_TKD, axis=0), axis=-1).mean(axis=-1) * fps
    return speed_T
