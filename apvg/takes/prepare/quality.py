"""The quality report of a take: its figures, their targets, and a verdict with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from apvg.base.config import from_dict, to_dict
from apvg.takes.prepare.artefacts import load_json, save_json
from apvg.takes.prepare.playing import PLAYING
from apvg.takes.prepare.targets import GRADES, Check, Grade, Target

REPORT_FORMAT = 1


@dataclass(frozen=True)
class HandQuality:
    """How well one hand was tracked.

    Attributes:
        found: Share of the playing frames in which it was detected.
        found_in_all_frames: The same of all frames.
        re_detected_frames: Frames in which it was found only by looking for it in that frame alone.
        mean_confidence: The tracker's, where it was detected.
        filled_frames: Frames between detections that were filled.
        longest_gap_seconds: Of the playing.
        size_pixels: Median diagonal of its box, pixels of the take.
        jitter: Typical noise of a point, as a share of the hand's size.
        jumps: How often it moved further than its size between two frames.
    """

    found: float
    found_in_all_frames: float
    re_detected_frames: int
    mean_confidence: float
    filled_frames: int
    longest_gap_seconds: float
    size_pixels: float
    jitter: float
    jumps: int


@dataclass(frozen=True)
class Flag:
    """A frame that deserves a look."""

    frame: int
    second: float
    why: str


@dataclass(frozen=True)
class QualityReport:
    """The artefact of the last step, ``quality.json``.

    Attributes:
        format: Of this report.
        apvg: The version that made it.
        take: The take's name.
        frames: How many.
        fps: Frames per second.
        seconds: The take's length.
        size: Width and height of its frames.
        layout: Name of its skeleton.
        crop: x, y, width, height in source pixels.
        tracked_region: Where the tracker looked, source pixels.
        found: What was given or found: crop, corners, size, offsets; see
            :class:`apvg.takes.found.Found`.
        playing_seconds: Begin and end of the playing: the first and the last note; without notes,
            the first and the last frame in which a hand was detected.
        both_hands_found: Share of the playing frames in which both hands were detected.
        both_hands_found_in_all_frames: The same of all frames.
        mean_confidence: The tracker's, of detected hands.
        jitter: The larger one of both hands.
        jumps_per_minute: Of both hands.
        label_swaps: Frames in which left and right seem to change places.
        overlapping_frames: Frames in which both hands are in one place.
        hands: Each hand by its part's name.
        silent: Whether the sound is silent throughout.
        body_found: Share of the frames in which a body was detected; None in layouts without one.
        body_confidence: Mean confidence of each of its points while playing.
        playing: Figures of the instrument's own playing, by their names in the instrument's entry.
        flagged: Frames that deserve a look, in order.
        verdict: The worst grade that a figure earns.
        reasons: Every reason to mark the take down; without any, what is good.
    """

    file: ClassVar[str] = "quality.json"

    format: int
    apvg: str
    take: str
    frames: int
    fps: int
    seconds: float
    size: tuple[int, int]
    layout: str
    crop: tuple[int, int, int, int]
    tracked_region: tuple[int, int, int, int]
    found: dict[str, dict[str, Any]]
    playing_seconds: tuple[float, float]
    both_hands_found: float
    both_hands_found_in_all_frames: float
    mean_confidence: float
    jitter: float
    jumps_per_minute: float
    label_swaps: int
    overlapping_frames: int
    hands: dict[str, HandQuality]
    silent: bool
    body_found: float | None
    body_confidence: dict[str, float]
    playing: dict[str, dict[str, Any]]
    flagged: tuple[Flag, ...]
    verdict: Grade = "good"
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data: figures of the playing lie among the others (``key_hit``), and what there is
        not is left out."""
        data: dict[str, Any] = {}
        for name, value in to_dict(self).items():
            if name == "playing":
                data |= {figure.replace("-", "_"): values for figure, values in value.items()}
            elif value is not None and (name != "body_confidence" or self.body_found is not None):
                data[name] = value
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> QualityReport:
        """Inverse of :meth:`to_dict`."""
        known = {field.name for field in fields(cls)}
        playing = {name.replace("_", "-"): data[name] for name in data if name not in known}
        kept = {name: data[name] for name in data if name in known}
        return from_dict(
            cls, {"body_found": None, "body_confidence": {}, **kept, "playing": playing}
        )

    def save(self, folder: Path) -> None:
        """Write ``quality.json`` into a folder."""
        save_json(folder / self.file, self.to_dict())

    @classmethod
    def load(cls, folder: Path) -> QualityReport:
        """Inverse of :meth:`save`.

        Raises:
            ApvgError: There is no report, or it is damaged.
        """
        return cls.from_dict(load_json(folder / cls.file))


