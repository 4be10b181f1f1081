"""Keypoints from OpenPose's files instead of a tracker: the same points in the take, by time."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from miniatures import BODY_25, COCO_18, hand_PD, person, write_openpose, write_video, write_wav

from apvg.cli.main import main
from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS
from apvg.takes.about import About
from apvg.takes.pose.openpose import openpose_files, read_people
from apvg.takes.take import Take

#: Every twentieth of a second, and in the first second more than that.
TIMES = sorted(
    {Fraction(n, 20) for n in range(60)} | {Fraction(n, 20) + Fraction(1, 50) for n in range(20)}
)
CROP, SIZE = (40, 20, 120, 90), (240, 180)
SKELETON = BODY_AND_HANDS
BODY = len(SKELETON.parts["body"])


def pose_KD(time: float, skeleton=SKELETON) -> np.ndarray:
    """Points that move smoothly within the crop, source pixels."""
    rng = np.random.default_rng(1)
    body_BD = rng.uniform((60, 30), (140, 100), (len(skeleton.parts.get("body", ())), 2))
    hands_PD = np.concatenate([hand_PD(70, 60), hand_PD(120, 70)])
    return np.concatenate([body_BD, hands_PD]) + (10 * time - 2 * time**2, 6 * time)


@pytest.fixture
def video(tmp_path) -> Path:
    frames = [np.full((120, 200, 3), 100, np.uint8)] * len(TIMES)
    write_video(tmp_path / "solo.mp4", frames, TIMES)
    write_wav(tmp_path / "solo.wav", np.zeros((48000, 1), np.int16), 48000)
    return tmp_path / "solo.mp4"


def prepare(video: Path, *options: str, layout: str = "body+hands") -> int:
    crop, size = ",".join(map(str, CROP)), "x".join(map(str, SIZE))
    arguments = ["prepare", str(video), str(video.parent / "takes"), "--layout", layout]
    arguments += ["--audio", str(video.with_suffix(".wav")), "--crop", crop, "--size", size]
    arguments += ["--fps", "20", "--openpose", str(video.parent / "poses"), "--force"]
    return main([*arguments, *options])


def load(video: Path) -> Take:
    return Take.load(video.parent / "takes" / "solo")


def expected_TKD(seconds: np.ndarray, skeleton=SKELETON) -> np.ndarray:
    """In pixels of the take."""
    scale = (SIZE[0] / CROP[2], SIZE[1] / CROP[3])
    return np.stack([(pose_KD(t, skeleton) - CROP[:2]) * scale for t in seconds])


def test_scores_above_one_are_one(tmp_path):
    """OpenPose's peaks may be a little higher; painters take confidences of 0 to 1 alone."""
    hand = [number for x in range(21) for number in (float(x), 1.0, 1.03)]
    path = tmp_path / "solo_000000000000_keypoints.json"
    people = [{"hand_left_keypoints_2d": hand, "hand_right_keypoints_2d": hand}]
    path.write_text(json.dumps({"people": people}))
    assert read_people([path], HANDS, None).score_TM.max() == 1


@pytest.mark.parametrize("body", [BODY_25, COCO_18], ids=["BODY_25", "COCO-18"])
def test_known_points_come_back(video, body):
    people = [[person(pose_KD(float(t)), SKELETON, body)] for t in TIMES]
    write_openpose(video.parent / "poses", "solo", people)
    assert prepare(video) == 0
    take = load(video)
    assert len(take) == 60
    assert np.abs(take.keypoints_TKD - expected_TKD(np.arange(60) / 20)).max() < 0.1
    assert take.confidence_TK == pytest.approx(0.9, abs=1e-5)
    # A take that begins later goes by the same clock.
    assert prepare(video, "--start", "0.5", "--duration", "1") == 0
    assert np.abs(load(video).keypoints_TKD - expected_TKD(np.arange(10, 30) / 20)).max() < 0.1


def test_hands_alone_need_no_body(video):
    people = []
    for t in TIMES:
        one = person(pose_KD(float(t), HANDS), HANDS)
        one["pose_keypoints_2d"] = []
        people.append([one])
    write_openpose(video.parent / "poses", "solo", people)
    assert prepare(video, layout="hands") == 0
    truth_TKD = expected_TKD(np.arange(60) / 20, HANDS)
    assert np.abs(load(video).keypoints_TKD - truth_TKD).max() < 0.1


