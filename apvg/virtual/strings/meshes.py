"""Triangle meshes for the scene: limbs, plates and tubes, as arrays of vertices and faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """Triangles in space.

    Attributes:
        vertices_V3: float, metres.
        faces_F3: int, indices of vertices, counter-clockwise seen from outside.
    """

    vertices_V3: np.ndarray
    faces_F3: np.ndarray

    def placed(self, origin_3: np.ndarray, axes_33: np.ndarray) -> Mesh:
        """The same mesh whose three axes are the rows of `axes_33`."""
        return Mesh(origin_3 + self.vertices_V3 @ axes_33, self.faces_F3)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    firsts = np.cumsum([0, *(len(mesh.vertices_V3) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices_V3 for mesh in meshes]),
        np.concatenate(
            [mesh.faces_F3 + first for mesh, first in zip(meshes, firsts, strict=False)]
        ),
    )


def grid(points_UV3: np.ndarray, *, around: bool = False) -> Mesh:
    """A surface through a grid of points; `around` joins the last column to the first."""
    rows, columns = points_UV3.shape[:2]
    index_UV = np.arange(rows * columns).reshape(rows, columns)
    if around:
        index_UV = np.concatenate([index_UV, index_UV[:, :1]], axis=1)
    a, b, c, d = index_UV[:-1, :-1], index_UV[:-1, 1:], index_UV[1:, 1:], index_UV[1:, :-1]
    faces_F3 = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    return Mesh(points_UV3.reshape(-1, 3), faces_F3)


def tube(path_P3: np.ndarray, radius_P: np.ndarray | float, sides: int = 10) -> Mesh:
    """A round tube along a path, its ends closed to a point where the radius is 0."""
    path_P3 = np.asarray(path_P3, np.float64)
    radius_P = np.broadcast_to(np.asarray(radius_P, np.float64), len(path_P3))
    along_P3 = np.gradient(path_P3, axis=0)
    along_P3 /= np.linalg.norm(along_P3, axis=1, keepdims=True).clip(1e-9)
    aside_3 = np.eye(3)[np.abs(along_P3.sum(axis=0)).argmin()]
    first_P3 = np.cross(along_P3, aside_3)
    first_P3 /= np.linalg.norm(first_P3, axis=1, keepdims=True)
    second_P3 = np.cross(along_P3, first_P3)
    angle_A = 2 * np.pi * np.arange(sides) / sides
    ring_PA3 = (
        np.cos(angle_A)[:, None] * first_P3[:, None] + np.sin(angle_A)[:, None] * second_P3[:, None]
    )
    return grid(path_P3[:, None] + radius_P[:, None, None] * ring_PA3, around=True)


#: Where a limb's rings lie along it, and how thick they are: round ends, and thinner towards them.
_LIMB = np.sin(np.linspace(0, np.pi / 2, 4))


def limb(
    start_3: np.ndarray, end_3: np.ndarray, thick: float, thin: float, sides: int = 10
) -> Mesh:
    """A bone of a wooden figure: a tapered rod with round ends of these radii."""
    way_3 = np.asarray(end_3) - np.asarray(start_3)
    length = max(float(np.linalg.norm(way_3)), 1e-6)
    cap_R = np.cos(np.linspace(0, np.pi / 2, 4))
    places_R = np.concatenate([-thick * cap_R, length + thin * cap_R[::-1]]) / length
    radii_R = np.concatenate([thick * _LIMB, thin * _LIMB[::-1]])
    return tube(start_3 + places_R[:, None] * way_3, radii_R, sides)


def ball(centre_3: np.ndarray, radii_3: np.ndarray | float, sides: int = 14) -> Mesh:
    """An ellipsoid along the axes."""
    polar_R = np.linspace(0, np.pi, sides)
    angle_A = 2 * np.pi * np.arange(sides) / sides
    points_RA3 = np.stack(
        [
            np.sin(polar_R)[:, None] * np.cos(angle_A),
            np.broadcast_to(np.cos(polar_R)[:, None], (sides, sides)),
            np.sin(polar_R)[:, None] * np.sin(angle_A),
        ],
        axis=-1,
    )
    return grid(centre_3 + np.asarray(radii_3) * points_RA3, around=True)


def box(corner_3: Sequence[float], opposite_3: Sequence[float]) -> Mesh:
    """A box along the axes."""
    low_3, high_3 = np.minimum(corner_3, opposite_3), np.maximum(corner_3, opposite_3)
    corners_83 = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    vertices_V3 = low_3 + corners_83 * (high_3 - low_3)
    # Every face has corners of its own, so that edges are sharp.
    faces_F3 = np.array(faces)
    return Mesh(vertices_V3[faces_F3.ravel()], np.arange(faces_F3.size).reshape(-1, 3))


def hull(rings: Sequence[np.ndarray]) -> Mesh:
    """A closed body through rings of points [A, 3], its ends closed flat."""
    first_13, last_13 = (
        np.repeat(r.mean(axis=0)[None], len(r), axis=0) for r in (rings[0], rings[-1])
    )
    return grid(np.stack([first_13, *rings, last_13]), around=True)
