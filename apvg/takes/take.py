"""A take: one recording of one performer, in a zarr store chunked in time.

Frame t, its keypoints and its confidence are at second t / fps; so are the sound and the notes:
second 0 is the first frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from apvg.base.config import from_dict, to_dict
from apvg.base.errors import ApvgError
from apvg.base.files import atomic_path
from apvg.instruments.instrument import Instrument, find_instrument
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.music.fingering import Fingering
from apvg.music.notes import Notes
from apvg.music.resampling import resample
from apvg.takes.about import About

#: Raised when an older reader could no longer read what is written.
FORMAT_VERSION = 1
#: Frames in one chunk: small enough to read clips anywhere, large enough that an hour is not a
#: million files.
FRAMES_PER_CHUNK = 25
_SECONDS_PER_SOUND_CHUNK = 10


@dataclass
class Take:
    """One recording of one performer.

    Attributes:
        name: The take's name, and its folder's.
        fps: Frames per second.
        skeleton: The layout of the keypoints.
        frames_THWC: RGB uint8; a zarr array (read on indexing) or an ndarray. None for a generated
            take, which has no picture but that of its keyboard's corners.
        keypoints_TKD: [T, K, 2] float32, x then y in pixels of the frames; (0, 0) is the corner of
            the top left pixel. Finite everywhere; meaningless where the confidence is 0.
        confidence_TK: [T, K] float32 in 0..1; 0 where the point was not seen, nor close in time to
            where it was.
        samples_S: The sound, mono float32; zeros where the recording has none. S = round(T / fps *
            sample_rate). An ndarray; while a take is being prepared, a zarr array.
        sample_rate: Hz.
        notes: The notes played, in seconds of the take's clock, where they are known.
        fingering: Hand and finger of each of the notes, where they are known.
        heights_TK: float32, how high each point is above the surface that is played on, in the
            units of poses (white-key widths on a keyboard); None where it is not known, as in
            footage from one camera.
        corners_42: Keyboard corners in pixels of the frames (top left, top right, bottom right,
            bottom left as the player sees them), where there is one.
        about: Piece, instrument, split, licence, source, credit.
        metadata: Plain data: how it was prepared, the quality report's verdict.
    """

    name: str
    fps: int
    skeleton: Skeleton
    frames_THWC: Any
    keypoints_TKD: np.ndarray
    confidence_TK: np.ndarray
    samples_S: Any
    sample_rate: int
    notes: Notes | None = None
    corners_42: np.ndarray | None = None
    about: About = field(default_factory=About)
    metadata: dict[str, Any] = field(default_factory=dict)
    fingering: Fingering | None = None
    heights_TK: np.ndarray | None = None

    def __post_init__(self) -> None:
        frames, points = len(self), len(self.skeleton)
        if self.filmed and self.frames_THWC.shape[0] != frames:
            raise ValueError(
                f"take {self.name!r} has {self.frames_THWC.shape[0]} frames and keypoints of "
                f"{frames}"
            )
        shapes = {
            "keypoints": (self.keypoints_TKD.shape, (frames, points, 2)),
            "confidence": (self.confidence_TK.shape, (frames, points)),
            "samples": (self.samples_S.shape, (sample_count(frames, self.fps, self.sample_rate),)),
        }
        if self.heights_TK is not None:
            shapes["heights"] = (self.heights_TK.shape, (frames, points))
        if self.fingering is not None:
            notes = 0 if self.notes is None else len(self.notes)
            shapes["fingering"] = (self.fingering.hand_N.shape, (notes,))
        for what, (shape, expected) in shapes.items():
            if shape != expected:
                raise ValueError(
                    f"{what} of take {self.name!r}: shape {shape}, expected {expected}"
                )

    def __len__(self) -> int:
        return len(self.keypoints_TKD)

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self) / self.fps

    @property
    def filmed(self) -> bool:
        """Whether it has frames; generated takes have none."""
        return self.frames_THWC is not None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, pixels; of a generated take without frames what its
        keypoints are given in, or what its keyboard fills.

        Raises:
            ValueError: A take without frames that says nothing of their size.
        """
        if self.filmed:
            return self.frames_THWC.shape[2], self.frames_THWC.shape[1]
        if "size" not in self.metadata and self.corners_42 is not None:
            width, height = np.ceil(self.corners_42.max(axis=0))
            return int(width), int(height)
        if "size" not in self.metadata:
            raise ValueError(
                f"take {self.name!r} has no frames, nor does it say how large they would be"
            )
        width, height = self.metadata["size"]
        return int(width), int(height)

    @property
    def instrument(self) -> Instrument:
        """What is played, as far as these frames let it be learnt."""
        return find_instrument(self.about.instrument).seen(self.corners_42)

    @property
    def placement(self) -> Placement:
        """Where the surface that is played on lies in the frames."""
        return self.instrument.surface.place(self.corners_42)

    def sound_at(self, sample_rate: int) -> np.ndarray:
        """The sound at a rate of choice, Hz: mono float32 [S], exactly as long as the frames."""
        samples_S = resample(self.samples_S, self.sample_rate, sample_rate)
        wanted = sample_count(len(self), self.fps, sample_rate)
        return np.pad(samples_S, (0, max(0, wanted - len(samples_S))))[:wanted]

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the take's folder; it appears only when it is whole.

        Raises:
            ApvgError: The place cannot be written to, or is taken and `force` is false.
        """
        with atomic_path(Path(path), force=force) as partial:
            if self.filmed:
                frames = create_frames(partial, self.frames_THWC.shape[1:3])
                for first in range(0, len(self), FRAMES_PER_CHUNK):
                    append_frames(frames, self.frames_THWC[first : first + FRAMES_PER_CHUNK], first)
            self.save_tracks(partial)

    def save_tracks(self, path: str | Path) -> None:
        """Write all but the frames into a store that holds them already.

        Sound that is a zarr array is left as it is where the store holds sound already.
        """
        store = zarr.open_group(Path(path), mode="a")
        tracks = {"keypoints": self.keypoints_TKD, "confidence": self.confidence_TK}
        if self.heights_TK is not None:
            tracks["heights"] = self.heights_TK
        for name, track in tracks.items():
            array = np.asarray(track, np.float32)
            chunks = (40 * FRAMES_PER_CHUNK, *array.shape[1:])
            store.create_array(name, data=array, chunks=chunks, overwrite=True)
        if "samples" not in store or not isinstance(self.samples_S, zarr.Array):
            write_samples(path, [np.asarray(self.samples_S[:], np.float32)], self.sample_rate)
        if self.notes is not None:
            arrays = self.notes.to_arrays()
            if self.fingering is not None:
                arrays |= {"hand_N": self.fingering.hand_N, "finger_N": self.fingering.finger_N}
            for name, array in arrays.items():
                store.create_array(
                    f"notes/{name}", data=array, chunks=(max(1, len(array)),), overwrite=True
                )
        # Last, for a store without these attributes is no take.
        store.attrs.update(
            {
                "apvg_take": FORMAT_VERSION,
                "name": self.name,
                "fps": self.fps,
                "sample_rate": self.sample_rate,
                "skeleton": self.skeleton.to_dict(),
                "corners": None
                if self.corners_42 is None
                else np.asarray(self.corners_42).tolist(),
                "about": to_dict(self.about),
                "metadata": self.metadata,
            }
        )

    @classmethod
    def load(cls, path: str | Path, *, lazy: bool = True, lazy_sound: bool = False) -> Take:
        """Read a take.

        Args:
            path: The take's folder.
            lazy: Leave the frames on disk until they are indexed.
            lazy_sound: Leave the sound there, too, as a zarr array: an hour of it is 700 MB.

        Raises:
            ApvgError: There is no take, or it was written by a newer version.
        """
        path = Path(path)
        if not (path / "zarr.json").is_file():
            raise ApvgError(f"{path} is not a take", "name a folder that apvg prepare has written")
        store = zarr.open_group(path, mode="r")
        attributes: dict[str, Any] = store.attrs.asdict()
        version = attributes.get("apvg_take")
        if not isinstance(version, int):
            raise ApvgError(f"{path} is not a take", "name a folder that apvg prepare has written")
        if version > FORMAT_VERSION:
            raise ApvgError(
                f"{path} was written by a newer apvg (take format {version})", "update apvg"
            )
        try:
            frames = store.get("frames")
            tracks = {name: _read(store, name) for name in ("keypoints", "confidence")}
            sound = store["samples"]
            notes = fingering = None
            if "notes" in store:
                names = store["notes"].array_keys()  # pyright: ignore[reportAttributeAccessIssue]
                arrays = {name: _read(store, f"notes/{name}") for name in names}
                notes = Notes.from_arrays(arrays)
                if "finger_N" in arrays:
                    fingering = Fingering(arrays["hand_N"], arrays["finger_N"])
            return cls(
                name=attributes["name"],
                fps=attributes["fps"],
                skeleton=Skeleton.from_dict(attributes["skeleton"]),
                frames_THWC=frames if lazy or frames is None else np.asarray(frames[:]),  # pyright: ignore
                keypoints_TKD=tracks["keypoints"],
                confidence_TK=tracks["confidence"],
                samples_S=sound if lazy_sound else np.asarray(sound[:]),  # pyright: ignore
                sample_rate=attributes["sample_rate"],
                notes=notes,
                fingering=fingering,
                heights_TK=_read(store, "heights") if "heights" in store else None,
                corners_42=None
                if attributes["corners"] is None
                else np.array(attributes["corners"], np.float32),
                about=_about(attributes),
                metadata=attributes["metadata"],
            )
        except (KeyError, ValueError) as error:
            raise ApvgError(f"the take {path} is damaged ({error})", "prepare it again") from error


def load_takes(folder: str | Path, *, lazy: bool = True) -> list[Take]:
    """Every take in a folder, by name; the folder of a single take gives that one.

    Raises:
        ApvgError: There is none.
    """
    folder = Path(folder)
    if (folder / "zarr.json").is_file():
        return [Take.load(folder, lazy=lazy)]
    paths = sorted(
        path.parent for path in folder.glob("*/zarr.json") if not path.parent.name.startswith(".")
    )
    if not paths:
        raise ApvgError(f"no takes in {folder}", f"make some with: apvg prepare FOOTAGE {folder}")
    return [Take.load(path, lazy=lazy) for path in paths]


def sample_count(frames: int, fps: int, sample_rate: int) -> int:
    """Samples that so many frames last."""
    return round(frames * sample_rate / fps)


def create_frames(path: str | Path, size_HW: tuple[int, ...]) -> zarr.Array:
    """A store's empty frame array, to be filled by :func:`append_frames`."""
    height, width = size_HW
    return zarr.open_group(Path(path), mode="a").create_array(
        "frames",
        shape=(0, height, width, 3),
        chunks=(FRAMES_PER_CHUNK, height, width, 3),
        dtype="uint8",
        overwrite=True,
    )


