"""Everything that the documents' commands are given, under the names it has there, of a second or
two."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile
from documented import ROOT, blocks
from miniatures import (
    NTSC,
    hand_PD,
    person,
    write_jpeg,
    write_openpose,
    write_song,
    write_urmp_piece,
    write_video,
)

from apvg import Performer
from apvg.cli.main import main
from apvg.instruments.skeleton import BODY_AND_HANDS
from apvg.keypoint_files import KeypointTrack, write_keypoints
from apvg.music.midi import read_midi, write_midi
from apvg.music.notes import Notes
from apvg.music.reading import read_audio
from apvg.samples import AIR, SAMPLE
from apvg.takes.about import About
from apvg.takes.take import Take, load_takes
from apvg.video.writing import VideoWriter

PERFORMERS = ROOT / "apvg" / "performers"
FPS = 25
#: Of takes: figures need two seconds, and baselines four to learn from.
SECONDS, TRAIN_SECONDS = 2.2, 4.2
#: Of the films, which are looked at frame by frame.
FILM_SECONDS = 0.4
#: Of songs.
SONG_SECONDS = 0.5


class Desk:
    """Makes each thing when it is first asked for, and lays copies of it on the table.

    Args:
        store: A folder to make them in.
        tiny_performer: A performer that is nearly nothing.
    """

    def __init__(self, store: Path, tiny_performer: Path) -> None:
        self.store, self.tiny_performer = store, tiny_performer
        self.makers: dict[str, Callable[[Path], object]] = {
            "song.wav": song,
            "song.mp3": song,
            "violin.mp3": song,
            "your-song.mp3": song,
            "song.xyz": lambda path: shutil.copy(SAMPLE, path),
            "song.mid": tune,
            "apvg": samples,
            "song.npz": keypoints,
            "my-midi-files": tunes,
            "my-performer": lambda path: shutil.copytree(PERFORMERS / "piano", path),
            "FOLDER": lambda path: shutil.copytree(PERFORMERS / "piano", path),
            "tiny": lambda path: shutil.copytree(tiny_performer, path),
            "my-takes": pianist_takes,
            "takes": cellist_takes,
            "TAKES": lambda path: (pianist_takes(path), cellist_takes(path)),
            "report": lambda path: report(path, 0.8),
            "other-report": lambda path: report(path, 0.9),
            "my-video.mp4": lambda path: film(path, SMALL),
            "me.mp4": lambda path: film(path, LARGE),
            "lesson.mp4": lambda path: film(path, LARGE),
            "duo.mp4": lambda path: film(path, LARGE),
            "lesson-json": lambda path: poses(path, [480.0]),
            "duo-json": lambda path: poses(path, [480.0, 1440.0]),
            "videos": lambda path: film(path / "lesson.mp4", SMALL),
            "SOURCE": lambda path: film(path / "lesson.mp4", SMALL),
            "sounds": lambda path: song(path / "lesson.wav"),
            "notes": lambda path: tune(path / "lesson.mid"),
            "URMP": urmp,
            "crops.toml": crops,
            "Sub-URMP": sub_urmp,
            "pianist.toml": short_recipe,
            "pianist-silent.toml": short_recipe,
            "person.toml": short_recipe,
            "cello.toml": short_recipe,
        }

    def lay(self, name: str, table: Path) -> None:
        """Put a copy of what is called so on the table."""
        made = self.store / name
        if not made.exists():
            making = self.store / "making" / name
            making.parent.mkdir(parents=True, exist_ok=True)
            self.makers[name](making)
            making.rename(made)
        if made.is_dir():
            shutil.copytree(made, table / name, dirs_exist_ok=True)
        else:
            shutil.copy(made, table / name)


# ------------------------------------------------------------------------------------------- music


def song(path: Path) -> None:
    """The beginning of the package's prelude."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples_S = read_audio(SAMPLE, 44100, start=1, duration=SONG_SECONDS)
    soundfile.write(path, samples_S, 44100)


def samples(package: Path) -> None:
    """The package's own music, shortened."""
    for name in (SAMPLE.name, AIR.name):
        song(package / "samples" / name)


