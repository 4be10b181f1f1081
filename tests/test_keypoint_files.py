"""Keypoint files: what is written is read again, and what is not whole is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.errors import ApvgError
from apvg.keypoint_files import KeypointTrack, read_keypoints, write_keypoints
from apvg.skeleton import BODY_AND_HANDS, HANDS, Skeleton


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
