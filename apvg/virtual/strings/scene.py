"""The scene: cello, wooden figure and room, as meshes and colours by name."""

from __future__ import annotations

import numpy as np

from apvg.instruments.skeleton import BODY_HANDS_AND_BOW, HAND_EDGES
from apvg.instruments.strings import StringInstrument
from apvg.virtual.strings.meshes import Mesh, ball, box, grid, hull, join, limb, tube
from apvg.virtual.strings.motion import STICK

#: Colours, linear RGB.
COLOURS: dict[str, tuple[float, float, float]] = {
    "wood": (0.66, 0.43, 0.22),
    "joints": (0.42, 0.23, 0.10),
    "varnish": (0.33, 0.10, 0.025),
    "ebony": (0.02, 0.018, 0.016),
    "maple": (0.62, 0.42, 0.2),
    "steel": (0.75, 0.75, 0.78),
    "hair": (0.85, 0.82, 0.74),
    "curtain": (0.045, 0.12, 0.36),
    "floor": (0.23, 0.13, 0.07),
    "stool": (0.06, 0.05, 0.05),
}
#: Radii of a hand's points, metres: wrist, then thumb to little finger from the palm out.
_HAND_RADII = (0.024, *(0.013, 0.0115, 0.010, 0.009), *(0.011, 0.0095, 0.0085, 0.0075) * 4)
# Half the cello's width from its lower end to its upper end: share of the length, metres.
_OUTLINE = (
    (0.0, 0.03), (0.015, 0.105), (0.05, 0.16), (0.12, 0.205), (0.2, 0.219),
    (0.28, 0.208), (0.36, 0.178), (0.4, 0.168), (0.43, 0.14), (0.48, 0.121),
    (0.54, 0.116), (0.6, 0.121), (0.65, 0.138), (0.675, 0.15), (0.71, 0.155),
    (0.79, 0.169), (0.86, 0.167), (0.93, 0.14), (0.97, 0.095), (0.99, 0.055),
    (1.0, 0.02),
)  # fmt: skip
#: The body from its lower end to its upper one, metres from the bridge towards the nut.
_LOWER, _UPPER = -0.36, 0.395
_RIBS, _ARCH = 0.115, 0.024
#: The bow's stick beyond the hair.
_STICK_RADIUS, _FROG_LENGTH = 0.0048, 0.05


def figure(points_K3: np.ndarray) -> dict[str, Mesh]:
    """The wooden figure and the bow in one pose of `BODY_HANDS_AND_BOW`, by colour."""
    at = dict(zip(BODY_HANDS_AND_BOW.points, points_K3, strict=True))
    wood, joints = _trunk(at), []
    for side in ("left", "right"):
        shoulder, elbow, wrist = (at[f"{side}_{p}"] for p in ("shoulder", "elbow", "wrist"))
        wood += [limb(shoulder, elbow, 0.043, 0.034, 12), limb(elbow, wrist, 0.035, 0.024, 12)]
        joints += [ball(shoulder, 0.05), ball(elbow, 0.038), ball(wrist, 0.026)]
        hand_wood, hand_joints = _hand(points_K3[list(BODY_HANDS_AND_BOW.parts[f"{side}_hand"])])
        wood += hand_wood
        joints += hand_joints
    bow = _bow(at["bow_frog"], at["bow_tip"], points_K3)
    return {"wood": join(wood), "joints": join(joints), **bow}


def _trunk(at: dict[str, np.ndarray]) -> list[Mesh]:
    """Chest, belly, neck and head."""
    shoulders = (at["left_shoulder"] + at["right_shoulder"]) / 2
    hips = (at["left_hip"] + at["right_hip"]) / 2
    # The mean of shoulders that go after the hands must not draw the chest along wholly.
    rows = (
        (0.0, 0.165, 0.11),
        (0.2, 0.15, 0.1),
        (0.45, 0.135, 0.095),
        (0.75, 0.17, 0.115),
        (0.95, 0.165, 0.1),
        (1.05, 0.06, 0.05),
    )
    angle_A = 2 * np.pi * np.arange(18) / 18
    rings = [
        hips
        + share * (shoulders - hips)
        + np.stack([wide * np.cos(angle_A), 0 * angle_A, -deep * np.sin(angle_A)], axis=1)
        for share, wide, deep in rows
    ]
    head = (at["left_ear"] + at["right_ear"]) / 2
    neck = limb(shoulders + [0, 0.02, 0], head, 0.05, 0.045, 12)
    skull = ball(head + [0, 0.02, 0.005], np.array([0.08, 0.115, 0.095]), 18)
    nose = limb(at["nose"] + [0, 0.012, -0.012], at["nose"] - [0, 0.008, 0.004], 0.008, 0.011, 8)
    return [hull(rings), neck, skull, nose]


