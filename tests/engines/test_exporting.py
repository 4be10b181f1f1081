"""ONNX files by themselves: what plays music from nothing but them and their description gives the performer's video."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file

from apvg.base.errors import ApvgError
from apvg.cli.main import main
from apvg.engines.exporting import _check, _export, _Flat, stages_of
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.models.transcription.strokes import StrokeConfig
from apvg.music.features import FeatureExtractor
from apvg.performer import Performer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tiny_performer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "tiny"
    assert main(["export", str(tiny_performer), str(folder)]) == 0
    return folder


class Files:
    """Stages run by ONNX Runtime as stages.json says, with the states that they hand on."""

    def __init__(self, folder: Path) -> None:
        self.about = json.loads((folder / "stages.json").read_text())
        self.start = load_file(folder / self.about["states_begin_with"])
        self.sessions = {
            name: onnxruntime.InferenceSession(str(folder / stage["file"]))
            for name, stage in self.about["stages"].items()
        }
        self.states: dict[str, Any] = {
            name: {
                key.partition(".")[2]: value
                for key, value in self.start.items()
                if key.startswith(f"{name}.")
            }
            for name in self.sessions
        }

    def __call__(self, name: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        session, stage = self.sessions[name], self.about["stages"][name]
        names = [output["name"] for output in stage["outputs"]]
        given = session.run(None, inputs | self.states[name])
        outputs = {key: np.asarray(value) for key, value in zip(names, given, strict=True)}
        self.states[name] = {state: outputs.pop(f"{state}_after") for state in self.states[name]}
        return outputs


@pytest.mark.parametrize("block", [1, 5])
def test_the_files_alone_give_the_performers_video(
    exported: Path, tiny_performer: Path, block: int
) -> None:
    performer = Performer.from_pretrained(tiny_performer)
    config = performer.config
    samples_S = np.random.default_rng(0).normal(0, 0.1, 12800).astype(np.float32)
    expected = performer.perform(samples_S)
    extractor, rows = FeatureExtractor(config.features), config.features.rows_per_frame
    heard_RF = np.concatenate([extractor.push(samples_S), extractor.flush()])
    late = config.khp.lookahead_frames
    heard_RF = np.pad(heard_RF, ((0, late * rows), (0, 0)))
    files = Files(exported)
    keypoints, confidence, coarse = [], [], []
    for first in range(0, len(heard_RF), block * rows):
        piece_RF = heard_RF[first : first + block * rows]
        notes_2TP = files("hear", features=piece_RF)["notes"]
        for frame in range(notes_2TP.shape[1]):
            posed = files("play", notes=notes_2TP[:, frame : frame + 1])
            keypoints.append(posed["keypoints"])
            confidence.append(posed["confidence"])
        coarse.append(files("cvg", features=piece_RF)["coarse"])
    keypoints_TKD, confidence_TK = np.concatenate(keypoints)[late:], np.concatenate(confidence)
    coarse_TChw = np.concatenate(coarse)[config.cvg.lookahead_frames :]
    frames = len(keypoints_TKD)
    np.testing.assert_allclose(keypoints_TKD, expected.keypoints_TKD, atol=1e-3)
    shown = (keypoints_TKD, confidence_TK[late:], coarse_TChw[:frames])
    painted = []
    for first in range(0, frames, block):
        names = ("keypoints", "confidence", "coarse")
        pieces = (part[first : first + block] for part in shown)
        encoded = files("encode", **dict(zip(names, pieces, strict=True)))
        memory = [
            files("remember", fine=encoded["fine"][frame : frame + 1])["memory"]
            for frame in range(len(encoded["fine"]))
        ]
        painted.append(files("decode", **encoded, memory=np.concatenate(memory))["frames"])
    frames_THWC = (255 * np.concatenate(painted)).round().transpose(0, 2, 3, 1)
    assert np.abs(frames_THWC - expected.frames_THWC).max() <= 1


def test_the_ears_of_a_string_player_are_a_file_of_one_frame(
    tiny_performer: Path, tmp_path: Path
) -> None:
    """Strokes of the bow are told one after the other; that file, too, gives what PyTorch gives, from frame to frame."""
    pianist = Performer.from_pretrained(tiny_performer)
    khp = replace(
        pianist.config.khp,
        decided=True,
        lookahead_frames=12,
        bowing=StrokeConfig(hidden=6, told=0.4),
    )
    config = replace(pianist.config, khp=khp, skeleton=BODY_HANDS_AND_BOW, corners=None)
    performer = Performer(config, pianist.plate_HWC).to("cpu")
    performer.khp.transcriber.encoder.notes.weight.data *= 20  # fresh ears hear nothing
    torch.nn.init.zeros_(performer.khp.transcriber.encoder.notes.bias)  # pyright: ignore[reportArgumentType]
    hear = next(stage for stage in stages_of(performer) if stage.name == "hear")
    flat, path = _Flat(hear, [performer.khp]).eval(), tmp_path / "hear.onnx"
    _export(flat, path)
    session = onnxruntime.InferenceSession(str(path))
    assert _check(flat, session, path) < 1e-4
    rows = config.features.rows_per_frame
    features_RF = 2 * torch.rand(60 * rows, config.features.size) ** 3
    state = {name: value.numpy() for name, value in hear.states.items()}
    notes = []
    for piece_RF in features_RF.split(rows):
        notes_2TP, *after = session.run(None, {"features": piece_RF.numpy()} | state)
        notes.append(np.asarray(notes_2TP))
        state = dict(zip(state, after, strict=True))
    expected_2TP, _ = performer.engine.hear(features_RF, None)
    assert expected_2TP[0].any()
    np.testing.assert_allclose(np.concatenate(notes, axis=1), expected_2TP.numpy(), atol=1e-4)


def test_a_coarsest_memory_is_a_file_of_one_frame(tiny_performer: Path, tmp_path: Path) -> None:
    pianist = Performer.from_pretrained(tiny_performer)
    stu = replace(pianist.config.stu, hidden=3, recurrent_level="coarsest")
    performer = Performer(replace(pianist.config, stu=stu), pianist.plate_HWC).to("cpu")
    remember = next(stage for stage in stages_of(performer) if stage.name == "remember")
    flat, path = _Flat(remember, [performer.stu]).eval(), tmp_path / "remember.onnx"
    _export(flat, path)
    session = onnxruntime.InferenceSession(str(path))
    assert _check(flat, session, path) < 1e-4
    width, height = pianist.config.size
    shapes = {tensor.name: tensor.shape for tensor in session.get_inputs()}
    assert shapes["coarsest"][-2:] == [height // 16, width // 16]
    assert next(iter(remember.states.values())).shape == (1, 3, height // 16, width // 16)


def test_a_file_that_differs_is_refused(exported: Path, tiny_performer: Path) -> None:
    performer = Performer.from_pretrained(tiny_performer)
    stage = next(stage for stage in stages_of(performer) if stage.name == "decode")
    path = exported / "decode.onnx"
    session = onnxruntime.InferenceSession(str(path))
    flat = _Flat(stage, [performer.stu])
    assert _check(flat, session, path) < 1e-4
    performer.stu.paint.weight += 0.01
    with pytest.raises(ApvgError, match=r"decode\.onnx differs from PyTorch by 0\.0"):
        _check(flat, session, path)


def test_a_folder_that_is_there_stays(
    exported: Path, tiny_performer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (exported / "stages.json").read_bytes()
    assert main(["export", str(tiny_performer), str(exported)]) == 1
    assert "give --force to replace it" in capsys.readouterr().err
    assert (exported / "stages.json").read_bytes() == before
