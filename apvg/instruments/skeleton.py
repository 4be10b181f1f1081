"""Keypoint layouts as data: names, edges, parts, and how to draw them.

A layout is nothing but a list of named points, the edges between them and the parts they belong to,
so that hands alone, body and hands, or a bow and an instrument are all one mechanism (own choice;
the source only says "body and both hands").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from apvg.base.config import from_dict
from apvg.base.registry import Registry

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_JOINTS = ("1", "2", "3", "tip")
#: The 21 points of a hand, in the order of MediaPipe and OpenPose: wrist, then four points per
#: finger from the palm out.
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
        limbs: What plays: the parts that reach for the surface, each with the indices of its tips,
            in order. By default the hands of 21 points with their fingertips, thumb first.
        dimension: 2 or 3, of its keypoints.
        parents: For every point the one that it hangs on, -1 for a root. By default as the edges
            join them, each piece from its first point.
        rest: For every point its place in the rest pose, metres; by default all lie in one place.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    parts: dict[str, tuple[int, ...]]
    limbs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    dimension: int = 2
    parents: tuple[int, ...] = ()
    rest: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.points)) != len(self.points):
            raise ValueError(f"skeleton {self.name!r} names a point twice")
        if any(not 0 <= i < len(self.points) for edge in self.edges for i in edge):
            raise ValueError(f"skeleton {self.name!r} has an edge to a point that it lacks")
        if self.dimension not in (2, 3):
            raise ValueError(
                f"skeleton {self.name!r} has {self.dimension} dimensions; there are 2 or 3"
            )
        if not self.limbs:
            tips = {part: tuple(ids[tip] for tip in FINGERTIPS) for part, ids in self.hands.items()}
            object.__setattr__(self, "limbs", tips)
        if not self.parents:
            object.__setattr__(self, "parents", _parents(len(self.points), self.edges))
        if not self.rest:
            object.__setattr__(self, "rest", ((0.0,) * self.dimension,) * len(self.points))
        if not len(self.parents) == len(self.rest) == len(self.points):
            raise ValueError(
                f"skeleton {self.name!r} has not one parent and one place for each point"
            )
        if {len(place) for place in self.rest} - {self.dimension}:
            raise ValueError(
                f"the rest pose of skeleton {self.name!r} has not {self.dimension} dimensions"
            )

    def __len__(self) -> int:
        return len(self.points)

    @property
    def root(self) -> int:
        """The first point that hangs on none."""
        return self.parents.index(-1)

    @property
    def hands(self) -> dict[str, tuple[int, ...]]:
        """The parts that are hands of 21 points, in the order of HAND_POINTS; left first."""
        ending = f"_{HAND_POINTS[0]}"
        return {
            part: ids
            for part, ids in self.parts.items()
            if len(ids) == len(HAND_POINTS) and self.points[ids[0]].endswith(ending)
        }

    @property
    def players(self) -> dict[str, tuple[int, ...]]:
        """The parts that play, with all their points: those of :attr:`limbs`."""
        return {part: self.parts[part] for part in self.limbs}

    @property
    def close_ups(self) -> dict[str, tuple[int, ...]]:
        """The parts that are looked at closely: those that play, and the points of an
        instrument."""
        return self.players | {n: ids for n, ids in self.parts.items() if n == "instrument"}

    def called(self, part: str) -> str:
        """A part in words, as "left hand"; points of an instrument by what they are, as "bow"."""
        if part == "instrument":
            return self.points[self.parts[part][0]].split("_")[0]
        return part.replace("_", " ")

    @property
    def bones(self) -> list[list[tuple[int, int]]]:
        """The edges in groups, by the part that they begin in."""
        groups = [[edge for edge in self.edges if edge[0] in ids] for ids in self.parts.values()]
        return [group for group in groups if group]

    def part(self, name: str) -> tuple[int, ...]:
        """Indices of a part's points; none where there is no such part."""
        return self.parts.get(name, ())

    def adjacency_KK(self) -> np.ndarray:
        """Symmetric adjacency with self-loops, normalised as D^-1/2 (A + I) D^-1/2 (Kipf & Welling,
        2017)."""
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
            "limbs": {name: list(ids) for name, ids in self.limbs.items()},
            "dimension": self.dimension,
            "parents": list(self.parents),
            "rest": [list(place) for place in self.rest],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Skeleton:
        """Inverse of :meth:`to_dict`; what older data lacks is as by default.

        Raises:
            ValueError: The data is not a skeleton's.
        """
        return from_dict(cls, data, "skeleton")


