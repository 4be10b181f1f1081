"""FPVG: the final video from the coarse video and the heatmaps, by the structured temporal UNet
(STU).

Source (poster): within a frame, a graph convolution over the predicted keypoints acts on the UNet's
feature block; between frames, a CNN-GRU keeps them consistent: at the UNet's finest level, or at
its coarsest (`recurrent_level`). At the coarsest a cell is 16 pixels wide; keypoint jitter is less,
and reaches the picture through the skip connections, past the recurrent state. Shapes are this
project's own choice: the UNet lives behind a 4×4 space-to-depth stem, so that it runs in real time
on two CPU cores, and it gives a colour and a matte, which a compositor lays over the performer's
still background plate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.base.conventions import PIXEL_CENTRE, STRIDE
from apvg.instruments.skeleton import Skeleton
from apvg.models.blocks import ConvGRU, ResidualBlock
from apvg.video.compositing import Layer, composite


@dataclass(frozen=True)
class STUConfig:
    """Shape of the STU.

    Attributes:
        channels: Feature channels at 1/4, 1/8 and 1/16 of the frame.
        node_channels: Features of one keypoint within the graph convolution.
        graph_layers: Graph convolutions in a row; 0 leaves the GCN out.
        hidden: Channels of the ConvGRU's state; 0 leaves it out, and every frame is painted by
            itself.
        recurrent_level: Where the ConvGRU is: on the "fine" features at 1/4 of the frame, or the
            "coarsest" at 1/16.
        bones: Whether it gets the skeleton's bones in addition to the heatmaps of its points (see
            the DLT).
        heatmaps: Whether it gets heatmaps. If not, their places are taken by each point's
            coordinates, the same all over the picture, and there is no GCN, which writes through
            them.
        coarse: Whether it gets the coarse video.

    Raises:
        ValueError: Something is asked for without the heatmaps that it needs.
    """

    channels: tuple[int, int, int] = (64, 96, 128)
    node_channels: int = 32
    graph_layers: int = 2
    hidden: int = 16
    recurrent_level: Literal["fine", "coarsest"] = "fine"
    bones: bool = False
    heatmaps: bool = True
    coarse: bool = True

    def __post_init__(self) -> None:
        if not self.heatmaps and (self.bones or self.graph_layers):
            raise ValueError("without heatmaps there are no bones and no graph_layers")


class KeypointGraph(nn.Module):
    """GCN over the keypoints, acting on a feature block (intra-frame structure).

    A node's features are the block's, sampled where its keypoint lies. They travel along the
    skeleton's bones (fixed, normalised adjacency: Kipf & Welling, 2017) and along a learned
    residual adjacency, and are written back into the block through the heatmaps.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        channels: int,
        node_channels: int,
        layers: int,
        pixel_centre: float = PIXEL_CENTRE,
    ) -> None:
        super().__init__()
        self.pixel_centre = pixel_centre
        self.adjacency_KK: Tensor
        self.register_buffer(
            "adjacency_KK", torch.from_numpy(skeleton.adjacency_KK()), persistent=False
        )
        self.learned_LKK = nn.Parameter(torch.zeros(layers, len(skeleton), len(skeleton)))
        self.identity_KC = nn.Parameter(0.1 * torch.randn(len(skeleton), node_channels))
        self.read = nn.Linear(channels, node_channels)
        self.layers = nn.ModuleList(nn.Linear(node_channels, node_channels) for _ in range(layers))
        self.write = nn.Linear(node_channels, channels)

    def forward(self, block_NChw: Tensor, keypoints_NKD: Tensor, heatmaps_NKhw: Tensor) -> Tensor:
        """
        Args:
            block_NChw: Feature block on the stem's grid; N counts frames.
            keypoints_NKD: [N, K, 2] in pixels of the picture that the block covers.
            heatmaps_NKhw: The same keypoints' heatmaps, on the block's grid.
        """
        height, width = block_NChw.shape[-2:]
        size_D = keypoints_NKD.new_tensor([width, height]) * STRIDE
        # align_corners=False: -1 and 1 are the outer edges of the outermost cells.
        from_corner_NKD = keypoints_NKD + (PIXEL_CENTRE - self.pixel_centre)
        grid_NK1D = (2 * from_corner_NKD / size_D - 1)[:, :, None]
        sampled_NCK = F.grid_sample(
            block_NChw, grid_NK1D.to(block_NChw.dtype), padding_mode="border", align_corners=False
        )[..., 0]
        nodes_NKC = self.read(sampled_NCK.transpose(1, 2)) + self.identity_KC
        for layer, learned_KK in zip(self.layers, self.learned_LKK, strict=True):
            along_bones_NKC = (self.adjacency_KK + learned_KK) @ layer(nodes_NKC)
            nodes_NKC = nodes_NKC + F.relu(along_bones_NKC)
        # Cell by cell rather than map by map: one matrix product where channels lie innermost.
        heatmaps_NXK = heatmaps_NKhw.permute(0, 2, 3, 1).flatten(1, 2)
        written_NXC = heatmaps_NXK @ self.write(nodes_NKC).to(heatmaps_NXK.dtype)
        return block_NChw + written_NXC.transpose(1, 2).unflatten(2, (height, width))


