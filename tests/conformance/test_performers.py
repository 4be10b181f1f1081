"""Every installed performer on every engine, through the same checks; those of other packages
too."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from apvg.bundle import NETWORKS, read_config, write_bundle
from apvg.engines.choosing import EngineName
from apvg.installed import find_performer, installed_folders
from apvg.models.motion import MOTION_DECODERS
from apvg.models.transcription import TRANSCRIBERS
from apvg.performer import Performer
from apvg.stages import Stages

ENGINES = [name for name in get_args(EngineName) if name != "auto"]
#: Seconds of sound: short, for every performer plays it on every engine.
SECONDS = 0.8


def sound(sample_rate: int) -> np.ndarray:
    """A few notes with overtones, that begin one after the other."""
    time_S = np.arange(round(SECONDS * sample_rate)) / sample_rate
    samples_S = np.zeros(len(time_S), np.float32)
    for onset, hertz in ((0.1, 220.0), (0.3, 277.2), (0.5, 329.6)):
        envelope_S = np.exp(-4 * (time_S - onset).clip(0)) * (time_S >= onset)
        samples_S += (
            0.1 * envelope_S * sum(np.sin(2 * np.pi * n * hertz * time_S) / n for n in (1, 2, 3))
        )
    return samples_S


@pytest.mark.parametrize("name", installed_folders())
def test_a_performer_says_what_it_is(name: str):
    folder = find_performer(name)
    config = read_config(folder)
    assert config.name == name
    assert config.licence
    assert config.credit
    assert config.khp.transcriber.kind in TRANSCRIBERS
    assert config.khp.motion.decoder in MOTION_DECODERS
    assert set(config.weights) == set(NETWORKS)
    assert (folder / "card.md").read_text().startswith("# ")
    # MB: what a download may take.
    assert sum(file.stat().st_size for file in folder.iterdir()) < 25e6


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", installed_folders())
def test_engines_play_alike(name: str, engine: EngineName):
    """Of any cutting the same frames; in bfloat16 nearly those of full precision, and the very
    keypoints."""
    performer = Performer.from_pretrained(name, engine=engine)
    reference = Performer.from_pretrained(name)
    samples_S = sound(performer.sample_rate)
    whole, expected = performer.perform(samples_S), reference.perform(samples_S)
    frames = round(SECONDS * performer.fps)
    assert whole.frames_THWC.shape == (frames, *performer.config.size[::-1], 3)
    with performer.stream(block=3) as stream:
        parts = [stream.push(samples_S[:5000]), stream.push(samples_S[5000:]), stream.finish()]
    streamed_THWC = np.concatenate([part.frames_THWC for part in parts]).astype(int)
    step = 1 if engine == "torch" else 6
    assert np.abs(streamed_THWC - whole.frames_THWC).max() <= step
    np.testing.assert_allclose(whole.keypoints_TKD, expected.keypoints_TKD, atol=1e-3)
    away_THWC = np.abs(whole.frames_THWC.astype(int) - expected.frames_THWC)
    assert away_THWC.max() <= 24  # of 255, at the edge of a moving hand
    assert away_THWC.mean() < 0.25


@pytest.mark.parametrize("name", installed_folders())
def test_a_performer_is_the_same_when_it_is_written_again(name: str, tmp_path: Path):
    """In the present format, whatever the one it came in."""
    stages = Stages.load(find_performer(name))
    folder = tmp_path / name
    folder.mkdir()
    config = write_bundle(
        folder, stages.config, stages.networks, stages.plate_HWC, stages.plate_HWC, "# again\n"
    )
    again = Stages.load(folder)
    assert again.config == read_config(folder)
    assert again.config.format_version == config.format_version
    for network, before in stages.networks.items():
        after = again.networks[network].state_dict()
        for key, value in before.state_dict().items():
            torch.testing.assert_close(after[key], value, msg=f"{network} {key}")