def tune(path: Path, note_seconds: float = 0.15) -> None:
    """Three notes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onset_N = note_seconds * np.arange(3)
    offset_N = onset_N + note_seconds
    write_midi(
        Notes(onset_N, offset_N, offset_N, np.array([48, 55, 60]), np.array([80, 90, 80])), path
    )


def tunes(folder: Path) -> None:
    """A folder of one."""
    tune(folder / "one.mid")


def keypoints(path: Path) -> None:
    """Of a second of hands."""
    pianist, shown = performance("piano")
    track = KeypointTrack(shown.keypoints_TKD[:FPS], shown.confidence_TK[:FPS], pianist.fps)
    write_keypoints(path, track, pianist.skeleton)


# ------------------------------------------------------------------------------------------- takes


@cache
def performance(name: str):
    """A built-in performer, and the beginning of the package's music for it as it plays that."""
    performer = Performer.from_pretrained(name, engine="auto")
    music = AIR if name == "cello" else SAMPLE
    samples_S = read_audio(music, performer.sample_rate, start=1, duration=TRAIN_SECONDS + SECONDS)
    return performer, performer.perform(samples_S)


def pianist_takes(folder: Path) -> None:
    """What `piano` plays, as if it had been filmed: the beginning to train on, the end to judge
    by."""
    folder.mkdir(exist_ok=True)
    pianist, shown = performance("piano")
    samples_S = read_audio(SAMPLE, 48000, start=1, duration=TRAIN_SECONDS + SECONDS)
    notes = read_midi(SAMPLE.with_suffix(".mid")).shifted(-1.0)
    for split, at, seconds in (("train", 0.0, TRAIN_SECONDS), ("test", TRAIN_SECONDS, SECONDS)):
        now = slice(round(at * FPS), round((at + seconds) * FPS))
        inside_N = (notes.onset_N >= at) & (notes.onset_N < at + seconds - 0.2)
        Take(
            name=split,
            fps=FPS,
            skeleton=pianist.skeleton,
            frames_THWC=shown.frames_THWC[now],
            keypoints_TKD=shown.keypoints_TKD[now],
            confidence_TK=shown.confidence_TK[now],
            samples_S=samples_S[round(at * 48000) :][: round(seconds * 48000)],
            sample_rate=48000,
            notes=notes.select(inside_N).shifted(-at),
            corners_42=np.array(pianist.config.corners, np.float32),
            about=About(split=split),
        ).save(folder / split)


def cellist_takes(folder: Path) -> None:
    """What the virtual cellist plays, painted by `cello` (a render takes longer), to train on and
    to judge by."""
    folder.mkdir(exist_ok=True)
    scores = folder.with_name("scores")
    for split, seconds in (("train", TRAIN_SECONDS), ("test", SECONDS)):
        tune(scores / "one.mid", seconds / 3)
        order = ["--minutes", "0", "--scores", str(scores), "--samples", "0", "--jobs", "1"]
        virtual = folder.with_name("virtual") / split
        assert main(["virtual", str(virtual), "--split", split, *order]) == 0
        cellist = performance("cello")[0]
        for take in load_takes(virtual):
            painted = cellist.render(take.keypoints_TKD, take.confidence_TK)
            frames_THWC = np.concatenate([part.frames_THWC for part in painted])
            name = f"cello-{split}"
            replace(take, name=name, frames_THWC=frames_THWC).save(folder / name)
        shutil.rmtree(virtual)


def report(folder: Path, strings: float) -> None:
    """Of a cellist who is on the right string so often."""
    folder.mkdir()
    figures = {"from_sound": {"string": strings}}
    bowing = [{"setting": {"take": f"take-{n}", "seconds": 60.0}, **figures} for n in range(4)]
    (folder / "report.json").write_text(json.dumps({"blocks": [], "bowing": bowing, "music": []}))


