"""Takes: what is written is what is read, on one clock."""

from dataclasses import replace

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.instruments.skeleton import BODY_AND_HANDS, HANDS
from apvg.music.notes import Notes
from apvg.takes.about import About
from apvg.takes.take import FRAMES_PER_CHUNK, Take, load_takes, sample_count


def make_take(frames: int = 60, fps: int = 25, *, skeleton=HANDS, seed: int = 0) -> Take:
    rng = np.random.default_rng(seed)
    return Take(
        name="made",
        fps=fps,
        skeleton=skeleton,
        frames_THWC=rng.integers(0, 256, (frames, 16, 24, 3), dtype=np.uint8),
        keypoints_TKD=rng.normal(size=(frames, len(skeleton), 2)).astype(np.float32),
        confidence_TK=rng.random((frames, len(skeleton))).astype(np.float32),
        samples_S=rng.normal(size=sample_count(frames, fps, 8000)).astype(np.float32),
        sample_rate=8000,
        notes=Notes(*np.array([[-0.5, 1.0], [0.1, 1.5], [0.2, 1.6], [60, 72], [64, 90]])),
        corners_42=np.array([[1, 1], [22, 2], [21, 9], [2, 8]], np.float32),
        metadata={"licence": "CC0-1.0", "nested": {"crop": [1, 2, 3, 4]}},
    )


@pytest.mark.parametrize("skeleton", [HANDS, BODY_AND_HANDS], ids=lambda s: s.name)
@pytest.mark.parametrize("lazy", [True, False])
def test_what_is_written_is_read(tmp_path, skeleton, lazy):
    take = make_take(skeleton=skeleton)
    take.save(tmp_path / "made")
    read = Take.load(tmp_path / "made", lazy=lazy)
    assert read.skeleton == skeleton
    assert (read.name, read.fps, read.sample_rate) == ("made", 25, 8000)
    assert read.metadata == take.metadata
    assert isinstance(read.frames_THWC, zarr.Array if lazy else np.ndarray)
    for name in ("frames_THWC", "keypoints_TKD", "confidence_TK", "samples_S", "corners_42"):
        assert np.array_equal(getattr(read, name)[:], getattr(take, name)), name
        assert getattr(read, name).dtype == getattr(take, name).dtype, name
    assert read.notes is not None
    assert take.notes is not None
    for name, array in take.notes.to_arrays().items():
        assert np.array_equal(getattr(read.notes, name), array), name
    assert read.size == (24, 16)
    assert read.duration == pytest.approx(60 / 25)
    assert read.placement.corners_42 is not None


def test_a_take_without_notes_or_keyboard(tmp_path):
    replace(make_take(), notes=None, corners_42=None).save(tmp_path / "bare")
    read = Take.load(tmp_path / "bare")
    assert read.notes is None
    assert read.corners_42 is None
    assert read.placement.corners_42 is None


def test_corners_are_a_keyboards_unless_the_instrument_has_none():
    """Takes of pianos need not say so, as long as they have corners."""
    take = make_take()
    for instrument, unit in (
        ("not stated", "white keys"),
        ("piano", "white keys"),
        ("cello", "frame heights"),
    ):
        assert replace(take, about=About(instrument=instrument)).placement.unit == unit
        bare = replace(take, about=About(instrument=instrument), corners_42=None)
        assert bare.placement.unit == "frame heights"
    assert take.instrument.figures == ("key-hit",)
    assert take.instrument.name == "not stated"


def test_frames_stay_on_disk_until_they_are_asked_for(tmp_path):
    make_take(frames=3 * FRAMES_PER_CHUNK).save(tmp_path / "made")
    read = Take.load(tmp_path / "made")
    # Without the last chunk's file, the others still read: nothing else is touched.
    (tmp_path / "made" / "frames" / "c" / "2" / "0" / "0" / "0").unlink()
    clip_THWC = read.frames_THWC[10:40]
    assert np.array_equal(clip_THWC, make_take(frames=3 * FRAMES_PER_CHUNK).frames_THWC[10:40])


@given(frames=st.integers(0, 10**6), fps=st.integers(1, 240), rate=st.sampled_from([8000, 44100]))
def test_sound_is_as_long_as_the_picture(frames, fps, rate):
    assert abs(sample_count(frames, fps, rate) / rate - frames / fps) <= 0.5 / rate + 1e-9


@settings(max_examples=5, deadline=None)
@given(difference=st.sampled_from([-1, 1, 7]))
def test_sound_of_another_length_is_refused(difference):
    take = make_take()
    with pytest.raises(ValueError, match="samples"):
        replace(take, samples_S=np.zeros(len(take.samples_S) + difference, np.float32))


def test_a_take_is_never_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr(Take, "save_tracks", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        make_take().save(tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_takes(tmp_path):
    for name in ("b", "a"):
        replace(make_take(), name=name).save(tmp_path / name)
    (tmp_path / ".c.partial").mkdir()
    (tmp_path / ".c.partial" / "zarr.json").write_text("{}")
    assert [take.name for take in load_takes(tmp_path)] == ["a", "b"]
    assert [take.name for take in load_takes(tmp_path / "a")] == ["a"]


def test_what_is_no_take_is_refused(tmp_path):
    with pytest.raises(ApvgError, match="no takes"):
        load_takes(tmp_path)
    with pytest.raises(ApvgError, match="not a take"):
        Take.load(tmp_path)
    make_take().save(tmp_path / "made")
    with pytest.raises(ApvgError, match="already there"):
        make_take().save(tmp_path / "made")
    zarr.open_group(tmp_path / "made").attrs["apvg_take"] = 99
    with pytest.raises(ApvgError, match="newer"):
        Take.load(tmp_path / "made")


def test_what_a_take_says_about_itself(tmp_path):
    about = About("Prelude", "cello", "test", "CC0-1.0", "the attic", "a cellist")
    replace(make_take(), about=about).save(tmp_path / "made")
    assert Take.load(tmp_path / "made").about == about
    with pytest.raises(ValueError, match="not 'practice'"):
        About(split="practice")


def test_a_take_of_the_time_before_it_said_so(tmp_path):
    make_take().save(tmp_path / "made")
    store = zarr.open_group(tmp_path / "made")
    attributes = store.attrs.asdict()
    del attributes["about"]
    store.attrs.put(attributes)
    about = Take.load(tmp_path / "made").about
    assert about == About(piece="made", licence="CC0-1.0")
    assert (about.split, about.credit) == ("train", "not stated")
