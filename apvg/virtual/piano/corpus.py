"""Takes of the virtual pianist: pieces, the hands that play them, and recordings of their sound; no pictures.

Training pieces are of other styles, and heard through other instruments, than test pieces, so that figures on the latter
tell what happens with music and pianos that training never met.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.workers import in_order, worker_pool
from apvg.instruments.keyboard import KEY_LENGTH, WHITE_KEY_COUNT, Keyboard
from apvg.instruments.skeleton import HANDS
from apvg.music.midi import read_midi, write_midi
from apvg.music.notes import Notes
from apvg.music.soundfonts import can_play, find_soundfonts, render_midi, sounds
from apvg.takes.about import NOT_STATED, About
from apvg.takes.take import Take, sample_count
from apvg.virtual.common.recording import record
from apvg.virtual.common.scores import HELD_OUT_STYLES, SHORTEST, STYLES, compose
from apvg.virtual.piano.hands import load_hand
from apvg.virtual.piano.motion import MotionStyle, play
from apvg.virtual.piano.sound import Piano, draw_make

Split = Literal["train", "test"]

FPS = 25
SAMPLE_RATE = 16000
#: The keyboard that generated keypoints are given on: ten pixels to the white key.
_PIXELS_PER_KEY = 10.0
CORNERS_42 = _PIXELS_PER_KEY * np.array(
    [[0, 0], [WHITE_KEY_COUNT, 0], [WHITE_KEY_COUNT, KEY_LENGTH], [0, KEY_LENGTH]], np.float32
)
#: Soundfonts that only test pieces are heard through, by how their files' names begin.
HELD_OUT_SOUNDFONTS = ("MuseScore",)
#: General MIDI's pianos (grand, bright, electric grand, honky-tonk, two electric pianos) and how often each is played.
_PROGRAMS = {0: 0.5, 1: 0.2, 2: 0.1, 3: 0.08, 4: 0.06, 5: 0.06}


class Named(Protocol):
    """An order of a take by its name."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Order:
    """One piece to be made.

    Attributes:
        name: The take's.
        style: A key of STYLES, or "score" for a MIDI file.
        seed: Of everything random about it.
        seconds: Length.
        score: The MIDI file; None for a composed piece.
        soundfont: What it is heard through; None for a piano that is drawn for it alone.
        split: What it is for.
    """

    name: str
    style: str
    seed: int
    seconds: float
    score: Path | None
    soundfont: Path | None
    split: Split


def order_pieces(
    minutes: float,
    seconds: float,
    seed: int,
    split: Split,
    scores: Path | None = None,
    styles: Sequence[str] = (),
    drawn: float = 0.0,
) -> list[Order]:
    """The pieces of a corpus: as many as make up the minutes, the styles in turn; after them those of a MIDI folder.

    Args:
        minutes: How much music is composed.
        seconds: Length of a composed piece.
        seed: Of everything random.
        split: What they are for.
        scores: A folder of MIDI files.
        styles: Those to compose in; all of the split by default.
        drawn: Share of the training pieces, 0..1, that are heard through pianos of their own; test pieces only are where there is
            no soundfont for them.

    Raises:
        ApvgError: There is no MIDI file in the folder, no such style in the split, or a number that cannot be.
    """
    count = count_pieces(minutes, seconds, seed)
    if not 0 <= drawn <= 1:
        raise ApvgError(f"--drawn {drawn:g} is no share; give 0 to 1")
    drawn = drawn if split == "train" else 0.0
    soundfonts = soundfonts_for(split, _PROGRAMS) if drawn < 1 else []
    if drawn < 1 and not soundfonts:
        warn_of_no_soundfont(split, "a piano is drawn for each of them")
    styles = choose_styles(styles, STYLES, HELD_OUT_STYLES, split)
    random = np.random.default_rng((seed, split == "test"))
    apart = np.random.default_rng((seed, 2))  # pieces keep their soundfonts, whatever is drawn

    def instrument() -> Path | None:
        soundfont = soundfonts[int(random.integers(len(soundfonts)))] if soundfonts else None
        return None if apart.random() < drawn else soundfont

    orders = []
    for index in range(count):
        style, own = styles[index % len(styles)], 10_000 * seed + index
        name = f"{style}-{own:05d}"
        orders.append(Order(name, style, own, seconds, None, instrument(), split))
    for index, path in enumerate(midi_files(scores) if scores else []):
        name, own = f"score-{path.stem}", 10_000 * seed + index
        orders.append(Order(name, "score", own, 0.0, path, instrument(), split))
    return orders


def choose_styles(
    wanted: Sequence[str], styles: Iterable[str], held_out: Sequence[str], split: Split
) -> list[str]:
    """The styles of a split, or those of them that are wanted.

    Raises:
        ApvgError: One that is wanted is none of the split's.
    """
    there = [style for style in styles if (style in held_out) == (split == "test")]
    for style in wanted:
        if style not in there:
            raise ApvgError(f"no style {style!r} in the split {split}; it has {', '.join(there)}")
    return list(wanted) or there