def short_recipe(path: Path) -> None:
    """The package's recipe of this name, of two steps for each stage that it trains."""
    text = (resources.files("apvg") / "recipes" / path.name).read_text(encoding="utf-8")
    short = {"steps": 2, "predicted_from": 1, "adversarial_from": 1}
    for what, number in short.items():
        text = re.sub(rf"^{what} = [1-9]\d*$", f"{what} = {number}", text, flags=re.M)
    for stage in ("khp", "cvg", "fpvg"):
        if f"[{stage}]" not in text:
            text += f"[{stage}]\nsteps = 2\nadversarial_from = 1\n"
            text += "predicted_from = 1\n" if stage == "fpvg" else ""
    path.write_text(text, encoding="utf-8")


# ----------------------------------------------------------------------------------------- footage


@dataclass(frozen=True)
class View:
    """A person above a keyboard that two hands play: the picture's width and height, the keyboard's
    sides."""

    size: tuple[int, int]
    left: int
    top: int
    right: int
    bottom: int

    def picture(self, n: int) -> np.ndarray:
        """Frame n, RGB uint8 [H, W, 3]."""
        from PIL import Image
        from skimage.data import astronaut

        pianist, shown = performance("piano")
        assert pianist.config.corners is not None
        (left, top), (right, _), _, (_, bottom) = pianist.config.corners
        scale_x = (self.right - self.left) / (right - left)
        scale_y = (self.bottom - self.top) / (bottom - top)
        canvas = Image.new("RGB", self.size, (128, 128, 128))
        side = self.top - 20
        person = Image.fromarray(astronaut()).resize((side, side))
        canvas.paste(person, ((self.left + self.right - side) // 2 + n, 0))
        hands = Image.fromarray(shown.frames_THWC[FPS + n])
        hands = hands.resize((round(hands.width * scale_x), round(hands.height * scale_y)))
        place = self.left - left * scale_x, self.top - top * scale_y
        canvas.paste(hands, (round(place[0]), round(place[1])))
        return np.asarray(canvas)


#: Where the documents' --corners are.
SMALL = View((1280, 720), 8, 288, 1275, 452)
LARGE = View((1920, 1080), 252, 480, 1793, 676)
#: One of two players beside each other, in half a picture.
HALF = View((960, 1080), 5, 520, 955, 700)


def film(path: Path, view: View) -> None:
    """A film of it, with the package's prelude."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [view.picture(n) for n in range(round(FILM_SECONDS * FPS))]
    width, height = view.size
    with VideoWriter(
        path,
        width=width,
        height=height,
        fps=FPS,
        audio=SAMPLE,
        audio_start=2.0,
        duration=FILM_SECONDS,
        comment="made by a test",
    ) as writer:
        for frame_HWC in frames:
            writer.write(frame_HWC)


def poses(folder: Path, middles: list[float]) -> None:
    """OpenPose's files for a film: people whose middles are here."""
    upright_KD = np.random.default_rng(0).uniform((-200, 100), (200, 900), (len(BODY_AND_HANDS), 2))
    for hand in ("left_hand", "right_hand"):
        upright_KD[list(BODY_AND_HANDS.parts[hand])] = hand_PD(0, 600, 30)
    people = [
        [person(upright_KD + (x + n, 0), BODY_AND_HANDS) for x in middles]
        for n in range(round(FILM_SECONDS * FPS))
    ]
    write_openpose(folder, "film", people)


def urmp(root: Path) -> None:
    """A piece of two players."""
    name, frames = "01_Jupiter_vn_vc", round(FILM_SECONDS * NTSC)
    write_urmp_piece(root, name, frames=frames)
    duo = [np.concatenate([HALF.picture(n)] * 2, axis=1) for n in range(frames)]
    write_video(root / name / f"Vid_{name}.mp4", duo, (n / NTSC for n in range(frames)))


def crops(path: Path) -> None:
    """As the document prints it."""
    (text,) = blocks(ROOT / "docs" / "data.md", "toml")
    path.write_text(text, encoding="utf-8")


def sub_urmp(root: Path) -> None:
    """A song of a second and a half."""
    sound_SC = np.random.default_rng(0).integers(-9000, 9000, (round(1.6 * 44100), 2), np.int16)
    write_song(root, sound_SC)
    for n, path in enumerate(sorted((root / "img").rglob("*.jpg"))):
        write_jpeg(path, HALF.picture(n)[::2, ::2])
