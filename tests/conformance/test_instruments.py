"""Every registered instrument and skeleton, through the same checks; those of other packages
too."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from apvg.instruments.instrument import INSTRUMENTS, find_instrument
from apvg.instruments.skeleton import SKELETONS, Skeleton
from apvg.models.motion import MOTION_DECODERS
from apvg.models.transcription import TRANSCRIBERS
from apvg.video.drawing import draw_skeleton

LAYOUTS = {**SKELETONS, **{f"of {name}": i.skeleton for name, i in INSTRUMENTS.items()}}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_an_instrument_is_complete(name: str):
    instrument = INSTRUMENTS[name]
    assert instrument.name == name
    assert find_instrument(name) is instrument
    if instrument.pitch_range is not None:
        lowest, highest = instrument.pitch_range
        assert 21 <= lowest < highest <= 108
    assert instrument.voices >= 0
    assert instrument.transcriber in TRANSCRIBERS
    assert instrument.motion_decoder in MOTION_DECODERS
    assert all(0 <= program < 128 for program in instrument.programs)
    with pytest.raises(FrozenInstanceError):
        instrument.voices = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_poses_and_pixels_are_each_others_inverse(name: str):
    """Where a surface has no known place, and where its corners are known."""
    corners_42 = np.array([[20.0, 40.0], [300.0, 44.0], [296.0, 90.0], [16.0, 84.0]])
    pixels_N2 = np.random.default_rng(0).uniform(0, 200, (20, 2))
    for corners in (None, corners_42):
        seen = INSTRUMENTS[name].seen(corners)
        assert seen.name == name
        placement = seen.surface.place(corners)
        matrix_33 = placement.to_pixels_33(320)
        there_N3 = np.c_[pixels_N2, np.ones(20)] @ np.linalg.inv(matrix_33).T
        back_N3 = there_N3 @ matrix_33.T
        np.testing.assert_allclose(back_N3[:, :2] / back_N3[:, 2:], pixels_N2, atol=1e-6)
        assert np.isfinite(placement.to_units(pixels_N2, 100)).all()
        assert placement.unit
        assert placement.octave >= 0
        assert placement.distance(placement) == 0
        assert all(choices > 1 for choices in seen.surface.decisions)


def test_what_nobody_described_is_a_person_who_plays():
    theremin = find_instrument("theremin")
    assert theremin.name == "theremin"
    assert theremin.skeleton == INSTRUMENTS["person"].skeleton
    assert theremin.pitch_range is None


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_skeleton_is_consistent(name: str):
    skeleton = LAYOUTS[name]
    points = len(skeleton)
    assert sorted(k for ids in skeleton.parts.values() for k in ids) == list(range(points))
    assert skeleton.limbs
    for limb, tips in skeleton.limbs.items():
        assert set(tips) <= set(skeleton.parts[limb])
    assert skeleton.parents[skeleton.root] == -1
    # Parents lead to a root, along bones alone.
    bones = {frozenset(edge) for edge in skeleton.edges}
    for point in range(points):
        steps = 0
        while (parent := skeleton.parents[point]) >= 0:
            assert frozenset((point, parent)) in bones
            point, steps = parent, steps + 1
            assert steps <= points
    assert np.shape(skeleton.rest) == (points, skeleton.dimension)
    assert Skeleton.from_dict(skeleton.to_dict()) == skeleton
    # Before, skeletons said less of themselves; what they leave out follows from the rest.
    old = {key: skeleton.to_dict()[key] for key in ("name", "points", "edges", "parts")}
    assert Skeleton.from_dict(old).parents == skeleton.parents or skeleton.hands != skeleton.players
    adjacency_KK = skeleton.adjacency_KK()
    np.testing.assert_allclose(adjacency_KK, adjacency_KK.T)
    assert np.linalg.eigvalsh(adjacency_KK).max() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_rest_pose_shows_every_point_where_it_is(name: str):
    skeleton = LAYOUTS[name]
    rest_KD = np.array(skeleton.rest)[:, :2]
    if not rest_KD.any():
        pytest.skip("it has none")
    length_E = [np.linalg.norm(rest_KD[a] - rest_KD[b]) for a, b in skeleton.edges]
    assert min(length_E) > 0.005  # metres
    assert max(length_E) < 0.8
    pixels_KD = (rest_KD - rest_KD.min(axis=0)) * 200 + 10
    size = np.ceil(pixels_KD.max(axis=0)).astype(int) + 10
    black_HWC = np.zeros((size[1], size[0], 3), np.uint8)
    drawn_HWC = draw_skeleton(black_HWC, pixels_KD, np.ones(len(skeleton)), skeleton)
    for x, y in pixels_KD.round().astype(int):
        assert drawn_HWC[y, x].any()
