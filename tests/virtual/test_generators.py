"""Every registered generator, for every instrument that names one: its takes are repeatable, exact,
and free to use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apvg.base.errors import ApvgError
from apvg.instruments.instrument import INSTRUMENTS, find_instrument
from apvg.takes.take import Take
from apvg.virtual.common.corpus import VirtualOptions, make_takes
from apvg.virtual.generators import GENERATORS, find_generator

PLAYED = sorted(name for name, instrument in INSTRUMENTS.items() if instrument.generator)


def options(instrument: str, **more: object) -> VirtualOptions:
    """One piece of six seconds, without pictures and without soundfonts where that can be
    chosen."""
    usual = {"minutes": 0.1, "seconds": 6.0, "seed": 7, "samples": 0, "drawn": 1.0}
    return VirtualOptions(instrument=instrument, **(usual | more))  # pyright: ignore[reportArgumentType]


def make(instrument: str, folder: Path) -> Take:
    generator = find_generator(instrument)
    (path,) = make_takes(generator, generator.orders(options(instrument)), folder, jobs=1)
    return Take.load(path)


@pytest.fixture(scope="module", params=PLAYED)
def take(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Take:
    return make(request.param, tmp_path_factory.mktemp("takes"))


def test_every_generator_serves_an_instrument() -> None:
    assert {INSTRUMENTS[name].generator for name in PLAYED} == set(GENERATORS)


def test_the_same_options_give_the_same_take(take: Take, tmp_path: Path) -> None:
    again = make(take.about.instrument, tmp_path)
    np.testing.assert_array_equal(again.keypoints_TKD, take.keypoints_TKD)
    np.testing.assert_array_equal(again.samples_S, take.samples_S)
    assert again.notes is not None
    assert take.notes is not None
    for name, array in take.notes.to_arrays().items():
        np.testing.assert_array_equal(again.notes.to_arrays()[name], array)
    assert again.metadata == take.metadata


def test_a_take_is_what_its_instrument_says(take: Take) -> None:
    instrument = find_instrument(take.about.instrument)
    assert take.skeleton == instrument.skeleton
    assert take.notes is not None
    assert instrument.pitch_range is not None
    lowest, highest = instrument.pitch_range
    assert lowest <= take.notes.pitch_N.min()
    assert take.notes.pitch_N.max() <= highest
    if instrument.voices:
        edges = [(onset, 1) for onset in take.notes.onset_N]
        edges += [(offset, -1) for offset in take.notes.offset_N]
        assert np.cumsum([change for _, change in sorted(edges)]).max() <= instrument.voices


def test_keypoints_are_finite_certain_and_near_the_frame(take: Take) -> None:
    assert np.isfinite(take.keypoints_TKD).all()
    assert (take.confidence_TK == 1).all()
    # What frames there would be: those that the take states, or the extent of the surface.
    corners = take.corners_42 if take.corners_42 is not None else np.array([[0, 0], take.size])
    extent_D = np.ptp(corners, axis=0)
    assert (take.keypoints_TKD > -extent_D).all()
    assert (take.keypoints_TKD < 2 * extent_D).all()
    # The player moves, and no point leaps across the picture from one frame to the next.
    step_TK = np.linalg.norm(np.diff(take.keypoints_TKD, axis=0), axis=-1)
    assert 0 < step_TK.max() < extent_D.max() / 3


def test_notes_are_on_the_clock_of_frames_and_sound(take: Take) -> None:
    assert take.duration == pytest.approx(6)
    assert take.notes is not None
    assert take.notes.onset_N[0] >= 0
    assert (np.diff(take.notes.onset_N) >= 0).all()
    assert take.notes.offset_N.max() <= take.duration
    # The sound is loud while the first notes sound, and at most noise before.
    first = round(take.notes.onset_N[0] * take.sample_rate)
    before_S, after_S = take.samples_S[: max(first - 400, 1)], take.samples_S[first : first + 8000]
    assert np.abs(after_S).max() > 3 * np.abs(before_S).max()


def test_generated_takes_are_free_and_those_of_scores_are_not_given_away(
    take: Take, tmp_path: Path
) -> None:
    assert (take.about.licence, take.about.split) == ("CC0-1.0", "train")
    pytest.importorskip("mido")
    from apvg.music.midi import write_midi

    assert take.notes is not None
    scores = tmp_path / "scores"
    scores.mkdir()
    write_midi(take.notes, scores / "own.mid")
    generator = find_generator(take.about.instrument)
    ordered = generator.orders(options(take.about.instrument, minutes=0, scores=scores))
    (path,) = make_takes(generator, ordered, tmp_path / "takes", jobs=1)
    assert Take.load(path).about.licence != "CC0-1.0"


@pytest.mark.filterwarnings("ignore:there is no soundfont")
@pytest.mark.parametrize("instrument", PLAYED)
def test_training_never_meets_a_style_of_the_test_pieces(instrument: str) -> None:
    generator = find_generator(instrument)
    styles = {
        split: {o.style for o in generator.orders(options(instrument, minutes=20, split=split))}
        for split in ("train", "test")
    }
    assert styles["test"] == set(generator.held_out_styles)
    assert styles["train"] == set(generator.styles) - styles["test"]
    with pytest.raises(ApvgError, match="split train") as caught:
        generator.orders(options(instrument, styles=tuple(generator.held_out_styles)))
    assert caught.value.options == ("styles",)


@pytest.mark.parametrize("instrument", PLAYED)
def test_orders_are_reached_in_another_process(instrument: str, tmp_path: Path) -> None:
    generator = find_generator(instrument)
    orders = generator.orders(options(instrument, minutes=0.2))
    paths = list(make_takes(generator, orders, tmp_path, jobs=2))
    assert [path.name for path in paths] == [order.name for order in orders]
    assert len({order.name for order in orders}) == 2
    assert not list(make_takes(generator, orders, tmp_path, jobs=1))  # what is there is kept


def test_an_instrument_without_a_virtual_player_is_refused() -> None:
    with pytest.raises(
        ApvgError, match=r"no virtual player of 'tuba'.*choose from cello, piano, sticks"
    ):
        find_generator("tuba")


@pytest.mark.parametrize(
    ("wrong", "option"),
    [({"seconds": 4}, "seconds"), ({"minutes": -1}, "minutes"), ({"seed": -1}, "seed")],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, float], option: str) -> None:
    with pytest.raises(ApvgError, match=f"{next(iter(wrong.values()))} ") as caught:
        options("piano", **wrong)
    assert caught.value.options == (option,)
