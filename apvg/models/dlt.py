"""DLT: the differentiable landmark transformer, from keypoints to heatmaps (source: the abstract's "space transformer").

A heatmap tells the video stages precisely where a joint is, but is hard to predict from sound; coordinates are easy to
predict but tell a convolution nothing. The DLT turns one into the other and lets the gradient through.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DifferentiableLandmarkTransformer(nn.Module):
    """One Gaussian per keypoint: peak 1 at the sub-pixel position, scaled by the keypoint's confidence.

    Args:
        stride: Pixels per heatmap cell; cell i covers pixels [i * stride, (i + 1) * stride).
        sigma: Standard deviation as a share of the image's height (own choice).
    """

    def __init__(self, *, stride: int = 4, sigma: float = 0.03) -> None:
        super().__init__()
        self.stride = stride
        self.sigma = sigma

    def forward(
        self,
        keypoints_BTKD: Tensor,
        confidence_BTK: Tensor,
        size_HW: tuple[int, int],
        *,
        frame_height: int | None = None,
    ) -> Tensor:
        """
        Args:
            keypoints_BTKD: [B, T, K, 2] in pixels, x then y; pixel centres lie at whole numbers.
            confidence_BTK: [B, T, K] in 0..1.
            size_HW: Height and width of the picture (or crop) in pixels.
            frame_height: Height that sigma refers to, where the picture is a crop of a larger frame.

        Returns:
            Heatmaps [B, T, K, H / stride, W / stride] in 0..1.
        """
        height, width = size_HW
        sigma = self.sigma * (frame_height or height)
        profile_BTKw = self._profile(keypoints_BTKD[..., 0], width, sigma)
        profile_BTKh = self._profile(keypoints_BTKD[..., 1], height, sigma)
        # A Gaussian is separable: two profiles and one outer product instead of a map of exponentials.
        return (confidence_BTK[..., None] * profile_BTKh)[..., None] * profile_BTKw[..., None, :]

    def _profile(self, centre_BTK: Tensor, pixels: int, sigma: float) -> Tensor:
        cells = torch.arange(pixels // self.stride, device=centre_BTK.device)
        middles = cells.to(centre_BTK.dtype) * self.stride + (self.stride - 1) / 2
        return torch.exp(-0.5 * ((middles - centre_BTK[..., None]) / sigma) ** 2)
