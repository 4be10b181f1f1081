"""What every generator of takes shares: options, the list of pieces, sound from soundfonts, and the
making of many takes.

Pieces of the split "test" have other styles and other soundfonts than those of the split "train",
so that figures on them show how a performer does with music and instruments that it was not trained
on.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from apvg.base.conventions import FPS
from apvg.base.errors import ApvgError, ApvgWarning
from apvg.base.workers import in_order, worker_pool
from apvg.instruments.instrument import Instrument, find_instrument
from apvg.music.fingering import Fingering
from apvg.music.midi import write_midi
from apvg.music.notes import Notes
from apvg.music.soundfonts import can_play, find_soundfonts, render_midi, sounds
from apvg.takes.about import NOT_STATED, About
from apvg.takes.take import Take
from apvg.virtual.common.draft import SHORTEST

Split = Literal["train", "test"]

#: Of generated takes' sound, Hz.
SAMPLE_RATE = 16000
#: Soundfonts for test pieces only, by how their files' names begin.
HELD_OUT_SOUNDFONTS = ("MuseScore",)
#: Silence after the last note of a MIDI file, seconds.
_TAIL = 2.0


@dataclass(frozen=True)
class VirtualOptions:
    """Which takes a generator makes. A generator ignores what it has no use for."""

    instrument: str = "cello"
    """Name of the instrument that is played."""
    minutes: float = 8.0
    """How much music is composed, minutes."""
    seconds: float = 60.0
    """Length of a composed piece."""
    seed: int = 0
    """Seed of everything random."""
    split: Split = "train"
    """What the takes are for."""
    scores: Path | None = None
    """A folder of MIDI files, each of which becomes a take as well."""
    styles: tuple[str, ...] = ()
    """Styles to compose in; all of the split by default."""
    drawn: float = 0.0
    """Share of the training pieces, 0..1, with a synthesised instrument instead of a soundfont
    (pianist only)."""
    size: int = 256
    """Width and height of the frames that keypoints are given in, pixels (string player only)."""
    samples: int = 4
    """Light paths per pixel of the pictures; 0 makes takes without pictures (string player only).
    """

    def __post_init__(self) -> None:
        if self.seconds < SHORTEST:
            raise ApvgError(
                f"a piece of {self.seconds:g} s is too short",
                f"give {SHORTEST} s or more",
                ["seconds"],
            )
        if self.minutes < 0:
            raise ApvgError(
                f"{self.minutes:g} minutes of music cannot be made", "give 0 or more", ["minutes"]
            )
        if self.seed < 0:
            raise ApvgError(f"the seed {self.seed} is negative", "give 0 or more", ["seed"])


@dataclass(frozen=True)
class Order:
    """One take to be made.

    Attributes:
        name: The take's name.
        style: One of the generator's styles, or "score" for a MIDI file.
        seed: Seed of everything random about this take.
        score: The MIDI file; None for a composed piece.
        options: Those of the whole corpus.
        soundfont: What the take is played with, if the generator chooses it in advance.
    """

    name: str
    style: str
    seed: int
    score: Path | None
    options: VirtualOptions
    soundfont: Path | None = None

    @property
    def instrument(self) -> Instrument:
        """What is played."""
        return find_instrument(self.options.instrument)

    def frames(self, notes: Notes) -> int:
        """How many frames the take has: as long as ordered, or until two seconds after a MIDI
        file's last note."""
        if self.score is None:
            return round(self.options.seconds * FPS)
        return round((float(notes.sounding_N.max()) + _TAIL) * FPS)


class Generator(Protocol):
    """A virtual musician. The same options give the same takes, to the bit.

    Attributes:
        styles: All styles that it composes in.
        held_out_styles: Those of them that only test pieces are composed in.
    """

    @property
    def styles(self) -> Collection[str]: ...

    @property
    def held_out_styles(self) -> Collection[str]: ...

    def orders(self, options: VirtualOptions) -> list[Order]:
        """The takes of a corpus.

        Raises:
            ApvgError: There is no such style in the split, or no MIDI file in the folder of scores.
        """
        ...

    def make(self, order: Order, folder: Path) -> Path:
        """Make one take; returns its path, `folder / order.name`."""
        ...


