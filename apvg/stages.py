"""The networks of a performer with its plate, on one device.

Engines run them; training builds them one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from apvg.base.conventions import STRIDE
from apvg.base.errors import ApvgError
from apvg.bundle import PerformerConfig, load_network, read_config, read_plate
from apvg.instruments.instrument import Instrument, find_instrument
from apvg.instruments.surface import Placement
from apvg.models.cvg import CoarseVideoGenerator
from apvg.models.dlt import DifferentiableLandmarkTransformer
from apvg.models.khp import KeypointPredictor
from apvg.models.pose_space import PoseSpace
from apvg.models.stu import StructuredTemporalUNet

#: Kinds of device that the networks run on. Others that torch knows, as "meta", compute nothing.
_DEVICES = ("cpu", "cuda", "mps", "xpu")


class Stages:
    """All stages of one performer.

    Attributes:
        config: What the performer is.
        plate_HWC: Its background, RGB uint8.
        plate_1CHW, coarse_plate_1Chw: The same in 0..1 on the device, whole and at the coarse
            video's size.
        space: Between poses and pixels.
        khp, dlt, cvg, stu: The networks, in the order of the data.
        device: Where they are.
    """

    def __init__(self, config: PerformerConfig, plate_HWC: np.ndarray) -> None:
        self.config, self.plate_HWC = config, plate_HWC
        self.space = build_space(config)
        self.khp, self.cvg, self.stu = build_khp(config), build_cvg(config), build_stu(config)
        self.dlt = build_dlt(config)
        plate_HWC1 = torch.from_numpy(np.array(plate_HWC)).permute(2, 0, 1)[None]
        self.plate_1CHW = plate_HWC1.float() / 255
        self.coarse_plate_1Chw = F.avg_pool2d(self.plate_1CHW, STRIDE)
        self.device = torch.device("cpu")

    @classmethod
    def load(cls, folder: Path) -> Stages:
        """The stages of the bundle in a folder, on the CPU.

        Raises:
            ApvgError: Its files are missing or damaged.
        """
        config = read_config(folder)
        stages = cls(config, read_plate(folder, config))
        for name, network in stages.networks.items():
            load_network(folder, config, name, network)
        return stages

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks that have weights, by the name of their file."""
        return {"khp": self.khp, "cvg": self.cvg, "fpvg": self.stu}

    @cached_property
    def instrument(self) -> Instrument:
        """What is played."""
        return instrument_of(self.config)

    @cached_property
    def placement(self) -> Placement:
        """Where the surface that is played on lies in the picture."""
        return placement_of(self.config)

    def to(self, device: str) -> Stages:
        """Move all networks to a device ("cpu", "cuda", "mps"), ready to run.

        Raises:
            ApvgError: There is no such device here, or it is of another kind.
        """
        try:
            self.device = torch.device(device)
            if self.device.type not in _DEVICES:
                raise RuntimeError(f"of {', '.join(_DEVICES)}, it is none")
            for module in (self.space, self.khp, self.cvg, self.stu):
                module.eval().requires_grad_(False).to(self.device)
            if self.device.type == "cpu":
                for network in (self.cvg, self.stu):
                    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            self.plate_1CHW = self.plate_1CHW.to(self.device)
            self.coarse_plate_1Chw = self.coarse_plate_1Chw.to(self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ApvgError(
                f"the device {device!r} is not available here ({reason})",
                "choose the device cpu",
                options=["device"],
            ) from None
        return self


def instrument_of(config: PerformerConfig) -> Instrument:
    """What a performer plays, as it was learnt from its footage."""
    corners_42 = np.array(config.corners) if config.corners else None
    return find_instrument(config.instrument).seen(corners_42)


def placement_of(config: PerformerConfig) -> Placement:
    """Where the surface that a performer plays on lies in its picture."""
    corners_42 = np.array(config.corners) if config.corners else None
    return instrument_of(config).surface.place(corners_42)


def build_space(config: PerformerConfig) -> PoseSpace:
    """The pose space of a performer."""
    return PoseSpace(config.size[0], placement_of(config))


def build_khp(config: PerformerConfig) -> KeypointPredictor:
    """KHP with fresh weights."""
    return KeypointPredictor(config.khp, config.skeleton)


def build_dlt(config: PerformerConfig) -> DifferentiableLandmarkTransformer:
    """The DLT, which has no weights."""
    bones = config.skeleton.bones if config.stu.bones else ()
    return DifferentiableLandmarkTransformer(
        sigma=config.sigma, bones=bones, pixel_centre=config.pixel_centre
    )


def build_cvg(config: PerformerConfig) -> CoarseVideoGenerator:
    """CVG with fresh weights."""
    width, height = config.size
    pitches_P2 = torch.tensor(placement_of(config).pitches_P2()).float()
    columns_P = build_space(config).to_pixels(pitches_P2)[:, 0] / STRIDE
    return CoarseVideoGenerator(config.cvg, (height // STRIDE, width // STRIDE), columns_P)


def build_stu(config: PerformerConfig) -> StructuredTemporalUNet:
    """The STU with fresh weights."""
    return StructuredTemporalUNet(config.stu, config.skeleton, config.pixel_centre)


#: Builders of the networks that have weights, by the name of their file.
BUILDERS: dict[str, Callable[[PerformerConfig], nn.Module]] = {
    "khp": build_khp,
    "cvg": build_cvg,
    "fpvg": build_stu,
}
