"""The reader of Sub-URMP, on miniature copies in its layout: pictures in numeric order, sound
without seams."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniatures import hand_PD, write_jpeg, write_openpose, write_song, write_wav

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.cli.main import main
from apvg.music.reading import read_audio
from apvg.takes.prepare import PrepareOptions
from apvg.takes.prepare.align import soundtrack
from apvg.takes.readers.suburmp import find_songs
from apvg.takes.sequences import SoundChunks, read_picture, read_sound
from apvg.takes.take import Take


def noise_SC(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).integers(-20000, 20000, (round(seconds * 44100), 2), np.int16)


def mono_S(sound_SC: np.ndarray) -> np.ndarray:
    return (sound_SC.astype(np.float64).mean(axis=1) / 32768).astype(np.float32)


def test_a_take_for_each_song_of_each_instrument(tmp_path):
    for split, instrument, song in [
        ("train", "double_bass", 3),
        ("train", "cello", 11),
        ("train", "cello", 3),
        ("validation", "cello", 3),
    ]:
        write_song(tmp_path, noise_SC(1.6), split=split, instrument=instrument, song=song)
    found = find_songs(tmp_path)
    assert [(r.name, r.about.instrument, r.about.split, r.about.piece) for r in found] == [
        ("cello03", "cello", "train", "song 03"),
        ("cello11", "cello", "train", "song 11"),
        ("double_bass03", "double bass", "train", "song 03"),
        ("cello03_validation", "cello", "validation", "song 03"),
    ]
    assert all("not stated" not in vars(r.about).values() for r in found)
    assert [r.name for r in find_songs(tmp_path, "double bass")] == ["double_bass03"]
    with pytest.raises(ApvgError, match="no pictures of 'kazoo'"):
        find_songs(tmp_path, "kazoo")
    with pytest.raises(ApvgError, match="no pictures"):
        find_songs(tmp_path / "img")


def test_pictures_in_numeric_order_by_time(tmp_path):
    write_song(tmp_path, noise_SC(2.5))
    (recording,) = find_songs(tmp_path)
    greys = [round(image.mean()) for image in read_picture(recording.video, 10)]
    assert greys == pytest.approx([ms / 20 for ms in range(500, 2501, 100)], abs=1.5)
    # At another rate, the picture on screen, up to the end of the last one's time.
    faster = [round(image.mean()) for image in read_picture(recording.video, 25, start=1)]
    shown = [1500 + 100 * (i * 10 // 25) for i in range(28)]
    assert faster == pytest.approx([ms / 20 for ms in shown[: len(faster)]], abs=1.5)
    assert len(faster) == round(1.1 * 25)


def test_chunks_give_back_the_sound_sample_by_sample(tmp_path):
    sound_SC = noise_SC(3.2)
    write_song(tmp_path, sound_SC)
    (recording,) = find_songs(tmp_path)
    assert isinstance(recording.audio, SoundChunks)
    whole = SoundChunks("whole", recording.audio.paths, recording.audio.step)
    assert np.array_equal(read_sound(whole, 44100), mono_S(sound_SC))
    assert np.array_equal(read_sound(recording.audio, 44100), mono_S(sound_SC)[22050:])


@settings(max_examples=20, deadline=None)
@given(
    chunk=st.integers(1, 40), step=st.integers(1, 40), count=st.integers(1, 12), rate=st.just(8000)
)
def test_chunks_of_any_length_join_or_are_refused(tmp_path_factory, chunk, step, count, rate):
    """Whatever they overlap by, nothing is lost or doubled; with holes between them they are no
    sound."""
    folder = tmp_path_factory.mktemp("chunks")
    unit = 100
    sound_S1 = np.random.default_rng(chunk).integers(
        -9000, 9000, ((step * (count - 1) + chunk) * unit, 1), np.int16
    )
    paths = []
    for i in range(count):
        first = i * step * unit
        write_wav(folder / f"{i}.wav", sound_S1[first : first + chunk * unit], rate)
        paths.append(folder / f"{i}.wav")
    chunks = SoundChunks("made", tuple(paths), Fraction(step * unit, rate))
    if step > chunk and count > 1:
        with pytest.raises(ApvgError, match=r"1\.wav does not go on"):
            read_sound(chunks, rate)
    else:
        assert np.array_equal(read_sound(chunks, rate), mono_S(sound_S1))


@pytest.mark.parametrize("mark", ["end", "start"])
def test_the_mark_of_a_chunk_is_its_end_or_its_start(tmp_path, mark):
    sound_SC = noise_SC(3.2)
    write_song(tmp_path, sound_SC, mark=mark)
    write_wav(tmp_path / "whole.wav", sound_SC, 44100)
    (recording,) = find_songs(tmp_path, chunk_mark=mark)
    seconds = 2.2
    pieces = soundtrack(recording.audio, round(seconds * 10), PrepareOptions(fps=10), 0.0)
    made_S = np.concatenate(list(pieces))
    expected_S = read_audio(tmp_path / "whole.wav", 48000, start=0.5, duration=seconds)
    middle = slice(100, -100)  # white noise rings at its edges
    assert np.allclose(made_S[middle], expected_S[middle], atol=1e-3)


def test_gaps_divide_a_song(tmp_path):
    sound_SC = noise_SC(4.0)
    write_song(tmp_path, sound_SC, left_out=[1500, 1600, 3000, 3200])
    with pytest.warns(
        ApvgWarning, match=r"song 03 has 3 gaps, the first after 1400 ms; it makes 2 takes, and 9 "
    ):
        first, second = find_songs(tmp_path)
    assert (first.name, second.name) == ("cello03_from_500", "cello03_from_1700")
    assert second.about.source.endswith("cello03, 1700 to 2900 ms")
    assert np.array_equal(
        read_sound(second.audio, 44100), mono_S(sound_SC)[round(44100 * 1.7) : round(44100 * 2.9)]
    )
    assert round(next(read_picture(second.video, 10)).mean()) == pytest.approx(85, abs=1.5)


@pytest.mark.parametrize(
    "lost", ["img/train/cello/cello03_900.jpg", "chunk/train/cello/cello03_900.wav"]
)
def test_half_a_pair_is_named(tmp_path, lost):
    write_song(tmp_path, noise_SC(1.6))
    (tmp_path / lost).unlink()
    with pytest.raises(ApvgError, match=f"{lost} is missing"):
        find_songs(tmp_path)


def test_a_picture_of_another_size_is_named(tmp_path):
    write_song(tmp_path, noise_SC(1.6))
    write_jpeg(tmp_path / "img/train/cello/cello03_900.jpg", np.zeros((8, 8, 3), np.uint8))
    (recording,) = find_songs(tmp_path)
    with pytest.raises(ApvgError, match=r"cello03_900\.jpg is 8x8"):
        list(read_picture(recording.video, 10))


def test_a_take_of_a_song(tmp_path):
    sound_SC = noise_SC(2.5)
    data = tmp_path / "Sub-URMP"
    write_song(data, sound_SC)
    hands = {
        f"hand_{side}_keypoints_2d": np.concatenate([hand_PD(x, 8, 3), np.ones((21, 1))], axis=1)
        .ravel()
        .tolist()
        for side, x in (("left", 6), ("right", 18))
    }
    write_openpose(tmp_path / "poses" / "cello03", "cello03", [[hands]] * 21)
    arguments = ["prepare", str(data), str(tmp_path / "takes"), "--reader", "suburmp"]
    arguments += ["--instrument", "cello", "--openpose", str(tmp_path / "poses")]
    assert main([*arguments, "--size", "24x16"]) == 0
    take = Take.load(tmp_path / "takes" / "cello03", lazy=False)
    assert (take.fps, len(take), take.notes) == (10, 21, None)
    assert take.frames_THWC.mean(axis=(1, 2, 3)) == pytest.approx(
        [ms / 20 for ms in range(500, 2501, 100)], abs=1.5
    )
    assert take.about.instrument == "cello"
    assert take.about.split == "train"
    # Again is done already; and with another mark it is another take.
    assert main([*arguments, "--size", "24x16"]) == 0
    assert main([*arguments, "--size", "24x16", "--chunk-mark", "start"]) == 1
