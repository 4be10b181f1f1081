"""ONNX files by themselves: what plays music from nothing but them and their description gives the
performer's video."""

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
from apvg.engines.exporting import _check, _export, _Flat, functions_of
from apvg.engines.pytorch import PyTorchEngine
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.models.transcription.strokes import StrokeConfig
from apvg.music.features import FeatureExtractor
from apvg.performer import Performer
from apvg.stages import Stages

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
    features_RF = np.concatenate([extractor.push(samples_S), extractor.flush()])
    late = config.khp.lookahead_frames
    features_RF = np.pad(features_RF, ((0, late * rows), (0, 0)))
    files = Files(exported)
    plate_1CHW = performer.plate_HWC.transpose(2, 0, 1)[None] / 255.0
    keypoints, confidence, coarse = [], [], []
    for first in range(0, len(features_RF), block * rows):
        piece_RF = features_RF[first : first + block * rows]
        notes_2TP = files("transcribe", features=piece_RF)["notes"]
        for frame in range(notes_2TP.shape[1]):
            posed = files("pose", notes=notes_2TP[:, frame : frame + 1])
            keypoints.append(posed["keypoints"])
            confidence.append(posed["confidence"])
        coarse.append(files("coarse", features=piece_RF)["coarse"])
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
        hidden = [
            files("recur", fine=encoded["fine"][frame : frame + 1])["hidden"]
            for frame in range(len(encoded["fine"]))
        ]
        layer = files("paint", **encoded, hidden=np.concatenate(hidden))
        painted.append(plate_1CHW + layer["matte"] * (layer["colour"] - plate_1CHW))
    frames_THWC = (255 * np.concatenate(painted)).round().transpose(0, 2, 3, 1)
    assert np.abs(frames_THWC - expected.frames_THWC).max() <= 1


def test_a_transcriber_of_bowed_notes_takes_one_frame_at_a_time(
    tiny_performer: Path, tmp_path: Path
) -> None:
    """Strokes are classified one after the other; that file, too, gives what PyTorch gives, frame
    by frame."""
    pianist = Performer.from_pretrained(tiny_performer)
    before = pianist.config.khp
    transcriber = replace(
        before.transcriber, kind="bowed notes", decided=True, strokes=StrokeConfig(6, 0.4)
    )
    motion = replace(before.motion, decoder="body")
    khp = replace(before, transcriber=transcriber, motion=motion, lookahead_frames=12)
    config = replace(pianist.config, khp=khp, skeleton=BODY_HANDS_AND_BOW, corners=None)
    stages = Stages(config, pianist.plate_HWC).to("cpu")
    stages.khp.transcriber.encoder.notes.weight.data *= 20  # a fresh encoder finds nothing
    torch.nn.init.zeros_(stages.khp.transcriber.encoder.notes.bias)  # pyright: ignore[reportArgumentType]
    transcribe = next(f for f in functions_of(stages) if f.name == "transcribe")
    flat, path = _Flat(transcribe, [stages.khp]).eval(), tmp_path / "transcribe.onnx"
    _export(flat, path)
    session = onnxruntime.InferenceSession(str(path))
    assert _check(flat, session, path) < 1e-4
    rows = config.features.rows_per_frame
    features_RF = 2 * torch.rand(60 * rows, config.features.size) ** 3
    state = {name: value.numpy() for name, value in transcribe.states.items()}
    notes = []
    for piece_RF in features_RF.split(rows):
        notes_2TP, *after = session.run(None, {"features": piece_RF.numpy()} | state)
        notes.append(np.asarray(notes_2TP))
        state = dict(zip(state, after, strict=True))
    expected_2TP, _ = PyTorchEngine(stages).transcribe(features_RF, None)
    assert expected_2TP[0].any()
    np.testing.assert_allclose(np.concatenate(notes, axis=1), expected_2TP.numpy(), atol=1e-4)


def test_a_recurrence_at_the_coarsest_level_takes_one_frame_at_a_time(
    tiny_performer: Path, tmp_path: Path
) -> None:
    pianist = Performer.from_pretrained(tiny_performer)
    stu = replace(pianist.config.stu, hidden=3, recurrent_level="coarsest")
    stages = Stages(replace(pianist.config, stu=stu), pianist.plate_HWC).to("cpu")
    recur = next(f for f in functions_of(stages) if f.name == "recur")
    flat, path = _Flat(recur, [stages.stu]).eval(), tmp_path / "recur.onnx"
    _export(flat, path)
    session = onnxruntime.InferenceSession(str(path))
    assert _check(flat, session, path) < 1e-4
    width, height = pianist.config.size
    shapes = {tensor.name: tensor.shape for tensor in session.get_inputs()}
    assert shapes["coarsest"][-2:] == [height // 16, width // 16]
    assert next(iter(recur.states.values())).shape == (1, 3, height // 16, width // 16)


def test_a_file_that_differs_is_refused(exported: Path, tiny_performer: Path) -> None:
    stages = Stages.load(tiny_performer).to("cpu")
    function = next(f for f in functions_of(stages) if f.name == "paint")
    path = exported / "paint.onnx"
    session = onnxruntime.InferenceSession(str(path))
    flat = _Flat(function, [stages.stu])
    assert _check(flat, session, path) < 1e-4
    stages.stu.paint.weight += 0.01
    with pytest.raises(ApvgError, match=r"paint\.onnx differs from PyTorch by 0\.0"):
        _check(flat, session, path)


def test_a_folder_that_is_there_stays(
    exported: Path, tiny_performer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (exported / "stages.json").read_bytes()
    assert main(["export", str(tiny_performer), str(exported)]) == 1
    assert "allow replacing it (--force)" in capsys.readouterr().err
    assert (exported / "stages.json").read_bytes() == before
