"""What several tests need: a performer that is real in every part, but tiny and untrained."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# The same examples every time, so that a run that passes passes again; other ones with
# `--hypothesis-profile=default`.
settings.load_profile("ci")

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout to write in, whose .venv is the environment that this runs in."""
    folder = tmp_path / "checkout"
    ignore = shutil.ignore_patterns("__pycache__", ".*", "out", "site", "*.egg-info", "tests")
    shutil.copytree(ROOT, folder, ignore=ignore)
    (folder / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if not path.name.startswith("installed"):
            (folder / ".venv" / path.name).symlink_to(path)
    for name in ("installed", "installed-dev"):
        (folder / ".venv" / name).touch()
    return folder


@pytest.fixture(scope="session")
def tiny_performer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a pianist of 128x32 pixels with fresh weights."""
    import torch

    from apvg.bundle import PerformerConfig, write_bundle
    from apvg.instruments.skeleton import HANDS
    from apvg.models.cvg import CVGConfig
    from apvg.models.khp import KHPConfig
    from apvg.models.motion import MotionConfig
    from apvg.models.stu import STUConfig
    from apvg.models.transcription import TranscriberConfig
    from apvg.models.transcription.encoder import EncoderConfig
    from apvg.stages import Stages

    torch.manual_seed(0)
    encoder = EncoderConfig(spectral=4, channels=8, layers=3)
    config = PerformerConfig(
        name="tiny",
        instrument="piano",
        licence="CC0-1.0",
        credit="nobody",
        recipe="none",
        size=(128, 32),
        skeleton=HANDS,
        corners=((2.0, 4.0), (126.0, 4.0), (126.0, 20.0), (2.0, 20.0)),
        khp=KHPConfig(
            TranscriberConfig("notes", encoder),
            MotionConfig("hands on keys", channels=4, layers=2, hidden=8, decisions=()),
        ),
        cvg=CVGConfig(encoder=encoder, channels=4, layers=2, picture=4),
        stu=STUConfig(channels=(8, 8, 8), node_channels=4, graph_layers=1, hidden=8),
    )
    plate_HWC = np.random.default_rng(0).integers(0, 255, (32, 128, 3), np.uint8)
    networks = Stages(config, plate_HWC).networks
    folder = tmp_path_factory.mktemp("performers") / "tiny"
    folder.mkdir()
    write_bundle(folder, config, networks, plate_HWC, plate_HWC, "# A tiny performer\n")
    return folder
