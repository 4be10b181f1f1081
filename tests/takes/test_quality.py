"""The quality report: what is wrong with a take is found, counted and shown, and what is right
passes."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS
from apvg.music.notes import Notes
from apvg.takes.about import About
from apvg.takes.prepare.assess import measure
from apvg.takes.prepare.page import write_page
from apvg.takes.prepare.quality import QualityReport, hand_checks, with_verdict
from apvg.takes.take import Take, sample_count

FPS, FRAMES = 25, 500


def good_hands() -> tuple[np.ndarray, np.ndarray]:
    """Two hands about 40 pixels large that sway, and their confidence."""
    rng = np.random.default_rng(0)
    t = np.arange(FRAMES)[:, None]
    keypoints_TKD = np.zeros((FRAMES, 42, 2))
    for ids, x in zip(HANDS.hands.values(), (60, 180), strict=True):
        shape_KD = rng.uniform(0, 28, (21, 2))
        keypoints_TKD[:, ids] = shape_KD + np.stack([x + 15 * np.sin(t / 20), 50 + 0 * t], axis=-1)
    keypoints_TKD += rng.normal(scale=0.05, size=keypoints_TKD.shape)
    return keypoints_TKD, np.full((FRAMES, 42), 0.95)


def judge(raw_TKD: np.ndarray, raw_TK: np.ndarray, **changes) -> QualityReport:
    rng = np.random.default_rng(1)
    settings = {
        "name": "made",
        "fps": FPS,
        "skeleton": HANDS,
        "frames_THWC": np.full((FRAMES, 96, 256, 3), 90, np.uint8),
        "keypoints_TKD": raw_TKD.astype(np.float32),
        "confidence_TK": raw_TK.astype(np.float32),
        "samples_S": rng.normal(size=sample_count(FRAMES, FPS, 8000)).astype(np.float32),
        "sample_rate": 8000,
    }
    take = Take(**(settings | changes))
    re_detected_TH = np.zeros((FRAMES, 2), bool)
    crop = (0, 0, 512, 192)
    return measure(take, raw_TKD, raw_TK, re_detected_TH, crop=crop, region=crop)


def test_good_hands_are_called_good():
    report = judge(*good_hands())
    assert report.verdict == "good"
    assert report.flagged == ()
    assert report.both_hands_found == 1
    assert report.label_swaps == report.overlapping_frames == report.jumps_per_minute == 0
    # The noise that was added: 0.05 pixels along each axis, the median of a Rayleigh distribution.
    size = report.hands["left_hand"].size_pixels
    assert report.jitter * size == pytest.approx(0.05 * 1.1774, rel=0.25)


def test_hands_that_change_places_are_flagged_where_they_do():
    raw_TKD, raw_TK = good_hands()
    left, right = (list(ids) for ids in HANDS.hands.values())
    raw_TKD[200:260, left], raw_TKD[200:260, right] = (
        raw_TKD[200:260, right].copy(),
        raw_TKD[200:260, left].copy(),
    )
    report = judge(raw_TKD, raw_TK)
    places = [entry.frame for entry in report.flagged if "change places" in entry.why]
    assert places == [200, 260]
    assert report.verdict == "poor"


def test_a_jump_is_flagged():
    raw_TKD, raw_TK = good_hands()
    raw_TKD[300, list(HANDS.hands["right_hand"])] += 60
    report = judge(raw_TKD, raw_TK)
    assert [entry.frame for entry in report.flagged] == [300, 301]
    assert report.hands["right_hand"].jumps == 2
    assert report.hands["left_hand"].jumps == 0


def test_gaps_count_only_while_music_is_played():
    raw_TKD, raw_TK = good_hands()
    raw_TK[:100] = 0  # before the first note
    raw_TK[250:300, :21] = 0
    notes = Notes(*np.array([[4.0, 16.0], [5.0, 17.0], [5.0, 17.0], [60, 62], [64, 64]]))
    report = judge(raw_TKD, raw_TK, notes=notes)
    assert report.playing_seconds == pytest.approx([4.0, 16.04])
    assert report.both_hands_found == pytest.approx(1 - 50 / 301)
    assert report.both_hands_found_in_all_frames == pytest.approx(1 - 150 / 500)
    assert report.hands["left_hand"].longest_gap_seconds == pytest.approx(2)
    assert report.verdict == "poor"
    assert [entry.frame for entry in report.flagged] == [250]


def test_one_hand_taken_for_both_is_flagged():
    raw_TKD, raw_TK = good_hands()
    left, right = (list(ids) for ids in HANDS.hands.values())
    raw_TKD[:, right] = raw_TKD[:, left] + 2
    report = judge(raw_TKD, raw_TK)
    assert report.overlapping_frames == FRAMES
    assert report.verdict != "good"


def test_silence_and_wrong_notes_are_named():
    raw_TKD, raw_TK = good_hands()
    silent_S = np.zeros(sample_count(FRAMES, FPS, 8000), np.float32)
    report = judge(raw_TKD, raw_TK, samples_S=silent_S)
    assert report.verdict == "usable"  # for the painter
    assert any("silent" in reason for reason in report.reasons)
    onset_N = np.linspace(1, 19, 60)
    far = Notes(onset_N, onset_N + 0.1, onset_N + 0.1, np.full(60, 21), np.full(60, 64))
    corners_42 = np.array([[4, 10], [252, 10], [252, 50], [4, 50]], np.float32)
    report = judge(raw_TKD, raw_TK, notes=far, corners_42=corners_42)
    assert report.playing["key-hit"]["rate"] == 0
    assert any("check the offset" in reason for reason in report.reasons)


def test_the_report_is_complete_in_itself(tmp_path):
    raw_TKD, raw_TK = good_hands()
    raw_TK[250:300, :21] = 0
    report = judge(raw_TKD, raw_TK)
    take = Take(
        name="<made> & more",
        fps=FPS,
        skeleton=HANDS,
        frames_THWC=np.full((FRAMES, 96, 256, 3), 90, np.uint8),
        keypoints_TKD=raw_TKD.astype(np.float32),
        confidence_TK=raw_TK.astype(np.float32),
        samples_S=np.zeros(sample_count(FRAMES, FPS, 8000), np.float32),
        sample_rate=8000,
        about=About(licence="<none>"),
    )
    write_page(report, take, tmp_path)
    html = (tmp_path / "quality.html").read_text()
    assert report.verdict in html
    assert "left hand not found" in html
    assert "&lt;none&gt;" in html
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    from apvg.video.images import read_image

    sheet_HWC = read_image(tmp_path / "contact_sheet.png")
    # Both hands' colours are on it.
    for colour in ((90, 170, 255), (255, 150, 70)):
        assert (np.abs(sheet_HWC.astype(int) - colour).sum(axis=-1) < 60).sum() > 100


@pytest.mark.parametrize(
    ("figure", "good", "usable", "poor"),
    [
        ("both_hands_found", 0.99, 0.9, 0.89),
        ("mean_confidence", 0.8, 0.6, 0.59),
        ("jumps_per_minute", 2.0, 12.0, 12.1),
        ("jitter", 0.02, 0.05, 0.051),
        ("label_swaps", 0, None, 1),
        ("overlapping_frames", 0, 1, None),
    ],
)
def test_each_figure_alone_makes_the_verdict(figure, good, usable, poor):
    """… and the row of the report's table says the same."""
    report = judge(*good_hands())
    for grade, value in (("good", good), ("usable", usable), ("poor", poor)):
        if value is None:
            continue
        changed = with_verdict(replace(report, **{figure: value}))
        assert changed.verdict == grade, (figure, value)
        grades = [check.grade for check in hand_checks(changed)]
        assert sorted(set(grades) - {"good"}) == sorted({grade} - {"good"})
        assert len(changed.reasons) == (4 if grade == "good" else 1)