def _hand(points_J3: np.ndarray) -> tuple[list[Mesh], list[Mesh]]:
    """A hand's bones with the flat of its palm, and its knuckles."""
    bones = [
        limb(points_J3[a], points_J3[b], _HAND_RADII[a] if a else 0.013, _HAND_RADII[b], 8)
        for a, b in HAND_EDGES
        if (a, b) not in ((5, 9), (9, 13), (13, 17))
    ]
    knuckles = [ball(points_J3[j], 1.12 * _HAND_RADII[j], 8) for j in range(1, 21) if j % 4 != 0]
    wrist, index, little = points_J3[0], points_J3[5], points_J3[17]
    across_3 = (index - little) / 2
    middle = (index + little) / 2
    normal_3 = np.cross(index - wrist, little - wrist)
    normal_3 /= np.linalg.norm(normal_3).clip(1e-9)
    angle_A = 2 * np.pi * np.arange(12) / 12
    rings = [
        wrist
        + share * (middle - wrist)
        + wide * np.cos(angle_A)[:, None] * across_3
        + 0.011 * np.sin(angle_A)[:, None] * normal_3
        for share, wide in ((0.05, 0.7), (0.5, 0.95), (1.0, 1.1))
    ]
    return [*bones, hull(rings)], knuckles


def _bow(frog_3: np.ndarray, tip_3: np.ndarray, points_K3: np.ndarray) -> dict[str, Mesh]:
    to_tip_3 = (tip_3 - frog_3) / np.linalg.norm(tip_3 - frog_3)
    # The stick lies on the side of the hair that the right hand's knuckles are on.
    middle = points_K3[BODY_HANDS_AND_BOW.points.index("right_middle_1")]
    up_3 = middle - frog_3
    up_3 = up_3 - (up_3 @ to_tip_3) * to_tip_3
    up_3 /= np.linalg.norm(up_3).clip(1e-9)
    begins, ends = frog_3 - 0.05 * to_tip_3 + STICK * up_3, tip_3 + 0.012 * to_tip_3
    share_P = np.linspace(0, 1, 12)[:, None]
    # The stick bends towards the hair in its middle, and comes down to it at the tip.
    path_P3 = begins + share_P * (ends + 0.012 * up_3 - begins)
    path_P3 = path_P3 - 0.008 * np.sin(np.pi * share_P) * up_3
    stick = tube(np.concatenate([path_P3, ends[None]]), np.linspace(_STICK_RADIUS, 0.0035, 13), 8)
    block = limb(
        frog_3 - 0.035 * to_tip_3 + 0.008 * up_3,
        frog_3 + 0.01 * to_tip_3 + 0.008 * up_3,
        0.008,
        0.008,
        6,
    )
    hair = tube(np.stack([frog_3, tip_3]), 0.0028, 6)
    return {"varnish_bow": stick, "ebony_bow": block, "hair": hair}


def instrument_parts(instrument: StringInstrument) -> dict[str, Mesh]:
    """A cello, by colour."""
    local = _cello_parts(instrument)
    origin_3 = np.array(instrument.bridge)
    # Local axes: across, along (to the nut), out.
    along_3, across_3, out_3 = instrument.axes_33
    axes_33 = np.stack([across_3, along_3, out_3])
    parts = {name: mesh.placed(origin_3, axes_33) for name, mesh in local.items()}
    strings = [
        tube(
            instrument.on_string(np.full(2, s), np.array([0.0, instrument.string_length])),
            0.0011,
            5,
        )
        for s in range(instrument.strings)
    ]
    pin_3 = origin_3 + _LOWER * along_3 + _top(_LOWER) * out_3 - 0.5 * _RIBS * out_3
    floor_3 = pin_3 - along_3 * (pin_3[1] / along_3[1])
    parts["steel"] = join([*strings, tube(np.stack([pin_3, floor_3]), 0.005, 8)])
    return parts


