"""MIDI reading against files written byte by byte and against times worked out by hand."""

import struct
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.music.midi import read_midi, write_midi
from apvg.music.notes import Notes
from apvg.music.smf import read_events

FOOTAGE = Path(__file__).parents[2] / "../shared/footage/pianoray"


def write(path: Path, *tracks: bytes, division: int = 100, kind: int = 1) -> Path:
    """A MIDI file from raw track events (without the end-of-track event)."""
    data = b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division)
    for track in tracks:
        track += b"\x00\xff\x2f\x00"
        data += b"MTrk" + struct.pack(">I", len(track)) + track
    path.write_bytes(data)
    return path


def tempo(microseconds: int) -> bytes:
    return b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def test_tempo_changes_hold_for_every_track_and_running_status(tmp_path: Path) -> None:
    conductor = (
        b"\x00" + tempo(1_000_000) + b"\x64" + tempo(500_000)
    )  # a beat of 1 s, then beats of 0.5 s
    # Running status: the second and third note-on carry no status byte; velocity 0 means let go.
    music = b"\x00\x90\x3c\x40" + b"\x32\x3e\x50" + b"\x64\x3c\x00" + b"\x64\x3e\x00"
    notes = read_midi(write(tmp_path / "a.mid", conductor, music))
    np.testing.assert_array_equal(notes.pitch_N, [60, 62])
    np.testing.assert_array_equal(notes.velocity_N, [64, 80])
    np.testing.assert_allclose(notes.onset_N, [0.0, 0.5])
    np.testing.assert_allclose(notes.offset_N, [1.25, 1.75])  # ticks 150 and 250
    np.testing.assert_allclose(notes.sounding_N, notes.offset_N)


def test_sustain_pedal_is_kept_apart_from_the_key(tmp_path: Path) -> None:
    music = (
        b"\x00\xb0\x40\x7f"  # pedal down
        b"\x00\x90\x3c\x40"  # C down at 0
        b"\x32\x80\x3c\x00"  # C up at tick 50
        b"\x32\x90\x3c\x40"  # C again at 100: the first C stops there
        b"\x32\x80\x3c\x00"  # C up at 150
        b"\x32\xb0\x40\x00"  # pedal up at 200
        b"\x00\x90\x40\x40\x32\x80\x40\x00"  # E from 200 to 250, no pedal
    )
    notes = read_midi(write(tmp_path / "a.mid", b"\x00" + tempo(1_000_000), music))
    np.testing.assert_allclose(notes.onset_N, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(notes.offset_N, [0.5, 1.5, 2.5])
    np.testing.assert_allclose(notes.sounding_N, [1.0, 2.0, 2.5])


def test_struck_again_while_held_and_never_let_go(tmp_path: Path) -> None:
    music = b"\x00\x90\x3c\x40\x64\x90\x3c\x40\x64\x90\x43\x40"
    notes = read_midi(
        write(tmp_path / "a.mid", b"\x00" + tempo(1_000_000) + b"\x82\x2c\xff\x01\x00", music)
    )
    np.testing.assert_allclose(notes.onset_N, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(notes.offset_N, [1.0, 3.0, 3.0])  # the file ends at tick 300


def test_drums_are_left_out(tmp_path: Path) -> None:
    music = b"\x00\x99\x24\x40\x00\x90\x3c\x40\x64\x89\x24\x00\x00\x80\x3c\x00"
    np.testing.assert_array_equal(read_midi(write(tmp_path / "a.mid", music)).pitch_N, [60])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no MIDI file"),
        (b"", "not a readable MIDI"),
        (b"RIFF....WAVEfmt ", "not a readable MIDI"),
        (
            b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\x10\x00\x00\x90",
            "not a readable MIDI",
        ),
        (
            b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x64MTrk\x00\x00\x00\x04\x00\xff\x2f\x00",
            "no notes",
        ),
    ],
)
def test_damaged_files_are_refused_in_one_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "damaged.mid"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ApvgError, match=message) as caught:
        read_midi(path)
    assert "\n" not in str(caught.value)
    assert "damaged.mid" in str(caught.value)


