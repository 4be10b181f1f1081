"""Make the pictures of the README and of docs/how-it-works.md from the built-in performers, playing
the package's own music.

python scripts/make_pictures.py    # docs/play.webp, which moves; docs/stages/PERFORMER-STAGE.png,
one moment in each stage
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import av
import matplotlib
import numpy as np
import torch

matplotlib.use("agg")
from matplotlib import pyplot as plt

from apvg import Performer
from apvg.base.files import atomic_path
from apvg.instruments.pitch_grid import LOWEST_PITCH
from apvg.music.features import BIN_MIDI, N_BINS, extract_features
from apvg.music.reading import read_audio
from apvg.samples import AIR, SAMPLE
from apvg.streaming import Performance
from apvg.video.drawing import draw_skeleton, part_colours
from apvg.video.images import save_png

DOCS = Path(__file__).parents[1] / "docs"
MUSIC = {"piano": SAMPLE, "cello": AIR}
#: What is shown of the music, seconds; and the moment in it that the stages' pictures show.
BEGIN, END, MOMENT = 2.0, 7.6, 5.0
#: Every second frame is enough to see the motion, at half the bytes.
EVERY = 2
QUALITY = 62


def main() -> None:
    argparse.ArgumentParser(description="Make the pictures of the documents.").parse_args()
    shown: dict[str, tuple[Performer, Performance]] = {}
    (DOCS / "stages").mkdir(exist_ok=True)
    for name, music in MUSIC.items():
        performer = Performer.from_pretrained(name)
        samples_S = read_audio(music, performer.sample_rate, duration=END)
        performance = performer.perform(samples_S)
        for stage, picture_HWC in stages(performer, samples_S, performance).items():
            save_png(DOCS / "stages" / f"{name}-{stage}.png", picture_HWC)
        shown[name] = performer, performance
    save_webp(DOCS / "play.webp", side_by_side(*shown["piano"], shown["cello"][1]))


def side_by_side(
    pianist: Performer, piano: Performance, cello: Performance
) -> tuple[list[np.ndarray], float]:
    """The pianist over the keypoints that were painted, the cellist next to them; and how many
    frames a second."""
    frames = []
    for t in range(round(BEGIN * piano.fps), len(piano), EVERY):
        keypoints_HWC = skeleton_alone(pianist, piano, t)
        left_HWC = np.concatenate([piano.frames_THWC[t], keypoints_HWC])
        frames.append(np.concatenate([left_HWC, cello.frames_THWC[t]], axis=1))
    return frames, piano.fps / EVERY


def save_webp(path: Path, moving: tuple[list[np.ndarray], float]) -> None:
    """Write RGB uint8 frames [H, W, 3] as a WebP picture that moves, over and over."""
    frames, fps = moving
    height, width = frames[0].shape[:2]
    with (
        atomic_path(path, force=True) as partial,
        av.open(str(partial), "w", format="webp", options={"loop": "0"}) as container,
    ):
        track = container.add_stream("libwebp_anim", rate=Fraction(fps))
        track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        track.options = {"quality": str(QUALITY), "compression_level": "6"}
        for frame_HWC in frames:
            frame = av.VideoFrame.from_ndarray(frame_HWC, format="rgb24")
            container.mux(track.encode(frame.reformat(format="yuv420p")))
        container.mux(track.encode(None))


@torch.inference_mode()
def stages(
    performer: Performer, samples_S: np.ndarray, performance: Performance
) -> dict[str, np.ndarray]:
    """Stage to a picture of what it gave at MOMENT, RGB uint8 [H, W, 3]."""
    t = round(MOMENT * performer.fps)
    width, height = performer.config.size
    features_RF = extract_features(samples_S, performer.config.features)
    notes_2TP, _ = performer.engine.transcribe(torch.from_numpy(features_RF), None)
    heatmaps_1TKhw = performer.stages.dlt(
        torch.from_numpy(performance.keypoints_TKD[None]),
        torch.from_numpy(performance.confidence_TK[None]),
        (height, width),
    )
    coarse_TChw = torch.from_numpy(performance.coarse_ThwC).permute(0, 3, 1, 2).float() / 255
    painting, _ = performer.stages.stu(
        coarse_TChw[None],
        heatmaps_1TKhw,
        torch.from_numpy(performance.keypoints_TKD[None]),
        performer.stages.plate_1CHW,
    )
    matte_HW1 = painting.matte_BTHW[0, t, ..., None].mul(255).round().to(torch.uint8).numpy()
    delay = performer.config.khp.delay
    return {
        "features": draw_features(
            features_RF[:, :N_BINS], performer.config.features.rows_per_frame * performer.fps
        ),
        "notes": draw_notes(notes_2TP[1, delay:].numpy(), performer.fps),
        "keypoints": twice(skeleton_alone(performer, performance, t)),
        "heatmaps": enlarged(colour_heatmaps(performer, heatmaps_1TKhw[0, t].numpy()), 8),
        "coarse": enlarged(performance.coarse_ThwC[t], 8),
        "matte": twice(matte_HW1.repeat(3, axis=2)),
        "final": twice(performance.frames_THWC[t]),
    }


def skeleton_alone(performer: Performer, performance: Performance, t: int) -> np.ndarray:
    """The keypoints of a frame on black."""
    return draw_skeleton(
        np.zeros_like(performance.frames_THWC[t]),
        performance.keypoints_TKD[t],
        performance.confidence_TK[t],
        performer.skeleton,
    )


def colour_heatmaps(performer: Performer, heatmaps_Khw: np.ndarray) -> np.ndarray:
    """The points' heatmaps in the colours of their parts, the brightest on top."""
    picture_hwC = np.zeros((*heatmaps_Khw.shape[1:], 3), np.float32)
    colours = part_colours(performer.skeleton)
    for part, ids in performer.skeleton.parts.items():
        strength_hw1 = heatmaps_Khw[list(ids)].max(axis=0)[..., None]
        picture_hwC = np.maximum(picture_hwC, strength_hw1 * np.array(colours[part]))
    return picture_hwC.round().astype(np.uint8)


