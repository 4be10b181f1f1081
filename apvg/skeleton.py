"""Keypoint layouts as data: names, edges, parts, and how to draw them.

A layout is nothing but a list of named points, the edges between them and the parts they belong to, so that hands alone,
body and hands, or a bow and an instrument are all one mechanism (own choice; the source only says "body and both hands").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_JOINTS = ("1", "2", "3", "tip")
#: The 21 points of a hand, in the order of MediaPipe and OpenPose: wrist, then four points per finger from the palm out.
HAND_POINTS = ("wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in _JOINTS))
#: Along each finger, and across the knuckles.
HAND_EDGES = tuple(
    edge
    for finger in range(5)
    for edge in [(0, 1 + 4 * finger), *((1 + 4 * finger + j, 2 + 4 * finger + j) for j in range(3))]
) + ((5, 9), (9, 13), (13, 17))
#: Indices of the five fingertips within a hand, thumb first.
FINGERTIPS = (4, 8, 12, 16, 20)


@dataclass(frozen=True)
class Skeleton:
    """A keypoint layout.

    Attributes:
        name: What a recipe or a take calls it.
        points: K names; the order is the order of every keypoint array.
        edges: Pairs of point indices joined by a bone.
        parts: Part name ("body", "left_hand", "right_hand", "instrument") to its point indices.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    parts: dict[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        if len(set(self.points)) != len(self.points):
            raise ValueError(f"skeleton {self.name!r} names a point twice")
        if any(not 0 <= i < len(self.points) for edge in self.edges for i in edge):
            raise ValueError(f"skeleton {self.name!r} has an edge to a point that it lacks")

    def __len__(self) -> int:
        return len(self.points)

    @property
    def hands(self) -> dict[str, tuple[int, ...]]:
        """The parts that are hands, left first."""
        return {name: ids for name, ids in self.parts.items() if name.endswith("_hand")}

    @property
    def bones(self) -> list[list[tuple[int, int]]]:
        """The edges in groups, by the part that they begin in."""
        groups = [[edge for edge in self.edges if edge[0] in ids] for ids in self.parts.values()]
        return [group for group in groups if group]

    def fingertips(self, hand: str) -> tuple[int, ...]:
        """Indices of one hand's five fingertips, thumb first."""
        return tuple(self.parts[hand][tip] for tip in FINGERTIPS)

    def adjacency_KK(self) -> np.ndarray:
        """Symmetric adjacency with self-loops, normalised as D^-1/2 (A + I) D^-1/2 (Kipf & Welling, 2017)."""
        adjacency_KK = np.eye(len(self), dtype=np.float32)
        for a, b in self.edges:
            adjacency_KK[a, b] = adjacency_KK[b, a] = 1.0
        scale_K = 1.0 / np.sqrt(adjacency_KK.sum(axis=1))
        return adjacency_KK * scale_K[:, None] * scale_K[None, :]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a performer's or a take's JSON."""
        return {
            "name": self.name,
            "points": list(self.points),
            "edges": [list(edge) for edge in self.edges],
            "parts": {name: list(ids) for name, ids in self.parts.items()},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Skeleton:
        """Inverse of :meth:`to_dict`."""
        return cls(
            name=data["name"],
            points=tuple(data["points"]),
            edges=tuple((int(a), int(b)) for a, b in data["edges"]),
            parts={name: tuple(int(i) for i in ids) for name, ids in data["parts"].items()},
        )


def _with_hands(
    name: str,
    body: tuple[str, ...],
    body_edges: tuple[tuple[str, str], ...],
    instrument: tuple[str, ...] = (),
) -> Skeleton:
    """A layout of body points followed by the left and the right hand, and by points of an instrument, joined in a line."""
    points = list(body)
    parts: dict[str, tuple[int, ...]] = {"body": tuple(range(len(body)))} if body else {}
    edges = [(body.index(a), body.index(b)) for a, b in body_edges]
    for side in ("left", "right"):
        first = len(points)
        points += [f"{side}_{point}" for point in HAND_POINTS]
        parts[f"{side}_hand"] = tuple(range(first, first + len(HAND_POINTS)))
        edges += [(first + a, first + b) for a, b in HAND_EDGES]
        if f"{side}_elbow" in body:
            edges.append((body.index(f"{side}_elbow"), first))
    if instrument:
        first = len(points)
        points += instrument
        parts["instrument"] = tuple(range(first, len(points)))
        edges += [(i, i + 1) for i in range(first, len(points) - 1)]
    return Skeleton(name, tuple(points), tuple(edges), parts)


#: Both hands alone: left 0..20, right 21..41 (as seen by the player).
HANDS = _with_hands("hands", (), ())
_BODY = ("nose", "left_ear", "right_ear") + (
    ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_hip", "right_hip")
)
_BODY_EDGES = (
    ("nose", "left_ear"),
    ("nose", "right_ear"),
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("right_shoulder", "right_elbow"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
)
#: Upper body and both hands. The forearm ends in the hand's own wrist point.
BODY_AND_HANDS = _with_hands("body+hands", _BODY, _BODY_EDGES)
#: A string player: the same, and both ends of the bow's hair.
BODY_HANDS_AND_BOW = _with_hands("body+hands+bow", _BODY, _BODY_EDGES, ("bow_frog", "bow_tip"))
SKELETONS = {skeleton.name: skeleton for skeleton in (HANDS, BODY_AND_HANDS, BODY_HANDS_AND_BOW)}

#: Colour (RGB) of each part in drawings: left cool, right warm, as in the field's figures.
PART_COLOURS = {
    "body": (130, 200, 130),
    "left_hand": (90, 170, 255),
    "right_hand": (255, 150, 70),
    "instrument": (230, 220, 120),
}


def draw_skeleton(
    image_HWC: np.ndarray,
    keypoints_KD: np.ndarray,
    confidence_K: np.ndarray,
    skeleton: Skeleton,
    *,
    thickness: float = 1.0,
    colour: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Draw one pose over an image, anti-aliased, without any drawing library.

    Args:
        image_HWC: RGB uint8; not changed.
        keypoints_KD: [K, 2] in pixels, x then y.
        confidence_K: [K] in 0..1; a bone is drawn with the smaller confidence of its ends as its opacity.
        skeleton: The layout.
        thickness: Half the width of a bone, pixels.
        colour: RGB of the whole pose; by default each part has its own (PART_COLOURS).

    Returns:
        A new RGB uint8 image of the same shape.
    """
    bones_E2 = np.array([*skeleton.edges, *((i, i) for i in range(len(skeleton)))])
    ends_E2D = np.asarray(keypoints_KD, np.float64)[bones_E2]
    opacity_E = np.asarray(confidence_K, np.float32)[bones_E2].min(axis=1)
    shown_E = (opacity_E > 0) & np.isfinite(ends_E2D).all(axis=(1, 2))
    bones_E2, ends_E2D, opacity_E = bones_E2[shown_E], ends_E2D[shown_E], opacity_E[shown_E]
    is_point_E = bones_E2[:, 0] == bones_E2[:, 1]
    radius_E = np.where(is_point_E, 1.6, 1.0) * thickness
    part_of = {i: part for part, ids in skeleton.parts.items() for i in ids}
    colour_EC = np.array(
        [PART_COLOURS[part_of[a]] if colour is None else colour for a in bones_E2[:, 0]], np.float32
    ).reshape(-1, 3)
    colour_EC[is_point_E] *= 0.8

    # Channel by channel, for NumPy is slow where the innermost axis is short.
    canvas_CHW = image_HWC.transpose(2, 0, 1).astype(np.float32, order="C")
    height, width = image_HWC.shape[:2]
    for (left, top), coverage_HW, opacity, colour_C in zip(
        *_coverage(ends_E2D, radius_E, (width, height)), opacity_E, colour_EC, strict=True
    ):
        x, y = max(left, 0), max(top, 0)
        alpha_HW = opacity * coverage_HW[y - top : height - top, x - left : width - left]
        region_CHW = canvas_CHW[:, y : y + alpha_HW.shape[0], x : x + alpha_HW.shape[1]]
        region_CHW += (colour_C[:, None, None] - region_CHW) * alpha_HW
    canvas_CHW += 0.5  # and cut off: rounded
    drawn_HWC = np.empty_like(image_HWC)
    for channel, canvas_HW in enumerate(canvas_CHW):
        drawn_HWC[..., channel] = canvas_HW
    return drawn_HWC


def _coverage(
    ends_E2D: np.ndarray, radius_E: np.ndarray, size: tuple[int, int]
) -> tuple[list[tuple[int, int]], list[np.ndarray]]:
    """For every bone the corner of a square around it, x and y, and how much of each of its pixels it covers, 0..1.

    Bones of about one size are worked on together: they are many and small, and each call of NumPy's has its price.
    """
    bones = len(ends_E2D)
    # What is beyond the picture is not drawn; bones that end far beyond are cut, not to fill the memory.
    margin_E1 = radius_E[:, None] + 1
    limit_D = np.array(size, np.float64)
    low_ED = np.floor(ends_E2D.min(axis=1) - margin_E1).clip(-1, limit_D)
    high_ED = np.ceil(ends_E2D.max(axis=1) + margin_E1 + 1).clip(0, limit_D + 1)
    side_E = np.exp2(np.ceil(np.log2((high_ED - low_ED).max(axis=1).clip(1)))).astype(int)
    corners: list[tuple[int, int]] = [(int(x), int(y)) for x, y in low_ED]
    coverage: list[np.ndarray] = [np.zeros((0, 0))] * bones
    for side in np.unique(side_E):
        group = np.flatnonzero(side_E == side)
        first_GD = (ends_E2D[group, 0] - low_ED[group]).astype(np.float32)
        bone_GD = (ends_E2D[group, 1] - ends_E2D[group, 0]).astype(np.float32)
        to_x_GS = np.arange(side, dtype=np.float32) - first_GD[:, :1]
        to_y_GS = np.arange(side, dtype=np.float32) - first_GD[:, 1:]
        share_GD = bone_GD / np.square(bone_GD).sum(axis=1, keepdims=True).clip(1e-6)
        along_GHW = (to_x_GS * share_GD[:, :1])[:, None, :] + (to_y_GS * share_GD[:, 1:])[..., None]
        along_GHW = along_GHW.clip(0, 1)
        away_x_GHW = to_x_GS[:, None, :] - along_GHW * bone_GD[:, :1, None]
        away_y_GHW = to_y_GS[..., None] - along_GHW * bone_GD[:, 1:, None]
        distance_GHW = np.sqrt(np.square(away_x_GHW) + np.square(away_y_GHW))
        reach_G11 = (radius_E[group, None, None] + 0.5).astype(np.float32)
        covered_GHW = (reach_G11 - distance_GHW).clip(0, 1)
        for bone, covered_HW in zip(group, covered_GHW, strict=True):
            coverage[bone] = covered_HW
    return corners, coverage