def test_every_truncation_is_refused_or_read(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mid", b"\x00\x90\x3c\x40\x64\x80\x3c\x00" * 3).read_bytes()
    for length in range(len(whole)):
        path = tmp_path / "cut.mid"
        path.write_bytes(whole[:length])
        try:
            notes = read_midi(path)
        except ApvgError:
            continue
        assert len(notes) <= 3


def test_notes_move_and_come_back() -> None:
    times = np.arange(3.0)
    notes = Notes(times, times + 0.5, times + 1, np.array([60, 62, 64]), np.array([1, 2, 3]))
    moved = notes.shifted(2.0).transposed(12)
    np.testing.assert_allclose(moved.sounding_N, [3, 4, 5])
    np.testing.assert_array_equal(moved.pitch_N, [72, 74, 76])
    assert len(notes.between(1.0, 2.0)) == 1
    again = Notes.from_arrays(notes.to_arrays())
    assert all(
        (again.to_arrays()[name] == array).all() for name, array in notes.to_arrays().items()
    )
    with pytest.raises(ValueError, match="one length"):
        Notes(times, times, times, np.array([60, 61]), times)


@st.composite
def pedalled_notes(draw: st.DrawFn) -> Notes:
    """Notes of a few keys under one pedal, in milliseconds; what the pedal holds is worked out note
    by note."""
    toggles = sorted(draw(st.sets(st.integers(0, 5000), max_size=8)))
    pedal = list(zip(toggles[::2], toggles[1::2], strict=False))
    rows = []
    for pitch in draw(st.sets(st.integers(0, 127), min_size=1, max_size=4)):
        times = sorted(draw(st.sets(st.integers(0, 6000), min_size=2, max_size=8)))
        strokes = list(zip(times[::2], times[1::2], strict=False))
        for (onset, offset), after in zip(strokes, [*strokes[1:], (10**6, 0)], strict=True):
            ring = next((up for down, up in pedal if down <= offset < up), offset)
            velocity = draw(st.integers(1, 127))
            rows.append((onset / 1000, offset / 1000, min(ring, after[0]) / 1000, pitch, velocity))
    return Notes(*np.array(sorted(rows, key=lambda row: (row[0], row[3])), np.float64).T)


@settings(deadline=None)
@given(notes=pedalled_notes())
def test_notes_come_back_from_the_file_written(
    tmp_path_factory: pytest.TempPathFactory, notes: Notes
) -> None:
    path = tmp_path_factory.mktemp("written") / "a.mid"
    write_midi(notes, path)
    again = read_midi(path).to_arrays()
    for name, array in notes.to_arrays().items():
        np.testing.assert_allclose(again[name], array, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 2, 2, 60, 64), (1, 3, 3, 60, 64)], "before it is pressed again"),
        ([(0, 1, 4, 60, 64), (0, 2, 2, 64, 64)], "while the pedal holds another"),
        ([(-1, 2, 2, 60, 64)], "0 s or later"),
        ([], "no notes"),
    ],
)
def test_notes_that_no_pianist_can_play_are_refused(
    tmp_path: Path, rows: list[tuple[float, ...]], message: str
) -> None:
    with pytest.raises(ApvgError, match=message):
        write_midi(Notes(*np.array(rows, np.float64).reshape(-1, 5).T), tmp_path / "a.mid")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    not FOOTAGE.exists(), reason="the footage is not here; the README says where it is published"
)
def test_a_real_performance() -> None:
    notes = read_midi(FOOTAGE / "bach.mid")
    assert len(notes) == 545  # counted by another reader
    assert (notes.sounding_N >= notes.offset_N).all()
    assert (notes.offset_N >= notes.onset_N).all()
    assert (notes.sounding_N > notes.offset_N + 0.05).any()  # it is played with the pedal


