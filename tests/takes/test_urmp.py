"""The reader of URMP, on a miniature copy in its layout, traps and all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from miniatures import NTSC, hand_PD, write_openpose, write_urmp

from apvg.base.errors import ApvgError
from apvg.cli.main import main
from apvg.takes.notes import read_notes
from apvg.takes.readers.urmp import INSTRUMENTS, SPLIT, find_players
from apvg.takes.take import Take


@pytest.fixture(scope="module")
def urmp(tmp_path_factory) -> Path:
    return write_urmp(tmp_path_factory.mktemp("data") / "URMP")


def test_every_player_of_every_piece_is_a_recording(urmp):
    found = find_players(urmp)
    assert len(found) == 2 + 3 + 3 + 3 + 4
    assert len({recording.name for recording in found}) == len(found)
    jupiter = found[0]
    assert jupiter.name == "01_Jupiter_1_vn"
    assert isinstance(jupiter.video, Path)
    assert isinstance(jupiter.audio, Path)
    assert jupiter.midi is not None
    assert [path.name for path in (jupiter.video, jupiter.audio, jupiter.midi)] == [
        "Vid_01_Jupiter_vn_vc.mp4",
        "AuSep_1_vn_01_Jupiter.wav",
        "Notes_1_vn_01_Jupiter.txt",
    ]
    for recording in found:
        about = recording.about
        assert "not stated" not in vars(about).values()
        assert about.piece == " ".join(recording.name.split("_")[:2])
        assert "Supplementary" not in str(recording.video)
    assert find_players(urmp / "01_Jupiter_vn_vc") == found[:2]


def test_the_instrument_is_the_folders_where_file_names_are_wrong(urmp):
    third = next(r for r in find_players(urmp) if r.name.startswith("15_Surprise_3"))
    assert third.about.instrument == "trombone"
    assert isinstance(third.audio, Path)
    assert third.audio.name == "AuSep_3_tpt_15_Surprise.wav"
    assert [r.name for r in find_players(urmp, "tbn")] == ["15_Surprise_3_tbn"]
    assert len(find_players(urmp, "trumpet")) == 3


def test_cellists_alone(urmp):
    for name in ("vc", "cello", "Cello"):
        found = find_players(urmp, name)
        assert [r.name for r in found] == [
            "01_Jupiter_2_vc",
            "19_Pavane_3_vc",
            "20_Pavane_3_vc",
            "36_Rondeau_4_vc",
        ]
    with pytest.raises(ApvgError, match=r"nobody plays 'kazoo'.*cello \(vc\)"):
        find_players(urmp, "kazoo")


def test_a_composition_is_never_divided(urmp):
    splits: dict[str, set[str]] = {}
    for recording in find_players(urmp):
        splits.setdefault(recording.about.piece.split()[1], set()).add(recording.about.split)
    assert splits == {
        "Jupiter": {"train"},
        "Surprise": {"validation"},
        "Pavane": {"validation"},
        "Rondeau": {"test"},
    }
    assert Counter(SPLIT.values()) == {"validation": 2, "test": 3}


def test_columns_in_score_order(urmp):
    crops = [r.crop for r in find_players(urmp)]
    assert crops[:5] == [(0, 0, 60, 40), (60, 0, 60, 40), *((x, 0, 40, 40) for x in (0, 40, 80))]
    assert crops[-4:] == [(x, 0, 30, 40) for x in (0, 30, 60, 90)]


def test_notes_keep_their_times_and_get_the_nearest_pitch(urmp, tmp_path):
    notes = read_notes(urmp / "01_Jupiter_vn_vc" / "Notes_1_vn_01_Jupiter.txt")
    assert np.allclose(notes.onset_N, [0.01, 0.06])
    assert np.allclose(notes.offset_N, [0.05, 0.09])
    assert notes.pitch_N.tolist() == [69, 60]
    (tmp_path / "bad.txt").write_text("0.1 440 0.5\n0.6 440\n")
    with pytest.raises(ApvgError, match=r"line 2 of .*bad\.txt.*'0.6 440'"):
        read_notes(tmp_path / "bad.txt")
    (tmp_path / "void.txt").write_text("\n")
    with pytest.raises(ApvgError, match="no notes"):
        read_notes(tmp_path / "void.txt")


@pytest.mark.parametrize(
    "lost", ["Vid_19_Pavane_cl_vn_vc.mp4", "AuSep_2_vn_19_Pavane.wav", "Notes_3_vc_19_Pavane.txt"]
)
def test_a_missing_file_is_named(urmp, tmp_path, capsys, lost):
    for path in (urmp / "19_Pavane_cl_vn_vc").iterdir():
        if path.name != lost:
            (tmp_path / "19_Pavane_cl_vn_vc").mkdir(exist_ok=True)
            (tmp_path / "19_Pavane_cl_vn_vc" / path.name).symlink_to(path)
    assert main(["prepare", str(tmp_path), str(tmp_path / "takes"), "--reader", "urmp"]) == 1
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert f"{lost} is missing" in error
    assert not (tmp_path / "takes").exists()


def test_what_is_not_urmp_is_refused(tmp_path):
    with pytest.raises(ApvgError, match="no pieces of URMP"):
        find_players(tmp_path)
    with pytest.raises(ApvgError, match="no such folder"):
        find_players(tmp_path / "none")


@pytest.fixture(scope="module")
def poses(tmp_path_factory) -> Path:
    """OpenPose's files of the first piece: both players' hands."""
    folder = tmp_path_factory.mktemp("openpose")
    people = []
    for x in (30, 90):
        fields = {}
        for side, shift in (("left", -12), ("right", 12)):
            triples = np.concatenate([hand_PD(x + shift, 20, 8), np.ones((21, 1))], axis=1)
            fields[f"hand_{side}_keypoints_2d"] = triples.ravel().tolist()
        people.append(fields)
    write_openpose(folder / "Vid_01_Jupiter_vn_vc", "Vid_01_Jupiter_vn_vc", [people] * 800)
    return folder


def test_takes_of_one_piece(urmp, poses, tmp_path, capsys):
    """The whole way: columns, own crops, what is said, and sync to half a frame, in the end as at
    first, at 29.97 frames a second."""
    crops = tmp_path / "crops.toml"
    crops.write_text("01_Jupiter_1_vn = [4, 0, 56, 40]\n99_Nothing_1_vn = [0, 0, 1, 1]\n")
    arguments = ["prepare", str(urmp / "01_Jupiter_vn_vc"), str(tmp_path / "takes")]
    arguments += ["--reader", "urmp", "--openpose", str(poses), "--size", "32x32", "--fps", "30"]
    assert main([*arguments, "--crops", str(crops)]) == 0
    assert "99_Nothing_1_vn" in capsys.readouterr().err
    for k, code in enumerate(("vn", "vc")):
        take = Take.load(tmp_path / "takes" / f"01_Jupiter_{k + 1}_{code}", lazy=False)
        assert len(take) == round(800 / NTSC * 30) == 801
        assert (take.about.instrument, take.about.split) == (INSTRUMENTS[code], "train")
        assert f"01_Jupiter_vn_vc, player {k + 1}" in take.about.source
        assert take.notes is not None
        assert np.allclose(take.notes.onset_N, [0.01, 0.06])
        # Nothing of the other's column, and of the two people the one who stands there.
        light_T = take.frames_THWC.mean(axis=(1, 2, 3))
        assert np.abs(take.frames_THWC[0].astype(float) - (40 + 30 * k)).max() < 4
        left, width = ((4, 56), (60, 60))[k]
        hands_HPD = take.keypoints_TKD[500].reshape(2, 21, 2)
        for hand, shift in zip(hands_HPD, (-12, 12), strict=True):
            x = (hand_PD((30, 90)[k] + shift, 20, 8)[:, 0] - left) * 32 / width
            assert np.allclose(hand[:, 0], x, atol=0.1)
        # In the take, a frame stands for the source frame on screen: its flash is at most half a
        # frame from the middle of the flash, where the click is.
        flashes = np.flatnonzero(light_T > 60 + 30 * k) / 30
        clicks = np.flatnonzero(np.abs(take.samples_S) > 0.2) / take.sample_rate
        assert len(flashes) == len(clicks) == 3
        assert np.abs(flashes - clicks).max() <= 0.5 / 30 + 1e-4


def test_what_is_asked_of_the_wrong_reader_is_refused(urmp, tmp_path, capsys):
    for option in ("audio", "midi"):
        arguments = ["--reader", "urmp", f"--{option}", "a.wav"]
        assert main(["prepare", str(urmp), str(tmp_path), *arguments]) == 1
        assert f"the reader urmp does not take {option}" in capsys.readouterr().err
    crops = tmp_path / "crops.toml"
    crops.write_text("01_Jupiter_1_vn = [4, 0]\n")
    arguments = ["prepare", str(urmp), str(tmp_path), "--reader", "urmp", "--crops", str(crops)]
    assert main(arguments) == 1
    assert "must have 4 items" in capsys.readouterr().err
