"""Motion of the pianist's hands: from notes to the position of every point at every frame.

Each hand moves from grip to grip (:mod:`apvg.virtual.piano.grips`) on minimum-jerk paths (Flash &
Hogan, 1985). It leaves as late as possible and arrives just before the onset. Fingers on held
keys stay until the release, fingers about to strike are lifted, and in rests the hand relaxes in
place. Nothing moves more than half a second before its note, so that a network with that look-ahead
can learn it (own choice).

Heights are those of a grand piano, in the widths of its white keys: black keys are as much higher
as they are, and a key goes down by its depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from apvg.instruments.keyboard import BLACK_KEY_HEIGHT, BLACK_KEY_LENGTH, KEY_DEPTH
from apvg.instruments.skeleton import FINGERTIPS
from apvg.models.fingering import plan, planned
from apvg.models.fingering.fingers import MIRROR_X
from apvg.music.fingering import LEFT, RIGHT, Fingering
from apvg.music.notes import Notes
from apvg.virtual.common.paths import minimum_jerk, smooth_noise
from apvg.virtual.piano.grips import HOME, Grip, Strike, grips_of
from apvg.virtual.piano.hands import BEND_J, FINGERS, Hand, mirrored


@dataclass(frozen=True)
class MotionStyle:
    """How a pianist moves.

    Attributes:
        early: How long before the onset fingers are over their keys, seconds.
        fastest, slowest: Shortest and longest time from grip to grip, seconds.
        per_key: Time added per white key of distance, seconds.
        lift: How far a fingertip is drawn back before it strikes, white keys.
        raised: How high a fingertip is above its key before it strikes, white keys.
        hover: How high the fingertips that do not play are above the keys, white keys.
        rest_after: A hand without a note for so long relaxes, seconds.
        rest_out: How far towards the player it then moves, white keys.
        sway, jitter: Standard deviations of the random motion of hands and of fingers, white keys.
    """

    early: float = 0.03
    fastest: float = 0.12
    slowest: float = 0.4
    per_key: float = 0.035
    lift: float = 0.2
    raised: float = 0.45
    hover: float = 0.2
    rest_after: float = 1.2
    rest_out: float = 0.5
    sway: float = 0.08
    jitter: float = 0.05


class HandMotion(NamedTuple):
    """The motion of both hands, left hand first; frame t is at second t / fps.

    Attributes:
        poses_TKD: [T, 42, 2] in pose space.
        heights_TK: [T, 42] above the white keys' surface, white-key widths.
    """

    poses_TKD: np.ndarray
    heights_TK: np.ndarray


#: The finger that each of the 21 points belongs to; the wrist to none.
_FINGER_J = np.array([-1, *np.repeat(np.arange(FINGERS), 4)])
#: Heights of a hand's points above its fingertips, white-key widths: about 45 mm at the wrist,
#: 60 mm at the knuckles; a thumb lies lower.
_ARCH_J = np.array([1.9, 1.4, 1.0, 0.5, 0.0, *np.tile([2.5, 2.2, 1.0, 0.0], FINGERS - 1)])
#: A finger is raised from so long before the onset on, begins to go down, and has its key down, in
#: seconds from the onset. Hammers reach the strings at about the bottom of the key.
_RAISED_FROM, _GOES_DOWN, _AT_BOTTOM = -0.2, -0.06, 0.015
#: How long a finger takes to come up, seconds.
_COMES_UP = 0.06


def play(
    notes: Notes,
    frames: int,
    fps: float,
    hand: Hand,
    random: np.random.Generator,
    style: MotionStyle | None = None,
    fingering: Fingering | None = None,
) -> HandMotion:
    """The motion of both hands over so many frames.

    Args:
        notes: What is played.
        frames: Length of the motion.
        fps: Frames per second.
        hand: The shape of hands.
        random: Of the slow random motion.
        style: How the pianist moves.
        fingering: Which finger plays what; planned by default.

    Raises:
        IndexError: A pitch that a piano lacks.
    """
    style = style or MotionStyle()
    played = planned(notes, fingering or plan(notes))
    poses, heights = [], []
    for side in (LEFT, RIGHT):
        grips = grips_of(played, side, hand)
        home = 2 * MIRROR_X - HOME[LEFT] if side == LEFT else HOME[RIGHT]
        poses_TJ2 = _move(grips, frames, fps, hand, home, style)
        heights.append(_heights(grips, poses_TJ2, fps, style))
        poses_TJ2 = hand.limit_bones(poses_TJ2 + _random_motion(frames, fps, random, style))
        poses.append(mirrored(poses_TJ2) if side == LEFT else poses_TJ2)
    return HandMotion(
        np.concatenate(poses, axis=1).astype(np.float32),
        np.concatenate(heights, axis=1).astype(np.float32),
    )


def _move(
    grips: list[Grip], frames: int, fps: float, hand: Hand, home: float, style: MotionStyle
) -> np.ndarray:
    """The path of one right hand from grip to grip, [frames, 21, 2]."""
    time_T = np.arange(frames) / fps
    pose_J2 = hand.at_rest(home, style.rest_out)
    poses_TJ2 = np.repeat(pose_J2[None], frames, axis=0)
    free_from = -np.inf  # when the hand may leave
    released_F = np.full(FINGERS, -np.inf)
    for index, grip in enumerate(grips):
        # From the pose before to this grip: each finger leaves when it may, all arrive together.
        arrival = grip.onset - style.early
        way = float(np.abs(grip.posture.points_J2 - pose_J2).max())
        needs = float(np.clip(style.fastest + style.per_key * way, style.fastest, style.slowest))
        leaves = np.clip(arrival - needs, min(free_from, arrival - 0.04), arrival - 0.04)
        # A finger that holds a key leaves later than the hand.
        leaves_F = released_F.clip(leaves, arrival - 0.04)
        poses_TJ2 = _go(poses_TJ2, time_T, leaves, leaves_F, arrival, grip.posture.points_J2)
        _draw_back(poses_TJ2, time_T, grip, style.lift)
        pose_J2 = grip.posture.points_J2
        released_F = np.full(FINGERS, -np.inf)
        for strike in (*grip.strikes, *grip.held):
            released_F[strike.finger] = strike.release
        free_from = grip.onset + 0.05
        following = grips[index + 1].onset if index + 1 < len(grips) else np.inf
        let_go = max(float(released_F.max()), grip.onset)
        if following - let_go > style.rest_after:
            # A rest: the hand relaxes where it is.
            pose_J2 = hand.at_rest(grip.posture.middle, style.rest_out)
            leaves_F = np.full(FINGERS, let_go + 0.1)
            poses_TJ2 = _go(poses_TJ2, time_T, let_go + 0.1, leaves_F, let_go + 0.6, pose_J2)
            free_from, released_F = let_go + 0.6, np.full(FINGERS, -np.inf)
    return poses_TJ2


def _go(
    poses_TJ2: np.ndarray,
    time_T: np.ndarray,
    leaves: float,
    leaves_F: np.ndarray,
    arrival: float,
    to_J2: np.ndarray,
) -> np.ndarray:
    """The same path until the hand `leaves`, then a minimum-jerk path to a pose, where it stays
    from `arrival` on.

    The palm moves as a whole; the tips of fingers that leave later stay behind.
    """
    first = int(np.searchsorted(time_T, leaves))
    leaves_J = np.array([leaves, *np.repeat(leaves_F, 4)])
    share_TJ1 = minimum_jerk((time_T[first:, None] - leaves_J) / (arrival - leaves_J))[..., None]
    palm_T11 = minimum_jerk((time_T[first:] - leaves) / (arrival - leaves))[:, None, None]
    share_TJ1 = palm_T11 + BEND_J[:, None] * (share_TJ1 - palm_T11)
    poses_TJ2[first:] += share_TJ1 * (to_J2 - poses_TJ2[first:])
    return poses_TJ2


def _draw_back(poses_TJ2: np.ndarray, time_T: np.ndarray, grip: Grip, lift: float) -> None:
    """Draw back the fingers that are about to strike; they are in place at the onset."""
    before_T = (grip.onset - time_T) / 0.2
    first, last = np.searchsorted(time_T, [grip.onset - 0.2, grip.onset])
    rise_T = np.sin(np.pi * before_T[first:last].clip(0, 1)) ** 2
    for strike in grip.strikes:
        up_J = lift * np.where(strike.finger == _FINGER_J, BEND_J, 0.0)
        poses_TJ2[first:last, :, 1] += rise_T[:, None] * up_J


def _heights(
    grips: list[Grip], poses_TJ2: np.ndarray, fps: float, style: MotionStyle
) -> np.ndarray:
    """How high the points of one hand are, [frames, 21]."""
    time_T = np.arange(len(poses_TJ2)) / fps
    tip_y_TF = poses_TJ2[:, list(FINGERTIPS), 1]
    # Fingers that do not play hover over what they are over.
    over_black_TF = 1 / (1 + np.exp((tip_y_TF - BLACK_KEY_LENGTH - 0.4) / 0.1))
    tip_TF = style.hover + BLACK_KEY_HEIGHT * over_black_TF
    strikes = [strike for grip in grips for strike in grip.strikes]
    for finger in range(FINGERS):
        own = [strike for strike in strikes if strike.finger == finger]
        up_from = -np.inf
        for strike in own:
            _strike(tip_TF[:, finger], time_T, strike, up_from, style.raised)
            up_from = strike.release
    arch_TJ = np.repeat(_ARCH_J[None], len(time_T), axis=0)
    share_J = BEND_J[None] * (_FINGER_J >= 0)
    palm_T1 = tip_TF.mean(axis=1, keepdims=True)
    return arch_TJ + palm_T1 + share_J * (tip_TF[:, _FINGER_J.clip(0)] - palm_T1)


def _strike(
    tip_T: np.ndarray, time_T: np.ndarray, strike: Strike, up_from: float, raised: float
) -> None:
    """Raise a fingertip over its key, press the key to its bottom, and come up at the release."""
    surface = strike.black * BLACK_KEY_HEIGHT
    onset, release = strike.onset, max(strike.release, strike.onset + _AT_BOTTOM + 0.01)
    first = int(np.searchsorted(time_T, max(onset + _RAISED_FROM, up_from)))
    last = int(np.searchsorted(time_T, release + _COMES_UP))
    now_T = time_T[first:last]
    # A key that is repeated quickly comes up half of the time that there is.
    begin = min(max(onset + _RAISED_FROM, up_from), onset - 0.02)
    top = max(onset + _GOES_DOWN, (begin + onset) / 2)
    up_T = minimum_jerk((now_T - begin) / (top - begin))
    down_T = minimum_jerk((now_T - top) / (onset + _AT_BOTTOM - top))
    away_T = minimum_jerk((now_T - release) / _COMES_UP)
    over = surface + raised
    tip_T[first:last] += up_T * (over - tip_T[first:last])
    pressed_T = (1 - down_T) * tip_T[first:last] + down_T * (surface - KEY_DEPTH)
    hovering_T = surface + 0.5 * raised
    tip_T[first:last] = (1 - away_T) * pressed_T + away_T * hovering_T


def _random_motion(
    frames: int, fps: float, random: np.random.Generator, style: MotionStyle
) -> np.ndarray:
    """Slow, small random motion of a hand and its fingers, [frames, 21, 2]."""

    def smooth(points: int, seconds: float) -> np.ndarray:
        return smooth_noise((frames, points, 2), fps, seconds, random)

    fingers_TJ2 = smooth(FINGERS + 1, 0.35)[:, _FINGER_J + 1] * BEND_J[:, None]
    return style.sway * smooth(1, 0.6) + style.jitter * fingers_TJ2


def fingertips(poses_TKD: np.ndarray) -> np.ndarray:
    """The ten fingertips [T, 10, 2] of two hands."""
    tips = [21 * side + tip for side in (LEFT, RIGHT) for tip in FINGERTIPS]
    return poses_TKD[:, tips]
