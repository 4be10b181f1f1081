"""Bones of hands: no finger is drawn out beyond what real ones measure, whoever asks for it."""

from __future__ import annotations

import torch
from torch import Tensor

#: Fingers of a hand and their points, or their bones.
FINGERS, BONES = (5, 4), (5, 3)
#: Share of real poses in which a bone is no longer than it ever will be.
_NO_LONGER = 0.995
#: Length of bones before it is set from data; finite, or gradients would not be.
ANY_LENGTH = 1e6


def longest_bones(points_TJD: Tensor) -> Tensor:
    """Greatest lengths of each finger's bones [5, 3], from the palm out, in real hands [T, 21, D],
    in their units."""
    return _fingers(points_TJD).diff(dim=-2).norm(dim=-1).quantile(_NO_LONGER, dim=0)


def limit_bones(points_XJD: Tensor, bone_FB: Tensor) -> Tensor:
    """Hands [..., 21, D] whose bones are none too long: the palm goes after the tip that is
    furthest off, the others bend.

    Args:
        points_XJD: The points of one hand, in the order of HAND_POINTS.
        bone_FB: Greatest lengths of each finger's bones, from the palm out.
    """
    before_XFPD = _fingers(points_XJD)
    # From the tips inwards, every point is drawn after the next (as in FABRIK; Aristidou & Lasenby,
    # 2011).
    inward = [before_XFPD[..., -1, :]]
    for joint in reversed(range(BONES[1])):
        bone_XFD = inward[0] - before_XFPD[..., joint, :]
        inward.insert(0, before_XFPD[..., joint, :] + _beyond(bone_XFD, bone_FB[:, joint]))
    pull_XFD = inward[0] - before_XFPD[..., 0, :]
    furthest_X11 = pull_XFD.norm(dim=-1).argmax(dim=-1)[..., None, None]
    pull_X1D = pull_XFD.take_along_dim(furthest_X11, dim=-2)
    # From the palm outwards: fingers keep what they were drawn to, where the palm has come near
    # enough.
    outward = [before_XFPD[..., 0, :] + pull_X1D]
    for joint in range(1, FINGERS[1]):
        bone_XFD = inward[joint] - outward[-1]
        outward.append(inward[joint] - _beyond(bone_XFD, bone_FB[:, joint - 1]))
    return torch.cat(
        [points_XJD[..., :1, :] + pull_X1D, torch.stack(outward, -2).flatten(-3, -2)], -2
    )


def _fingers(points_XJD: Tensor) -> Tensor:
    """The points of a hand by their fingers, from the palm out, [..., 5, 4, D]; the wrist is
    nobody's."""
    return points_XJD[..., 1:, :].unflatten(-2, FINGERS)


def _beyond(bone_XFD: Tensor, length_F: Tensor) -> Tensor:
    """The part of bones [..., 5, D] that is beyond their greatest length."""
    length_XF1 = bone_XFD.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return bone_XFD * (1 - length_F[:, None] / length_XF1).clamp(min=0)
