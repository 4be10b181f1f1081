"""FID, FVD and LPIPS by small networks of our own: against scipy and closed forms, and what is no
network is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from apvg.base.errors import ApvgError
from apvg.cli.main import main
from apvg.measures.learned import (
    CLIP_FRAMES,
    FrozenNetwork,
    LearnedFigures,
    frechet_distance,
    set_figures,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


class Look(nn.Module):
    """Six numbers of a picture 0..255: the mean of each colour in the upper and the lower half;
    zeros unless told."""

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        halves = torch.stack(img.chunk(2, dim=2), dim=1).mean(dim=(3, 4)).flatten(1) / 255
        return halves if return_features else torch.zeros_like(halves)


class Watch(nn.Module):
    """How a clip looks on average, and how much it changes from frame to frame."""

    def forward(self, x: Tensor, rescale: bool = True, resize: bool = True) -> Tensor:
        assert not rescale
        assert not resize
        change = (x[:, :, 1:] - x[:, :, :-1]).abs().mean(dim=(1, 3, 4))
        return torch.cat([x.mean(dim=(2, 3, 4)), change[:, :3], change[:, 7:9]], dim=1)


class Pixels(nn.Module):
    """Scaled pixels: the squared distance of two pictures is their mean squared error."""

    def forward(self, x: Tensor, resize_images: bool = True, return_lpips: bool = False) -> Tensor:
        assert return_lpips
        assert not resize_images
        return (x / 255).flatten(1) / (x[0].numel() ** 0.5)


class Pair(nn.Module):
    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        assert float(one.min()) >= -1
        return ((one - other) / 2).square().mean(dim=(1, 2, 3), keepdim=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("networks")
    networks = {"fid": Look(), "fvd": Watch(), "lpips": Pixels(), "pair": Pair()}
    paths = {name: folder / f"{name}.pt" for name in networks}
    for name, network in networks.items():
        torch.jit.script(network).save(str(paths[name]))
    return paths


def clip(seed: int, frames: int = 64) -> np.ndarray:
    """A square that wanders over noise."""
    random = np.random.default_rng(seed)
    frames_THWC = random.integers(0, 60, (frames, 24, 32, 3)).astype(np.uint8)
    for t in range(frames):
        left = int(10 + 9 * np.sin(t / 5 + seed))
        frames_THWC[t, 4 + t % 9 : 12 + t % 9, left : left + 8] = (250, 180, 90)
    return frames_THWC


def test_frechet_distance_is_scipys() -> None:
    random = np.random.default_rng(0)
    one_NC = random.normal(0, 1, (400, 5)) @ random.normal(0, 1, (5, 5)) + 1
    other_NC = random.normal(0, 1, (300, 5)) @ random.normal(0, 1, (5, 5))
    covariances = np.cov(one_NC.T), np.cov(other_NC.T)
    root = sqrtm(covariances[0] @ covariances[1])
    away = np.square(one_NC.mean(axis=0) - other_NC.mean(axis=0)).sum()
    reference = away + np.trace(covariances[0] + covariances[1] - 2 * np.real(root))
    mine = frechet_distance(torch.from_numpy(one_NC), torch.from_numpy(other_NC))
    assert mine == pytest.approx(reference, rel=1e-6)
    assert frechet_distance(
        torch.from_numpy(one_NC), torch.from_numpy(one_NC + 2)
    ) == pytest.approx(5 * 4, rel=1e-6)


def test_lpips_of_pixels_is_the_mean_squared_error(files: dict[str, Path]) -> None:
    one, other = clip(0, 11), clip(1, 11)
    expected = np.square((one.astype(float) - other) / 255).mean()
    for name in ("lpips", "pair"):
        learned = LearnedFigures.load(None, files[name], None)
        assert learned.distance(one, other) == pytest.approx(expected, rel=1e-4)
        assert learned.distance(one, one) == 0
        assert learned.features(one) == {}


def test_sets_are_blind_to_order_and_time_and_clips_to_time_alone(files: dict[str, Path]) -> None:
    """What fools FID and FVD: the same frames in another order, the same clip a second late."""
    learned = LearnedFigures.load(files["fid"], None, files["fvd"])
    real = clip(0, 160)
    answers = {
        "real": real,
        "frozen": np.repeat(real[:1], len(real), axis=0),
        "mean": np.broadcast_to(real.mean(axis=0).astype(np.uint8), real.shape),
        "late": np.concatenate([np.repeat(real[:1], 25, axis=0), real[:-25]]),
        "frames shuffled": np.random.default_rng(0).permutation(real),
        "another": clip(7, 160),
    }
    figures = set_figures({name: [learned.features(frames)] for name, frames in answers.items()})
    assert set(figures) == {"frozen", "mean", "late", "frames_shuffled", "another"}
    assert figures["late"].fid_frames == 160
    assert figures["late"].fvd_clips == (160 - CLIP_FRAMES) // 8 + 1
    assert figures["frames_shuffled"].fid == pytest.approx(0, abs=1e-6)
    fvd = {name: row.fvd or 0.0 for name, row in figures.items()}
    assert fvd["frames_shuffled"] > 2 * fvd["another"]
    for figure in ("fid", "fvd"):
        value = {name: getattr(row, figure) for name, row in figures.items()}
        assert value["frozen"] > 3 * value["another"]
        assert value["mean"] > 3 * value["another"]
        assert value["late"] < value["frozen"] / 3
    assert (
        set_figures({"real": [learned.features(real)], "short": [learned.features(real[:1])]}) == {}
    )


def test_what_is_no_network_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ApvgError, match="no file"):
        FrozenNetwork(tmp_path / "nothing.pt")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "pickle.pth")
    with pytest.raises(ApvgError, match="not a TorchScript file"):
        FrozenNetwork(tmp_path / "pickle.pth")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(ApvgError, match="not a TorchScript file"):
        FrozenNetwork(tmp_path / "text.pt")
    wrong = LearnedFigures.load(files["pair"], None, None)
    with pytest.raises(ApvgError, match="does not take input"):
        wrong.features(clip(0, 4))
    assert len(FrozenNetwork(files["fid"]).sha256) == 64


def test_the_command_names_what_is_missing(
    tiny_performer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(tiny_performer), str(tmp_path), "-o", str(tmp_path / "out")]
    assert main([*command, "--no-read-back", "--fid-weights", str(tmp_path / "no.pt")]) == 1
    assert "no.pt" in capsys.readouterr().err