#: What the figures should be. The first ones are also the reasons for a good verdict.
_SUMMARY = 4
TARGETS: tuple[tuple[Target, Callable[[QualityReport], float]], ...] = (
    (
        Target(
            "Both hands found while playing",
            good=0.99,
            usable=0.90,
            shown="{:.1%}",
            sentence="both hands were found in {} of the playing frames",
            cure=(
                "light the hands better, film closer, or check the crop and where the performer is"
            ),
            larger_is_better=True,
        ),
        lambda report: report.both_hands_found,
    ),
    (
        Target(
            "The tracker's confidence",
            good=0.80,
            usable=0.60,
            shown="{:.2f}",
            sentence="the tracker's mean confidence is {}",
            cure="sharper footage or a shorter exposure helps",
            larger_is_better=True,
        ),
        lambda report: report.mean_confidence,
    ),
    (
        Target(
            "Jumps a minute",
            good=2.0,
            usable=12.0,
            shown="{:.1f}",
            sentence="hands jump {} times a minute",
            cure=(
                "look at the flagged frames; "
                "if someone else is in the picture, say where the performer is"
            ),
        ),
        lambda report: report.jumps_per_minute,
    ),
    (
        Target(
            "Jitter, share of a hand's size",
            good=0.02,
            usable=0.05,
            shown="{:.1%}",
            sentence="points jitter by {} of a hand's size",
            cure="film with more light or closer",
        ),
        lambda report: report.jitter,
    ),
    (
        Target(
            "Left and right change places",
            good=0,
            usable=0,
            shown="{:.0f} times",
            sentence="left and right change places {}",
            cure="look at the flagged frames",
        ),
        lambda report: report.label_swaps,
    ),
    (
        Target(
            "Frames with both hands in one place",
            good=0,
            usable=10**9,
            shown="{:.0f}",
            sentence="both hands are in one place in {} frames",
        ),
        lambda report: report.overlapping_frames,
    ),
)


def hand_checks(report: QualityReport) -> list[Check]:
    """The figures of the tracking with their targets."""
    return [target.check(value(report)) for target, value in TARGETS]


def playing_checks(report: QualityReport) -> list[Check]:
    """The figures of the instrument's own playing with their targets."""
    return [
        check for name, values in report.playing.items() for check in PLAYING[name].check(values)
    ]


def with_verdict(report: QualityReport) -> QualityReport:
    """The report with its verdict."""
    complaints = list(_complaints(report))
    grades = [GRADES.index(grade) for grade, _ in complaints]
    reasons = [reason for _, reason in complaints if reason]
    reasons = reasons or [check.reason for check in hand_checks(report)[:_SUMMARY]]
    return replace(report, verdict=GRADES[max(grades, default=0)], reasons=tuple(reasons))


def _complaints(report: QualityReport) -> Iterator[tuple[Grade, str]]:
    """Every reason to mark a take down, and how far; a reason is empty where another one says the
    same."""
    yield from _failed(hand_checks(report))
    if report.silent:
        yield (
            "usable",
            (
                "the sound is silent throughout: only a painter can learn from it (recipe "
                "pianist-silent); check the audio and the offset if there should be sound"
            ),
        )
    yield from _failed(playing_checks(report))
    for what, name in (
        ("crop", "crop"),
        ("offset", "offset"),
        ("notes_offset", "notes' offset"),
    ):
        find = report.found.get(what)
        if find is not None and find["word"] in ("a guess", "not found"):
            yield "usable", f"the {name} is {find['word']}: {find['how']}; set it yourself"


def _failed(checks: list[Check]) -> list[tuple[Grade, str]]:
    return [(check.grade, check.reason) for check in checks if check.grade != "good"]
