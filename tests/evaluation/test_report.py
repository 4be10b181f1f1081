"""The whole report for performers whose figures are known: one that knows the truth, one that never
moves."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apvg.base.errors import ApvgError
from apvg.base.plain import to_plain
from apvg.baselines.keypoints import Audio2BodyConfig, MeanPose, SoundAndPoses
from apvg.baselines.pictures import Pix2PixConfig
from apvg.cli.main import main
from apvg.evaluation.comparison import can_be_moved, compare_keypoints, train_baselines
from apvg.evaluation.report import _choose, write_report
from apvg.evaluation.results import Block
from apvg.instruments.instrument import PIANO
from apvg.instruments.keyboard import Keyboard, key_x
from apvg.instruments.skeleton import HANDS
from apvg.measures.targets import Target, target_rows
from apvg.music.notes import Notes
from apvg.performer import Performer
from apvg.streaming import PredictedPoses
from apvg.takes.about import About
from apvg.takes.take import Take
from apvg.video.drawing import draw_skeleton
from apvg.video.images import read_image

FPS, WIDTH, HEIGHT, SECONDS = 25, 208, 48, 16
CORNERS_42 = np.array([[0, 8], [208, 8], [208, 32], [0, 32]], np.float32)


@pytest.fixture(scope="module")
def take() -> Take:
    """Two drawn hands that glide from key to key over a textured ground."""
    random = np.random.default_rng(0)
    keyboard = Keyboard(CORNERS_42)
    frames = SECONDS * FPS
    onset_N = np.arange(0.5, SECONDS - 0.5, 0.25)
    hand_N = np.arange(len(onset_N)) % 2
    pitch_N = np.where(
        hand_N, random.integers(62, 90, len(onset_N)), random.integers(30, 54, len(onset_N))
    )
    notes = Notes(onset_N, onset_N + 0.2, onset_N + 0.2, pitch_N, np.full(len(onset_N), 70))
    keypoints_TKD = np.zeros((frames, 42, 2), np.float32)
    for hand in (0, 1):
        mine_N = hand_N == hand
        x_T = np.interp(np.arange(frames) / FPS, onset_N[mine_N], key_x(pitch_N[mine_N]))
        for finger in range(5):
            for joint in range(4):
                place_T2 = np.stack(
                    [x_T + 0.8 * (finger - 2), np.full(frames, 1.6 - 0.35 * joint)], -1
                )
                keypoints_TKD[:, 21 * hand + 1 + 4 * finger + joint] = keyboard.to_pixels(place_T2)
        keypoints_TKD[:, 21 * hand] = keyboard.to_pixels(np.stack([x_T, np.full(frames, 1.7)], -1))
    confidence_TK = np.ones((frames, 42), np.float32)
    plate_HWC = random.integers(60, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    frames_THWC = np.stack(
        [
            draw_skeleton(plate_HWC, points_KD, confidence_TK[0], HANDS)
            for points_KD in keypoints_TKD
        ]
    )
    return Take(
        name="drawn",
        fps=FPS,
        skeleton=HANDS,
        frames_THWC=frames_THWC,
        keypoints_TKD=keypoints_TKD,
        confidence_TK=confidence_TK,
        samples_S=np.zeros(SECONDS * 48_000, np.float32),
        sample_rate=48_000,
        notes=notes,
        corners_42=CORNERS_42,
        metadata={"plate": plate_HWC.tolist()},
    )


class Oracle:
    """Answers with the truth, or with what stands still: no network could be judged so exactly."""

    name, version, skeleton, fps, sample_rate = "oracle", "1", HANDS, FPS, 16_000
    instrument, placement = PIANO, Keyboard(CORNERS_42)

    def __init__(self, take: Take, *, still: bool) -> None:
        self.take, self.still = take, still
        self.plate_HWC = np.array(take.metadata["plate"], np.uint8)
        self.config = SimpleNamespace(
            size=(WIDTH, HEIGHT),
            weights={"khp": "0" * 64},
            corners=CORNERS_42.tolist(),
            held_out={"drawn": {"block": (5.0, 10.0)}},
        )

    def predict_keypoints(self, samples_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        keypoints_TKD = self.take.keypoints_TKD
        assert len(samples_S) * FPS == len(keypoints_TKD) * self.sample_rate
        if self.still:
            keypoints_TKD = np.broadcast_to(keypoints_TKD.mean(axis=0), keypoints_TKD.shape)
        return keypoints_TKD, self.take.confidence_TK

    def render(
        self, keypoints_TKD: np.ndarray, confidence_TK: np.ndarray, samples_S: np.ndarray
    ) -> Iterator[SimpleNamespace]:
        assert len(samples_S) * FPS >= len(keypoints_TKD) * self.sample_rate
        for points_KD, confidence_K in zip(keypoints_TKD, confidence_TK, strict=True):
            image_HWC = self.plate_HWC
            if not self.still:
                image_HWC = draw_skeleton(image_HWC, points_KD, confidence_K, HANDS)
            yield SimpleNamespace(
                frames_THWC=image_HWC[None], coarse_ThwC=self.plate_HWC[None, ::4, ::4]
            )


def report(take: Take, folder: Path, **options: Any) -> dict[str, Any]:
    still = options.pop("still", False)
    performer: Any = Oracle(take, still=still)
    return to_plain(write_report(performer, [take], folder, **options))


def test_a_performer_that_knows_the_truth_meets_every_target(take: Take, tmp_path: Path) -> None:
    def tracker(frames: Any, fps: float) -> tuple[np.ndarray, np.ndarray]:
        count = len(list(frames))
        now = slice(5 * FPS, 5 * FPS + count)
        return take.keypoints_TKD[now], take.confidence_TK[now]

    written = report(take, tmp_path, tracker=tracker)
    assert written == json.loads((tmp_path / "report.json").read_text())
    (figures,) = written["blocks"]
    assert figures["setting"]["block"] == {
        "name": "block",
        "start": 5.0,
        "stop": 10.0,
        "held_out": True,
    }
    assert figures["setting"]["frames"] == figures["setting"]["frames_judged"] == 125
    assert figures["from_sound"]["key_hit"]["rate"] == 1.0
    assert figures["from_sound"]["pck@0.05"] == 1.0
    assert figures["from_sound"]["motion_energy"] == {"left_hand": 1.0, "right_hand": 1.0}
    assert abs(figures["from_sound"]["lag"]) <= 0.08
    assert figures["read_back"]["from_keypoints"]["skill_share"] == 1.0
    # A perfect picture has an infinite PSNR, which JSON lacks; all other targets are met.
    assert figures["from_keypoints"]["hand_psnr_gain"] is None
    # What is drawn at jittered keypoints flickers: the oracle has no memory to smooth it with.
    assert figures["from_keypoints"]["flicker"] == 0
    assert figures["from_jittered_keypoints"]["flicker"] > 0
    assert all(row["met"] for row in figures["targets"])
    assert len(figures["targets"]) == 8
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/") == len(list(tmp_path.glob("*.png"))) == 6


def test_a_still_performer_meets_none(take: Take, tmp_path: Path) -> None:
    written = report(take, tmp_path, still=True, blocks=[Block("mine", 5.0, 10.0)])
    (figures,) = written["blocks"]
    assert figures["setting"]["block"]["held_out"] is True  # it is the one of the config
    missed = {row["figure"] for row in figures["targets"] if not row["met"]}
    assert any("PSNR" in figure for figure in missed)
    assert any("skill" in figure for figure in missed)
    assert sum("motion-energy" in figure for figure in missed) == 2
    assert (
        figures["from_keypoints"]["hand_psnr"]
        == figures["retrieval_baselines"]["clean plate"]["hand_psnr"]
    )
    jittered = figures["from_jittered_keypoints"]
    assert all(figures["from_keypoints"][name] == value for name, value in jittered.items())
    assert figures["from_sound"]["component_correlation"] == 0
    assert "read_back" not in figures


def test_a_take_without_notes_or_keyboard_has_the_other_figures(take: Take, tmp_path: Path) -> None:
    plain = replace(take, notes=None, corners_42=None)
    (figures,) = report(plain, tmp_path)["blocks"]
    assert figures["setting"]["notes"] is None
    assert figures["setting"]["motion_energy_unit"] == "frame heights"
    assert figures["from_sound"]["motion_energy"]["left_hand"] == 1.0
    assert "key_hit" not in figures["from_sound"]
    assert len(figures["targets"]) == 4
    assert len(list(tmp_path.glob("*.png"))) == 5  # no lag curve


def test_baselines_learn_from_what_was_not_held_out(take: Take, tmp_path: Path) -> None:
    performer: Any = Oracle(take, still=False)
    # What is held out is far from all else: who has seen it would answer with it.
    keypoints_TKD = take.keypoints_TKD.copy()
    keypoints_TKD[3 * FPS : 12 * FPS, :, 1] -= 20
    take = performer.take = replace(take, keypoints_TKD=keypoints_TKD)
    config = Audio2BodyConfig(hidden=8, components=3, steps=5)
    baselines = train_baselines(performer, [take], config)
    assert isinstance(baselines[0], MeanPose)
    learnt_TKD = keypoints_TKD[
        12 * FPS :
    ]  # three seconds before the block and its guard are too few
    np.testing.assert_allclose(baselines[0].mean_KD, learnt_TKD.mean(axis=0), atol=0.05)

    pix2pix = Pix2PixConfig(steps=40, width=8, rate=2e-3)
    written = to_plain(
        write_report(performer, [take], tmp_path, baselines=baselines, pix2pix=pix2pix)
    )
    pictures = written["blocks"][0]["baselines"]
    assert list(pictures) == ["CVG alone", "pix2pix from keypoints", "pix2pix from sound"]
    assert pictures["pix2pix from sound"] == pictures["pix2pix from keypoints"]  # an oracle's
    assert min(figures["hand_psnr"] for figures in pictures.values()) > 5
    rows = written["comparison_mean"]
    assert list(rows) == ["apvg", "mean pose", "nearest sound", "Audio2BodyDynamics"]
    assert rows["apvg"]["pixel_error"] == 0
    assert rows["apvg"]["key_hit.rate"] == 1
    assert rows["apvg"]["motion_energy.left_hand"] == pytest.approx(1)
    assert rows["mean pose"]["motion_energy.left_hand"] == pytest.approx(0, abs=1e-6)
    assert min(rows[name]["pixel_error"] for name in list(rows)[1:]) > 5
    assert "Audio2BodyDynamics</th>" in (tmp_path / "report.html").read_text()
    # A row of hands (and its label) for the real frames, the performer's, and each baseline's.
    height, baselines_height = (
        read_image(next(tmp_path.glob(f"*-{kind}.png"))).shape[0] for kind in ("hands", "baselines")
    )
    assert baselines_height == pytest.approx(height * 5 / 3, rel=0.02)
    with pytest.raises(ApvgError, match="split train"):
        train_baselines(performer, [replace(take, about=About(split="test"))], config)


def test_baselines_are_judged_on_another_camera_s_takes_as_well(take: Take) -> None:
    performer: Any = Oracle(take, still=False)
    baselines = [MeanPose([SoundAndPoses(np.zeros((100, 28)), take.keypoints_TKD[:100])], FPS)]
    # Twice as large and aside, without a picture: the same hands on the same keys.
    away = replace(
        take,
        name="away",
        frames_THWC=None,
        keypoints_TKD=2 * take.keypoints_TKD + 7,
        corners_42=2 * CORNERS_42 + 7,
        metadata={"size": [500, 90]},
    )
    here, there = (
        to_plain(compare_keypoints(performer, baselines, evaluated, Block("b", 1.0, 15.0)))
        for evaluated in (take, away)
    )
    assert there["apvg"]["pixel_error"] == pytest.approx(0, abs=1e-3)
    assert there["apvg"]["key_hit"]["rate"] == 1
    for figure in ("pixel_error", "velocity_error"):
        expected = pytest.approx(here["mean pose"][figure], rel=1e-3)
        assert there["mean pose"][figure] == expected
    assert can_be_moved(performer, away)
    assert not can_be_moved(performer, replace(away, fps=50, samples_S=take.samples_S[::2]))
    assert not can_be_moved(performer, replace(away, corners_42=None))


def test_what_does_not_fit_is_refused(take: Take, tmp_path: Path) -> None:
    with pytest.raises(ApvgError, match="under two seconds"):
        report(take, tmp_path, blocks=[Block("beyond", 100.0, 110.0)])
    with pytest.raises(ApvgError, match="leave no frame"):
        report(take, tmp_path, blocks=[Block("all", 0.0, 16.0)])
    performer: Any = Oracle(take, still=True)
    performer.fps = 30
    with pytest.raises(ApvgError, match="frames/s") as refused:
        write_report(performer, [replace(take, notes=None)], tmp_path)
    assert refused.value.options == ("fps",)
    elsewhere = replace(take, name="elsewhere", corners_42=CORNERS_42 + 5, notes=None)
    with pytest.raises(ApvgError, match="another scene"):
        report(elsewhere, tmp_path)
    performer = Oracle(take, still=True)
    written = to_plain(write_report(performer, [elsewhere, take], tmp_path))
    assert "another scene" in written["left_out"]["elsewhere"]
    assert [b["setting"]["take"] for b in written["blocks"]] == ["drawn"]


def test_music_to_train_on_is_not_judged_where_there_are_test_pieces(take: Take) -> None:
    """Baselines know it by heart; where there is no test piece, all is judged."""
    performer: Any = Oracle(take, still=True)
    learnt = replace(
        take,
        name="learnt",
        frames_THWC=None,
        corners_42=CORNERS_42 + 5,
        metadata={"size": [500, 90]},
    )
    test = replace(learnt, name="test", about=About(split="test"))
    filmed = replace(take, name="filmed", corners_42=CORNERS_42 + 5)
    together = _choose(performer, [take, learnt, test, filmed], ())
    ((component, known),) = together.pieces
    assert component.section == "music"
    assert [t.name for t in known] == ["test", "filmed"]
    assert [t.name for t, _ in together.shown] == ["drawn"]
    assert not together.left_out
    ((_, known),) = _choose(performer, [learnt], ()).pieces
    assert [t.name for t in known] == ["learnt"]


def test_the_command_on_fresh_weights(
    take: Take, tiny_performer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    takes, out = tmp_path / "takes", tmp_path / "report"
    takes.mkdir()
    small = replace(take, frames_THWC=take.frames_THWC[:, :32, :128], corners_42=None)
    small.save(takes / "drawn")
    command = ["evaluate", str(tiny_performer), str(takes), "-o", str(out), "--no-read-back"]
    assert main([*command, "--block", "bad", "9", "3"]) == 1
    assert "the block bad, 9 to 3 s, is empty or starts before 0 s" in capsys.readouterr().err
    assert not out.exists()
    assert main([*command, "--block", "one", "3", "6", "--block", "two", "9", "12"]) == 0
    assert "drawn, two:" in capsys.readouterr().out
    written = json.loads((out / "report.json").read_text())
    assert [b["setting"]["block"]["name"] for b in written["blocks"]] == ["one", "two"]
    assert len(written["performer"]["weights_sha256"]["khp"]) == 64
    assert main(command) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["evaluate", "nobody", str(takes), "-o", str(tmp_path / "x")]) == 1
    assert "nobody" in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {"takes", "report"}


def test_a_figure_that_is_not_known_has_no_target() -> None:
    targets = [
        Target[dict[str, float]](name, lambda figures, n=name: figures.get(n), 0.4)
        for name in ("skill", "rate", "nothing")
    ]
    rows = target_rows({"skill": 0.7, "rate": float("nan")}, targets)
    assert [(row.figure, row.value, row.met) for row in rows] == [("skill", 0.7, True)]


def test_what_cannot_be_measured_breaks_nothing(take: Take, tmp_path: Path) -> None:
    """Hands that never move, a picture of one colour, music without a note on the piano, a tracker
    that sees nothing."""

    def blind(frames: Any, fps: float) -> tuple[np.ndarray, np.ndarray]:
        count = len(list(frames))
        return np.zeros((count, 42, 2), np.float32), np.zeros((count, 42), np.float32)

    still_TKD = np.repeat(take.keypoints_TKD[:1], len(take.keypoints_TKD), axis=0)
    still = replace(
        take,
        keypoints_TKD=still_TKD,
        frames_THWC=np.full_like(take.frames_THWC, 90),
        samples_S=np.zeros_like(take.samples_S),
    )
    assert take.notes is not None
    away = replace(
        still,
        name="beyond the keys",
        notes=replace(take.notes, pitch_N=np.full(len(take.notes), 3)),
        corners_42=CORNERS_42 + 5,
    )
    performer: Any = Oracle(still, still=True)
    no_heights_T0 = np.zeros((len(still_TKD), 0), np.float32)
    performer.predict_keypoints = lambda samples_S, notes=None: (still_TKD, take.confidence_TK)
    performer.predict_poses = lambda samples_S, notes=None: PredictedPoses(
        still_TKD, take.confidence_TK, no_heights_T0
    )
    performer.perform = lambda samples_S, notes: SimpleNamespace(
        frames_THWC=still.frames_THWC[: round(len(samples_S) / performer.sample_rate * FPS)],
        coarse_ThwC=still.frames_THWC[:, ::4, ::4],
        keypoints_TKD=still_TKD,
        confidence_TK=take.confidence_TK,
    )
    written = to_plain(write_report(performer, [still, away], tmp_path, tracker=blind))
    (figures,) = written["blocks"]
    assert figures["from_sound"]["motion_energy"] == {"left_hand": None, "right_hand": None}
    assert figures["from_keypoints"]["sharpness"] is None
    assert figures["read_back"]["from_keypoints"]["hands_found_share"] is None
    (style,) = written["music_styles"].values()
    assert style["from_sound"]["skill"] is None
    assert (tmp_path / "report.html").stat().st_size > 1000


def test_the_command_says_what_is_not_measurable(
    take: Take, tiny_performer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A painter's own frames as the real ones: a PSNR that is infinite, which JSON lacks."""
    performer = Performer.from_pretrained(tiny_performer)
    width, height = performer.config.size
    random = np.random.default_rng(0)
    scale_D = np.array([width / WIDTH, height / HEIGHT], np.float32)
    keypoints_TKD = take.keypoints_TKD * scale_D
    samples_S = random.normal(0, 0.1, SECONDS * 16_000).astype(np.float32)
    parts = list(performer.render(keypoints_TKD, take.confidence_TK, samples_S))
    own = replace(
        take,
        keypoints_TKD=keypoints_TKD,
        frames_THWC=np.concatenate([part.frames_THWC for part in parts]),
        samples_S=samples_S,
        sample_rate=16_000,
        corners_42=None,
        metadata={},
    )
    (tmp_path / "takes").mkdir()
    own.save(tmp_path / "takes" / "own")
    command = ["evaluate", str(tiny_performer), str(tmp_path / "takes"), "-o", str(tmp_path / "r")]
    assert main([*command, "--no-read-back", "--block", "first", "0", "5"]) == 0
    assert "from tracked keypoints: not measurable (target" in capsys.readouterr().out


def test_where_there_is_no_tracker_the_command_says_how_to_do_without(
    take: Take,
    tiny_performer: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As for Python 3.13, for which MediaPipe has no build.
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.delitem(sys.modules, "apvg.takes.pose.mediapipe", raising=False)
    (tmp_path / "takes").mkdir()
    take.save(tmp_path / "takes" / "drawn")
    command = ["evaluate", str(tiny_performer), str(tmp_path / "takes"), "-o", str(tmp_path / "r")]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "--no-read-back" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "r").exists()
