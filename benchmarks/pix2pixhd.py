"""A generator of the vid2vid class for comparison: the global generator of pix2pixHD (Wang et al.,
2018), from its description.

c7s1-64, d128, d256, d512, d1024, nine residual blocks of 1024 channels, u512, u256, u128, u64,
c7s1-3, with instance normalisation and reflection padding (the paper's appendix). Speed does not
ask for trained weights, so they are random.
"""

from __future__ import annotations

from torch import Tensor, nn

CHANNELS, DOWN, BLOCKS = 64, 4, 9


class ResnetBlock(nn.Module):
    """x + conv(conv(x)), each 3×3 and normalised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return x_NCHW + self.layers(x_NCHW)


class GlobalGenerator(nn.Sequential):
    """Label or pose maps [N, maps, H, W] to pictures [N, 3, H, W] in -1..1."""

    def __init__(self, maps: int, channels: int = CHANNELS, blocks: int = BLOCKS) -> None:
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            *_normalised(nn.Conv2d(maps, channels, 7)),
        ]
        for _ in range(DOWN):
            layers += _normalised(nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1))
            channels *= 2
        layers += [ResnetBlock(channels) for _ in range(blocks)]
        for _ in range(DOWN):
            layers += _normalised(
                nn.ConvTranspose2d(
                    channels, channels // 2, 3, stride=2, padding=1, output_padding=1
                )
            )
            channels //= 2
        super().__init__(*layers, nn.ReflectionPad2d(3), nn.Conv2d(channels, 3, 7), nn.Tanh())


def _normalised(convolution: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    norm = nn.InstanceNorm2d(convolution.out_channels)
    return [convolution, norm, nn.ReLU(inplace=True)]
