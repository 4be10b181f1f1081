"""Motion of the pianist's hands: from notes to the position of every point at every frame.

Each hand moves from grip to grip (:mod:`apvg.virtual.piano.fingering`) on minimum-jerk paths (Flash
& Hogan, 1985). It leaves as late as possible and arrives just before the onset. Fingers on held
keys stay until the release, fingers about to strike are lifted, and in rests the hand relaxes in
place. Nothing moves more than half a second before its note, so that a network with that look-ahead
can learn it (own choice).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apvg.instruments.skeleton import FINGERTIPS
from apvg.music.notes import Notes
from apvg.virtual.common.paths import minimum_jerk, smooth_noise
from apvg.virtual.piano.fingering import HOME, LEFT, RIGHT, Grip, assign_hands, finger_notes
from apvg.virtual.piano.hands import BEND_J, FINGERS, MIRROR_X, Hand, mirrored


@dataclass(frozen=True)
class MotionStyle:
    """How a pianist moves.

    Attributes:
        early: How long before the onset fingers are on their keys, seconds.
        fastest, slowest: Shortest and longest time from grip to grip, seconds.
        per_key: Time added per white key of distance, seconds.
        lift: How far a fingertip is drawn back before it strikes, white keys.
        rest_after: A hand without a note for so long relaxes, seconds.
        rest_out: How far towards the player it then moves, white keys.
        sway, jitter: Standard deviations of the random motion of hands and of fingers, white keys.
    """

    early: float = 0.03
    fastest: float = 0.12
    slowest: float = 0.4
    per_key: float = 0.035
    lift: float = 0.2
    rest_after: float = 1.2
    rest_out: float = 0.5
    sway: float = 0.08
    jitter: float = 0.05


#: The finger that each of the 21 points belongs to; the wrist to none.
_FINGER_J = np.array([-1, *np.repeat(np.arange(FINGERS), 4)])


def play(
    notes: Notes,
    frames: int,
    fps: float,
    hand: Hand,
    random: np.random.Generator,
    style: MotionStyle | None = None,
) -> np.ndarray:
    """The motion of both hands: [frames, 42, 2] in pose space, left hand first; frame t is at
    second t / fps.

    Raises:
        ValueError: A pitch that a piano lacks.
    """
    style = style or MotionStyle()
    hand_N = assign_hands(notes)
    poses = []
    for side in (LEFT, RIGHT):
        grips = finger_notes(notes, np.flatnonzero(hand_N == side), side, hand)
        home = 2 * MIRROR_X - HOME[LEFT] if side == LEFT else HOME[RIGHT]
        poses_TJ2 = _move(grips, notes, frames, fps, hand, home, style)
        poses_TJ2 = hand.limit_bones(poses_TJ2 + _random_motion(frames, fps, random, style))
        poses.append(mirrored(poses_TJ2) if side == LEFT else poses_TJ2)
    return np.concatenate(poses, axis=1).astype(np.float32)


def _move(
    grips: list[Grip],
    notes: Notes,
    frames: int,
    fps: float,
    hand: Hand,
    home: float,
    style: MotionStyle,
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
        _lift(poses_TJ2, time_T, grip, style.lift)
        pose_J2 = grip.posture.points_J2
        released_F = np.full(FINGERS, -np.inf)
        for note, finger in zip(grip.notes, grip.fingers, strict=True):
            released_F[finger] = notes.offset_N[note]
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


def _lift(poses_TJ2: np.ndarray, time_T: np.ndarray, grip: Grip, lift: float) -> None:
    """Lift the fingers that are about to strike; they are down at the onset."""
    before_T = (grip.onset - time_T) / 0.2
    first, last = np.searchsorted(time_T, [grip.onset - 0.2, grip.onset])
    rise_T = np.sin(np.pi * before_T[first:last].clip(0, 1)) ** 2
    for finger, begins in zip(grip.fingers, grip.begins, strict=True):
        if begins:
            up_J = lift * np.where(finger == _FINGER_J, BEND_J, 0.0)
            poses_TJ2[first:last, :, 1] += rise_T[:, None] * up_J


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