def write_samples(path: str | Path, pieces: Iterable[np.ndarray], sample_rate: int) -> zarr.Array:
    """A store's sound, mono float32 in pieces of any length; only some seconds of it are held in
    memory."""
    chunk = _SECONDS_PER_SOUND_CHUNK * sample_rate
    array = zarr.open_group(Path(path), mode="a").create_array(
        "samples", shape=(0,), chunks=(chunk,), dtype="float32", overwrite=True
    )
    waiting_S = np.zeros(0, np.float32)

    def append(samples_S: np.ndarray) -> None:
        first = array.shape[0]
        array.resize((first + len(samples_S),))
        array[first:] = samples_S

    for piece_S in pieces:
        waiting_S = np.concatenate([waiting_S, piece_S])
        whole = len(waiting_S) - len(waiting_S) % chunk
        if whole:
            append(waiting_S[:whole])
            waiting_S = waiting_S[whole:]
    if len(waiting_S):
        append(waiting_S)
    return array


def append_frames(array: zarr.Array, frames_THWC: np.ndarray, first: int) -> None:
    """Write frames from index `first` on; whatever the array held from there on is dropped."""
    array.resize((first + len(frames_THWC), *array.shape[1:]))
    array[first:] = frames_THWC


def _about(attributes: dict[str, Any]) -> About:
    """What a store says about its take; early ones have some of it among other things."""
    if "about" in attributes:
        return from_dict(About, attributes["about"])
    known = {field.name for field in fields(About)} & set(attributes["metadata"])
    about = {name: attributes["metadata"][name] for name in known}
    return from_dict(About, {"piece": attributes["name"], **about})


def _read(store: zarr.Group, name: str) -> np.ndarray:
    array = store[name]
    assert isinstance(array, zarr.Array)
    return np.asarray(array[:])