def list_orders(generator: Generator, options: VirtualOptions, prefix: str = "") -> list[Order]:
    """As many pieces as make up the minutes, with the styles of the split in turn, then one for
    each MIDI file.

    Args:
        generator: Whose styles are used.
        options: What is wanted.
        prefix: Put before the names of all takes.

    Raises:
        ApvgError: There is no such style in the split, or no MIDI file in the folder of scores.
    """
    styles = choose_styles(generator, options)
    orders = []
    for index in range(round(60 * options.minutes / options.seconds)):
        style, seed = styles[index % len(styles)], 10_000 * options.seed + index
        orders.append(Order(f"{prefix}{style}-{seed:05d}", style, seed, None, options))
    for index, path in enumerate(midi_files(options.scores) if options.scores else []):
        name, seed = f"{prefix}score-{path.stem}", 10_000 * options.seed + index
        orders.append(Order(name, "score", seed, path, options))
    return orders


def choose_styles(generator: Generator, options: VirtualOptions) -> list[str]:
    """The styles of a split, or those of them that are wanted.

    Raises:
        ApvgError: The split lacks a style that is wanted.
    """
    held_out = options.split == "test"
    there = [s for s in generator.styles if (s in generator.held_out_styles) == held_out]
    for style in options.styles:
        if style not in there:
            raise ApvgError(
                f"there is no style {style!r} in the split {options.split}",
                f"choose from {', '.join(there)}",
                ["styles"],
            )
    return list(options.styles) or there


def midi_files(folder: Path) -> list[Path]:
    """The MIDI files in a folder and its subfolders.

    Raises:
        ApvgError: There is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
    if not paths:
        raise ApvgError(
            f"there are no MIDI files in {folder}", "name a folder with .mid files", ["scores"]
        )
    return paths


def soundfonts_for(split: Split, programs: Iterable[int]) -> list[Path]:
    """The soundfonts for pieces of a split that have all these General MIDI programs.

    Empty where there is none, or no FluidSynth; the generator then synthesises the sound itself.
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
    """Warn that pieces of a split have another sound than that of soundfonts."""
    warnings.warn(
        f"there is no soundfont for {split} pieces here, or no FluidSynth, so {instead}; Debian "
        "has fluid-soundfont-gm and "
        "timgm6mb-soundfont for training, musescore-general-soundfont for tests",
        ApvgWarning,
        stacklevel=3,
    )


def render_notes(notes: Notes, soundfont: Path, **settings: Any) -> np.ndarray:
    """Notes played with a soundfont: mono float32 at `SAMPLE_RATE`.

    Args:
        notes: What one player with one sustain pedal can play.
        soundfont: An .sf2 or .sf3 file.
        settings: Further arguments of :func:`apvg.music.soundfonts.render_midi`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        midi = Path(scratch) / "notes.mid"
        write_midi(notes, midi)
        return render_midi(midi, SAMPLE_RATE, soundfont, **settings)


def fit_length(samples_S: np.ndarray, length: int) -> np.ndarray:
    """The sound cut, or followed by silence, to so many samples."""
    return np.pad(samples_S, (0, max(0, length - len(samples_S))))[:length]


def save_take(
    order: Order,
    folder: Path,
    keypoints_TKD: np.ndarray,
    samples_S: np.ndarray,
    notes: Notes,
    metadata: dict[str, Any],
    *,
    frames_THWC: np.ndarray | None = None,
    corners_42: np.ndarray | None = None,
    fingering: Fingering | None = None,
    heights_TK: np.ndarray | None = None,
) -> Path:
    """Write a generated take, whose keypoints are all certain; returns its path."""
    # A MIDI file that the user gives is somebody else's work.
    own = order.score is None
    take = Take(
        name=order.name,
        fps=FPS,
        skeleton=order.instrument.skeleton,
        frames_THWC=frames_THWC,
        keypoints_TKD=keypoints_TKD.astype(np.float32),
        confidence_TK=np.ones(keypoints_TKD.shape[:2], np.float32),
        samples_S=samples_S,
        sample_rate=SAMPLE_RATE,
        notes=notes,
        corners_42=corners_42,
        fingering=fingering,
        heights_TK=heights_TK,
        about=About(
            piece=order.name,
            instrument=order.instrument.name,
            split=order.options.split,
            licence="CC0-1.0" if own else NOT_STATED,
            source="apvg virtual",
            credit="nobody: generated" if own else NOT_STATED,
        ),
        metadata={"style": order.style, **metadata},
    )
    take.save(folder / order.name)
    return folder / order.name


def make_takes(
    generator: Generator, orders: Sequence[Order], folder: Path, jobs: int
) -> Iterator[Path]:
    """Make the takes that are not in the folder yet, in several processes; yields each take's path
    when it is done."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [order for order in orders if not (folder / order.name).exists()]
    if jobs == 1:
        yield from (generator.make(order, folder) for order in missing)
        return
    with worker_pool(jobs, threads=1) as pool:
        yield from in_order(pool, generator.make, missing, [folder] * len(missing))
