"""Miniature copies of data sets, in their own layouts: films and sounds of a few pixels and
seconds."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from apvg.instruments.skeleton import Skeleton

NTSC = Fraction(30000, 1001)
TICK = Fraction(1, 30000)


def write_video(path: Path, frames: Iterable[np.ndarray], times: Iterable[Fraction]) -> None:
    """A film without sound whose frames (RGB uint8) appear at these times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=NTSC, options={"crf": "10", "preset": "ultrafast"}
        )
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = TICK
        for image_HWC, time in zip(frames, times, strict=True):
            if not stream.codec_context.is_open:
                stream.height, stream.width = image_HWC.shape[:2]
            frame = av.VideoFrame.from_ndarray(image_HWC)
            frame.pts, frame.time_base = round(time / TICK), TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_jpeg(path: Path, image_HWC: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    encoder = av.VideoCodecContext.create("mjpeg", "w")
    encoder.height, encoder.width = image_HWC.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuvj444p", Fraction(1, 10)
    encoder.options = {"qmin": "1", "qmax": "1"}
    frame = av.VideoFrame.from_ndarray(image_HWC).reformat(format="yuvj444p")
    path.write_bytes(b"".join(bytes(p) for p in (*encoder.encode(frame), *encoder.encode(None))))


def write_wav(path: Path, samples_SC: np.ndarray, rate: int) -> None:
    """16 bits; samples_SC: int16 [S, channels]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((samples_SC.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes(samples_SC.astype("<i2").tobytes())


def write_openpose(folder: Path, stem: str, people: Sequence[Sequence[dict[str, list]]]) -> None:
    """OpenPose's files: the people of each frame."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, persons in enumerate(people):
        data = {"version": 1.3, "people": [{"person_id": [-1], **one} for one in persons]}
        (folder / f"{stem}_{n:012d}_keypoints.json").write_text(json.dumps(data))


#: OpenPose's own order of the body's points, from its documentation; our names of them, where we
#: keep them.
_ARMS = ["nose", "", "right_shoulder", "right_elbow", "", "left_shoulder", "left_elbow", ""]
_LEGS = ["right_hip", "", "", "left_hip", "", "", "", "", "right_ear", "left_ear"]
BODY_25 = [*_ARMS, "", *_LEGS, *[""] * 6]
COCO_18 = [*_ARMS, *_LEGS]


def person(
    keypoints_KD: np.ndarray, skeleton: Skeleton, body: Sequence[str] = BODY_25
) -> dict[str, list]:
    """One person in OpenPose's fields, everything found; points that we do not keep lie far
    away."""
    triples_K3 = np.concatenate([keypoints_KD, np.full((len(keypoints_KD), 1), 0.9)], axis=1)
    place = {name: triples_K3[k] for k, name in enumerate(skeleton.points)}
    away = np.array([9999.0, 9999.0, 0.9])
    return {
        "pose_keypoints_2d": np.concatenate([place.get(name, away) for name in body]).tolist(),
        **{
            f"hand_{side}_keypoints_2d": triples_K3[list(skeleton.parts[f"{side}_hand"])]
            .ravel()
            .tolist()
            for side in ("left", "right")
        },
    }


def hand_PD(x: float, y: float, size: float = 10.0) -> np.ndarray:
    """21 points around a place."""
    angle_P = np.linspace(0, 5, 21)
    return np.stack([x + size * np.cos(angle_P), y + size * np.sin(angle_P) * angle_P / 5], axis=1)


# ----------------------------------------------------------------------------------------------
# URMP


def write_urmp_piece(
    root: Path,
    name: str,
    *,
    file_codes: Sequence[str] | None = None,
    frames: int = 3,
    flashes: Sequence[int] = (),
    size: tuple[int, int] = (120, 40),
) -> None:
    """A piece: each player's column has a grey of its own, and lightens in the frames `flashes`,
    with a click in their middle.

    Args:
        root: The folder of the pieces.
        name: The piece's folder.
        file_codes: Instruments as the players' files say, where they differ from the folder's.
        frames: How many, at 29.97 a second.
        flashes: Numbers of frames.
        size: Width and height of the picture.
    """
    number, title, *codes = name.split("_")
    columns = np.array_split(np.arange(size[0]), len(codes))

    def picture(n: int) -> np.ndarray:
        image_HWC = np.zeros((size[1], size[0], 3), np.uint8)
        for k, column in enumerate(columns):
            image_HWC[:, column] = 40 + 30 * k + (60 if n in flashes else 0)
        return image_HWC

    write_video(
        root / name / f"Vid_{name}.mp4",
        map(picture, range(frames)),
        (n / NTSC for n in range(frames)),
    )
    samples_S1 = np.zeros((round(frames / NTSC * 48000), 1), np.int16)
    for n in flashes:
        samples_S1[round((n + Fraction(1, 2)) / NTSC * 48000)] = 20000
    write_wav(root / name / f"AuMix_{name}.wav", samples_S1, 48000)
    (root / name / f"Sco_{name}.mid").touch()
    for k, code in enumerate(file_codes or codes, start=1):
        stem = f"{k}_{code}_{number}_{title}"
        write_wav(root / name / f"AuSep_{stem}.wav", samples_S1 // k, 48000)
        (root / name / f"F0s_{stem}.txt").write_text("0.000 0.0\n0.010\t441.2\n")
        # Whole and half notes of the player, a little out of tune, separated as it comes.
        (root / name / f"Notes_{stem}.txt").write_text(
            f"0.010\t\t{441.5 * k:.3f}\t0.040 \n  0.060 {261.0 * k:.3f}   0.030\r\n\n"
        )


def write_urmp(root: Path) -> Path:
    """Five pieces, two of one composition, one with wrong names; and what is to be ignored."""
    write_urmp_piece(root, "01_Jupiter_vn_vc", frames=800, flashes=(60, 401, 790))
    write_urmp_piece(root, "15_Surprise_tpt_tpt_tbn", file_codes=("tpt", "tpt", "tpt"))
    write_urmp_piece(root, "19_Pavane_cl_vn_vc")
    write_urmp_piece(root, "20_Pavane_tpt_vn_vc")
    write_urmp_piece(root, "36_Rondeau_vn_vn_va_vc")
    write_urmp_piece(root / "Supplementary_Files", "02_Sonata_vn_vn")
    (root / "readme.txt").write_text("URMP")
    return root


# ----------------------------------------------------------------------------------------------
# Sub-URMP


def write_song(
    root: Path,
    sound_SC: np.ndarray,
    *,
    split: str = "train",
    instrument: str = "cello",
    song: int = 3,
    left_out: Iterable[int] = (),
    mark: str = "end",
) -> None:
    """A song of Sub-URMP, its sound (int16 stereo, 44.1 kHz) cut to chunks; the grey of a picture
    is its ms / 20."""
    last = round(len(sound_SC) / 44.1) - (500 if mark == "start" else 0)
    for ms in range(500, last + 1, 100):
        if ms in left_out:
            continue
        name = f"{split}/{instrument}/{instrument}{song:02d}_{ms}"
        grey_HWC = np.full((16, 24, 3), ms / 20, np.uint8)
        write_jpeg(root / "img" / f"{name}.jpg", grey_HWC)
        first = round((ms - (500 if mark == "end" else 0)) * 44.1)
        write_wav(root / "chunk" / f"{name}.wav", sound_SC[first : first + 22050], 44100)


# ----------------------------------------------------------------------------------------------
# every reader


def _footage(root: Path) -> Path:
    """Three videos, one of them with a capital suffix, and what is no video."""
    grey_HWC = np.full((16, 24, 3), 100, np.uint8)
    for name in ("b.mp4", "a.MOV", "c.mkv"):
        write_video(root / name, [grey_HWC] * 3, (n / NTSC for n in range(3)))
    (root / "notes.txt").write_text("no video")
    return root


def _urmp(root: Path) -> Path:
    write_urmp_piece(root, "19_Pavane_cl_vn_vc")
    write_urmp_piece(root, "01_Jupiter_vn_vc")
    return root


def _suburmp(root: Path) -> Path:
    sound_SC = np.random.default_rng(0).integers(-20000, 20000, (70560, 2), np.int16)
    for split, instrument, song in (
        ("validation", "cello", 3),
        ("train", "violin", 11),
        ("train", "cello", 3),
    ):
        write_song(root, sound_SC, split=split, instrument=instrument, song=song)
    return root


#: For every registered reader, a writer of a small source in a new folder; it returns the source.
MINIATURES: dict[str, Callable[[Path], Path]] = {
    "footage": _footage,
    "urmp": _urmp,
    "suburmp": _suburmp,
}
