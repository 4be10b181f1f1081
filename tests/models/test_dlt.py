"""DLT against the formula of a Gaussian, and its gradient against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.models.dlt import DifferentiableLandmarkTransformer

SIZE = (32, 48)


def closed_form(x: float, y: float, confidence: float, sigma: float) -> np.ndarray:
    """The same heatmap cell by cell, as the definition says it."""
    rows, columns = SIZE[0] // 4, SIZE[1] // 4
    heatmap_hw = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            distance = (4 * column + 2 - x) ** 2 + (4 * row + 2 - y) ** 2
            heatmap_hw[row, column] = confidence * np.exp(-distance / (2 * sigma**2))
    return heatmap_hw


@settings(max_examples=30, deadline=None)
@given(
    x=st.floats(-20, 70),
    y=st.floats(-20, 50),
    confidence=st.floats(0, 1),
    sigma=st.floats(0.05, 0.3),
)
def test_is_the_gaussian_of_the_definition(x: float, y: float, confidence: float, sigma: float):
    dlt = DifferentiableLandmarkTransformer(sigma=sigma)
    heatmap = dlt(torch.tensor([[[[x, y]]]]), torch.tensor([[[confidence]]]), SIZE)
    expected_hw = closed_form(x, y, confidence, sigma * SIZE[0])
    np.testing.assert_allclose(heatmap[0, 0, 0].numpy(), expected_hw, atol=1e-5)


def test_peak_is_one_at_a_cell_and_the_centre_of_mass_is_sub_pixel():
    dlt = DifferentiableLandmarkTransformer(sigma=0.12)
    at_cell = dlt(torch.tensor([[[[22.0, 14.0]]]]), torch.ones(1, 1, 1), SIZE)
    assert float(at_cell.max()) == pytest.approx(1.0)
    moved = dlt(torch.tensor([[[[22.8, 14.0]]]]), torch.ones(1, 1, 1), SIZE)[0, 0, 0]
    middles = torch.arange(12) * 4 + 2.0
    assert float((moved.sum(0) * middles).sum() / moved.sum()) == pytest.approx(22.8, abs=0.02)


def test_a_performer_of_format_3_sees_points_half_a_pixel_off():
    keypoints = torch.tensor([[[[20.3, 9.1], [40.0, 20.0]]]])
    confidence, bones = torch.ones(1, 1, 2), [[(0, 1)]]
    present = DifferentiableLandmarkTransformer(bones=bones)
    before = DifferentiableLandmarkTransformer(bones=bones, pixel_centre=0.0)
    torch.testing.assert_close(
        before(keypoints - 0.5, confidence, SIZE), present(keypoints, confidence, SIZE)
    )


def test_a_crop_keeps_the_frames_sigma():
    dlt = DifferentiableLandmarkTransformer(sigma=0.1)
    keypoints, confidence = torch.tensor([[[[20.0, 9.0]]]]), torch.ones(1, 1, 1)
    whole = dlt(keypoints, confidence, (64, 48))
    crop = dlt(keypoints, confidence, (32, 48), frame_height=64)
    torch.testing.assert_close(whole[..., :8, :], crop)


def test_gradient_reaches_keypoints_and_confidence():
    dlt = DifferentiableLandmarkTransformer(sigma=0.15)
    keypoints = torch.rand(1, 2, 3, 2, dtype=torch.float64) * 30
    confidence = torch.rand(1, 2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda k, c: dlt(k, c, SIZE), (keypoints.requires_grad_(), confidence.requires_grad_())
    )


@settings(max_examples=30, deadline=None)
@given(
    ends=st.lists(st.tuples(st.floats(-20, 70), st.floats(-20, 50)), min_size=4, max_size=4),
    confidence=st.floats(0.1, 1),
)
def test_a_bone_is_drawn_as_far_as_it_is_near(ends, confidence: float):
    """Against the distance to many points along the bones."""
    sigma = 0.15 * SIZE[0]
    dlt = DifferentiableLandmarkTransformer(sigma=0.15, bones=[[(0, 1), (2, 3)]])
    keypoints = torch.tensor(ends, dtype=torch.float64)[None, None]
    sure = torch.full((1, 1, 4), confidence, dtype=torch.float64)
    near_hw, way_x_hw, way_y_hw = dlt(keypoints, sure, SIZE)[0, 0, 4:].numpy()
    # So many that none of a bone of up to 115 pixels is farther than 0.003 from one: a cell may lie
    # on it.
    share_S1 = np.linspace(0, 1, 20001)[:, None]
    first, second, third, fourth = map(np.array, ends)
    along_S2 = np.concatenate(
        [first + share_S1 * (second - first), third + share_S1 * (fourth - third)]
    )
    for row in range(near_hw.shape[0]):
        for column in range(near_hw.shape[1]):
            off_S2 = along_S2 - [4 * column + 2, 4 * row + 2]
            distance = np.linalg.norm(off_S2, axis=1).min()
            expected = confidence * np.exp(-(distance**2) / (2 * sigma**2))
            assert near_hw[row, column] == pytest.approx(expected, abs=1e-4)
            way = np.hypot(way_x_hw[row, column], way_y_hw[row, column])
            assert way == pytest.approx(expected * distance / sigma, abs=2e-3)


def test_a_bone_that_was_not_seen_is_not_drawn():
    dlt = DifferentiableLandmarkTransformer(sigma=0.15, bones=[[(0, 1)]])
    keypoints = torch.tensor([[[[5.0, 5.0], [40.0, 20.0]]]], requires_grad=True)
    unseen = dlt(keypoints, torch.tensor([[[1.0, 0.0]]]), SIZE)[:, :, 2:]
    assert not unseen.any()
    seen = dlt(keypoints, torch.ones(1, 1, 2), SIZE)[:, :, 2:]
    seen.sum().backward()
    assert keypoints.grad is not None
    assert keypoints.grad.abs().min() > 0
