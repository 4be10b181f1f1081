"""Figures on music alone, against hands that are known to be right, late, or still."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apvg.evaluation.figures.base import Piece
from apvg.evaluation.figures.key_hit import KeyHits, MusicFigures, PlayedKeys
from apvg.instruments.instrument import PIANO
from apvg.instruments.keyboard import KEY_LENGTH, Keyboard
from apvg.instruments.skeleton import HANDS
from apvg.performer import Performance
from apvg.streaming import PredictedPoses
from apvg.takes.take import Take, sample_count
from apvg.virtual.common.corpus import FPS, SAMPLE_RATE
from apvg.virtual.piano.hands import load_hand
from apvg.virtual.piano.motion import play
from apvg.virtual.piano.pianist import CORNERS_42
from apvg.virtual.piano.scores import compose

SECONDS = 30


def piece(style: str, seed: int) -> Take:
    """A generated take; its sound counts the seconds."""
    notes = compose(style, seed, SECONDS).notes
    frames = SECONDS * FPS
    motion = play(notes, frames, FPS, load_hand(), np.random.default_rng(seed))
    keypoints_TKD = Keyboard(CORNERS_42).to_pixels(motion.poses_TKD / [1.0, KEY_LENGTH])
    return Take(
        name=f"{style}-{seed}",
        fps=FPS,
        skeleton=HANDS,
        frames_THWC=None,
        keypoints_TKD=keypoints_TKD.astype(np.float32),
        confidence_TK=np.ones((frames, 42), np.float32),
        samples_S=np.arange(sample_count(frames, FPS, SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE,
        sample_rate=SAMPLE_RATE,
        notes=notes,
        corners_42=CORNERS_42,
        metadata={"style": style},
        heights_TK=motion.heights_TK,
    )


class Hands:
    """Stands in for a performer whose hands are a take's, `late` frames late."""

    def __init__(self, take: Take, late: int = 0, *, still: bool = False) -> None:
        self.take, self.late, self.still = take, late, still
        self.fps, self.sample_rate, self.skeleton = FPS, SAMPLE_RATE, HANDS
        self.name, self.instrument, self.placement = "hands", PIANO, Keyboard(CORNERS_42)
        self.config = SimpleNamespace(size=(64, 64))

    def predict_poses(self, samples_S: np.ndarray, notes: Any = None) -> PredictedPoses:
        shown_T = np.arange(len(self.take)) - self.late
        shown_T = np.full_like(shown_T, 40) if self.still else shown_T.clip(0)
        assert self.take.heights_TK is not None
        return PredictedPoses(
            self.take.keypoints_TKD[shown_T],
            self.take.confidence_TK,
            self.take.heights_TK[shown_T],
        )

    def perform(self, samples_S: np.ndarray, *, notes: Any = None) -> Performance:
        """Frames in which the tracker below finds their number; the samples, which count up, say
        where they begin."""
        begin = round(float(samples_S[0]) * FPS)
        if notes is not None and self.take.notes is not None:
            assert notes.onset_N[0] == pytest.approx(self.take.notes.onset_N[0] - samples_S[0])
        number_T = np.arange(begin, begin + len(samples_S) * FPS // SAMPLE_RATE)
        number_T = number_T.clip(max=len(self.take) - 1)
        number_THWC = np.zeros((len(number_T), 64, 64, 3), np.uint8)
        number_THWC[:] = number_T[:, None, None, None] // 4
        keypoints_TKD = self.take.keypoints_TKD[number_T]
        return Performance(
            number_THWC, keypoints_TKD, np.zeros(0), np.zeros(0), FPS, np.zeros((0, 0))
        )


def evaluated(performer: Any, take: Take, tracker: Any) -> Piece:
    return KeyHits().evaluate(performer, take, tracker)


def played(piece: Piece) -> list[PlayedKeys]:
    figures: MusicFigures = piece.figures
    return [figures.from_sound, figures.from_notes]


def test_hands_on_their_keys_have_full_skill_and_no_lag() -> None:
    take = piece("toccata", 1)
    result = evaluated(Hands(take), take, None)
    for figures in played(result):
        assert figures.key_hit.skill > 0.99
        assert figures.lag is not None
        assert abs(figures.lag.lag) <= 0.06
        assert figures.motion_energy is not None
        assert figures.motion_energy["left_hand"] == pytest.approx(1.0)


def test_late_and_still_hands_are_found_out() -> None:
    take = piece("toccata", 2)
    late = evaluated(Hands(take, 5), take, None)
    on_time = evaluated(Hands(take), take, None)
    moved = late.curves["from_sound"].lag - on_time.curves["from_sound"].lag
    assert moved == pytest.approx(0.2, abs=0.021)
    still = evaluated(Hands(take, still=True), take, None)
    assert still.figures.from_sound.key_hit.skill < 0.3
    assert still.figures.from_sound.motion_energy["right_hand"] == pytest.approx(0.0)


def test_the_picture_is_read_back() -> None:
    take = piece("ragtime", 1)
    assert take.notes is not None
    begin = int((take.notes.onset_N[0] - 0.5) * FPS)  # half a second before the music

    def tracker(frames: Any, fps: float) -> tuple[np.ndarray, np.ndarray]:
        seen = [int(frame_HWC.mean() + 0.5) for frame_HWC in frames]
        assert abs(seen[0] - begin // 4) <= 1  # H.264 leaves a grey as it is, or nearly
        shown = slice(begin, begin + len(seen))
        return take.keypoints_TKD[shown], take.confidence_TK[shown]

    result = evaluated(Hands(take), take, tracker)
    for figures in played(result):
        back = figures.read_back
        assert back is not None
        assert back.hands_found == 1.0
        assert back.key_hit.rate > 0.99
        assert 0 < back.notes < result.figures.setting.notes
    performance, painted_from = result.shown
    assert painted_from == begin / FPS
    np.testing.assert_array_equal(performance.keypoints_TKD[0], take.keypoints_TKD[begin])


def test_styles_pool_their_notes() -> None:
    takes = [piece("toccata", 3), piece("lullaby", 3)]
    results = [
        evaluated(Hands(take, still=still), take, None)
        for take, still in zip(takes, (True, False), strict=True)
    ]
    rows = KeyHits().by_style(results, [])
    assert set(rows) == {"toccata", "lullaby", "all generated"}
    notes = [rows[style].notes for style in ("toccata", "lullaby")]
    rates = [rows[style].from_sound.hit.rate for style in ("toccata", "lullaby")]
    assert rows["all generated"].from_sound.hit.rate == pytest.approx(
        np.average(rates, weights=notes)
    )


def test_without_notes_there_is_nothing_to_judge(tmp_path: Path) -> None:
    from dataclasses import replace

    from apvg.base.errors import ApvgError

    take = replace(piece("lullaby", 1), notes=None)
    with pytest.raises(ApvgError, match="MIDI"):
        evaluated(Hands(take), take, None)


def test_pieces_side_by_side_are_judged_alike(tiny_performer: Path, tmp_path: Path) -> None:
    from apvg.base.plain import to_plain
    from apvg.evaluation.report import write_report
    from apvg.performer import Performer

    performer = Performer.from_pretrained(tiny_performer)
    takes = [piece("toccata", 4), piece("lullaby", 4)]
    reports = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        reports.append(to_plain(write_report(performer, takes, folder, jobs=jobs)))
    assert [figures["setting"]["take"] for figures in reports[0]["music"]] == [
        "toccata-4",
        "lullaby-4",
    ]
    for one, two in zip(*(report["music"] for report in reports), strict=True):
        for source in ("from_sound", "from_notes"):
            assert two[source]["key_hit"] == pytest.approx(one[source]["key_hit"])
