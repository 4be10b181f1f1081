"""A performer on disk: `config.json`, one safetensors file per stage, the plate, a sample frame and
the card."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from apvg.base.config import from_dict, to_dict
from apvg.base.conventions import PIXEL_CENTRE
from apvg.base.errors import ApvgError
from apvg.base.files import file_hash
from apvg.format_3 import present_config, present_weights
from apvg.installed import CONFIG
from apvg.instruments.pitch_grid import LOWEST_PITCH, PITCHES
from apvg.instruments.skeleton import Skeleton
from apvg.models.cvg import CVGConfig
from apvg.models.khp import KHPConfig
from apvg.models.stu import STUConfig
from apvg.music.features import FeatureConfig
from apvg.video.images import read_image, save_png

FORMAT_VERSION = 4
NETWORKS = ("khp", "cvg", "fpvg")
PLATE, SAMPLE, CARD = "plate.png", "sample.png", "card.md"


@dataclass(frozen=True)
class PerformerConfig:
    """The description of a performer: all but its weights and its plate.

    Attributes:
        name: What `--performer` calls it.
        instrument: What it plays.
        licence: Of the weights and pictures.
        credit: Whom to name, and where the footage comes from.
        recipe: Name of the recipe that made it.
        size: Width and height of its frames, pixels; multiples of 16.
        skeleton: Its keypoints' layout.
        corners: The keyboard's corners in its frames (TL, TR, BR, BL), pixels; None without a
            keyboard.
        features: Of the audio; also says the frame rate.
        khp, cvg, stu: Shapes of the stages.
        sigma: Of the heatmaps, as a share of the frames' height.
        pixel_centre: Where its networks take the first pixel's centre to lie
            (:mod:`apvg.base.conventions`); 0 where they were trained before there was one
            convention.
        pitch_range: MIDI pitch of the lowest and of the highest note that it plays.
        voices: How many notes it can play at a time; 0 for any number.
        held_out: Take to block name to (start, stop) in seconds: what no stage was trained on.
        weights: Stage to the SHA-256 of its weights' file.
        format_version: Of its files' layout; 3 where they have earlier names
            (:mod:`apvg.format_3`).
    """

    name: str
    instrument: str
    licence: str
    credit: str
    recipe: str
    size: tuple[int, int]
    skeleton: Skeleton
    corners: tuple[tuple[float, float], ...] | None
    features: FeatureConfig = field(default_factory=FeatureConfig)
    khp: KHPConfig = field(default_factory=KHPConfig)
    cvg: CVGConfig = field(default_factory=CVGConfig)
    stu: STUConfig = field(default_factory=STUConfig)
    sigma: float = 0.03
    pixel_centre: float = PIXEL_CENTRE
    pitch_range: tuple[int, int] = (LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1)
    voices: int = 0
    held_out: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if any(side % 16 or side <= 0 for side in self.size):
            raise ValueError(f"frames of {self.size} pixels: both sides must be multiples of 16")
        if self.khp.lookahead_frames < self.cvg.lookahead_frames:
            raise ValueError("CVG cannot look further ahead than KHP, which its frames wait for")

    @property
    def version(self) -> str:
        """First digits of the hashes of its weights: says which training a video came from."""
        return "".join(self.weights.get(network, "")[:4] for network in NETWORKS)

    @property
    def lookahead_seconds(self) -> float:
        """Look-ahead: music beyond the moment of the frame that is painted, seconds."""
        features = self.features
        last_row = (features.rows_per_frame - 1) / (features.rows_per_frame * features.fps)
        return self.khp.lookahead_frames / features.fps + last_row + features.lookahead_seconds


def write_bundle(
    folder: Path,
    config: PerformerConfig,
    networks: dict[str, nn.Module],
    plate_HWC: np.ndarray,
    sample_HWC: np.ndarray,
    card: str,
) -> PerformerConfig:
    """Write all files of a performer into an existing folder, the config last; returns it with the
    weights' hashes."""
    hashes = {}
    for name in NETWORKS:
        tensors = {key: _half(value) for key, value in networks[name].state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")
        hashes[name] = file_hash(folder / f"{name}.safetensors")
    save_png(folder / PLATE, plate_HWC)
    save_png(folder / SAMPLE, sample_HWC)
    (folder / CARD).write_text(card)
    data = to_dict(config) | {"weights": hashes, "format_version": FORMAT_VERSION}
    (folder / CONFIG).write_text(json.dumps(data, indent=1) + "\n")
    return from_dict(PerformerConfig, data)


def read_config(folder: Path) -> PerformerConfig:
    """The config of the performer in a folder.

    Raises:
        ApvgError: There is none, it is damaged, or of a newer format.
    """
    path = folder / CONFIG
    try:
        data = json.loads(path.read_text())
        version = data.get("format_version")
        if version not in (3, FORMAT_VERSION):
            raise ApvgError(
                f"{path} is of bundle format {version}, and this apvg reads 3 and {FORMAT_VERSION}",
                "install the apvg that made it",
            )
        return from_dict(PerformerConfig, present_config(data) if version == 3 else data)
    except OSError:
        raise ApvgError(
            f"{folder} holds no performer ({CONFIG} is missing)",
            "choose an installed performer, or the folder of one",
        ) from None
    except (ValueError, AttributeError, KeyError) as error:
        raise ApvgError(f"{path} is damaged ({error})", "install the performer again") from None


def load_network(
    folder: Path, config: PerformerConfig, name: str, module: nn.Module, submodule: str = ""
) -> None:
    """Load one network's weights, or those of a submodule of it, into a module of that shape.

    Raises:
        ApvgError: The file is missing, or is not the file that the config was written with.
    """
    path = folder / f"{name}.safetensors"
    if not path.exists():
        raise ApvgError(f"{path} is missing", "install the performer again")
    if file_hash(path) != config.weights.get(name):
        raise ApvgError(f"{path} is damaged (its hash is not the config's)", "install it again")
    tensors = load_file(path)
    if config.format_version == 3:
        tensors = present_weights(name, tensors)
    prefix = f"{submodule}." if submodule else ""
    tensors = {
        key.removeprefix(prefix): value.float() if value.is_floating_point() else value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }
    try:
        module.load_state_dict(tensors)
    except RuntimeError:
        raise ApvgError(
            f"{path} does not fit this apvg's {name}",
            "install the apvg that made it, or train it again",
        ) from None


def read_plate(folder: Path, config: PerformerConfig) -> np.ndarray:
    """The plate as RGB uint8 [H, W, 3]."""
    plate_HWC = read_image(folder / PLATE)
    if plate_HWC.shape[:2] != (config.size[1], config.size[0]):
        raise ApvgError(f"{folder / PLATE} has not the performer's size", "install it again")
    return plate_HWC


def _half(value: Tensor) -> Tensor:
    """fp16 on disk halves the download; weights of this size lose nothing that can be seen."""
    value = value.detach().cpu().contiguous()
    return value.to(torch.float16) if value.is_floating_point() else value