def _top(along: np.ndarray | float) -> np.ndarray:
    """Height of the front's edge below the strings."""
    return -0.105 + 0.1 * np.asarray(along) / 0.69


def _cello_parts(instrument: StringInstrument) -> dict[str, Mesh]:
    share_R = np.concatenate(
        [np.linspace(0, 0.05, 6)[:-1], np.linspace(0.05, 0.95, 40), np.linspace(0.95, 1, 7)[1:]]
    )
    knots_2N = np.array(_OUTLINE).T
    half_R = np.interp(share_R, knots_2N[0], knots_2N[1])
    along_R = _LOWER + share_R * (_UPPER - _LOWER)
    across_C = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 17))
    edge_R = _top(along_R)
    front, back = [], []
    for half, along, edge, share in zip(half_R, along_R, edge_R, share_R, strict=True):
        swell = _ARCH * (1 - across_C**2) ** 0.8 * np.sin(np.pi * np.clip(share, 0, 1)) ** 0.5
        front.append(np.stack([half * across_C, np.full(17, along), edge + swell], -1))
        back.append(np.stack([half * across_C, np.full(17, along), edge - _RIBS - 0.8 * swell], -1))
    front_RC3, back_RC3 = np.stack(front), np.stack(back)
    ribs = [
        grid(np.stack([front_RC3[:, c], back_RC3[:, c]], 1)[:, ::s]) for c, s in ((0, 1), (-1, -1))
    ]
    neck_R = np.array([_UPPER - 0.03, 0.45, 0.6, 0.69, 0.72])
    neck = tube(
        np.stack([0 * neck_R, neck_R, -0.032 + 0.015 * (neck_R - 0.4)], -1),
        np.array([0.03, 0.022, 0.018, 0.017, 0.016]),
        12,
    )
    head_R = np.linspace(0, 1, 8)
    pegbox = tube(
        np.stack([0 * head_R, 0.70 + 0.15 * head_R, -0.025 - 0.05 * head_R**1.5], -1),
        0.021 - 0.006 * head_R,
        10,
    )
    turn_A = np.linspace(0.3, 3.6 * np.pi, 40)
    coil_A = 0.028 * np.exp(-0.14 * turn_A)
    scroll = tube(
        np.stack(
            [0 * turn_A, 0.862 + coil_A * np.cos(turn_A), -0.062 + coil_A * np.sin(turn_A)], -1
        ),
        0.016 - 0.0007 * turn_A,
        8,
    )
    end = 0.69 * 0.86  # the fingerboard reaches so far down from the nut
    board_R = np.linspace(0.69 - end, 0.697, 12)
    share_B = (0.69 - board_R) / end
    across_B = np.linspace(-1, 1, 9)
    board = np.stack(
        [
            np.stack(
                [
                    (0.016 + 0.015 * share) * across_B,
                    np.full(9, along),
                    # Round under the strings, and further below them the nearer to the bridge.
                    -0.003 - 0.011 * share - 0.008 * across_B**2 * (0.4 + 0.6 * share),
                ],
                -1,
            )
            for along, share in zip(board_R, share_B, strict=True)
        ]
    )
    under = board - [0, 0, 0.012]
    fingerboard = join(
        [
            grid(board),
            *(grid(np.stack([board[:, c], under[:, c]], 1)[:, ::s]) for c, s in ((0, 1), (-1, -1))),
            grid(np.stack([board[0], under[0]], 0)[::-1]),
        ]
    )
    tail_R = np.array([-0.345, -0.33, -0.2, -0.11, -0.105])
    tailpiece = hull(
        [
            np.stack([w * np.cos(a), np.full(12, t), _top(t) + h + 0.006 * np.sin(a)], -1)
            for a in [2 * np.pi * np.arange(12) / 12]
            for t, w, h in zip(
                tail_R,
                (0.012, 0.016, 0.024, 0.032, 0.03),
                (0.045, 0.05, 0.07, 0.085, 0.085),
                strict=True,
            )
        ]
    )
    pegs = [
        limb(
            np.array([-s * 0.055, 0.735 + 0.03 * i, -0.03]),
            np.array([s * 0.02, 0.735 + 0.03 * i, -0.03]),
            0.011,
            0.005,
            8,
        )
        for i, s in enumerate((1, -1, 1, -1))
    ]
    bridge = hull(
        [
            np.stack([w * np.cos(a), 0.006 * np.sin(a), np.full(12, h)], -1)
            for a in [2 * np.pi * np.arange(12) / 12]
            for h, w in ((-0.085, 0.043), (-0.05, 0.034), (-0.02, 0.036), (-0.003, 0.03))
        ]
    )
    return {
        "varnish": join([grid(front_RC3), grid(back_RC3[:, ::-1]), *ribs, neck, pegbox, scroll]),
        "ebony": join([fingerboard, tailpiece, *pegs, *_f_holes()]),
        "maple": bridge,
    }


