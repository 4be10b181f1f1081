"""Motion of the figure: every joint of the upper body, both hands and the bow in space, at every
frame.

The instrument fixes the ends (the stopping finger and the hair on the string), and inverse
kinematics goes inwards from there: fingers from their tips, the palm from the fingers, the arm from
the palm. All bones keep their lengths.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from apvg.instruments.strings import StringInstrument
from apvg.virtual.common.paths import smooth_noise
from apvg.virtual.strings.performance import Bow, LeftHand, Performance

# The seated figure, metres, facing the viewer: the player's left is +x. Proportions of an adult of
# 1.75 m.
_HIP, _SHOULDER, _HEAD = (0.13, 0.45, -0.12), (0.185, 0.99, -0.05), (-0.01, 1.25, -0.02)
_NOSE, _EAR = (0.0, -0.02, 0.1), (0.075, 0.0, 0.0)
UPPER_ARM, FOREARM = 0.31, 0.27
#: How far a shoulder can follow its hand, metres.
_SHOULDER_GIVES = 0.12
#: Bones of the fingers from the knuckle out: thumb (from its root in the palm), index to little
#: finger.
FINGER_BONES = (
    (0.045, 0.034, 0.028),
    (0.045, 0.026, 0.023),
    (0.049, 0.030, 0.024),
    (0.045, 0.028, 0.023),
    (0.036, 0.022, 0.020),
)
#: Knuckles in the palm: across it from its middle, and away from the wrist.
_KNUCKLES = ((0.030, 0.088), (0.010, 0.091), (-0.010, 0.087), (-0.029, 0.078))
_THUMB_ROOT = (0.030, 0.030)
#: Height of a finger that does not stop, metres above the string.
_HOVER = 0.016
#: The left palm: the centre of its knuckles from that of the tips (along, across, out), and the
#: wrist from there, metres.
_LEFT_PALM, _LEFT_WRIST = (0.0, 0.045, 0.030), (0.030, 0.060, -0.050)
#: Where the fingers lie along the bow, metres from the frog's end of the hair towards the tip,
#: index to little finger.
_ON_STICK = (0.035, 0.014, -0.006, -0.026)
#: The stick above the hair, metres.
STICK = 0.018


def move(
    performance: Performance, frames: int, fps: float, random: np.random.Generator
) -> np.ndarray:
    """The points of `BODY_HANDS_AND_BOW` in space, [frames, K, 3], metres; frame t is at second t /
    fps."""
    times_T = np.arange(frames) / fps
    instrument, style = performance.instrument, performance.style
    bow, left = performance.bow(times_T), performance.left_hand(times_T)
    bow_T23, stick_T3 = instrument.place_bow(
        bow.place_X, bow.string_X, bow.from_bridge_X, bow.lift_X
    )
    right_TJ3 = _right_hand(bow, bow_T23, stick_T3, instrument)
    left_TJ3 = _left_hand(left, instrument)
    lean_T3 = _lean(performance, times_T, fps, random)
    right_TJ3[:, 0] += smooth_noise((frames, 3), fps, 0.35, random) * style.jitter
    body_TK3 = _body(lean_T3, left_TJ3[:, 0], right_TJ3[:, 0])
    return np.concatenate([body_TK3, left_TJ3, right_TJ3, bow_T23], axis=1)


def _right_hand(
    bow: Bow, bow_T23: np.ndarray, stick_T3: np.ndarray, instrument: StringInstrument
) -> np.ndarray:
    """The bow hand [T, 21, 3]: tips on the stick, the palm above, the wrist high at the frog and
    low at the tip."""
    along_3 = instrument.axes_33[0]
    to_tip_T3 = _unit(bow_T23[:, 1] - bow_T23[:, 0])
    root_T3 = bow_T23[:, 0] + STICK * stick_T3
    # The hand is over the stick, on the player's side.
    above_T3 = _unit(0.8 * along_3 + 0.45 * stick_T3)
    above_T3 = _unit(above_T3 - (above_T3 * to_tip_T3).sum(-1, keepdims=True) * to_tip_T3)
    outside_T3 = np.cross(to_tip_T3, above_T3)  # to the viewer's side of the stick
    outside_T3 *= np.sign((outside_T3 * stick_T3).sum(-1, keepdims=True))
    tips_TF3 = (
        root_T3[:, None]
        + np.array(_ON_STICK)[:, None] * to_tip_T3[:, None]
        + 0.006 * outside_T3[:, None]
        - 0.012 * above_T3[:, None]
    )
    # From the wrist to the knuckles: at the frog the wrist is above the hand, at the tip the hand
    # reaches out from it.
    far_T1 = bow.place_X[:, None]
    fingers_T3 = _unit(-above_T3 * 0.8 + to_tip_T3 * (0.55 - 0.95 * far_T1))
    middle_T3 = root_T3 + 0.004 * to_tip_T3 + 0.055 * above_T3 + 0.012 * outside_T3
    # The index finger's side of the palm faces the tip of the bow.
    side_T3 = _unit(to_tip_T3 - (to_tip_T3 * fingers_T3).sum(-1, keepdims=True) * fingers_T3)
    palm_T53, wrist_T3 = _palm(middle_T3, fingers_T3, side_T3)
    thumb_T3 = root_T3 + 0.008 * to_tip_T3 - 0.004 * outside_T3 - 0.004 * above_T3
    return _hand(wrist_T3, palm_T53, np.concatenate([thumb_T3[:, None], tips_TF3], 1), outside_T3)


def _left_hand(left: LeftHand, instrument: StringInstrument) -> np.ndarray:
    """The left hand [T, 21, 3]: tips over their strings, the thumb behind the neck or, in high
    positions, on the strings."""
    along_3, across_3, out_3 = instrument.axes_33
    on_string_T43 = np.stack(
        [instrument.on_string(left.string_X, left.stop_X4[:, finger]) for finger in range(4)],
        axis=1,
    )
    tips_TF3 = on_string_T43 + (_HOVER * (1.0 - left.press_X4))[..., None] * out_3
    middle_T3 = on_string_T43.mean(axis=1) + np.array(_LEFT_PALM) @ instrument.axes_33
    wrist_3: np.ndarray = np.array(_LEFT_WRIST) @ instrument.axes_33
    fingers_3 = _unit(-wrist_3)
    # The index finger's side faces the nut.
    side_3 = _unit(along_3 - np.dot(along_3, fingers_3) * fingers_3)
    frames = len(middle_T3)
    palm_T53, wrist_T3 = _palm(
        middle_T3, np.repeat(fingers_3[None], frames, 0), np.repeat(side_3[None], frames, 0)
    )
    # The thumb is behind the neck, under the first two fingers; in high positions it comes round
    # onto the strings.
    up_T1 = ((left.hand_X - instrument.stop(instrument.thumb_up - 4)) / 0.08).clip(0, 1)[:, None]
    behind_T3 = on_string_T43[:, :2].mean(axis=1) - 0.036 * out_3 + 0.008 * across_3
    on_strings_T3 = on_string_T43[:, 0] + 0.022 * along_3 + 0.012 * across_3 + 0.004 * out_3
    thumb_T3 = behind_T3 + up_T1 * (on_strings_T3 - behind_T3)
    tips_TF3 = np.concatenate([thumb_T3[:, None], tips_TF3], axis=1)
    return _hand(wrist_T3, palm_T53, tips_TF3, np.repeat(out_3[None], frames, 0))


def _palm(
    middle_T3: np.ndarray, fingers_T3: np.ndarray, side_T3: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Roots of the five fingers [T, 5, 3] and the wrist [T, 3] of a palm whose knuckles' middle is
    given."""
    local_52 = np.array([_THUMB_ROOT, *_KNUCKLES])
    wrist_T3 = middle_T3 - local_52[1:, 1].mean() * fingers_T3 - local_52[1:, 0].mean() * side_T3
    palm_T53 = (
        wrist_T3[:, None]
        + local_52[:, 1:] * fingers_T3[:, None]
        + local_52[:, :1] * side_T3[:, None]
    )
    return palm_T53, wrist_T3


