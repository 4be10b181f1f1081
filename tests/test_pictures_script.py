"""scripts/make_pictures.py: the documents' pictures, from any performer."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from apvg import Performer

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_pictures", ROOT / "scripts" / "make_pictures.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_picture_of_every_stage(
    script: ModuleType, tiny_performer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("BEGIN", 0.2), ("MOMENT", 0.6), ("END", 1.0)):
        monkeypatch.setattr(script, name, seconds)
    performer = Performer.from_pretrained(tiny_performer)
    time_S = np.arange(round(script.END * performer.sample_rate)) / performer.sample_rate
    samples_S = (0.3 * np.sin(2 * np.pi * 440 * time_S)).astype(np.float32)
    performance = performer.perform(samples_S)
    pictures = script.stages(performer, samples_S, performance)
    shown = {path.stem.partition("-")[2] for path in (ROOT / "docs" / "stages").glob("*.png")}
    assert set(pictures) == shown
    for name, picture_HWC in pictures.items():
        assert picture_HWC.dtype == np.uint8
        assert picture_HWC.shape[2] == 3
        if name not in ("features", "notes"):
            assert picture_HWC.shape[:2] == (64, 256)
    t = round(script.MOMENT * performer.fps)
    np.testing.assert_array_equal(pictures["final"][::2, ::2], performance.frames_THWC[t])


def test_a_picture_moves_and_keeps_its_colours(script: ModuleType, tmp_path: Path) -> None:
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
    frames = [np.full((32, 48, 3), colour, np.uint8) for colour in colours]
    script.save_webp(tmp_path / "a.webp", (frames, 12.5))
    with Image.open(tmp_path / "a.webp") as picture:
        assert picture.size == (48, 32)
        assert picture.info["loop"] == 0  # for ever
        for index, colour in enumerate(colours):
            picture.seek(index)
            seen = np.asarray(picture.convert("RGB")).mean(axis=(0, 1))
            np.testing.assert_allclose(seen, colour, atol=12)
            assert picture.info["duration"] == 80


def test_the_readme_s_picture_moves_and_is_small() -> None:
    path = ROOT / "docs" / "play.webp"
    assert path.stat().st_size < 1_500_000
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) > 50
