"""The quality report for people: ``quality.html``, complete in itself, and
``contact_sheet.png``."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path

import numpy as np

from apvg.takes.prepare.quality import QualityReport, hand_checks, playing_checks
from apvg.takes.take import Take
from apvg.video.drawing import draw_skeleton
from apvg.video.images import contact_sheet, jpeg, save_png

#: Frames in the contact sheet: evenly spread ones, and flagged ones at most.
_SHEET_FRAMES = 16
_FLAGGED_FRAMES = 16
#: … and those in which the tracker was least sure, this far apart at least, seconds.
_UNSURE_FRAMES = 4
_UNSURE_APART = 2.0
_SHEET_COLUMNS = 2
_SHEET_WIDTH = 640
#: The verdict as a sentence that says what to do.
_HEADLINES = {
    "good": "This take is ready to train on.",
    "usable": (
        "This take can be trained on, but it has weak spots: "
        "have a look at what is listed here first."
    ),
    "poor": (
        "This take should not be trained on as it is: "
        "put right what is listed here and prepare it again."
    ),
}
#: How many values a strip along the time has.
_STRIP_VALUES = 600


def write_page(report: QualityReport, take: Take, folder: Path) -> None:
    """Write quality.html and contact_sheet.png into a folder.

    Frames and sound are read from the take a few at a time.
    """
    import jinja2

    pictures = _pictures(report, take)
    columns = max(1, round(_SHEET_COLUMNS * _SHEET_WIDTH / pictures[0][1].shape[1]))
    images = [image_HWC for _, image_HWC in pictures]
    rows = [images[i : i + columns] for i in range(0, len(images), columns)]
    save_png(folder / "contact_sheet.png", contact_sheet(rows))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(
        files("apvg.takes.prepare").joinpath("quality.html.jinja").read_text()
    )
    (folder / "quality.html").write_text(
        template.render(
            report=report,
            headline=_HEADLINES[report.verdict],
            about=take.about,
            checks=[*hand_checks(report), *playing_checks(report)],
            strips=_strips(report, take),
            clock=_clock,
            pictures=[
                (caption, base64.b64encode(jpeg(image_HWC)).decode())
                for caption, image_HWC in pictures
            ],
        )
    )


def _strips(report: QualityReport, take: Take) -> list[tuple[str, str, str]]:
    """Name, kind and outline (SVG, 600 x 30) of every curve along the time."""
    count = min(_STRIP_VALUES, len(take))
    strips = []
    for name, ids in take.skeleton.hands.items():
        parts = np.array_split(take.confidence_TK[:, list(ids)].mean(axis=1), count)
        values = np.array([part.mean() for part in parts])
        strips.append((f"{name.replace('_', ' ')}: confidence", name, _outline(values)))
    places = [flag.second for flag in report.flagged]
    flagged = np.histogram(places, bins=count, range=(0, take.duration))[0] > 0
    flagged = np.convolve(flagged, np.ones(5), mode="same") > 0  # wide enough for the eye
    strips.append(("frames to look at", "flags", _outline(flagged.astype(float))))
    strips.append(("sound", "sound", _outline(sound_levels(take, count))))
    if take.notes is not None:
        onsets = np.histogram(take.notes.onset_N, bins=count, range=(0, take.duration))[0]
        strips.append(("note onsets", "notes", _outline(np.sqrt(onsets / max(1, onsets.max())))))
    return strips


def _outline(values: np.ndarray) -> str:
    """An area under steps, as an SVG path."""
    width, height = 600, 30
    steps = [
        f"L{i * width / len(values):.1f},{height * (1 - value):.1f}"
        f"H{(i + 1) * width / len(values):.1f}"
        for i, value in enumerate(values)
    ]
    return f"M0,{height}" + "".join(steps) + f"V{height}Z"


def sound_levels(take: Take, count: int) -> np.ndarray:
    """The sound's level in so many equal parts, from -60 dB (0) to full (1); 0 where it is
    silent."""
    samples = take.samples_S.shape[0]
    edges = np.linspace(0, samples, count + 1).round().astype(int)
    square = np.zeros(count)
    step = 10 * take.sample_rate
    for first in range(0, samples, step):
        part_S = np.square(np.asarray(take.samples_S[first : first + step], np.float64))
        # Sums up to each edge within this part.
        sums = np.concatenate([[0.0], np.cumsum(part_S)])
        at = np.clip(edges - first, 0, len(part_S))
        square += np.diff(sums[at])
    power = square / np.maximum(np.diff(edges), 1)
    decibel = 10 * np.log10(np.maximum(power, 1e-12))
    return np.where(square > 0, np.clip(1 + decibel / 60, 0.02, 1), 0.0)


def _clock(seconds: float) -> str:
    """1:02.3, or 1:00:02.3 after an hour."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _pictures(report: QualityReport, take: Take) -> list[tuple[str, np.ndarray]]:
    """Evenly spread frames, then the least sure and flagged ones, with the skeleton drawn in; each
    with what it shows."""
    spread = np.linspace(0, len(take) - 1, min(_SHEET_FRAMES, len(take))).round().astype(int)
    wanted = [(int(t), "") for t in spread]
    wanted += [(t, "the tracker is least sure") for t in _least_sure(report, take)]
    flagged = report.flagged
    chosen = (
        np.linspace(0, len(flagged) - 1, min(_FLAGGED_FRAMES, len(flagged))).round().astype(int)
    )
    wanted += [(flagged[i].frame, flagged[i].why) for i in chosen]
    scale = max(1, round(_SHEET_WIDTH / take.size[0]))
    pictures = []
    for t, why in wanted:
        frame_HWC = np.asarray(take.frames_THWC[t]).repeat(scale, axis=0).repeat(scale, axis=1)
        picture_HWC = draw_skeleton(
            frame_HWC,
            take.keypoints_TKD[t] * scale,
            take.confidence_TK[t],
            take.skeleton,
            thickness=0.7 * scale,
        )
        pictures.append((f"{_clock(t / take.fps)}{': ' + why if why else ''}", picture_HWC))
    return pictures


def _least_sure(report: QualityReport, take: Take) -> list[int]:
    """Frames of the playing where hands are seen with the least confidence, some way apart."""
    ids = [k for hand in take.skeleton.hands.values() for k in hand]
    confidence_T = take.confidence_TK[:, ids].mean(axis=1).astype(np.float64)
    seen_T = (take.confidence_TK[:, ids] > 0).any(axis=1)
    first, stop = (round(second * take.fps) for second in report.playing_seconds)
    confidence_T[:first] = confidence_T[stop:] = np.inf
    confidence_T[~seen_T] = np.inf
    chosen = []
    apart = round(_UNSURE_APART * take.fps)
    for _ in range(_UNSURE_FRAMES):
        t = int(np.argmin(confidence_T))
        if not np.isfinite(confidence_T[t]):
            break
        chosen.append(t)
        confidence_T[max(0, t - apart) : t + apart + 1] = np.inf
    return chosen