def _hand(
    wrist_T3: np.ndarray, palm_T53: np.ndarray, tips_T53: np.ndarray, bulge_T3: np.ndarray
) -> np.ndarray:
    """All points of a hand: fingers between their roots and their tips, bent towards `bulge`.

    If a tip is out of a finger's reach, the root follows it, as knuckles do.
    """
    fingers = []
    for finger, bones in enumerate(FINGER_BONES):
        fingers.append(bend(palm_T53[:, finger], tips_T53[:, finger], bones, bulge_T3))
    return np.concatenate([wrist_T3[:, None], *fingers], axis=1)


def bend(
    root_T3: np.ndarray, tip_T3: np.ndarray, bones: tuple[float, float, float], bulge_T3: np.ndarray
) -> np.ndarray:
    """Points [T, 4, 3] of a finger with three bones from its root to its tip, with equal angles,
    bent towards `bulge`."""
    way_T3 = tip_T3 - root_T3
    away_T = np.linalg.norm(way_T3, axis=-1)
    longest, shortest = 0.998 * sum(bones), _folded(bones, _BENDS[-1:])[0][0]
    along_T3 = way_T3 / away_T[:, None].clip(1e-9)
    reached_T = away_T.clip(shortest, longest)
    root_T3 = tip_T3 - reached_T[:, None] * along_T3
    length_A, _ = _folded(bones, _BENDS)
    # Lengths fall as angles rise, so the table is read backwards.
    angle_T = np.interp(reached_T, length_A[::-1], _BENDS[::-1])
    _, local_T42 = _folded(bones, angle_T)
    normal_T3 = bulge_T3 - (bulge_T3 * along_T3).sum(-1, keepdims=True) * along_T3
    normal_T3 = _unit(normal_T3)
    return (
        root_T3[:, None]
        + local_T42[..., :1] * along_T3[:, None]
        + local_T42[..., 1:] * normal_T3[:, None]
    )


