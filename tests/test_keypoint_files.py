"""Keypoint files: what is written is read again, and what is not whole is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS, Skeleton
from apvg.keypoint_files import KeypointTrack, read_keypoints, write_keypoints


def track(frames: int, skeleton: Skeleton, seed: int = 0) -> KeypointTrack:
    rng = np.random.default_rng(seed)
    keypoints_TKD = rng.uniform(-50, 600, (frames, len(skeleton), 2)).astype(np.float32)
    confidence_TK = rng.uniform(0, 1, (frames, len(skeleton))).astype(np.float32)
    return KeypointTrack(keypoints_TKD, confidence_TK, 25.0)


@settings(max_examples=10, deadline=None)
@given(
    frames=st.integers(1, 30),
    skeleton=st.sampled_from([HANDS, BODY_AND_HANDS]),
    name=st.sampled_from(["k.npz", "k.json"]),
    seed=st.integers(0, 99),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, frames: int, skeleton: Skeleton, name: str, seed: int
) -> None:
    path = tmp_path_factory.mktemp("keypoints") / name
    written = track(frames, skeleton, seed)
    write_keypoints(path, written, skeleton)
    read = read_keypoints(path, skeleton)
    np.testing.assert_allclose(read.keypoints_TKD, written.keypoints_TKD, atol=6e-4)
    np.testing.assert_allclose(read.confidence_TK, written.confidence_TK, atol=6e-4)
    assert read.fps == 25.0


def test_json_has_openposes_fields(tmp_path: Path) -> None:
    written = track(2, BODY_AND_HANDS)
    write_keypoints(tmp_path / "k.json", written, BODY_AND_HANDS)
    data = json.loads((tmp_path / "k.json").read_text())
    person = data["frames"][1]["people"][0]
    assert len(person["hand_left_keypoints_2d"]) == len(person["hand_right_keypoints_2d"]) == 63
    wrist = BODY_AND_HANDS.points.index("right_wrist")
    expected = [*written.keypoints_TKD[1, wrist], written.confidence_TK[1, wrist]]
    np.testing.assert_allclose(person["hand_right_keypoints_2d"][:3], expected, atol=6e-4)
    assert len(person["pose_keypoints_2d"]) == 3 * len(BODY_AND_HANDS.parts["body"])


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(ApvgError, match="no such file"):
        read_keypoints(tmp_path / "k.npz", HANDS)
    with pytest.raises(ApvgError, match="ends in"):
        read_keypoints(tmp_path / "k.txt", HANDS)
    for name in ("k.npz", "k.json"):
        write_keypoints(tmp_path / name, track(3, HANDS), HANDS)
        with pytest.raises(ApvgError):
            read_keypoints(tmp_path / name, BODY_AND_HANDS)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ApvgError, match="not a whole"):
            read_keypoints(tmp_path / name, HANDS)


def with_number(path: Path, where: str, number: float) -> KeypointTrack:
    """Write three frames in which a coordinate or a confidence of one point is this number; returns
    them."""
    written = track(3, HANDS)
    array = written.keypoints_TKD[..., 0] if where == "x" else written.confidence_TK
    array[1, 5] = number
    if path.suffix == ".npz":
        write_keypoints(path, written, HANDS)
        return written
    array[1, 5] = 0.123
    write_keypoints(path, written, HANDS)
    data = json.loads(path.read_text())
    data["frames"][1]["people"][0]["hand_left_keypoints_2d"][15 if where == "x" else 17] = number
    path.write_text(json.dumps(data))
    return written


@pytest.mark.parametrize("name", ["k.npz", "k.json"])
@pytest.mark.parametrize("where", ["x", "confidence"])
def test_nan_is_a_point_that_is_not_there(tmp_path: Path, name: str, where: str) -> None:
    assert HANDS.parts["left_hand"][5] == 5
    written = with_number(tmp_path / name, where, float("nan"))
    read = read_keypoints(tmp_path / name, HANDS)
    assert np.isfinite(read.keypoints_TKD).all()
    assert read.confidence_TK[1, 5] == 0
    others_TK = np.ones((3, 42), bool)
    others_TK[1, 5] = False
    np.testing.assert_allclose(
        read.confidence_TK[others_TK], written.confidence_TK[others_TK], atol=6e-4
    )
    np.testing.assert_allclose(
        read.keypoints_TKD[others_TK], written.keypoints_TKD[others_TK], atol=6e-4
    )


@pytest.mark.parametrize("name", ["k.npz", "k.json"])
@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("x", float("inf")),
        ("x", -float("inf")),
        ("x", 1e30),
        ("confidence", float("inf")),
        ("confidence", -float("inf")),
        ("confidence", 1.5),
        ("confidence", -0.2),
        ("confidence", 87.0),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    tmp_path: Path, name: str, where: str, number: float
) -> None:
    with_number(tmp_path / name, where, number)
    with pytest.raises(ApvgError, match=f"cannot use .*{HANDS.points[5]} of frame 1") as caught:
        read_keypoints(tmp_path / name, HANDS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "numbers",
    [[1.0, 2.0, 0.5], [0.0] * 62, [0.0] * 64, [0.0] * 126, "none", {"x": 1}, 5.0, [10**400] * 63],
)
def test_hands_of_another_number_of_points_are_refused(tmp_path: Path, numbers: object) -> None:
    write_keypoints(tmp_path / "k.json", track(3, HANDS), HANDS)
    data = json.loads((tmp_path / "k.json").read_text())
    data["frames"][2]["people"][0]["hand_right_keypoints_2d"] = numbers
    (tmp_path / "k.json").write_text(json.dumps(data))
    with pytest.raises(ApvgError, match="not a whole keypoint file"):
        read_keypoints(tmp_path / "k.json", HANDS)


def test_nobody_and_no_hand_as_openpose_says_it(tmp_path: Path) -> None:
    write_keypoints(tmp_path / "k.json", track(3, HANDS), HANDS)
    data = json.loads((tmp_path / "k.json").read_text())
    data["frames"][0]["people"] = []
    data["frames"][1]["people"][0]["hand_left_keypoints_2d"] = []
    data["frames"][2]["people"][0]["hand_left_keypoints_2d"] = [None] * 63
    (tmp_path / "k.json").write_text(json.dumps(data))
    there_TK = read_keypoints(tmp_path / "k.json", HANDS).confidence_TK > 0
    left = list(HANDS.parts["left_hand"])
    assert not there_TK[0].any()
    assert not there_TK[1:, left].any()
    assert there_TK[1:, 21:].mean() > 0.9


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf")])
def test_frame_rates_that_cannot_be_are_refused(tmp_path: Path, fps: float) -> None:
    written = track(2, HANDS)
    write_keypoints(
        tmp_path / "k.npz", KeypointTrack(written.keypoints_TKD, written.confidence_TK, fps), HANDS
    )
    with pytest.raises(ApvgError, match=r"k\.npz"):
        read_keypoints(tmp_path / "k.npz", HANDS)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), name=st.sampled_from(["npz", "json"]))
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, name: str
) -> None:
    path = tmp_path_factory.mktemp("keypoints") / f"k.{name}"
    write_keypoints(path, track(2, HANDS), HANDS)
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(data)
    try:
        read = read_keypoints(path, HANDS)
    except ApvgError:
        return
    assert np.isfinite(read.keypoints_TKD).all()
    assert ((read.confidence_TK >= 0) & (read.confidence_TK <= 1)).all()
