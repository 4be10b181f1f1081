"""The virtual cellist: what sounds is what is stopped and bowed, and the figure that does it stays
whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.cli.main import main
from apvg.instruments.camera import Camera
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.instruments.strings import CELLO
from apvg.music.midi import write_midi
from apvg.music.notes import Notes
from apvg.takes.take import load_takes
from apvg.virtual.strings.bowing import LIFTED_AFTER, articulated, turning_gain
from apvg.virtual.strings.fingering import AHEAD, finger_notes
from apvg.virtual.strings.motion import FINGER_BONES, FOREARM, UPPER_ARM, bend, move
from apvg.virtual.strings.performance import Performance, PlayingStyle
from apvg.virtual.strings.scores import HELD_OUT_STYLES, STYLES, compose, playable
from apvg.virtual.strings.sound import Voice, draw_voice, synthesise

FPS = 25
AT = {name: index for index, name in enumerate(BODY_HANDS_AND_BOW.points)}
LEFT_TIPS = [AT[f"left_{finger}_tip"] for finger in ("index", "middle", "ring", "pinky")]
MELODIES = {
    "style": st.sampled_from(sorted(STYLES)),
    "seed": st.integers(0, 500),
}


def melody(pitches: list[int], step: float, held: float = 1.0, velocity: int = 80) -> Notes:
    onset_N = 1.0 + step * np.arange(len(pitches))
    offset_N = onset_N + held * step
    loud_N = np.full(len(pitches), velocity)
    return Notes(onset_N, offset_N, offset_N, np.array(pitches), loud_N)


def slurred(lengths: list[float], slurs: list[bool], legato: float = 1.0) -> Notes:
    """Two pitches by turns; a note is slurred to the one before where `slurs` says so."""
    onset_N = 0.2 + np.cumsum(lengths) - lengths
    offset_N, count = onset_N + legato * np.array(lengths), len(lengths)
    notes = Notes(onset_N, offset_N, offset_N, 50 + 2 * (np.arange(count) % 2), np.full(count, 80))
    return replace(notes, slurred_N=np.array([False, *slurs[1:count]]))


def played(notes: Notes, style: PlayingStyle | None = None) -> Performance:
    return Performance(notes, CELLO, np.random.default_rng(0), style)


@given(st.floats(0, 30))
def test_the_stop_of_a_pitch_leaves_so_much_of_the_string_as_sounds_it(semitones: float) -> None:
    # A string's pitch goes as 1 / length (Mersenne): an octave is half the string.
    left = CELLO.string_length - float(CELLO.stop(semitones))
    assert 12 * np.log2(CELLO.string_length / left) == pytest.approx(semitones, abs=1e-9)
    assert float(CELLO.semitones(CELLO.stop(semitones))) == pytest.approx(semitones, abs=1e-9)


@settings(max_examples=12, deadline=None)
@given(**MELODIES)
def test_fingers_stop_the_sounding_pitch_on_the_string_that_the_bow_is_on(
    style: str, seed: int
) -> None:
    piece = compose(style, seed, 15, CELLO)
    still = PlayingStyle(vibrato=0, sway=0, jitter=0)
    performance = Performance(piece.notes, CELLO, np.random.default_rng(seed), still)
    notes = piece.notes
    # Late enough that the bow has crossed, early enough that the hand has not set out.
    into_N = notes.onset_N + 0.3 * (notes.offset_N - notes.onset_N).clip(max=0.2)
    frames = np.arange(0, 15, 0.004)
    points_TK3 = move(performance, len(frames), 250, np.random.default_rng(0))
    at_N = (into_N * 250).round().astype(int).clip(max=len(frames) - 1)
    bow = performance.bow(at_N / 250)
    np.testing.assert_allclose(bow.string_X, performance.string_N, atol=0.25)
    assert (bow.lift_X == 0).all()
    sounding_N = np.array(CELLO.open_pitches)[performance.string_N]
    for index, stop in enumerate(performance.stops):
        if stop.finger == 0:
            assert notes.pitch_N[index] == sounding_N[index]
            continue
        away = CELLO.stop(notes.pitch_N[index] - sounding_N[index])
        on_string_3 = CELLO.on_string(np.array(stop.string), away)
        tip_3 = points_TK3[at_N[index], LEFT_TIPS[stop.finger - 1]]
        assert np.linalg.norm(tip_3 - on_string_3) < 0.003, (index, stop)


@settings(max_examples=12, deadline=None)
@given(**MELODIES)
def test_strokes_alternate_within_the_hair_and_turn_where_notes_begin(
    style: str, seed: int
) -> None:
    piece = compose(style, seed, 15, CELLO)
    performance = Performance(piece.notes, CELLO, np.random.default_rng(seed))
    strokes = performance.strokes
    low, high = CELLO.bow_used
    for before, after in pairwise(strokes):
        assert after.first == before.last
        if after.after_rest:
            assert after.start - before.stop >= LIFTED_AFTER
        else:
            assert after.down != before.down
            assert after.begin == before.end
            assert after.start == before.stop
    for stroke in strokes:
        assert stroke.start == piece.notes.onset_N[stroke.first]
        assert low - 1e-9 <= min(stroke.begin, stroke.end)
        assert max(stroke.begin, stroke.end) <= high + 1e-9
    # What the speed says is how the place changes.
    time_X = np.arange(0, 15, 0.001)
    bow = performance.bow(time_X)
    moved_X = np.gradient(bow.place_X, time_X) * CELLO.bow_length
    np.testing.assert_allclose(np.where(bow.lift_X > 0, 0, moved_X), bow.speed_X, atol=0.06)


def test_the_bow_is_faster_in_loud_notes_and_lifted_in_rests() -> None:
    soft, loud = (
        played(melody([50, 52, 53, 55], 0.5, velocity=velocity)).bow(np.arange(1.1, 2.9, 0.01))
        for velocity in (30, 110)
    )
    assert np.abs(loud.speed_X).mean() > 1.5 * np.abs(soft.speed_X).mean()
    assert (loud.from_bridge_X < soft.from_bridge_X).all()
    rests = played(melody([50, 52, 53], 1.5, held=0.5))
    assert (rests.bow(np.array([1.75 + 0.375, 3.25 + 0.375])).lift_X > 0.02).all()
    assert all(stroke.after_rest for stroke in rests.strokes)


def test_the_bow_touches_its_string_and_lies_across_it() -> None:
    performance = played(melody([36, 43, 50, 57, 50, 43], 0.6))
    times_T = np.arange(40, 100) / 40 + 0.5
    points_TK3 = move(performance, 200, 40, np.random.default_rng(0))
    for time in times_T:
        frame = round(time * 40)
        bow = performance.bow(np.array([frame / 40]))
        if bow.lift_X[0] > 0 or abs(bow.string_X[0] - round(bow.string_X[0])) > 0.01:
            continue
        frog_3, tip_3 = points_TK3[frame, [AT["bow_frog"], AT["bow_tip"]]]
        string = np.array(round(bow.string_X[0]))
        near_3 = CELLO.on_string(string, np.array(CELLO.string_length - bow.from_bridge_X[0]))
        hair_3 = (tip_3 - frog_3) / CELLO.bow_length
        away = np.linalg.norm(np.cross(near_3 - frog_3, hair_3))
        assert away < 1e-4
        assert abs(hair_3 @ CELLO.axes_33[0]) < 1e-6
        # It touches no other string: those beside it lie below the hair.
        for other in {0, 1, 2, 3} - {int(string)}:
            there_3 = CELLO.on_string(np.array(other), CELLO.string_length - bow.from_bridge_X[0])
            out_3 = np.cross(CELLO.axes_33[0], hair_3)
            out_3 *= np.sign(out_3 @ CELLO.axes_33[2])
            assert (there_3 - near_3) @ out_3 < -5e-4


@settings(max_examples=12, deadline=None)
@given(**MELODIES)
def test_bones_keep_their_lengths(style: str, seed: int) -> None:
    piece = compose(style, seed, 15, CELLO)
    performance = Performance(piece.notes, CELLO, np.random.default_rng(seed))
    points_TK3 = move(performance, 15 * FPS, FPS, np.random.default_rng(seed))
    assert np.isfinite(points_TK3).all()

    def length_T(a: str, b: str) -> np.ndarray:
        return np.linalg.norm(points_TK3[:, AT[a]] - points_TK3[:, AT[b]], axis=-1)

    for side in ("left", "right"):
        np.testing.assert_allclose(
            length_T(f"{side}_shoulder", f"{side}_elbow"), UPPER_ARM, atol=1e-4
        )
        np.testing.assert_allclose(length_T(f"{side}_elbow", f"{side}_wrist"), FOREARM, atol=0.004)
        for finger, bones in zip(
            ("thumb", "index", "middle", "ring", "pinky"), FINGER_BONES, strict=True
        ):
            for bone, (a, b) in zip(bones, (("1", "2"), ("2", "3"), ("3", "tip")), strict=True):
                np.testing.assert_allclose(
                    length_T(f"{side}_{finger}_{a}", f"{side}_{finger}_{b}"), bone, atol=1e-4
                )
        # Knuckles may go a little way after a finger that reaches far.
        knuckles_T = np.stack(
            [length_T(f"{side}_wrist", f"{side}_{f}_1") for f in ("index", "ring")]
        )
        assert knuckles_T.min() > 0.07
        assert knuckles_T.max() < 0.11
    np.testing.assert_allclose(length_T("bow_frog", "bow_tip"), CELLO.bow_length, atol=1e-6)


@given(st.floats(0.03, 0.12), st.floats(-3, 3))
def test_a_bent_finger_reaches_from_its_root_to_its_tip(away: float, angle: float) -> None:
    bones = (0.045, 0.026, 0.023)
    tip_T3 = away * np.array([[np.cos(angle), np.sin(angle), 0.0]])
    points_T43 = bend(np.zeros((1, 3)), tip_T3, bones, np.array([[0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(points_T43[:, -1], tip_T3, atol=2e-4)
    lengths = np.linalg.norm(np.diff(points_T43[0], axis=0), axis=-1)
    np.testing.assert_allclose(lengths, bones, atol=1e-6)
    assert (points_T43[0, 1:3, 2] >= -1e-9).all()  # it bulges upwards


SCALE = (48, 50, 52, 53, 55, 57, 59, 60)


def test_a_scale_stays_in_a_position_and_crosses_strings() -> None:
    stops = finger_notes(melody(list(SCALE), 0.25), CELLO, ahead=10.0)
    assert {stop.string for stop in stops} == {1, 2, 3}
    assert len({stop.hand for stop in stops if stop.finger}) == 1


@given(
    pitches=st.lists(st.integers(CELLO.lowest, CELLO.highest), min_size=2, max_size=12),
    length=st.floats(0.08, 0.6),
    known=st.integers(1, 12),
)
def test_a_note_is_settled_by_what_begins_soon(
    pitches: list[int], length: float, known: int
) -> None:
    """Who has heard `AHEAD` seconds beyond a note knows its stop, whatever comes later."""
    notes = melody(pitches, length)
    heard = notes.select(np.arange(len(notes)) < known)
    whole, begun = finger_notes(notes, CELLO), finger_notes(heard, CELLO)
    settled = int((heard.onset_N + AHEAD <= float(heard.onset_N[-1])).sum())
    assert whole[:settled] == begun[:settled]
    # And it is the pitch's own.
    for stop, pitch in zip(whole, pitches, strict=True):
        above = stop.hand + (stop.frame.semitones[stop.finger - 1] or 0) if stop.finger else 0
        assert CELLO.open_pitches[stop.string] + above == pitch


@given(
    lengths=st.lists(st.floats(0.06, 1.0), min_size=2, max_size=12),
    slurs=st.lists(st.booleans(), min_size=12, max_size=12),
    legato=st.floats(0.5, 1.0),
)
def test_a_synthesiser_stops_where_the_bow_turns_and_there_only(
    lengths: list[float], slurs: list[bool], legato: float
) -> None:
    notes = slurred(lengths, slurs, legato)
    onset_N, offset_N = notes.onset_N, notes.offset_N
    sounded = articulated(notes)
    gap_N = onset_N + lengths - sounded.offset_N
    for n in range(len(lengths) - 1):
        if notes.slurred_N[n + 1]:
            assert sounded.offset_N[n] > onset_N[n + 1] or offset_N[n] < onset_N[n + 1] - 0.05
        else:
            # A gap, but of very short notes half at least sounds.
            assert gap_N[n] >= min(0.05, 0.5 * lengths[n]) - 1e-9
            assert sounded.offset_N[n] - onset_N[n] >= 0.5 * (offset_N[n] - onset_N[n]) - 1e-9
    assert sounded.offset_N[-1] == offset_N[-1]


def test_slurred_notes_to_and_fro_too_quick_to_overlap_can_be_written(tmp_path: Path) -> None:
    notes = replace(melody([50, 52, 50, 52], 0.06), slurred_N=np.array([False, True, True, True]))
    sounded = articulated(notes)
    write_midi(
        sounded, tmp_path / "trill.mid"
    )  # which refuses a key that is struck while it is down
    assert (sounded.offset_N[:2] == notes.onset_N[2:]).all()


@given(st.lists(st.integers(0, 127), min_size=1, max_size=40))
def test_any_notes_become_a_melody_in_the_pitch_range(pitches: list[int]) -> None:
    random = np.random.default_rng(len(pitches))
    onset_N = np.sort(random.uniform(0, 5, len(pitches)))
    offset_N = onset_N + random.uniform(0.05, 1, len(pitches))
    loud_N = np.full(len(pitches), 80)
    voice = playable(Notes(onset_N, offset_N, offset_N, np.array(pitches), loud_N), CELLO)
    assert len(voice) >= 1
    assert CELLO.lowest <= voice.pitch_N.min()
    assert voice.pitch_N.max() <= CELLO.highest
    assert (voice.offset_N[:-1] <= voice.onset_N[1:]).all()
    assert {int(p) % 12 for p in voice.pitch_N} <= {p % 12 for p in pitches}


@given(
    lengths=st.lists(st.floats(0.15, 1.0), min_size=2, max_size=8),
    slurs=st.lists(st.booleans(), min_size=8, max_size=8),
    depth=st.floats(0.3, 0.9),
)
def test_a_turn_is_a_dip_and_a_slur_is_none(
    lengths: list[float], slurs: list[bool], depth: float
) -> None:
    notes, rate = slurred(lengths, slurs), 8000
    gain_S = turning_gain(notes, int((sum(lengths) + 0.4) * rate), rate, depth, seconds=0.08)
    assert gain_S.max() == 1
    for onset, joined in zip(notes.onset_N, notes.slurred_N, strict=True):
        around_S = gain_S[round((onset - 0.05) * rate) : round((onset + 0.05) * rate)]
        assert around_S.min() == pytest.approx(1.0 if joined else 1 - depth, abs=1e-3)
        assert gain_S[round((onset + 0.06) * rate)] == 1


def _dip(slurs: list[bool], voice: Voice | None) -> float:
    """How far the sound falls where the second of two notes begins, dB."""
    performance = played(slurred([1.8, 1.8], slurs), style=PlayingStyle(vibrato=0))
    sound_S = synthesise(performance, 4, 16000, np.random.default_rng(0), voice).astype(float)
    loud_S = np.sqrt(np.convolve(sound_S**2, np.full(320, 1 / 320), "same"))
    before, after = loud_S[int(1.7 * 16000)], loud_S[int(2.3 * 16000)]
    lowest = loud_S[int(1.9 * 16000) : int(2.1 * 16000)].min()
    return float(20 * np.log10(lowest / min(before, after)))


def test_a_turn_of_the_bow_is_heard_and_a_slurred_note_is_not_one() -> None:
    assert _dip([False, False], None) < -4
    assert _dip([False, True], None) > -2


@pytest.mark.parametrize("seed", range(6))
def test_a_turn_is_heard_on_every_instrument_that_is_drawn(seed: int) -> None:
    voice = draw_voice(np.random.default_rng(seed))
    assert _dip([False, False], voice) < _dip([False, True], voice) - 1.5


def test_a_down_bow_fades_and_an_up_bow_swells() -> None:
    notes = melody([53, 55, 57], 1.5)
    performance = played(notes, style=PlayingStyle(vibrato=0, fading=6.0))
    sound_S = synthesise(performance, 6, 16000, np.random.default_rng(0)).astype(np.float64)
    for stroke in performance.strokes:
        early_S, late_S = (
            sound_S[int(t * 16000) :][:4000] for t in (stroke.start + 0.3, stroke.stop - 0.5)
        )
        rise = 10 * np.log10(np.square(late_S).mean() / np.square(early_S).mean())
        hair = (stroke.end - stroke.begin) * 0.7 / 1.5  # between the middles of both stretches
        assert rise == pytest.approx(-6.0 * hair, abs=0.5)


def test_the_sound_has_the_pitch_of_the_notes_and_follows_the_bow() -> None:
    librosa = pytest.importorskip("librosa")
    notes = melody([43, 50, 57, 62, 55, 38], 1.0)
    performance = played(notes, style=PlayingStyle(vibrato=0))
    sound_S = synthesise(performance, 8, 16000, np.random.default_rng(0))
    assert sound_S.dtype == np.float32
    assert len(sound_S) == 8 * 16000
    for onset, pitch in zip(notes.onset_N, notes.pitch_N, strict=True):
        part_S = sound_S[int((onset + 0.3) * 16000) : int((onset + 0.8) * 16000)]
        hz_T = librosa.yin(part_S, fmin=50, fmax=600, sr=16000, frame_length=2048)
        assert abs(69 + 12 * np.log2(np.median(hz_T) / 440) - pitch) < 0.2
    assert np.abs(sound_S[: int(0.8 * 16000)]).max() < 0.02  # nothing before the first note


def test_vibrato_is_seen_and_heard() -> None:
    performance = played(melody([62], 3.0), style=PlayingStyle(vibrato=0.3, sway=0, jitter=0))
    points_TK3 = move(performance, 400, 100, np.random.default_rng(0))
    finger = performance.stops[0].finger
    along_T = points_TK3[180:380, LEFT_TIPS[finger - 1]] @ CELLO.axes_33[0]
    # The finger rocks by what the pitch asks: L ln 2 / 12 2^(-n/12) a semitone.
    slope = (CELLO.string_length - float(CELLO.stop(performance.semitones_N[0]))) * np.log(2) / 12
    assert np.ptp(along_T) == pytest.approx(2 * 0.3 * slope, rel=0.1)
    librosa = pytest.importorskip("librosa")
    sound_S = synthesise(performance, 4, 16000, np.random.default_rng(0))
    hz_T = librosa.yin(
        sound_S[int(1.8 * 16000) : int(3.7 * 16000)],
        fmin=200,
        fmax=400,
        sr=16000,
        frame_length=1024,
    )
    assert 0.3 < 12 * np.log2(np.percentile(hz_T, 95) / np.percentile(hz_T, 5)) < 0.8


def test_pieces_are_the_same_for_the_same_seed_and_test_styles_are_kept_apart() -> None:
    first, second, other = (compose("air", seed, 12, CELLO) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.notes.onset_N, second.notes.onset_N)
    np.testing.assert_array_equal(first.notes.slurred_N, second.notes.slurred_N)
    assert not np.array_equal(first.notes.onset_N, other.notes.onset_N)
    assert set(HELD_OUT_STYLES) < set(STYLES)


def test_the_command_makes_takes_without_pictures_even_of_a_midi_file(tmp_path: Path) -> None:
    scores = tmp_path / "scores"
    scores.mkdir()
    write_midi(melody([20, 60, 64, 100], 0.5), scores / "own.mid")
    command = ["virtual", str(tmp_path / "takes"), "--minutes", "0.2", "--seconds", "12"]
    command += ["--samples", "0", "--jobs", "1"]
    assert main([*command, "--scores", str(scores)]) == 0
    for take in load_takes(tmp_path / "takes"):
        assert take.skeleton == BODY_HANDS_AND_BOW
        assert take.about.instrument == "cello"
        assert not take.filmed
        assert take.notes is not None
        truth = take.metadata["strings"]
        assert len(truth["string"]) == len(truth["finger"]) == len(take.notes)
        # A stroke begins at every note that is not slurred, and there only.
        struck = [stroke[0] for stroke in truth["strokes"]]
        assert struck == np.flatnonzero(~take.notes.slurred_N).tolist()
        assert truth["strokes"][0][0] == 0
        inside_TK = (take.keypoints_TKD > 0) & (take.keypoints_TKD < 256)
        assert inside_TK.mean() > 0.97


@pytest.mark.parametrize("instrument", ["cello", "piano"])
@pytest.mark.parametrize(("option", "value"), [("--seconds", "4"), ("--seed", "-1")])
def test_what_cannot_be_composed_is_said(
    instrument: str, option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["virtual", str(tmp_path / "t"), "--instrument", instrument, option, value]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert value in error
    assert option[2:] in error or "a piece of 4 s is too short" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("option", "word"), [(("--size", "8"), "--size"), (("--samples", "-1"), "--samples")]
)
def test_what_cannot_be_painted_is_said(
    option: tuple[str, str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["virtual", str(tmp_path / "t"), "--minutes", "1", *option]) == 1
    assert word in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_pictures_show_the_points_where_the_camera_puts_them() -> None:
    """The tip of the bow, painted, is where the projection says; and the bow moves in the
    picture."""
    pytest.importorskip("mitsuba_oidn")
    from apvg.virtual.strings.picture import Painter

    performance = played(melody([50, 52, 53], 1.0))
    points_TK3 = move(performance, 60, FPS, np.random.default_rng(0))
    painter = Painter(CELLO, Camera(), 64, 4)
    frames = [painter.paint(points_TK3[t]).astype(float) for t in (30, 45)]
    assert frames[0].shape == (64, 64, 3)
    changed_HW = np.abs(frames[0] - frames[1]).max(axis=-1) > 60
    assert changed_HW.any()
    pixels_TKD = Camera().to_pixels(points_TK3[[30, 45]], 64, 64)
    y_N, x_N = np.nonzero(changed_HW)
    # What changes much lies near what moves much: the bow and the arm that draws it.
    arm = [
        AT[p]
        for p in (
            "right_elbow",
            "right_wrist",
            "right_index_tip",
            "bow_frog",
            "bow_tip",
            "right_shoulder",
        )
    ]
    ends_N2 = np.stack([x_N, y_N], 1)[:, None] + 0.5 - pixels_TKD[:, arm].reshape(1, -1, 2)
    assert np.median(np.linalg.norm(ends_N2, axis=-1).min(axis=1)) < 6
