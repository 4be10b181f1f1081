"""What each figure measures, where its definition comes from, and which degenerate answers fool it:
data for reports and docs.

A figure is fooled by an answer that it rates at least as high as a correct performance of the same
music with other strokes. Which answers fool which figure is measured by
`tests/evaluation/test_degenerate.py` on takes of the virtual players (FID, FVD and LPIPS with small
networks in place of the real ones); the test fails where this file says something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: Degenerate answers: the mean pose or frame, the first one throughout, the correct performance one
#: second late, and that of the music cut into stretches in another order.
ANSWERS = {
    "mean": "the mean pose or frame",
    "frozen": "one pose or frame throughout",
    "late": "the correct performance, one second late",
    "shuffled": "the performance of shuffled music",
}
ALL = tuple(ANSWERS)


@dataclass(frozen=True)
class About:
    """What a reader needs to know of a figure.

    Attributes:
        label: What reports call it.
        measures: What it measures, for people.
        source: Where its definition comes from.
        best: Which values are good: "high", "low", "one" (as in the truth) or "zero".
        unit: Empty for shares and ratios.
        fooled_by: Keys of ANSWERS.
        caught_by: Other figures that are not fooled by those.
    """

    label: str
    measures: str
    source: str
    best: Literal["high", "low", "one", "zero"]
    unit: str = ""
    fooled_by: Sequence[str] = ()
    caught_by: Sequence[str] = ()


_STRINGS = ("string", "stop", "change_f1", "motion_energy")
_PICTURE = ("motion_energy", "change_f1", "key_hit.skill")

#: By the name of a figure in report.json, without its section and without the part of the body.
GLOSSARY = {
    "pixel_error": About(
        "A2B pixel error",
        "How far the keypoints are from the true ones: mean over points of the root mean square of "
        "x and y.",
        "Audio2BodyDynamics (2018)",
        "low",
        "px",
        ("mean", "frozen", "late", "shuffled"),
        _STRINGS,
    ),
    "pck": About(
        "PCK",
        "Share of points nearer to the true ones than 0.05, 0.1 or 0.2 of the larger side of the "
        "pose's box.",
        "Yang & Ramanan (2013)",
        "high",
        "",
        ("mean", "frozen", "late", "shuffled"),
        _STRINGS,
    ),
    "velocity_error": About(
        "velocity error",
        "Mean length of the difference between predicted and true velocities.",
        "Temporally Guided Music-to-Body-Movement (2020)",
        "low",
        "px/s",
        ("mean", "frozen", "late"),
        _STRINGS,
    ),
    "jerk_error": About(
        "jerk error",
        "The same of the third derivative of the position: shaking, and turns at the wrong moment.",
        "Temporally Guided Music-to-Body-Movement (2020)",
        "low",
        "px/s³",
    ),
    "motion_energy": About(
        "motion energy",
        "Mean speed of a part, predicted over true, both after a 5-frame filter: 0 = no motion, 1 "
        "= as much as in the truth.",
        "own choice",
        "one",
        "",
        ("late", "shuffled"),
        ("string", "stop", "change_f1", "key_hit.skill"),
    ),
    "component_correlation": About(
        "correlation of the first component",
        "Correlation of the predicted and true curves of the pose's first principal component: the "
        "paper's figure, as a number.",
        "Let's Play Music (2020), first experiment",
        "high",
        "",
        ("mean", "frozen", "late", "shuffled"),
        _STRINGS,
    ),
    "lag": About(
        "lag",
        "How much later the picture is than the sound: the shift at which played keys are nearest "
        "to fingertips, or at which the "
        "acceleration of the bow follows the onsets best.",
        "keys: own choice; bow: as others do, with acceleration in place of speed",
        "zero",
        "s",
    ),
    "key_hit.rate": About(
        "key-hit rate",
        "Share of played keys with a fingertip over them within 40 ms.",
        "own choice",
        "high",
    ),
    "key_hit.skill": About(
        "key-hit skill",
        "The rate above that of the same hands on music shifted in time or to other keys: 1 = "
        "every key, 0 = by chance.",
        "own choice",
        "high",
    ),
    "direction": About(
        "bow direction",
        "Share of sounding frames whose bow goes the right way, given the true direction at the "
        "start of each phrase.",
        "own choice",
        "high",
    ),
    "string": About(
        "string",
        "Share of sounding frames with the bow on the sounding string.",
        "own choice",
        "high",
    ),
    "stop": About(
        "stop",
        "Share of notes over 150 ms whose stopping finger is within half a semitone of the pitch.",
        "own choice",
        "high",
    ),
    "change_f1": About(
        "bow changes, F1",
        "Bow changes matched one to one with the true ones within 80 ms.",
        "Temporally Guided Music-to-Body-Movement (2020): bowing attack",
        "high",
    ),
    "psnr": About(
        "PSNR",
        "Peak signal-to-noise ratio of whole frames. A static scene has a high one by itself.",
        "torchmetrics' pooling",
        "high",
        "dB",
        ("mean", "frozen", "late"),
        _PICTURE,
    ),
    "ssim": About(
        "SSIM",
        "Structural similarity of whole frames, in windows of 11 pixels.",
        "Wang et al. (2004)",
        "high",
        "",
        ("mean", "frozen", "late"),
        _PICTURE,
    ),
    "hand_psnr": About(
        "PSNR of hands",
        "PSNR of the crops around the true hands (and bow); its gain is over the best retrieval "
        "baseline.",
        "own choice",
        "high",
        "dB",
        ("mean", "frozen", "late"),
        _PICTURE,
    ),
    "hand_ssim": About("SSIM of hands", "SSIM of those crops.", "Wang et al. (2004)", "high"),
    "sharpness": About(
        "sharpness of hands",
        "Energy of the Laplacian in the crops of the hands over that in the real ones: blur is "
        "below 1, noise above.",
        "own choice",
        "one",
        "",
        ("frozen", "late", "shuffled"),
        ("hand_ssim", "motion_energy", "change_f1"),
    ),
    "flicker": About(
        "flicker",
        "Mean error of the differences between neighbouring frames, grey levels.",
        "own choice",
        "low",
        "of 255",
        ("mean", "frozen"),
        ("motion_energy", "sharpness"),
    ),
    "lpips": About(
        "LPIPS",
        "Distance of whole frames to the real ones in the features of a network that is given as a "
        "file.",
        "Zhang et al. (2018)",
        "low",
        "",
        ("mean", "frozen", "late"),
        _PICTURE,
    ),
    "fid": About(
        "FID",
        "Fréchet distance of the features of all generated frames to those of the real ones, in "
        "any order.",
        "Heusel et al. (2017)",
        "low",
        "",
        ("mean", "frozen", "late", "shuffled"),
        ("hand_ssim", "change_f1", "key_hit.skill"),
    ),
    "fvd": About(
        "FVD",
        "The same of clips of 16 frames: it sees motion, but not whether that belongs to the "
        "music.",
        "Unterthiner et al. (2018)",
        "low",
        "",
        ("mean", "frozen", "late", "shuffled"),
        ("hand_ssim", "change_f1", "key_hit.skill"),
    ),
}


def about(name: str) -> About | None:
    """The entry of a figure by its dotted name in a report, as
    `from_sound.motion_energy.left_hand`; None where there is none."""
    for first in range(name.count(".") + 1):
        rest = name.split(".", first)[-1]
        for key in GLOSSARY:
            begins = rest == key or rest.startswith((f"{key}.", f"{key}@", f"{key}_by_part."))
            if begins or (key == "motion_energy" and rest.startswith("motion_energy_")):
                return GLOSSARY[key]
    return None


def markdown_table() -> str:
    """The glossary as a table, for docs/evaluation.md."""
    best = {"high": "high", "low": "low", "one": "1", "zero": "0"}
    rows = [
        "| figure | what it measures (source) | best | fooled by | caught by |",
        "|---|---|---|---|---|",
    ]
    for known in GLOSSARY.values():
        unit = f", {known.unit}" if known.unit else ""
        caught = ", ".join(GLOSSARY[key].label for key in known.caught_by)
        fooled = ", ".join(known.fooled_by) or "none of these"
        rows.append(
            f"| {known.label}{unit} | {known.measures} ({known.source}) | {best[known.best]} | "
            f"{fooled} | {caught} |"
        )
    return "\n".join(rows)