def _f_holes() -> list[Mesh]:
    """The sound holes: two dark strokes next to the bridge, just above the front."""
    holes = []
    share_P = np.linspace(-1, 1, 24)
    for side in (-1, 1):
        across_P = side * (0.085 + 0.018 * np.sin(0.9 * np.pi * share_P) - 0.012 * share_P)
        along_P = 0.01 + 0.062 * share_P
        half_P = np.interp((along_P - _LOWER) / (_UPPER - _LOWER), *np.array(_OUTLINE).T)
        swell_P = _ARCH * (1 - (across_P / half_P) ** 2) ** 0.8
        out_P = _top(along_P) + swell_P - 0.001
        holes.append(
            tube(np.stack([across_P, along_P, out_P], -1), 0.0025 + 0.0035 * (1 - share_P**2), 6)
        )
        for end in (0, -1):
            holes.append(
                ball(
                    np.array([across_P[end], along_P[end], out_P[end]]),
                    np.array([0.006, 0.006, 0.003]),
                    8,
                )
            )
    return holes


def room() -> dict[str, Mesh]:
    """Floor, curtain, stool and the figure's legs, which do not move; by colour."""
    u, v = np.meshgrid(np.linspace(-2.2, 2.2, 360), np.linspace(2.8, 0.0, 14))
    folds = 0.05 * np.sin(19 * u + 1.5 * np.sin(2.3 * u)) + 0.03 * np.sin(7.3 * u + 0.25 * v)
    curtain = grid(np.stack([u, v, -0.75 + folds], -1)[:, ::-1])
    floor = box((-3, -0.1, -3), (3, 0.0, 4))
    seat = tube(
        np.array([[0, 0.32, -0.14], [0, 0.322, -0.14], [0, 0.36, -0.14], [0, 0.362, -0.14]]),
        np.array([0.0, 0.2, 0.2, 0.0]),
        24,
    )
    posts = [
        tube(
            np.array([[0.13 * x, 0.34, -0.14 + 0.13 * z], [0.17 * x, 0.0, -0.14 + 0.17 * z]]),
            0.016,
            8,
        )
        for x in (-1, 1)
        for z in (-1, 1)
    ]
    wood, joints = [], []
    for x in (-1.0, 1.0):
        hip, knee, ankle, toe = (
            np.array(p) * [x, 1, 1]
            for p in ((0.1, 0.42, -0.12), (0.265, 0.43, 0.3), (0.27, 0.07, 0.24), (0.3, 0.03, 0.4))
        )
        wood += [
            limb(hip, knee, 0.078, 0.055, 14),
            limb(knee, ankle, 0.052, 0.034, 12),
            limb(ankle - [0, 0.03, 0], toe, 0.036, 0.03, 10),
        ]
        joints += [ball(knee, 0.058), ball(ankle, 0.036)]
    return {
        "curtain": curtain,
        "floor": floor,
        "stool": join([seat, *posts]),
        "wood_legs": join(wood),
        "joints_legs": join(joints),
    }
