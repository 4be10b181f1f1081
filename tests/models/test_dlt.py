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
            distance = (4 * column + 1.5 - x) ** 2 + (4 * row + 1.5 - y) ** 2
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
    at_cell = dlt(torch.tensor([[[[21.5, 13.5]]]]), torch.ones(1, 1, 1), SIZE)
    assert float(at_cell.max()) == pytest.approx(1.0)
    moved = dlt(torch.tensor([[[[22.3, 13.5]]]]), torch.ones(1, 1, 1), SIZE)[0, 0, 0]
    middles = torch.arange(12) * 4 + 1.5
    assert float((moved.sum(0) * middles).sum() / moved.sum()) == pytest.approx(22.3, abs=0.02)


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