def test_the_report_is_plain_data_and_back():
    """With a body and without, with an instrument's own figures and without."""
    onset_N = np.linspace(1, 19, 60)
    notes = Notes(onset_N, onset_N + 0.1, onset_N + 0.1, np.full(60, 60), np.full(60, 64))
    corners_42 = np.array([[4, 10], [252, 10], [252, 50], [4, 50]], np.float32)
    for changes, keys in (({}, set()), ({"notes": notes, "corners_42": corners_42}, {"key_hit"})):
        report = judge(*good_hands(), **changes)
        data = json.loads(json.dumps(report.to_dict()))
        assert {"key_hit", "body_found", "body_confidence", "playing"} & data.keys() == keys
        assert QualityReport.from_dict(data) == report
    body_TKD = np.concatenate([np.zeros((FRAMES, 9, 2)), good_hands()[0]], axis=1)
    report = judge(body_TKD, np.full((FRAMES, 51), 0.9), skeleton=BODY_AND_HANDS)
    assert report.to_dict()["body_found"] == 1
    assert QualityReport.from_dict(report.to_dict()) == report


def test_a_reason_says_what_to_do_without_options_of_one_door():
    raw_TKD, raw_TK = good_hands()
    raw_TK[100:400, :21] = 0
    silent_S = np.zeros(sample_count(FRAMES, FPS, 8000), np.float32)
    report = judge(raw_TKD, raw_TK, samples_S=silent_S)
    assert len(report.reasons) == 2
    assert not any("--" in reason for reason in report.reasons)
