"""Layers over a plate, beside the formula of the over operator pixel by pixel in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from apvg.video.compositing import Layer, alpha, composite

FRAMES, CHANNELS, HEIGHT, WIDTH = 2, 3, 6, 7


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def layer(
    seed: int,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    place: tuple[int, int] = (0, 0),
    channels: int = 1,
) -> Layer:
    colour_TCHW = drawn(FRAMES, CHANNELS, *size, seed=seed)
    return Layer(colour_TCHW, drawn(FRAMES, channels, *size, seed=seed + 1), *place)


def reference(plate_CHW: Tensor, layers: Sequence[Layer]) -> tuple[np.ndarray, np.ndarray]:
    """Frames and joint opacity, one pixel after the other."""
    frames_TCHW = np.repeat(plate_CHW.numpy()[None].astype(np.float64), FRAMES, 0)
    clear_TCHW = np.ones_like(frames_TCHW)  # share of the plate that is seen
    for item in layers:
        colour_TCHW = item.colour_TCHW.numpy()
        matte_TCHW = np.broadcast_to(item.matte_TCHW.numpy(), colour_TCHW.shape)
        for row in range(colour_TCHW.shape[2]):
            for column in range(colour_TCHW.shape[3]):
                y, x = row + item.top, column + item.left
                if 0 <= y < HEIGHT and 0 <= x < WIDTH:
                    a = matte_TCHW[:, :, row, column]
                    frames_TCHW[:, :, y, x] *= 1 - a
                    frames_TCHW[:, :, y, x] += a * colour_TCHW[:, :, row, column]
                    clear_TCHW[:, :, y, x] *= 1 - a
    return frames_TCHW, 1 - clear_TCHW


def test_one_full_layer_is_lerp_to_the_bit() -> None:
    plate_CHW, one = drawn(CHANNELS, HEIGHT, WIDTH, seed=0), layer(1)
    expected_TCHW = torch.lerp(plate_CHW, one.colour_TCHW, one.matte_TCHW)
    assert torch.equal(composite(plate_CHW, [one]), expected_TCHW)
    assert torch.equal(alpha([one], HEIGHT, WIDTH), one.matte_TCHW)
    # … of batches, with one plate each, too.
    plate_B1CHW = drawn(4, 1, CHANNELS, HEIGHT, WIDTH, seed=0)
    colour_BTCHW = drawn(4, FRAMES, CHANNELS, HEIGHT, WIDTH, seed=1)
    matte_BT1HW = drawn(4, FRAMES, 1, HEIGHT, WIDTH, seed=2)
    frames_BTCHW = composite(plate_B1CHW, [Layer(colour_BTCHW, matte_BT1HW)])
    assert torch.equal(frames_BTCHW, torch.lerp(plate_B1CHW, colour_BTCHW, matte_BT1HW))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.tuples(st.integers(1, 9), st.integers(1, 9)),  # size
            st.tuples(st.integers(-10, 8), st.integers(-10, 8)),  # top, left: wholly outside, too
            st.sampled_from([1, CHANNELS]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_layers_lie_where_they_are_put_and_are_clipped(drawings: list) -> None:
    plate_CHW = drawn(CHANNELS, HEIGHT, WIDTH, seed=0)
    before_CHW = plate_CHW.clone()
    layers = [layer(10 * i, *drawing) for i, drawing in enumerate(drawings)]
    frames_TCHW, alpha_TCHW = reference(plate_CHW, layers)
    laid_TCHW = composite(plate_CHW, layers)
    np.testing.assert_allclose(laid_TCHW.expand(FRAMES, -1, -1, -1), frames_TCHW, atol=1e-6)
    joint_TCHW = alpha(layers, HEIGHT, WIDTH).expand(FRAMES, CHANNELS, -1, -1)
    np.testing.assert_allclose(joint_TCHW, alpha_TCHW, atol=1e-6)
    assert torch.equal(plate_CHW, before_CHW)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=3))
def test_opacity_is_associative(places: list[tuple[int, int]]) -> None:
    a, b, c = (layer(10 * i, place=place) for i, place in enumerate(places))

    def joined(*layers: Layer) -> Layer:
        matte_T1HW = alpha(layers, HEIGHT, WIDTH)
        return Layer(matte_T1HW.expand(-1, CHANNELS, -1, -1), matte_T1HW)

    at_once_T1HW = alpha([a, b, c], HEIGHT, WIDTH)
    torch.testing.assert_close(alpha([joined(a, b), c], HEIGHT, WIDTH), at_once_T1HW)
    torch.testing.assert_close(alpha([a, joined(b, c)], HEIGHT, WIDTH), at_once_T1HW)
    assert at_once_T1HW.min() >= 0
    assert at_once_T1HW.max() <= 1


def test_a_later_layer_hides_an_earlier_one() -> None:
    plate_CHW = torch.zeros(CHANNELS, HEIGHT, WIDTH)
    opaque_T1HW = torch.ones(1, 1, 2, 2)
    back = Layer(torch.full((1, CHANNELS, 2, 2), 0.25), opaque_T1HW, 1, 1)
    front = Layer(torch.full((1, CHANNELS, 2, 2), 0.75), opaque_T1HW, 2, 2)
    frames_TCHW = composite(plate_CHW, [back, front])
    assert frames_TCHW[0, 0, 2, 2] == 0.75
    assert frames_TCHW[0, 0, 1, 1] == 0.25
    assert frames_TCHW[0, 0, 0, 0] == 0
    assert torch.equal(composite(plate_CHW, []), plate_CHW[None])


def test_gradients_reach_every_layer_where_it_is_seen() -> None:
    colours = [torch.rand(1, CHANNELS, 3, 3, requires_grad=True) for _ in range(2)]
    half_T1HW = torch.full((1, 1, 3, 3), 0.5)
    layers = [
        Layer(colour, half_T1HW, place, place)
        for colour, place in zip(colours, (0, 5), strict=True)
    ]
    composite(torch.zeros(CHANNELS, HEIGHT, WIDTH), layers).sum().backward()
    first, second = (colour.grad for colour in colours)
    assert first is not None
    assert second is not None
    assert torch.equal(first, torch.full_like(first, 0.5))
    assert second[..., 0, :2].min() == 0.5  # a row of two pixels is in the picture
    assert second[..., 1:, :].abs().max() == 0
    assert second[..., 2].abs().max() == 0


def test_a_matte_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Layer(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 5))
    with pytest.raises(ValueError, match="does not fit"):
        Layer(torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 4))