_BENDS = np.linspace(0.0, 1.9, 96)


def _folded(
    bones: tuple[float, float, float], angle_A: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from root to tip [A] of fingers whose joints are bent by an angle, and their points
    with the tip on the x axis."""
    turned_A3 = angle_A[:, None] * np.array([0.0, -1.0, -2.0])
    steps_A3 = np.array(bones) * np.exp(1j * turned_A3)
    points_A4 = np.concatenate([np.zeros((len(angle_A), 1)), np.cumsum(steps_A3, axis=1)], axis=1)
    end_A1 = points_A4[:, -1:]
    points_A4 = points_A4 * np.conj(end_A1) / np.abs(end_A1)
    return np.abs(end_A1[:, 0]), np.stack([points_A4.real, points_A4.imag], axis=-1)


def _body(lean_T3: np.ndarray, left_T3: np.ndarray, right_T3: np.ndarray) -> np.ndarray:
    """Body points [T, 9, 3] in the skeleton's order; shoulders follow distant hands to some
    extent."""
    frames = len(lean_T3)
    mirror_3 = np.array([-1.0, 1.0, 1.0])
    hips_T23 = np.repeat(np.array([_HIP, _HIP * mirror_3])[None], frames, axis=0)
    head_T3 = np.array(_HEAD) + 1.3 * lean_T3
    nose_T3, ear_3 = head_T3 + np.array(_NOSE), np.array(_EAR)
    ear_T23 = head_T3[:, None] + np.array([ear_3, ear_3 * mirror_3])
    shoulders, elbows = [], []
    for side, wrist_T3 in ((1.0, left_T3), (-1.0, right_T3)):
        shoulder_T3 = np.array(_SHOULDER) * [side, 1, 1] + lean_T3
        way_T3 = wrist_T3 - shoulder_T3
        away_T1 = np.linalg.norm(way_T3, axis=-1, keepdims=True)
        # The shoulder starts to follow before the arm is straight.
        missing_T1 = (away_T1 - 0.88 * (UPPER_ARM + FOREARM)).clip(0, _SHOULDER_GIVES)
        shoulder_T3 = shoulder_T3 + missing_T1 * way_T3 / away_T1
        shoulders.append(shoulder_T3)
        elbows.append(_elbow(shoulder_T3, wrist_T3, np.array([side * 0.75, -0.65, -0.1])))
    (left_s, right_s), (left_e, right_e) = shoulders, elbows
    return np.stack(
        [
            nose_T3,
            ear_T23[:, 0],
            ear_T23[:, 1],
            left_s,
            right_s,
            left_e,
            right_e,
            hips_T23[:, 0],
            hips_T23[:, 1],
        ],
        axis=1,
    )


def _elbow(shoulder_T3: np.ndarray, wrist_T3: np.ndarray, towards_3: np.ndarray) -> np.ndarray:
    """The elbow, by the lengths of both bones, on the side of `towards`."""
    way_T3 = wrist_T3 - shoulder_T3
    away_T1 = np.linalg.norm(way_T3, axis=-1, keepdims=True).clip(1e-6, UPPER_ARM + FOREARM - 1e-6)
    along_T3 = _unit(way_T3)
    before_T1 = (away_T1**2 + UPPER_ARM**2 - FOREARM**2) / (2 * away_T1)
    aside_T1 = np.sqrt((UPPER_ARM**2 - before_T1**2).clip(0))
    normal_T3 = towards_3 - (towards_3 * along_T3).sum(-1, keepdims=True) * along_T3
    return shoulder_T3 + before_T1 * along_T3 + aside_T1 * _unit(normal_T3)


def _lean(
    performance: Performance, times_T: np.ndarray, fps: float, random: np.random.Generator
) -> np.ndarray:
    """Displacement of the shoulders [T, 3]: forward in loud passages, with the bow, and at
    random."""
    style, frames = performance.style, len(times_T)
    lean_T3 = style.sway * smooth_noise((frames, 3), fps, 1.2, random) * [1.0, 0.25, 0.8]
    loud_T = gaussian_filter1d(performance.loudness(times_T), 0.8 * fps, mode="nearest")
    bow_T = gaussian_filter1d(performance.bow(times_T).place_X, 0.15 * fps, mode="nearest")
    return lean_T3 + np.stack(
        [-0.012 * (bow_T - 0.45), np.zeros(frames), 0.05 * (loud_T - 0.55)], axis=1
    )


def _unit(vectors_X3: np.ndarray) -> np.ndarray:
    return vectors_X3 / np.linalg.norm(vectors_X3, axis=-1, keepdims=True).clip(1e-9)
