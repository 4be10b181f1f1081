"""DLT: the differentiable landmark transformer, from keypoints to heatmaps (source: the abstract's
"space transformer").

A heatmap shows the video stages precisely where a joint is, but is hard to predict from sound.
Coordinates are easy to predict, but a convolution cannot use them. The DLT turns one into the other
and is differentiable. Two peaks far apart say little about the long bone between them, or about a
bow: it can draw bones as well (own choice).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from apvg.base.conventions import PIXEL_CENTRE, STRIDE


class DifferentiableLandmarkTransformer(nn.Module):
    """One Gaussian per keypoint: peak 1 at the sub-pixel position, scaled by the keypoint's
    confidence.

    Args:
        stride: Pixels per heatmap cell; cell i covers pixels [i * stride, (i + 1) * stride).
        sigma: Standard deviation as a share of the image's height (own choice).
        bones: Groups of bones, each a pair of keypoints. Every group has three maps more: how near
            its nearest bone is, and in which direction.
        pixel_centre: Where the first pixel's centre lies; 0 for performers of format 3.
    """

    def __init__(
        self,
        *,
        stride: int = STRIDE,
        sigma: float = 0.03,
        bones: Sequence[Sequence[tuple[int, int]]] = (),
        pixel_centre: float = PIXEL_CENTRE,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.sigma = sigma
        self.bones = bones
        self.pixel_centre = pixel_centre

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
            keypoints_BTKD: [B, T, K, 2] in pixels, x then y; (0, 0) is the corner of the picture.
            confidence_BTK: [B, T, K] in 0..1.
            size_HW: Height and width of the picture (or crop) in pixels.
            frame_height: Height that sigma refers to, where the picture is a crop of a larger
                frame.

        Returns:
            Heatmaps [B, T, K, H / stride, W / stride] in 0..1, and after them those of the bones,
            -1..1.
        """
        height, width = size_HW
        sigma = self.sigma * (frame_height or height)
        profile_BTKw = self._profile(keypoints_BTKD[..., 0], width, sigma)
        profile_BTKh = self._profile(keypoints_BTKD[..., 1], height, sigma)
        # A Gaussian is separable: two profiles and one outer product instead of a map of
        # exponentials.
        rows_BTKh1 = (confidence_BTK[..., None] * profile_BTKh)[..., None]
        heatmaps_BTKhw = rows_BTKh1 * profile_BTKw[..., None, :]
        if not self.bones:
            return heatmaps_BTKhw
        drawn = [
            self._draw(keypoints_BTKD, confidence_BTK, group, size_HW, sigma)
            for group in self.bones
        ]
        return torch.cat([heatmaps_BTKhw, *drawn], dim=2)

    def _draw(
        self,
        keypoints_BTKD: Tensor,
        confidence_BTK: Tensor,
        bones: Sequence[tuple[int, int]],
        size_HW: tuple[int, int],
        sigma: float,
    ) -> Tensor:
        """[B, T, 3, h, w]: a Gaussian of the distance to the nearest of some bones, and the way to
        it in sigmas times that.

        A bone is as sure as the less sure of its ends; one that was not seen is drawn nowhere.
        """
        first, second = (list(ends) for ends in zip(*bones, strict=True))
        x_w, y_h = (self._middles(pixels, keypoints_BTKD) for pixels in reversed(size_HW))
        start_BTE2, bone_BTE2 = keypoints_BTKD[:, :, first], keypoints_BTKD[:, :, second]
        bone_BTE2 = bone_BTE2 - start_BTE2
        sure_BTE = torch.minimum(confidence_BTK[:, :, first], confidence_BTK[:, :, second])
        from_x_BTEw = x_w - start_BTE2[..., :1]
        from_y_BTEh = y_h - start_BTE2[..., 1:]
        bone_x_BTE11, bone_y_BTE11 = (bone_BTE2[..., d, None, None] for d in (0, 1))
        length_BTE11 = bone_x_BTE11.square() + bone_y_BTE11.square()
        # Few passes over the maps of all bones, which take most of the time: sums of a row's and a
        # column's share.
        share_BTE11 = 1 / length_BTE11.clamp(min=1e-6)
        along_BTEhw = from_x_BTEw[..., None, :] * (bone_x_BTE11 * share_BTE11) + (
            from_y_BTEh[..., None] * (bone_y_BTE11 * share_BTE11)
        )
        along_BTEhw = along_BTEhw.clamp(0, 1)
        way_x_BTEhw = torch.addcmul(-from_x_BTEw[..., None, :], along_BTEhw, bone_x_BTE11)
        way_y_BTEhw = torch.addcmul(-from_y_BTEh[..., None], along_BTEhw, bone_y_BTE11)
        unseen_BTE11 = torch.zeros_like(sure_BTE).masked_fill(sure_BTE <= 0, float("inf"))
        away_BTEhw = torch.addcmul(unseen_BTE11[..., None, None], way_x_BTEhw, way_x_BTEhw)
        away_BTEhw = torch.addcmul(away_BTEhw, way_y_BTEhw, way_y_BTEhw)
        away_BT1hw, at_BT1hw = away_BTEhw.min(dim=2, keepdim=True)
        sure_BT1hw = sure_BTE[..., None, None].expand_as(away_BTEhw).gather(2, at_BT1hw)
        near_BT1hw = sure_BT1hw * torch.exp(-0.5 * away_BT1hw / sigma**2)
        ways = [way.gather(2, at_BT1hw) * near_BT1hw / sigma for way in (way_x_BTEhw, way_y_BTEhw)]
        return torch.cat([near_BT1hw, *ways], dim=2)

    def _profile(self, centre_BTK: Tensor, pixels: int, sigma: float) -> Tensor:
        middles = self._middles(pixels, centre_BTK)
        return torch.exp(-0.5 * ((middles - centre_BTK[..., None]) / sigma) ** 2)

    def _middles(self, pixels: int, like: Tensor) -> Tensor:
        """Where the cells' middles are along a side of the picture, pixels."""
        cells = torch.arange(pixels // self.stride, device=like.device)
        return (cells.to(like.dtype) + 0.5) * self.stride + (self.pixel_centre - PIXEL_CENTRE)