class Encoded(NamedTuple):
    """Features of the UNet's encoder, at 1/4, 1/8 and 1/16 of the frame."""

    fine_NChw: Tensor
    middle_NChw: Tensor
    coarsest_NChw: Tensor

    def at(self, level: Literal["fine", "coarsest"]) -> Tensor:
        """The features of a level."""
        return self.fine_NChw if level == "fine" else self.coarsest_NChw


class Painting(NamedTuple):
    """What the STU paints: a layer to composite over a plate.

    Attributes:
        colour_BTCHW: In 0..1.
        matte_logits_BTHW: Its opacity, before the sigmoid.
    """

    colour_BTCHW: Tensor
    matte_logits_BTHW: Tensor

    @property
    def matte_BTHW(self) -> Tensor:
        """Opacity in 0..1."""
        return self.matte_logits_BTHW.sigmoid()

    def over(self, plate_BCHW: Tensor) -> Tensor:
        """The frames [B, T, 3, H, W] in 0..1: colour over plate by matte."""
        layer = Layer(self.colour_BTCHW, self.matte_BTHW[:, :, None])
        return composite(plate_BCHW[:, None].float(), [layer])


class StructuredTemporalUNet(nn.Module):
    """The STU: heatmaps and coarse video in, final frames out; the ConvGRU's state is carried
    across chunks."""

    def __init__(
        self, config: STUConfig, skeleton: Skeleton, pixel_centre: float = PIXEL_CENTRE
    ) -> None:
        super().__init__()
        fine, middle, coarsest = config.channels
        self.config, self.skeleton = config, skeleton
        maps = len(skeleton) + (3 * len(skeleton.bones) if config.bones else 0)
        maps = maps if config.heatmaps else 3 * len(skeleton)
        self.stem = nn.Conv2d(maps + 3 * config.coarse + 3 * STRIDE**2, fine, 1)
        self.encode_fine = ResidualBlock(fine)
        if config.graph_layers:
            self.graph = KeypointGraph(
                skeleton, fine, config.node_channels, config.graph_layers, pixel_centre
            )
        self.down_middle = nn.Conv2d(fine, middle, 3, stride=2, padding=1)
        self.encode_middle = ResidualBlock(middle)
        self.down_coarsest = nn.Conv2d(middle, coarsest, 3, stride=2, padding=1)
        self.encode_coarsest = ResidualBlock(coarsest)
        if config.hidden:
            channels = {"fine": fine, "coarsest": coarsest}[config.recurrent_level]
            self.gru = ConvGRU(channels, config.hidden)
            self.from_gru = nn.Conv2d(config.hidden, channels, 1)
        self.decode_coarsest = ResidualBlock(coarsest)
        self.up_middle = nn.Conv2d(coarsest, middle, 1)
        self.decode_middle = ResidualBlock(middle)
        self.up_fine = nn.Conv2d(middle, fine, 1)
        self.decode_fine = ResidualBlock(fine)
        self.paint = nn.Conv2d(fine, 4 * STRIDE**2, 3, padding=1)

    def forward(
        self,
        coarse_BTChw: Tensor,
        heatmaps_BTKhw: Tensor,
        keypoints_BTKD: Tensor,
        plate_BCHW: Tensor,
        state_BCHW: Tensor | None = None,
    ) -> tuple[Painting, Tensor | None]:
        """
        Args:
            coarse_BTChw: Coarse video in 0..1 at a quarter of the frame's size.
            heatmaps_BTKhw: Heatmaps on the same grid, and after them those of the bones where it
                gets them.
            keypoints_BTKD: The keypoints behind them, pixels.
            plate_BCHW: Still background in 0..1; its height and width are multiples of 16.
            state_BCHW: The ConvGRU's state after the chunk before; None at the start.

        Returns:
            The painting and the state to hand to the next chunk (None without a ConvGRU).
        """
        encoded = self.encode(coarse_BTChw, heatmaps_BTKhw, keypoints_BTKD, plate_BCHW)
        hidden_NChw, last_BCHW = self.recur(
            encoded.at(self.config.recurrent_level), len(plate_BCHW), state_BCHW
        )
        return self.decode(encoded, hidden_NChw, len(plate_BCHW)), last_BCHW

    def encode(
        self,
        coarse_BTChw: Tensor,
        heatmaps_BTKhw: Tensor,
        keypoints_BTKD: Tensor,
        plate_BCHW: Tensor,
    ) -> Encoded:
        """The encoder, with the graph over the keypoints: every frame by itself."""
        points_NKhw = heatmaps_BTKhw.flatten(0, 1)[:, : len(self.skeleton)]
        keypoints_NKD = keypoints_BTKD.flatten(0, 1)
        inputs = [heatmaps_BTKhw.flatten(0, 1)]
        if not self.config.heatmaps:
            inputs = [_coordinate_maps(keypoints_NKD, points_NKhw)]
        if self.config.coarse:
            inputs.append(coarse_BTChw.flatten(0, 1))
        x_fine = self.encode_fine(self._stem(torch.cat(inputs, dim=1), plate_BCHW))
        if self.config.graph_layers:
            x_fine = self.graph(x_fine, keypoints_NKD, points_NKhw)
        x_middle = self.encode_middle(self.down_middle(F.relu(x_fine)))
        x_coarsest = self.encode_coarsest(self.down_coarsest(F.relu(x_middle)))
        return Encoded(x_fine, x_middle, x_coarsest)

    def recur(
        self, block_NChw: Tensor, batch: int, state_BCHW: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Between frames, of the block at `recurrent_level`: the ConvGRU's states [N, hidden, h,
        w], and the last one [B, hidden, h, w].

        None without a ConvGRU.
        """
        if not self.config.hidden:
            return None, None
        states_BTChw, last_BChw = self.gru(block_NChw.unflatten(0, (batch, -1)), state_BCHW)
        return states_BTChw.flatten(0, 1), last_BChw

    def decode(self, encoded: Encoded, hidden_NChw: Tensor | None, batch: int) -> Painting:
        """The decoder, to colour and matte: every frame by itself again."""
        x_fine, x_middle, x_coarsest = encoded
        if hidden_NChw is not None and self.config.recurrent_level == "fine":
            x_fine = x_fine + self.from_gru(hidden_NChw)
        elif hidden_NChw is not None:
            x_coarsest = x_coarsest + self.from_gru(hidden_NChw)
        x_coarsest = self.up_middle(self.decode_coarsest(x_coarsest))
        x_middle = x_middle + F.interpolate(x_coarsest, scale_factor=2.0, mode="nearest")
        x_middle = self.up_fine(self.decode_middle(x_middle))
        x_fine = x_fine + F.interpolate(x_middle, scale_factor=2.0, mode="nearest")
        logits_NChw = self.paint(F.relu(self.decode_fine(x_fine)))

        # The last steps are taken in full precision, whatever that of the convolutions.
        painted_N4HW = F.pixel_shuffle(logits_NChw.float(), STRIDE)
        painted_BT4HW = painted_N4HW.unflatten(0, (batch, -1))
        return Painting(painted_BT4HW[:, :, :3].sigmoid(), painted_BT4HW[:, :, 3])

    def _stem(self, maps_NMhw: Tensor, plate_BCHW: Tensor) -> Tensor:
        """The stem, [N, C, h, w]; the plate's share of it is the same for all frames."""
        of_frames, of_plate = self.stem.weight.split((maps_NMhw.shape[1], 3 * STRIDE**2), dim=1)
        plate_BChw = F.conv2d(F.pixel_unshuffle(plate_BCHW, STRIDE), of_plate, self.stem.bias)
        entered_BTChw = F.conv2d(maps_NMhw, of_frames).unflatten(0, (len(plate_BCHW), -1))
        return (entered_BTChw + plate_BChw[:, None]).flatten(0, 1)


def _coordinate_maps(keypoints_NKD: Tensor, points_NKhw: Tensor) -> Tensor:
    """[N, 3K, h, w]: x and y of every point in -1..1, and whether it was seen; the same in every
    cell."""
    height, width = points_NKhw.shape[-2:]
    size_D = keypoints_NKD.new_tensor([width, height]) * STRIDE
    seen_NK1 = (points_NKhw.amax(dim=(2, 3)) > 0)[..., None].to(keypoints_NKD)
    maps_NK3 = torch.cat([(2 * keypoints_NKD / size_D - 1) * seen_NK1, seen_NK1], dim=2)
    return maps_NK3.flatten(1)[..., None, None].expand(-1, -1, height, width)
