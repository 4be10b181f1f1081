"""Every registered reader, through one test each: what a reader finds can be prepared, in an order
that nothing disturbs."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from miniatures import MINIATURES

from apvg.base.errors import ApvgError
from apvg.base.registry import Registry
from apvg.takes.about import NOT_STATED, SPLITS
from apvg.takes.readers import READERS, Reader, ReaderOptions, read_source
from apvg.takes.recording import Recording
from apvg.takes.sequences import measure_sound, probe_picture, read_picture

readers = pytest.mark.parametrize("name", sorted(READERS))
#: A value for each option.
GIVEN = ReaderOptions(
    audio=Path("sound.wav"), midi=Path("notes.mid"), instrument="cello", chunk_mark="start"
)


@pytest.fixture
def source(name: str, tmp_path: Path) -> Path:
    """A small source of a reader; a reader without one is not tested, so this fails."""
    return MINIATURES[name](tmp_path / "source")


@readers
def test_what_is_found_can_be_prepared(name: str, source: Path):
    found = read_source(name, source, ReaderOptions())
    assert len(found) > 1
    assert len({recording.name for recording in found}) == len(found)
    for recording in found:
        assert recording.name == Path(recording.name).name
        assert not recording.name.startswith(".")
        info = probe_picture(recording.video)
        assert next(read_picture(recording.video, recording.fps)).shape == (
            info.height,
            info.width,
            3,
        )
        if recording.audio == recording.video:
            assert not info.has_audio  # of the miniatures
        else:
            assert measure_sound(recording.audio) > 0
        assert recording.midi is None or recording.midi.is_file()
        assert recording.about.split in SPLITS
        assert recording.fps >= 1
        if recording.crop is not None:
            x, y, width, height = recording.crop
            assert min(x, y) >= 0
            assert min(width, height) > 0
            assert x + width <= info.width
            assert y + height <= info.height


@readers
def test_data_sets_say_whose_they_are(name: str, source: Path):
    reader = READERS[name]
    assert reader.description
    assert bool(reader.remote) == bool(reader.licence) == bool(reader.bibtex)
    if reader.remote:
        for recording in read_source(name, source, ReaderOptions()):
            assert NOT_STATED not in vars(recording.about).values()
            assert reader.remote in recording.about.source
            assert recording.about.licence == reader.licence
            assert recording.offset is not None


@readers
def test_the_order_is_that_of_the_names(name: str, source: Path, tmp_path: Path):
    found = read_source(name, source, ReaderOptions())
    assert read_source(name, source, ReaderOptions()) == found
    # The same files, made in the opposite order: what a folder lists first may be another one.
    paths = sorted((path for path in source.rglob("*") if path.is_file()), reverse=True)
    for path in paths:
        copy = tmp_path / "copy" / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    copied = read_source(name, tmp_path / "copy", ReaderOptions())
    assert [told(recording) for recording in copied] == [told(recording) for recording in found]


def told(recording: Recording) -> Recording:
    """All but where the files lie."""
    return replace(recording, video=Path(), audio=Path(), midi=None)


@readers
@pytest.mark.parametrize("option", [field.name for field in fields(ReaderOptions)])
def test_options_are_taken_or_refused(name: str, source: Path, option: str):
    value: Any = getattr(GIVEN, option)
    chosen: dict[str, Any] = {option: value}
    if option not in READERS[name].options:
        refusal = f"the reader {name} does not take"
    elif isinstance(value, Path):
        refusal = "is one file, but"  # for several videos
    else:
        found = read_source(name, source, ReaderOptions(**chosen))
        assert found
        assert found != read_source(name, source, ReaderOptions())
        return
    with pytest.raises(ApvgError, match=refusal) as refused:
        read_source(name, source, ReaderOptions(**chosen))
    assert refused.value.options == (option,)


@readers
def test_a_source_that_is_not_there_is_named(name: str, tmp_path: Path):
    with pytest.raises(ApvgError, match="nowhere") as missing:
        read_source(name, tmp_path / "nowhere", ReaderOptions())
    assert missing.value.cure


def test_an_unknown_reader_is_named(tmp_path: Path):
    with pytest.raises(ApvgError, match=r"no reader 'opera'.*footage, suburmp, urmp"):
        read_source("opera", tmp_path, ReaderOptions())


def test_readers_of_other_packages_are_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An installed package names its reader among its entry points."""
    about = tmp_path / "opera-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: opera\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[apvg.readers]\nopera = opera_reader:READER\n")
    (tmp_path / "opera_reader.py").write_text(
        "from apvg.takes.readers import Reader\n"
        "READER = Reader('operas', lambda source, options: [])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert Registry[Reader]("reader", "apvg.readers")["opera"].description == "operas"