@pytest.mark.parametrize(
    ("content", "onset", "offset"),
    [
        # A division of 25 frames a second, 40 ticks each: a tick is a millisecond, whatever the
        # tempo.
        ("4d5468640000000600000001e728 4d54726b0000000c 00903c5060803c0000ff2f00", 0.0, 0.096),
        # A key signature of nine flats.
        (
            "4d546864000000060000000101e0 4d54726b00000012 00ff5902080000903c5060803c0000ff2f00",
            0.0,
            0.1,
        ),
        # A tempo of one byte, an SMPTE offset of one, a time signature of none, text that is no
        # text.
        (
            "4d546864000000060000000101e0 4d54726b00000020"
            "00ff510109 00ff540101 00ff5800 00ff0102fffe 00903c5060803c0000ff2f00",
            0.0,
            0.1,
        ),
        # A tempo of zero, a chunk of another kind, and two tracks more in the header than there
        # are.
        (
            "4d546864000000060001000301e0 58464948000000021234 4d54726b00000013"
            "00ff5103000000 00903c5060803c0000ff2f00",
            0.0,
            0.1,
        ),
        # A header of its own before the header, as in RMI files, and a longer header.
        (
            "52494646ffffff7f524d4944 4d546864000000080000000101e0ffff 4d54726b0000000c"
            "00903c5060803c0000ff2f00",
            0.0,
            0.1,
        ),
        # System exclusive and system messages between; running status goes on after them.
        (
            "4d546864000000060000000101e0 4d54726b00000015"
            "00903c50 00f0027ef7 00f8 00f37f 603c00 00ff2f00",
            0.0,
            0.1,
        ),
        # Data bytes beyond 127, and no end of the track.
        ("4d546864000000060000000101e0 4d54726b00000008 00903cff 60803cff", 0.0, 0.1),
    ],
)
def test_what_has_no_influence_on_notes_stops_nothing(
    tmp_path: Path, content: str, onset: float, offset: float
) -> None:
    (tmp_path / "a.mid").write_bytes(bytes.fromhex(content))
    notes = read_midi(tmp_path / "a.mid")
    np.testing.assert_allclose(notes.onset_N, [onset])
    np.testing.assert_allclose(notes.offset_N, [offset], atol=1e-9)
    np.testing.assert_array_equal(notes.pitch_N, [60])


@pytest.mark.parametrize(
    ("frames", "per_second"), [(24, 24), (25, 25), (29, 30_000 / 1001), (30, 30)]
)
def test_smpte_divisions(tmp_path: Path, frames: int, per_second: float) -> None:
    division = (256 - frames) << 8 | 80
    # 4096 ticks; the tempo that it says has no meaning.
    music = b"\x00\x90\x3c\x40\xa0\x00\x80\x3c\x00"
    notes = read_midi(write(tmp_path / "a.mid", b"\x00" + tempo(1), music, division=division))
    np.testing.assert_allclose(notes.offset_N, [4096 / (80 * per_second)])


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=60), division=st.integers(0, 65535))
def test_any_track_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, division: int
) -> None:
    path = write(
        tmp_path_factory.mktemp("midi") / "a.mid", b"\x00\x90\x3c\x40" + content, division=division
    )
    try:
        notes = read_midi(path)
    except ApvgError:
        return
    assert (notes.onset_N >= 0).all()
    assert (notes.offset_N >= notes.onset_N).all()
    assert (notes.sounding_N >= notes.offset_N).all()


@settings(max_examples=50, deadline=None)
@given(
    events=st.lists(
        st.tuples(
            st.integers(0, 500), st.integers(0, 15), st.integers(21, 108), st.integers(0, 127)
        ),
        min_size=1,
    ),
    tempos=st.lists(st.tuples(st.integers(0, 900), st.integers(1, 2**24 - 1)), max_size=5),
    division=st.integers(1, 32767),
)
def test_times_are_those_of_another_reader(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[tuple[int, int, int, int]],
    tempos: list[tuple[int, int]],
    division: int,
) -> None:
    conductor, music = mido.MidiTrack(), mido.MidiTrack()
    for wait, microseconds in tempos:
        conductor.append(mido.MetaMessage("set_tempo", tempo=microseconds, time=wait))
    for wait, channel, pitch, velocity in events:
        music.append(
            mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=wait)
        )
    file = mido.MidiFile(ticks_per_beat=division, tracks=[conductor, music])
    path = tmp_path_factory.mktemp("midi") / "a.mid"
    file.save(path)
    read, end = read_events(path)
    expected, now = [], 0.0
    for message in mido.MidiFile(path):
        now += message.time
        if not message.is_meta:
            expected.append((now, message.copy(time=0)))
    assert [event.message for event in read] == [message for _, message in expected]
    np.testing.assert_allclose([event.seconds for event in read], [at for at, _ in expected])
    assert end == pytest.approx(now)
