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
