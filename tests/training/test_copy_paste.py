"""Copy-paste augmentation: the picture shows hands where the keypoints are."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apvg.instruments.skeleton import HANDS
from apvg.training.data.copy_paste import copy_paste
from apvg.training.data.scene import Scene

HEIGHT, WIDTH, FRAMES, CROP = 96, 256, 3, 192
MARKED = 8  # the tip of the index finger


def scene() -> Scene:
    """Two hands of a few pixels a point; the marked fingertip is a soft spot of light in an opaque
    square."""
    random = np.random.default_rng(0)
    keypoints_TKD = torch.zeros(FRAMES, 42, 2)
    for hand, x in enumerate((80.0, 170.0)):
        points_JD = torch.from_numpy(random.uniform(-12, 12, (21, 2))).float()
        keypoints_TKD[:, 21 * hand : 21 * hand + 21] = points_JD + torch.tensor([x, 50.0])
    rows_HW, columns_HW = torch.meshgrid(
        torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij"
    )
    light_HW, mattes_HW = torch.zeros(HEIGHT, WIDTH), torch.zeros(HEIGHT, WIDTH)
    for hand in (0, 1):
        x, y = keypoints_TKD[0, 21 * hand + MARKED].tolist()
        light_HW += torch.exp(-((columns_HW - x) ** 2 + (rows_HW - y) ** 2) / 8)
        mattes_HW[(columns_HW - x).abs().lt(20) & (rows_HW - y).abs().lt(20)] = 255
    frames_TCHW = (255 * light_HW).byte().expand(FRAMES, 3, -1, -1)
    return Scene(
        frames_TCHW,
        mattes_HW.byte().expand(FRAMES, -1, -1),
        mattes_HW.byte().expand(FRAMES, -1, -1),
        torch.zeros(3, HEIGHT, WIDTH),
        keypoints_TKD,
        torch.ones(FRAMES, 42),
        np.arange(FRAMES),
        HANDS,
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), hand=st.sampled_from([0, 1]))
def test_the_light_is_on_the_fingertip(seed: int, hand: int) -> None:
    pasted = copy_paste(np.random.default_rng(seed), scene(), slice(0, FRAMES), CROP)
    assert pasted is not None
    for frame in range(FRAMES):
        x, y = pasted.keypoints_TKD[frame, 21 * hand + MARKED].tolist()
        assume(8 < x < CROP - 8 and 8 < y < HEIGHT - 8)
        light_HW = pasted.layers[hand][0][frame, 0]
        # Other copies of the spot, drawn out from the picture's edge, are not looked at.
        near_HW = light_HW[round(y) - 8 : round(y) + 8, round(x) - 8 : round(x) + 8]
        rows_H = torch.arange(round(y) - 8, round(y) + 8) + 0.5
        columns_W = torch.arange(round(x) - 8, round(x) + 8) + 0.5
        whole = near_HW.sum()
        found = (near_HW.sum(0) @ columns_W / whole, near_HW.sum(1) @ rows_H / whole)
        np.testing.assert_allclose(found, (x, y), atol=0.6)
        assert pasted.layers[hand][1][frame, int(y), int(x)] > 0.9


def test_hands_are_drawn_out_along_the_keys_and_not_across() -> None:
    one, ratios = scene(), []
    was_D = torch.tensor([np.ptp(one.keypoints_TKD[0, :21, axis].numpy()) for axis in (0, 1)])
    for seed in range(200):
        pasted = copy_paste(np.random.default_rng(seed), one, slice(0, FRAMES), CROP)
        assert pasted is not None
        is_D = torch.tensor([np.ptp(pasted.keypoints_TKD[0, :21, axis].numpy()) for axis in (0, 1)])
        ratios.append((is_D / was_D).tolist())
    wider, higher = np.mean(ratios, axis=0)
    assert 1.05 < wider < 1.2
    assert 0.95 < higher < 1.08