def count_pieces(minutes: float, seconds: float, seed: int) -> int:
    """How many pieces of so many seconds make up the minutes.

    Raises:
        ApvgError: One of the numbers cannot be.
    """
    if seconds < SHORTEST:
        raise ApvgError(f"--seconds {seconds:g} is too short for a piece; give {SHORTEST} or more")
    if minutes < 0 or seed < 0:
        raise ApvgError(f"--minutes {minutes:g} --seed {seed} cannot be; give 0 or more of each")
    return round(60 * minutes / seconds)


def soundfonts_for(split: Split, programs: Iterable[int]) -> list[Path]:
    """The soundfonts that pieces of a split are heard through, of those that have all these General MIDI programs.

    None where there is no such soundfont, or no FluidSynth to play it: what is drawn or synthesised then serves in its place.
    """
    if not can_play():
        return []
    held_out = split == "test"
    return [
        path
        for path in find_soundfonts()
        if path.name.startswith(HELD_OUT_SOUNDFONTS) == held_out and sounds(path, tuple(programs))
    ]


def warn_of_no_soundfont(split: Split, instead: str) -> None:
    """Tell that pieces of a split are heard through something else."""
    warnings.warn(
        f"there is no soundfont for {split} pieces here, or no FluidSynth, so {instead}; Debian has fluid-soundfont-gm and "
        "timgm6mb-soundfont for training, musescore-general-soundfont for tests",
        ApvgWarning,
        stacklevel=3,
    )


def make_takes(
    make: Callable[[Any, Path], Path], orders: Sequence[Named], folder: Path, jobs: int
) -> Iterator[Path]:
    """Make the takes that are not in the folder yet, in several processes; yields each take's path as it is done.

    Args:
        make: Makes one ordered take in a folder: `make_take`, or its like for another instrument.
        orders: What it takes.
        folder: Where the takes go.
        jobs: Processes at work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [order for order in orders if not (folder / order.name).exists()]
    if jobs == 1:
        yield from (make(order, folder) for order in missing)
        return
    with worker_pool(jobs, threads=1) as pool:
        yield from in_order(pool, make, missing, [folder] * len(missing))


def make_take(order: Order, folder: Path) -> Path:
    """Make one take: notes, hands, sound."""
    random = np.random.default_rng((order.seed, 1))
    notes = read_midi(order.score).on_piano() if order.score else _compose(order)
    seconds = order.seconds or float(notes.sounding_N.max()) + 2.0
    frames = round(seconds * FPS)
    style = MotionStyle(
        early=random.uniform(0.02, 0.05),
        slowest=random.uniform(0.34, 0.42),
        lift=random.uniform(0.1, 0.3),
    )
    poses_TKD = play(notes, frames, FPS, load_hand(), random, style)
    keypoints_TKD = Keyboard(CORNERS_42).to_pixels(poses_TKD / [1.0, KEY_LENGTH])
    take = Take(
        name=order.name,
        fps=FPS,
        skeleton=HANDS,
        frames_THWC=None,
        keypoints_TKD=keypoints_TKD.astype(np.float32),
        confidence_TK=np.ones(keypoints_TKD.shape[:2], np.float32),
        samples_S=_recording(
            notes, sample_count(frames, FPS, SAMPLE_RATE), order.soundfont, random
        ),
        sample_rate=SAMPLE_RATE,
        notes=notes,
        corners_42=CORNERS_42,
        about=About(
            piece=order.name,
            instrument="piano",
            split=order.split,
            # Somebody's score is not ours to give away.
            licence="CC0-1.0" if order.score is None else NOT_STATED,
            source="apvg virtual",
            credit="nobody: generated" if order.score is None else NOT_STATED,
        ),
        metadata={
            "style": order.style,
            "soundfont": order.soundfont.stem if order.soundfont else "drawn",
        },
    )
    take.save(folder / order.name)
    return folder / order.name


def _compose(order: Order) -> Notes:
    return compose(order.style, order.seed, order.seconds).notes


def _recording(
    notes: Notes, samples: int, soundfont: Path | None, random: np.random.Generator
) -> np.ndarray:
    """The notes as somebody might have recorded them, mono float32."""
    if soundfont is None:
        clean_S = Piano(draw_make(random), SAMPLE_RATE, random).play(notes, samples)
        return record(clean_S, SAMPLE_RATE, random)
    program = int(random.choice(list(_PROGRAMS), p=list(_PROGRAMS.values())))
    with tempfile.TemporaryDirectory() as scratch:
        midi = Path(scratch) / "notes.mid"
        write_midi(notes, midi)
        clean_S = render_midi(
            midi,
            SAMPLE_RATE,
            soundfont,
            program=program,
            cents=random.uniform(-25, 25),
            reverb=bool(random.random() < 0.5),
            chorus=bool(random.random() < 0.3),
        )
    clean_S = np.pad(clean_S, (0, max(0, samples - len(clean_S))))[:samples]
    return record(clean_S, SAMPLE_RATE, random)


def midi_files(folder: Path) -> list[Path]:
    """The MIDI files in a folder and the folders in it.

    Raises:
        ApvgError: There is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
    if not paths:
        raise ApvgError(f"no MIDI files in {folder}; name a folder that holds .mid files")
    return paths
