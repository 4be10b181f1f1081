"""Finding recordings: which sound and which notes belong to which video."""

from pathlib import Path

import pytest

from apvg.base.errors import ApvgError
from apvg.takes.readers.footage import find_recordings
from apvg.takes.recording import Recording


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("v/b.mp4", "v/a.MOV", "v/notes.txt", "s/a.wav", "s/b.mp3", "m/a.mid", "m/b.mid"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_one_video_with_its_own_sound(folder):
    video = folder / "v" / "b.mp4"
    assert find_recordings(video, None, None) == [Recording("b", video, video, None)]
    sound, notes = folder / "s" / "a.wav", folder / "m" / "a.mid"
    assert find_recordings(video, sound, notes) == [Recording("b", video, sound, notes)]


def test_a_folder_of_videos_with_folders_of_sound_and_notes(folder):
    found = find_recordings(folder / "v", folder / "s", folder / "m")
    assert [(r.name, r.video.name, r.audio.name, r.midi and r.midi.name) for r in found] == [
        ("a", "a.MOV", "a.wav", "a.mid"),
        ("b", "b.mp4", "b.mp3", "b.mid"),
    ]


def test_what_does_not_belong_together_is_refused(folder):
    with pytest.raises(ApvgError, match="is one file"):
        find_recordings(folder / "v", folder / "s" / "a.wav", None)
    with pytest.raises(ApvgError, match="no videos"):
        find_recordings(folder / "m", None, None)
    (folder / "s" / "b.wav").touch()
    with pytest.raises(ApvgError, match=r"2 files.*b\.\*"):
        find_recordings(folder / "v", folder / "s", None)
    (folder / "m" / "a.mid").unlink()
    with pytest.raises(ApvgError, match=r"no files.*a\.\*"):
        find_recordings(folder / "v", None, folder / "m")