def draw_features(loudness_RN: np.ndarray, rows_per_second: float) -> np.ndarray:
    """The long window's half of the features, as a spectrogram."""
    first = round(BEGIN * rows_per_second)
    return plot(loudness_RN[first:].T, (BIN_MIDI[0], BIN_MIDI[-1]))


def draw_notes(held_TP: np.ndarray, fps: float) -> np.ndarray:
    """The sustained keys that KHP transcribes."""
    first = round(BEGIN * fps)
    return plot(held_TP[first:].T, (LOWEST_PITCH, LOWEST_PITCH + held_TP.shape[1] - 1))


def plot(image_PT: np.ndarray, pitches: tuple[float, float]) -> np.ndarray:
    """Pitch over time, brighter where there is more of it, with MOMENT marked."""
    # Dark, as the other pictures are, on light pages and on dark ones.
    with plt.style.context("dark_background"):
        figure, axes = plt.subplots(figsize=(7.2, 2.6), dpi=142, layout="constrained")
        axes.imshow(
            image_PT,
            origin="lower",
            aspect="auto",
            cmap="magma",
            extent=(BEGIN, END, pitches[0] - 0.5, pitches[1] + 0.5),
            interpolation="nearest",
        )
        axes.axvline(MOMENT, color="white", linewidth=1, linestyle="--")
        axes.set_yticks([24, 36, 48, 60, 72, 84, 96], [f"C{octave}" for octave in range(1, 8)])
        axes.set(xlabel="seconds", ylabel="pitch")
        figure.canvas.draw()
        picture_HWC = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # pyright: ignore[reportAttributeAccessIssue]
        plt.close(figure)
    return picture_HWC


def twice(image_HWC: np.ndarray) -> np.ndarray:
    return enlarged(image_HWC, 2)


def enlarged(image_HWC: np.ndarray, times: int) -> np.ndarray:
    """Every pixel `times` times as large, as a small picture is to be seen as it is."""
    return image_HWC.repeat(times, axis=0).repeat(times, axis=1)


if __name__ == "__main__":
    main()