def test_of_two_people_one_is_chosen(video):
    def moved(t: float, x: float) -> dict:
        return person(pose_KD(t) + (x, 0), SKELETON)

    # The first is not always the same.
    people = [
        [moved(float(t), 0), moved(float(t), 40)][:: 1 if n % 3 else -1]
        for n, t in enumerate(TIMES)
    ]
    write_openpose(video.parent / "poses", "solo", people)
    truth_TKD = expected_TKD(np.arange(60) / 20)
    for name, region, shift in (("a", "40,0,75,120", 0), ("b", "125,0,75,120", 40)):
        assert prepare(video, "--person", region, "--crop", "0,0,200,120") == 0, name
        scale = (SIZE[0] / 200, SIZE[1] / 120)
        points_TKD = np.stack([(pose_KD(t) + (shift, 0)) * scale for t in np.arange(60) / 20])
        assert np.abs(load(video).keypoints_TKD - points_TKD).max() < 0.1
    assert prepare(video, "--person", "0,0,10,10") == 1
    assert truth_TKD.shape == (60, len(SKELETON), 2)


def test_what_was_not_found_is_filled_or_marked(video):
    """One frame without anyone is filled; a second without is marked; single points are placed by
    the others."""
    nose, tip = 0, BODY + 8
    people = []
    for t in TIMES:
        one = person(pose_KD(float(t)), SKELETON)
        if Fraction(3, 2) <= t < 2:
            one["pose_keypoints_2d"][3 * nose : 3 * nose + 3] = [0, 0, 0]
            one["hand_left_keypoints_2d"][24:27] = [0, 0, 0]
        alone = t == Fraction(5, 4) or t >= Fraction(9, 4)
        people.append([] if alone else [one])
    write_openpose(video.parent / "poses", "solo", people)
    assert prepare(video) == 0
    take = load(video)
    truth_TKD = expected_TKD(np.arange(60) / 20)
    # Points without a body's motion to go by run straight over half a second: off by a parabola's
    # height at most.
    assert np.abs(take.keypoints_TKD - truth_TKD)[:45].max() < 0.5
    assert take.confidence_TK[25].tolist() == pytest.approx([0.45] * len(SKELETON))
    assert not take.confidence_TK[30:40, nose].any()
    assert take.confidence_TK[30:40, tip].min() > 0.8
    assert np.abs(take.keypoints_TKD - truth_TKD)[30:40, tip].max() < 0.1
    assert not take.confidence_TK[45:].any()


def test_files_are_counted_and_sorted_by_number(video, tmp_path, capsys):
    folder = tmp_path / "poses"
    write_openpose(folder, "solo", [[]] * (len(TIMES) - 1))
    assert prepare(video) == 1
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert f"holds {len(TIMES) - 1} numbered JSON files, but the video has {len(TIMES)}" in error
    assert not (tmp_path / "takes").exists()
    for path in folder.iterdir():
        path.unlink()
    for n in range(12):
        (folder / f"take2_{n}_keypoints.json").touch()
    order = [path.name for path in openpose_files(folder, 12)]
    assert order == [f"take2_{n}_keypoints.json" for n in range(12)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot read"),
        ("{}", "no field 'people'"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1.0] * 27}]}), "9 body points"),
        (json.dumps({"people": [{"hand_left_keypoints_2d": [1.0] * 5}]}), "cannot reshape"),
    ],
)
def test_a_damaged_file_is_named(video, capsys, text, reason):
    write_openpose(video.parent / "poses", "solo", [[]] * len(TIMES))
    bad = video.parent / "poses" / "solo_000000000004_keypoints.json"
    bad.write_text(text)
    assert prepare(video) == 1
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert str(bad) in error
    assert reason in error


def test_footage_says_what_it_is_told_to(video):
    people = [[person(pose_KD(float(t)), SKELETON)] for t in TIMES]
    write_openpose(video.parent / "poses", "solo", people)
    assert prepare(video) == 0
    assert load(video).about == About(piece="solo")
    said = {
        "piece": "Prelude",
        "instrument": "cello",
        "split": "validation",
        "licence": "CC0-1.0",
        "source": "the attic",
        "credit": "a cellist",
    }
    options = [word for what, text in said.items() for word in (f"--{what}", text)]
    assert prepare(video, *options) == 0
    assert vars(load(video).about) == said
    html = (video.parent / "takes" / "solo" / "quality.html").read_text()
    assert all(text in html for text in said.values())