def _parents(points: int, edges: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """What every point hangs on where the edges are gone along from each piece's first point."""
    parents: dict[int, int] = {}
    for root in range(points):
        waiting = [] if root in parents else [root]
        if waiting:
            parents[root] = -1
        while waiting:
            point = waiting.pop(0)
            for ends in edges:
                if point in ends and (other := ends[ends[0] == point]) not in parents:
                    parents[other] = point
                    waiting.append(other)
    return tuple(parents[point] for point in range(points))


#: The rest pose of a right hand seen from its back, fingers up: across from the middle of the palm
#: and away from the wrist, metres; usual measures of a grown-up.
_KNUCKLES = ((-0.030, 0.030), (-0.030, 0.088), (-0.010, 0.091), (0.010, 0.087), (0.029, 0.078))
_FINGER_BONES = (
    (0.045, 0.034, 0.028),
    (0.045, 0.026, 0.023),
    (0.049, 0.030, 0.024),
    (0.045, 0.028, 0.023),
    (0.036, 0.022, 0.020),
)
_SPREAD = (-0.9, -0.12, 0.0, 0.1, 0.22)  # radians from straight away
#: Where wrists rest, and the points of a body, from the middle between the hips, y down, metres.
#: The player faces the viewer.
_WRISTS = {"left": (0.15, -0.2), "right": (-0.15, -0.2)}
_BODY_AT_REST = {
    "nose": (0.0, -0.78), "left_ear": (0.08, -0.8), "right_ear": (-0.08, -0.8),
    "left_shoulder": (0.185, -0.54), "right_shoulder": (-0.185, -0.54),
    "left_elbow": (0.26, -0.24), "right_elbow": (-0.26, -0.24),
    "left_hip": (0.13, 0.0), "right_hip": (-0.13, 0.0),
    "bow_frog": (-0.15, -0.25), "bow_tip": (0.45, -0.25),
}  # fmt: skip


def _hand_at_rest(side: str, wrist: tuple[float, float]) -> list[tuple[float, float]]:
    """The 21 points of a hand, fingers up, y down.

    The thumb is on the inner side of hands that are seen from their backs.
    """
    mirror = 1.0 if side == "right" else -1.0
    places = [wrist]
    for (across, away), bones, turn in zip(_KNUCKLES, _FINGER_BONES, _SPREAD, strict=True):
        lengths = np.cumsum([0.0, *bones])
        for length in lengths:
            x, y = across + length * np.sin(turn), away + length * np.cos(turn)
            places.append((round(wrist[0] + mirror * x, 4), round(wrist[1] - y, 4)))
    return places


def _with_hands(
    name: str,
    body: tuple[str, ...],
    body_edges: tuple[tuple[str, str], ...],
    instrument: tuple[str, ...] = (),
) -> Skeleton:
    """A layout of body points followed by the left and the right hand, and by points of an
    instrument, joined in a line."""
    points = list(body)
    rest = [_BODY_AT_REST[point] for point in body]
    parts: dict[str, tuple[int, ...]] = {"body": tuple(range(len(body)))} if body else {}
    edges = [(body.index(a), body.index(b)) for a, b in body_edges]
    for side in ("left", "right"):
        first = len(points)
        points += [f"{side}_{point}" for point in HAND_POINTS]
        x, y = _WRISTS[side]
        # Hands alone are seen as their player sees them, over the keys.
        rest += _hand_at_rest(side, (x, y) if body else (-x, y))
        parts[f"{side}_hand"] = tuple(range(first, first + len(HAND_POINTS)))
        edges += [(first + a, first + b) for a, b in HAND_EDGES]
        if f"{side}_elbow" in body:
            edges.append((body.index(f"{side}_elbow"), first))
    if instrument:
        first = len(points)
        points += instrument
        rest += [_BODY_AT_REST[point] for point in instrument]
        parts["instrument"] = tuple(range(first, len(points)))
        edges += [(i, i + 1) for i in range(first, len(points) - 1)]
    return Skeleton(name, tuple(points), tuple(edges), parts, rest=tuple(rest))


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
SKELETONS: Registry[Skeleton] = Registry("skeleton")
for _skeleton in (HANDS, BODY_AND_HANDS, BODY_HANDS_AND_BOW):
    SKELETONS.register(_skeleton.name, _skeleton)
