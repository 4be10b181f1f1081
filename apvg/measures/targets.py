"""What the figures should be: this project's aims, as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apvg.instruments.skeleton import Skeleton


@dataclass(frozen=True)
class Target:
    """What a figure should be: a path into a block's figures, and the least and the greatest good value."""

    label: str
    path: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""

    @property
    def wanted(self) -> str:
        """The bounds in words."""
        if self.high == math.inf:
            return f"≥ {self.low:g} {self.unit}".strip()
        return f"{self.low:g} to {self.high:g} {self.unit}".strip()


#: Aims for a piano performer on held-out music.
TARGETS = (
    Target(
        "hand PSNR above the best still answer, from tracked keypoints",
        ("from_keypoints", "hand_psnr_gain"),
        low=3.0,
        unit="dB",
    ),
    Target(
        "sharpness of the hands, from tracked keypoints", ("from_keypoints", "sharpness"), 0.8, 1.2
    ),
    Target(
        "read-back from tracked keypoints: hands found, share of real",
        ("read_back", "from_keypoints", "hands_found_share"),
        low=0.9,
    ),
    Target(
        "read-back from tracked keypoints: key-hit skill, share of real",
        ("read_back", "from_keypoints", "skill_share"),
        low=0.9,
    ),
    Target("key-hit skill, from sound", ("from_sound", "key_hit", "skill"), low=0.4),
    Target(
        "motion-energy ratio of the left hand, from sound",
        ("from_sound", "motion_energy", "left_hand"),
        0.7,
        1.3,
    ),
    Target(
        "motion-energy ratio of the right hand, from sound",
        ("from_sound", "motion_energy", "right_hand"),
        0.7,
        1.3,
    ),
    Target("lag of the picture, from sound", ("from_sound", "lag"), -0.08, 0.08, "s"),
)
#: Aims for music of any kind, a row of :func:`apvg.evaluation.music.by_style`.
MUSIC_TARGETS = (
    Target("key-hit skill, from sound", ("from_sound", "skill"), low=0.6),
    Target("key-hit skill, from notes", ("from_notes", "skill"), low=0.6),
    Target("lag of the picture, from sound", ("from_sound", "lag"), -0.06, 0.06, "s"),
    *(
        Target(
            f"read-back {label}, share of real, from {told}",
            (f"from_{told}", "read_back", key),
            0.9,
        )
        for told in ("sound", "notes")
        for label, key in (("hands found", "hands_found_share"), ("key-hit skill", "skill_share"))
    ),
)
#: Aims for the pictures of a string player.
STRING_TARGETS = (
    Target(
        "PSNR of hands and bow above the best still answer, from true keypoints",
        ("from_keypoints", "hand_psnr_gain"),
        low=6.0,
        unit="dB",
    ),
    Target(
        "sharpness of hands and bow, from true keypoints",
        ("from_keypoints", "sharpness"),
        0.8,
        1.2,
    ),
)
#: Aims for a string player's motion, a row of :func:`apvg.evaluation.strings.by_style`.
BOWING_TARGETS = tuple(
    Target(f"{label}, from {told}", (f"from_{told}", key), low, high)
    for told in ("sound", "notes")
    for label, key, low, high in (
        ("bow direction right, share of sounding frames", "direction", 0.85, math.inf),
        ("sounding string right, share of frames", "string", 0.9, math.inf),
        ("stop within half a semitone, share of notes over 150 ms", "stop", 0.85, math.inf),
        ("bow changes within 80 ms, F1", "change_f1", 0.8, math.inf),
        ("motion-energy ratio of the bow arm", "motion_energy_bow_arm", 0.8, 1.2),
        ("motion-energy ratio of the left hand", "motion_energy_left_hand", 0.8, 1.2),
    )
)


def picture_targets(skeleton: Skeleton) -> Sequence[Target]:
    """The aims for the blocks of a performer with this layout."""
    return STRING_TARGETS if "instrument" in skeleton.parts else TARGETS


def targets_table(
    figures: dict[str, Any], targets: Sequence[Target] = TARGETS
) -> list[dict[str, Any]]:
    """Every target with its value and whether it is met; those that the figures lack, or cannot tell (NaN), are left out."""
    rows = []
    for target in targets:
        value: Any = figures
        for key in target.path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and not math.isnan(value):
            met = bool(target.low <= value <= target.high)
            rows.append(
                {"figure": target.label, "value": value, "target": target.wanted, "met": met}
            )
    return rows
