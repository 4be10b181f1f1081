"""FID, FVD and LPIPS: figures computed with networks that the user provides as TorchScript files.

None of these networks may be redistributed with this package, so their files are given by path, and
reports print their hashes: scores of other files, or of other numbers of frames, cannot be
compared. Only TorchScript is read (`torch.jit.load`), which holds a network and its weights and
runs no code of the author of the file; pickled checkpoints are not.

FID and FVD are Fréchet distances of whole sets (Heusel et al., 2017; Unterthiner et al., 2018), so
there is one for all frames of a report; LPIPS (Zhang et al., 2018) compares frame with frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from apvg.base.errors import ApvgError
from apvg.base.files import file_hash
from apvg.base.plain import OptionalKey

#: Clips of FVD: frames, and frames from the beginning of one to that of the next.
CLIP_FRAMES, CLIP_STEP = 16, 8
#: What I3D was trained on, pixels.
_I3D_SIZE = 224
_BATCH = 8


class FrozenNetwork:
    """A TorchScript file, and the options that its forward() takes."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        """
        Raises:
            ApvgError: There is no such file, or it is not TorchScript.
        """
        if not path.is_file():
            raise ApvgError(f"there is no file {path}", "give the path of a TorchScript file")
        try:
            with warnings.catch_warnings():  # the format is an old one, and what people have
                warnings.simplefilter("ignore", DeprecationWarning)
                self._module = torch.jit.load(str(path), map_location=device).eval()
        except RuntimeError:
            raise ApvgError(
                f"{path} is not a TorchScript file",
                "give one that torch.jit.load reads; pickled .pth files are none",
            ) from None
        self.path, self.sha256, self._device = path, file_hash(path), device
        self.options = {argument.name for argument in self._module.forward.schema.arguments}

    def __call__(self, *inputs: Tensor, **options: bool) -> Tensor:
        """The output of the network, [N, C]; options that it does not take are left out.

        Raises:
            ApvgError: It does not take such input, or its output has not one row for each item.
        """
        taken = {name: value for name, value in options.items() if name in self.options}
        try:
            with torch.inference_mode():
                answer = self._module(*(item.to(self._device) for item in inputs), **taken)
        except RuntimeError as error:
            raise ApvgError(
                f"the network {self.path} does not take input of shape {list(inputs[0].shape)}: "
                f"{str(error).strip().splitlines()[-1]}",
                "give the network that is meant for this figure",
            ) from None
        if not isinstance(answer, Tensor) or answer.shape[:1] != inputs[0].shape[:1]:
            raise ApvgError(
                f"the output of the network {self.path} has not one row for each input",
                "give the network that is meant for this figure",
            )
        return answer.reshape(len(answer), -1).float().cpu()


@dataclass(frozen=True)
class NetworkFile:
    """A network that figures were computed with.

    Attributes:
        file: Its name.
        sha256: Hash of the file.
    """

    file: str
    sha256: str


@dataclass(frozen=True)
class SetFigures:
    """Distances of a generated set of clips to the real one.

    Attributes:
        fid, fvd: Fréchet distances of frames and of clips.
        fid_frames, fvd_clips: How many there were on each side.
    """

    fid: Annotated[float | None, OptionalKey()] = None
    fid_frames: Annotated[int | None, OptionalKey()] = None
    fvd: Annotated[float | None, OptionalKey()] = None
    fvd_clips: Annotated[int | None, OptionalKey()] = None


@dataclass(frozen=True)
class LearnedFigures:
    """The networks that were given; None where there is none.

    Attributes:
        fid: Pictures [N, 3, H, W], 0..255, to features: StyleGAN's `inception-2015-12-05.pt`, or
            any network.
        lpips: StyleGAN's `vgg16.pt` (it takes `return_lpips`), or a network of two pictures in
            -1..1.
        fvd: Clips [N, 3, T, 224, 224] in -1..1 to features: `i3d_torchscript.pt`, or any network.
    """

    fid: FrozenNetwork | None = None
    lpips: FrozenNetwork | None = None
    fvd: FrozenNetwork | None = None

    def __bool__(self) -> bool:
        return any((self.fid, self.lpips, self.fvd))

    @classmethod
    def load(
        cls, fid: Path | None, lpips: Path | None, fvd: Path | None, device: str = "cpu"
    ) -> LearnedFigures:
        """Load networks from files.

        Raises:
            ApvgError: A file is missing, or is not TorchScript.
        """
        return cls(*(path and FrozenNetwork(path, device) for path in (fid, lpips, fvd)))

    def weights(self) -> dict[str, NetworkFile]:
        """Figure to the file of its network."""
        networks = {"fid": self.fid, "lpips": self.lpips, "fvd": self.fvd}
        return {
            name: NetworkFile(network.path.name, network.sha256)
            for name, network in networks.items()
            if network is not None
        }

    def distance(self, frames_THWC: np.ndarray, true_THWC: np.ndarray) -> float | None:
        """LPIPS of a clip, mean over its frames; None without the network."""
        if self.lpips is None:
            return None
        distances = []
        for first in range(0, len(true_THWC), _BATCH):
            mine, true = (_pictures(c[first : first + _BATCH]) for c in (frames_THWC, true_THWC))
            if "return_lpips" in self.lpips.options:
                options = {"return_lpips": True, "resize_images": False}
                rows = (self.lpips(mine, **options) - self.lpips(true, **options)).square()
                distances.append(rows.sum(dim=1))
            else:
                distances.append(self.lpips(mine / 127.5 - 1, true / 127.5 - 1).mean(dim=1))
        return float(torch.cat(distances).mean())

    def features(self, frames_THWC: np.ndarray) -> dict[str, Tensor]:
        """Features of a clip: "fid" [T, C] of its frames, "fvd" [N, C] of its stretches of
        CLIP_FRAMES."""
        seen: dict[str, Tensor] = {}
        if self.fid is not None:
            seen["fid"] = torch.cat(
                [
                    self.fid(_pictures(frames_THWC[first : first + _BATCH]), return_features=True)
                    for first in range(0, len(frames_THWC), _BATCH)
                ]
            )
        starts = range(0, len(frames_THWC) - CLIP_FRAMES + 1, CLIP_STEP)
        if self.fvd is not None and starts:
            seen["fvd"] = torch.cat(
                [
                    self.fvd(
                        _clip(frames_THWC[first : first + CLIP_FRAMES]),
                        rescale=False,
                        resize=False,
                        return_features=True,
                    )
                    for first in starts
                ]
            )
        return seen


def set_figures(features: Mapping[str, list[dict[str, Tensor]]]) -> dict[str, SetFigures]:
    """FID and FVD of every generated set of clips against the real one.

    Args:
        features: Of "real" and of others, :meth:`LearnedFigures.features` of each clip.

    Returns:
        Name (with underscores) to figures. A figure is None where a side has fewer than two frames
        or clips; a set without any figure is left out.
    """
    figures: dict[str, dict[str, Any]] = {}
    for name, mine in features.items():
        for figure, count in (("fid", "fid_frames"), ("fvd", "fvd_clips")):
            sides = [
                torch.cat([clip[figure] for clip in side if figure in clip])
                if any(figure in clip for clip in side)
                else torch.zeros(0, 1)
                for side in (mine, features["real"])
            ]
            if name != "real" and min(map(len, sides)) > 1:
                row = figures.setdefault(name.replace(" ", "_"), {})
                row |= {figure: frechet_distance(*sides), count: len(sides[0])}
    return {name: SetFigures(**row) for name, row in figures.items()}


def frechet_distance(one_NC: Tensor, other_NC: Tensor) -> float:
    """Fréchet distance of the Gaussians that fit two sets of features."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_AsTheyAre(one_NC.shape[1]))
    metric.update(one_NC.double(), real=True)
    metric.update(other_NC.double(), real=False)
    return max(0.0, float(metric.compute()))


class _AsTheyAre(torch.nn.Module):
    """Takes the place of Inception in torchmetrics: the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features_NC: Tensor) -> Tensor:
        return features_NC


def _pictures(frames_THWC: np.ndarray) -> Tensor:
    """[T, 3, H, W] float, 0..255."""
    return torch.from_numpy(np.ascontiguousarray(frames_THWC)).permute(0, 3, 1, 2).float()


def _clip(frames_THWC: np.ndarray) -> Tensor:
    """[1, 3, T, 224, 224] float, -1..1."""
    small = F.interpolate(_pictures(frames_THWC), (_I3D_SIZE, _I3D_SIZE), mode="bilinear")
    return (small / 127.5 - 1).permute(1, 0, 2, 3)[None]
