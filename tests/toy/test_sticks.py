"""An instrument of another package trains, plays and is evaluated, though nothing in apvg knows of
it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sticks.figures import BAR_HIT
from sticks.generator import STICK_PLAYER
from sticks.instrument import BARS, LOWEST, STICKS, BarsInPicture

from apvg.cli.main import main
from apvg.evaluation.figures.base import Reference
from apvg.instruments.instrument import find_instrument
from apvg.keypoint_files import read_keypoints
from apvg.performer import Performer
from apvg.takes.take import Take, load_takes
from apvg.virtual.common.corpus import VirtualOptions

RECIPE = """
name = "stick-player"
instrument = "sticks"
licence = "CC0-1.0"
credit = "nobody: generated"
scene = "sticks-*"

[model]
sigma = 0.06
[model.stu]
channels = [16, 16, 16]
node_channels = 8
graph_layers = 1
hidden = 8
bones = true
[model.khp]
lookahead_frames = 6
transcriber = { encoder = { spectral = 8, channels = 12, layers = 6 }, decided = true }
motion = { layers = 4, hidden = 48 }
[model.cvg]
channels = 8
layers = 2
picture = 4
lookahead_frames = 3
encoder = { spectral = 4, channels = 6, layers = 4 }

[transcription]
steps = 60
excerpts = 4
frames = 60
rate = 5e-3
[motion]
steps = 220
adversarial_from = 210
transcribed = 0
excerpts = 6
frames = 80
warm_up = 10
window = 16
rate = 5e-3
[khp]
steps = 4
adversarial_from = 2
excerpts = 2
transcribed = 1
frames = 40
warm_up = 5
window = 16
[cvg]
steps = 4
adversarial_from = 2
excerpts = 1
frames = 16
warm_up = 8
[fpvg]
steps = 30
predicted_from = 15
adversarial_from = 25
frames_per_step = 8
clip_lengths = [3, 5]
crop_width = 64
hand_crop = 16
[joint]
steps = 2
warm_up = 8
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("takes")
    common = ["--instrument", "sticks", "--seconds", "8", "--size", "64", "--jobs", "1"]
    assert main(["virtual", str(folder), "--minutes", "0.4", "--seed", "1", *common]) == 0
    test = ["--minutes", "0.13", "--seed", "2", "--split", "test"]
    assert main(["virtual", str(folder), *test, *common]) == 0
    return folder


@pytest.fixture(scope="module")
def performer(takes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("performers") / "sticks"
    (out.parent / "sticks.toml").write_text(RECIPE)
    command = ["train", str(takes), str(out), "--recipe", str(out.parent / "sticks.toml")]
    assert main([*command, "--device", "cpu"]) == 0
    return out


def test_takes_are_of_the_instrument(takes: Path) -> None:
    assert find_instrument("sticks") is STICKS
    for take in load_takes(takes):
        assert take.instrument is STICKS
        assert isinstance(take.placement, BarsInPicture)
        assert take.skeleton.hands == {}
        assert take.filmed
        reference = Reference.of(take, STICKS)
        hits = BAR_HIT.measure(take.keypoints_TKD.astype(float), reference)
        assert hits is not None
        assert hits.rate == 1.0


def test_it_trains_and_plays(performer: Path, takes: Path, tmp_path: Path) -> None:
    played = Performer.from_pretrained(performer)
    assert played.instrument is STICKS
    assert played.config.pitch_range == (LOWEST, LOWEST + BARS - 1)
    assert played.config.voices == 2
    assert played.config.khp.motion.decisions == ()
    curve = (performer / "training" / "motion.curve.csv").read_text().splitlines()
    heads = [float(line.split(",")[2]) for line in curve if ",heads," in line]
    assert heads[-1] < 0.6 * heads[0]
    take = next(take for take in load_takes(takes) if take.about.split == "test")
    assert take.notes is not None
    silence_S = np.zeros(round(take.duration * played.sample_rate), np.float32)
    poses_TKD, _ = played.predict_keypoints(silence_S, take.notes)
    hits = BAR_HIT.measure(poses_TKD.astype(float), Reference.of(take, STICKS))
    still = BAR_HIT.measure(
        poses_TKD.mean(0, keepdims=True).repeat(len(poses_TKD), 0), Reference.of(take, STICKS)
    )
    assert hits is not None
    assert still is not None
    assert hits.rate > still.rate


def test_its_music_becomes_a_video_with_keypoints(
    performer: Path, takes: Path, tmp_path: Path
) -> None:
    from apvg.music.midi import write_midi

    take = load_takes(takes)[0]
    assert take.notes is not None
    write_midi(take.notes, tmp_path / "tune.mid")
    command = ["generate", str(tmp_path / "tune.mid"), "-o", str(tmp_path / "tune.mp4")]
    options = ["--keypoints", str(tmp_path / "tune.json"), "--duration", "2"]
    assert main([*command, *options, "--performer", str(performer), "--view", "side-by-side"]) == 0
    track = read_keypoints(tmp_path / "tune.json", STICKS.skeleton)
    assert track.keypoints_TKD.shape == (50, 4, 2)
    person = json.loads((tmp_path / "tune.json").read_text())["frames"][0]["people"][0]
    assert set(person) == {"left_stick_keypoints_2d", "right_stick_keypoints_2d"}


def test_it_is_evaluated_by_figures_of_its_own(
    performer: Path, takes: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    command = ["evaluate", str(performer), str(takes), "-o", str(report), "--no-read-back"]
    assert main([*command, "--jobs", "1"]) == 0
    (block,) = json.loads((report / "report.json").read_text())["blocks"]
    assert block["setting"]["split"] == "test"
    assert block["setting"]["motion_energy_unit"] == "bars"
    assert 0 <= block["from_sound"]["bar_hit"]["rate"] <= 1
    assert block["from_sound"]["motion_energy"].keys() == {"left_stick", "right_stick"}
    assert block["targets"] == [] or block["targets"][0]["figure"] == "bars hit, from sound"
    assert "left stick" in (report / "report.html").read_text()


def test_test_pieces_have_a_style_of_their_own(takes: Path) -> None:
    by_split = {take.about.split: take.metadata["style"] for take in load_takes(takes)}
    assert by_split["test"] in STICK_PLAYER.held_out_styles
    assert by_split["train"] not in STICK_PLAYER.held_out_styles
    assert isinstance(next(iter(load_takes(takes))), Take)
    assert STICK_PLAYER.orders(VirtualOptions(instrument="sticks", minutes=0.2, seconds=6.0))
