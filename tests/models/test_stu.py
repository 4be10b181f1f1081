"""The STU: its state across chunks, what its graph does, and that it can be trained through the
DLT."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch

from apvg.instruments.skeleton import HANDS
from apvg.models.blocks import ConvGRU
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.stu import KeypointGraph, StructuredTemporalUNet, STUConfig

CONFIG = STUConfig(channels=(8, 8, 8), node_channels=4, graph_layers=2, hidden=6)


@pytest.fixture(scope="module")
def stu() -> StructuredTemporalUNet:
    torch.manual_seed(0)
    return StructuredTemporalUNet(CONFIG, HANDS)


def inputs(frames: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    keypoints = torch.rand(1, frames, 42, 2, generator=generator) * 32
    heatmaps = DifferentiableLandmarkTransformer()(keypoints, torch.ones(1, frames, 42), (32, 48))
    coarse = torch.rand(1, frames, 3, 8, 12, generator=generator)
    return coarse, heatmaps, keypoints, torch.rand(1, 3, 32, 48, generator=generator)


@pytest.mark.parametrize("cut", [1, 3, 6])
@pytest.mark.parametrize("recurrent_level", ["fine", "coarsest"])
def test_chunks_with_carried_state_give_what_the_whole_gives(
    recurrent_level: Literal["fine", "coarsest"], cut: int
):
    torch.manual_seed(0)
    stu = StructuredTemporalUNet(replace(CONFIG, recurrent_level=recurrent_level), HANDS)
    coarse, heatmaps, keypoints, plate = inputs(7)
    whole, _ = stu(coarse, heatmaps, keypoints, plate)
    first, state = stu(coarse[:, :cut], heatmaps[:, :cut], keypoints[:, :cut], plate)
    assert state.shape == (1, 6, *((8, 12) if recurrent_level == "fine" else (2, 3)))
    second, _ = stu(coarse[:, cut:], heatmaps[:, cut:], keypoints[:, cut:], plate, state)
    chunked = torch.cat([first.over(plate), second.over(plate)], dim=1)
    torch.testing.assert_close(chunked, whole.over(plate), atol=1e-5, rtol=0)
    # The state matters: without it the second chunk is another.
    fresh, _ = stu(coarse[:, cut:], heatmaps[:, cut:], keypoints[:, cut:], plate)
    assert (fresh.over(plate) - second.over(plate)).abs().max() > 1e-6


def test_a_matte_of_zero_shows_the_plate(stu: StructuredTemporalUNet):
    coarse, heatmaps, keypoints, plate = inputs(2)
    with torch.inference_mode():
        painting, _ = stu(coarse, heatmaps, keypoints, plate)
    matte = painting.matte_BTHW[:, :, None]
    colour = (painting.over(plate) - (1 - matte) * plate[:, None]) / matte
    torch.testing.assert_close(colour, painting.colour_BTCHW, atol=1e-3, rtol=0)
    assert float(colour.min()) > -1e-3
    assert float(colour.max()) < 1 + 1e-3


def test_gradient_of_the_frames_reaches_the_keypoints(stu: StructuredTemporalUNet):
    coarse, _, keypoints, plate = inputs(2)
    keypoints.requires_grad_()
    heatmaps = DifferentiableLandmarkTransformer()(keypoints, torch.ones(1, 2, 42), (32, 48))
    painting, _ = stu(coarse, heatmaps, keypoints, plate)
    painting.over(plate).mean().backward()
    assert keypoints.grad is not None
    assert float(keypoints.grad.abs().amax(dim=(0, 1, 3)).min()) > 0  # every point


def test_graph_carries_features_along_bones_only_until_it_has_learnt_more():
    torch.manual_seed(0)
    graph = KeypointGraph(HANDS, channels=6, node_channels=5, layers=1)
    block = torch.rand(1, 6, 8, 12)
    keypoints = torch.zeros(1, 42, 2)
    tip, wrist = HANDS.points.index("left_index_tip"), HANDS.points.index("left_wrist")
    keypoints[0, tip], keypoints[0, wrist] = torch.tensor([30.0, 12.0]), torch.tensor([6.0, 20.0])
    # Only one point writes; only another's place in the block changes.
    written = torch.zeros(1, 42, 8, 12)

    def change_at_tip(source: int) -> float:
        written.zero_()
        written[0, tip] = 1.0
        x, y = (keypoints[0, source] / 4).long().tolist()
        moved = block.clone()
        moved[0, :, y, x] += 1.0
        with torch.no_grad():
            outputs = [graph(b, keypoints, written) - b for b in (block, moved)]
        return float((outputs[0] - outputs[1]).abs().max())

    assert change_at_tip(tip) > 1e-3
    assert change_at_tip(wrist) < 1e-6  # four bones away, one layer
    with torch.no_grad():
        graph.learned_LKK[0, tip, wrist] = 1.0
    assert change_at_tip(wrist) > 1e-3


def test_conv_gru_is_the_textbook_recurrence():
    torch.manual_seed(0)
    gru = ConvGRU(2, 3)
    x = torch.rand(1, 4, 2, 5, 6)
    states, last = gru(x, None)
    state = torch.zeros(1, 3, 5, 6)
    for t in range(4):
        z_x, r_x, n_x = gru.from_input(x[:, t]).chunk(3, dim=1)
        z_h, r_h = gru.gates_from_state(state).chunk(2, dim=1)
        z, r = torch.sigmoid(z_x + z_h), torch.sigmoid(r_x + r_h)
        n = torch.tanh(n_x + gru.candidate_from_state(r * state))
        state = (1 - z) * state + z * n
        torch.testing.assert_close(states[:, t], state)
    torch.testing.assert_close(last, state)


@pytest.mark.parametrize(
    "left_out",
    [
        {"graph_layers": 0},
        {"hidden": 0},
        {"coarse": False},
        {"heatmaps": False, "graph_layers": 0},
    ],
    ids=["GCN", "ConvGRU", "coarse video", "heatmaps"],
)
def test_what_is_left_out_has_no_say(left_out: dict[str, int]):
    torch.manual_seed(0)
    config = replace(CONFIG, **left_out)
    stu = StructuredTemporalUNet(config, HANDS)
    coarse, heatmaps, keypoints, plate = inputs(4)
    painting, state = stu(coarse, heatmaps, keypoints, plate)
    assert painting.over(plate).shape == (1, 4, 3, 32, 48)
    fewer = sum(p.numel() for p in stu.parameters())
    if config.heatmaps:  # coordinates are more maps
        assert fewer < sum(p.numel() for p in StructuredTemporalUNet(CONFIG, HANDS).parameters())
    if not config.coarse:
        other, _ = stu(1 - coarse, heatmaps, keypoints, plate)
        torch.testing.assert_close(other.colour_BTCHW, painting.colour_BTCHW)
    if not config.hidden:
        assert state is None
        last, _ = stu(coarse[:, 3:], heatmaps[:, 3:], keypoints[:, 3:], plate)
        torch.testing.assert_close(
            last.colour_BTCHW, painting.colour_BTCHW[:, 3:], atol=1e-6, rtol=0
        )
    if not config.heatmaps:  # a point's map tells whether it was seen, and nothing of its place
        other, _ = stu(coarse, heatmaps.roll(3, dims=-1), keypoints, plate)
        torch.testing.assert_close(other.colour_BTCHW, painting.colour_BTCHW)
        moved, _ = stu(coarse, heatmaps, keypoints + 4.0, plate)
        assert (moved.colour_BTCHW - painting.colour_BTCHW).abs().max() > 1e-6


def test_without_heatmaps_there_is_nothing_for_the_graph_to_write_through():
    with pytest.raises(ValueError, match="graph_layers"):
        replace(CONFIG, heatmaps=False)
