"""Bowed strings: strings, stops and strokes, on takes whose own are known: those of the virtual
player."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from apvg.base.plain import Flat, OptionalKey
from apvg.evaluation.charts import component_figure, lag_figure
from apvg.evaluation.drawing import Picture, overlay
from apvg.evaluation.failure_cases import sentence, worst_keypoints
from apvg.evaluation.figures.base import BlockTarget, Figures, Piece, Reference, Table
from apvg.evaluation.results import BlockFigures, FailureCase, PieceSetting
from apvg.instruments.instrument import Instrument
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.strings import StringInstrument
from apvg.instruments.surface import Placement
from apvg.measures.bowing import BowingFigures, bowing_figures
from apvg.measures.lag import LagCurve, LagFigures, mean_lag, onset_strength
from apvg.measures.motion import mean_speed, pose_component, seen, share
from apvg.measures.targets import Target, TargetRow, target_rows
from apvg.video.images import save_png

if TYPE_CHECKING:
    from apvg.measures.read_back import Tracker
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: So many seconds of a long piece are drawn as curves.
_CURVE_SECONDS = 60.0


@dataclass(frozen=True)
class StringFigures:
    """How keypoints play a bowed instrument.

    Attributes:
        bowing: Strings, stops and strokes.
        motion_energy_bow_arm, motion_energy_left_hand: Mean speed predicted / mean speed true.
    """

    bowing: Annotated[BowingFigures, Flat()]
    motion_energy_bow_arm: float
    motion_energy_left_hand: float


@dataclass(frozen=True)
class PlayedStrings:
    """A piece as predicted keypoints play it.

    Attributes:
        strings: How they play.
        lag: Of the picture after the sound.
        component_correlation: Of the first principal component, predicted and true.
    """

    strings: Annotated[StringFigures, Flat()]
    lag: Annotated[LagFigures | None, Flat()] = None
    component_correlation: Annotated[float | None, OptionalKey()] = None


@dataclass(frozen=True)
class RealStrings:
    """The true keypoints of a piece.

    Attributes:
        lag: Of the picture after the sound.
    """

    lag: Annotated[LagFigures | None, Flat()] = None


@dataclass(frozen=True)
class StringSetting(PieceSetting):
    """What a piece on strings was measured on.

    Attributes:
        sound: How it was made audible.
    """

    sound: str | None


@dataclass(frozen=True)
class StringPiece:
    """All figures of a piece on strings.

    Attributes:
        setting: What they were measured on.
        real: The true keypoints.
        from_sound: Played from the sound alone.
        from_notes: Played from the notes.
        failure_cases: The worst frames, from the sound.
    """

    setting: StringSetting
    real: RealStrings
    from_sound: PlayedStrings
    from_notes: PlayedStrings
    failure_cases: Sequence[FailureCase]


@dataclass(frozen=True)
class MeanLag:
    """The lag of several pieces.

    Attributes:
        lag: Of all pieces together, seconds.
    """

    lag: float


@dataclass(frozen=True)
class MeanStrings:
    """Pieces of a style as predicted keypoints play them; each sounding frame, stop and bow change
    has the same weight.

    Attributes:
        direction, direction_ungiven, string, stop, change_f1: As of
            :class:`apvg.measures.bowing.BowingFigures`.
        motion_energy_bow_arm, motion_energy_left_hand: Mean speed predicted / mean speed true.
        lag: Of all pieces together, seconds.
    """

    direction: float
    direction_ungiven: float
    string: float
    stop: float
    change_f1: float
    motion_energy_bow_arm: float
    motion_energy_left_hand: float
    lag: float


@dataclass(frozen=True)
class StringStyle:
    """Means over the pieces of a style on strings.

    Attributes:
        pieces, notes: How many.
        real: The true keypoints.
        from_sound: Played from the sound alone.
        from_notes: Played from the notes.
        targets: Targets and whether they are met.
    """

    pieces: int
    notes: int
    real: MeanLag
    from_sound: MeanStrings
    from_notes: MeanStrings
    targets: Sequence[TargetRow] = ()


#: Aims for the pictures of a string player.
_BLOCK_TARGETS: Sequence[BlockTarget] = (
    Target(
        "PSNR of hands and bow above the best retrieval baseline, from true keypoints",
        lambda block: block.from_keypoints.hand_psnr_gain,
        low=6.0,
        unit="dB",
    ),
    Target(
        "sharpness of hands and bow, from true keypoints",
        lambda block: block.from_keypoints.sharpness,
        0.8,
        1.2,
    ),
)
_SHARES: Sequence[tuple[str, Callable[[MeanStrings], float], float]] = (
    ("bow direction right, share of sounding frames", lambda mean: mean.direction, 0.85),
    ("sounding string right, share of frames", lambda mean: mean.string, 0.9),
    ("stop within half a semitone, share of notes over 150 ms", lambda mean: mean.stop, 0.85),
    ("bow changes within 80 ms, F1", lambda mean: mean.change_f1, 0.8),
)
_ENERGIES: Sequence[tuple[str, Callable[[MeanStrings], float]]] = (
    ("motion-energy ratio of the bow arm", lambda mean: mean.motion_energy_bow_arm),
    ("motion-energy ratio of the left hand", lambda mean: mean.motion_energy_left_hand),
)


def _style_targets(
    given: str, get: Callable[[StringStyle], MeanStrings]
) -> list[Target[StringStyle]]:
    def of(read: Callable[[MeanStrings], float]) -> Callable[[StringStyle], float]:
        return lambda style: read(get(style))

    shares = [Target(f"{label}, from {given}", of(read), low) for label, read, low in _SHARES]
    return shares + [Target(f"{label}, from {given}", of(r), 0.8, 1.2) for label, r in _ENERGIES]


#: Aims for a string player's motion.
_STYLE_TARGETS: Sequence[Target[StringStyle]] = (
    *_style_targets("sound", lambda style: style.from_sound),
    *_style_targets("notes", lambda style: style.from_notes),
)


class Bowing(Figures):
    """Of players whose bow is seen."""

    key = "bowing"
    kind = StringFigures
    by_block = False
    section = "bowing"
    title = "Bowing and fingering"
    note = (
        "Pieces of the virtual player, whose strings, fingers and strokes are known: shares of "
        "what is right in the keypoints, from the "
        "sound and from the notes. Lag, of true keypoints and of these: between onsets in the "
        "sound and the turns of the bow."
    )
    piece = StringPiece
    style = StringStyle

    def applies(self, instrument: Instrument, skeleton: Skeleton, placement: Placement) -> bool:
        """Whether the keypoints show a bow, on an instrument whose strings are described."""
        return isinstance(instrument.surface, StringInstrument) and "bow_frog" in skeleton.points

    def targets(self, skeleton: Skeleton) -> Sequence[BlockTarget]:
        """Aims for the pictures of hands and bow."""
        return _BLOCK_TARGETS

    def measure(self, keypoints_TKD: np.ndarray, reference: Reference) -> StringFigures | None:
        """Bowing, stops and motion energy, where strings and strokes of the reference are known."""
        truth, true_TKD = reference.metadata.get("strings"), reference.true_TKD
        strings, camera = reference.instrument.surface, reference.instrument.camera
        if truth is None or reference.notes is None or true_TKD is None or camera is None:
            return None
        assert isinstance(strings, StringInstrument)
        frames = min(len(keypoints_TKD), len(true_TKD))
        bowing = bowing_figures(
            keypoints_TKD[:frames],
            reference.skeleton,
            reference.notes,
            truth,
            strings,
            camera,
            reference.size,
            reference.fps,
        )

        def energy(points: list[int]) -> float:
            mine, real = keypoints_TKD[:frames, points], true_TKD[:frames, points]
            return share(mean_speed(mine, reference.fps), mean_speed(real, reference.fps))

        skeleton = reference.skeleton
        elbow = skeleton.points.index("right_elbow")
        arm = [elbow, *skeleton.part("right_hand"), *skeleton.part("instrument")]
        return StringFigures(bowing, energy(arm), energy([*skeleton.part("left_hand")]))

    def skill(self, figures: StringFigures) -> float:
        """The share of frames whose bow goes the right way."""
        return figures.bowing.direction

    def knows(self, performer: Performer, take: Take) -> bool:
        """Whether strings and strokes of a take are known, in the performer's own picture."""
        return (
            "strings" in take.metadata
            and take.notes is not None
            and self.applies(performer.instrument, performer.skeleton, performer.placement)
            and performer.skeleton.points == take.skeleton.points
            and (performer.fps, tuple(performer.config.size)) == (take.fps, take.size)
        )

    def evaluate(self, performer: Performer, take: Take, tracker: Tracker | None) -> Piece:
        """All figures of a take's music; nothing is painted."""
        assert take.notes is not None
        music_S = take.sound_at(performer.sample_rate)
        onset_R = onset_strength(take.samples_S, take.sample_rate)
        reference = Reference.of(take, performer.instrument)
        true_TKD = seen(take.keypoints_TKD, take.confidence_TK)
        curves = {"real": self.lag(true_TKD, reference, onset_R)}
        poses: dict[str, np.ndarray] = {}
        played: dict[str, PlayedStrings] = {}
        for name, given in (("from_sound", None), ("from_notes", take.notes)):
            poses[name] = seen(*performer.predict_keypoints(music_S, given))[: len(take)]
            curves[name] = self.lag(poses[name], reference, onset_R)
            strings = self.measure(poses[name], reference)
            assert strings is not None
            played[name] = PlayedStrings(strings, _lag(curves[name]))
        sound_TKD = poses["from_sound"]
        true_TKD = true_TKD[: len(sound_TKD)]
        correlation = pose_component(sound_TKD, true_TKD).correlation
        played["from_sound"] = replace(played["from_sound"], component_correlation=correlation)
        cases = worst_keypoints(sound_TKD, true_TKD, take.skeleton, take.fps, 0.0)
        real = RealStrings(_lag(curves["real"]))
        figures = StringPiece(_setting(performer, take), real, **played, failure_cases=cases)
        known = {name: curve for name, curve in curves.items() if curve is not None}
        return Piece(figures, known, (true_TKD, sound_TKD))

    def by_style(
        self, pieces: Sequence[Piece], blocks: Sequence[BlockFigures]
    ) -> dict[str, StringStyle]:
        """Means over the pieces of each style and, where there are several, over all."""
        styles: dict[str, list[Piece]] = {}
        for piece in pieces:
            styles.setdefault(piece.figures.setting.style, []).append(piece)
        if len(styles) > 1:
            styles["all"] = list(pieces)
        return {style: _style(group) for style, group in styles.items()}

    def draw(self, piece: Piece, take: Take, performer: Performer, folder: Path) -> list[Picture]:
        """Failure cases over the clean plate, the paper's figure, and the lag."""
        true_TKD, sound_TKD = piece.shown
        pictures = []
        for number, case in enumerate(piece.figures.failure_cases, start=1):
            name = f"{take.name}-moment-{number}.png"
            said = sentence(case, take.skeleton)
            pictures.append(Picture(name, said, frames=True, failure=True))
            t = case.frame
            drawn_HWC = overlay(performer.plate_HWC, true_TKD[t], sound_TKD[t], take.skeleton)
            save_png(folder / name, drawn_HWC)
        caption = "The paper's figure: predicted from sound (red) and true (green)."
        pictures.append(Picture(f"{take.name}-component.png", caption))
        shown = round(_CURVE_SECONDS * take.fps)
        component = pose_component(sound_TKD[:shown], true_TKD[:shown])
        component_figure(folder / pictures[-1].name, component, take.fps, 0.0)
        if piece.curves:
            pictures.append(Picture(f"{take.name}-lag.png", "Lag between sound and picture."))
            lag_figure(folder / pictures[-1].name, piece.curves)
        return pictures

    def tables(self, styles: Mapping[str, StringStyle]) -> Sequence[Table]:
        """Bowing, motion energy and lag by style, from sound and from notes."""
        columns = ("Style", "Pieces", "Notes", "Direction", "String", "Stop", "Bow changes, F1")
        columns += ("Motion of bow arm", "Motion of left hand", "Lag (true), ms")
        tables = []
        for given in ("sound", "notes"):
            rows = []
            for name, style in styles.items():
                mean = style.from_sound if given == "sound" else style.from_notes
                rows.append(
                    [
                        *(name, style.pieces, style.notes),
                        *(mean.direction, mean.string, mean.stop, mean.change_f1),
                        *(mean.motion_energy_bow_arm, mean.motion_energy_left_hand),
                        (1000 * mean.lag, 1000 * style.real.lag),
                    ]
                )
            tables.append(Table(f"From {given}, by style", columns, rows))
        return tables


def _setting(performer: Performer, take: Take) -> StringSetting:
    assert take.notes is not None
    return StringSetting(
        take=take.name,
        style=take.metadata.get("style", "score"),
        sound=take.metadata.get("sound"),
        split=take.about.split,
        seconds=take.duration,
        fps=performer.fps,
        frames=len(take),
        width=take.size[0],
        height=take.size[1],
        notes=len(take.notes),
    )


def _lag(curve: LagCurve | None) -> LagFigures | None:
    return None if curve is None else curve.figures


def _style(pieces: Sequence[Piece]) -> StringStyle:
    figures: list[StringPiece] = [piece.figures for piece in pieces]
    style = StringStyle(
        pieces=len(pieces),
        notes=sum(piece.setting.notes for piece in figures),
        real=MeanLag(_mean_lag("real", pieces)),
        from_sound=_mean([p.from_sound.strings for p in figures], _mean_lag("from_sound", pieces)),
        from_notes=_mean([p.from_notes.strings for p in figures], _mean_lag("from_notes", pieces)),
    )
    return replace(style, targets=target_rows(style, _STYLE_TARGETS))


def _mean_lag(name: str, pieces: Sequence[Piece]) -> float:
    known = [piece for piece in pieces if name in piece.curves]
    weights = [piece.figures.from_sound.strings.bowing.changes for piece in known]
    return mean_lag([piece.curves[name] for piece in known], weights)


def _mean(played: Sequence[StringFigures], lag: float) -> MeanStrings:
    """Weighted by what each figure counts."""

    def mean(
        value: Callable[[StringFigures], float], count: Callable[[BowingFigures], int]
    ) -> float:
        value_P = np.array([value(p) for p in played], np.float64)
        count_P = np.array([count(p.bowing) for p in played], np.float64)
        known_P = np.isfinite(value_P) & (count_P > 0)
        if not known_P.any():
            return float("nan")
        return float(np.average(value_P[known_P], weights=count_P[known_P]))

    def frames(bowing: BowingFigures) -> int:
        return bowing.sounding_frames

    return MeanStrings(
        direction=mean(lambda p: p.bowing.direction, frames),
        direction_ungiven=mean(lambda p: p.bowing.direction_ungiven, frames),
        string=mean(lambda p: p.bowing.string, frames),
        stop=mean(lambda p: p.bowing.stop, lambda bowing: bowing.stops),
        change_f1=mean(lambda p: p.bowing.change_f1, lambda bowing: bowing.changes),
        motion_energy_bow_arm=mean(lambda p: p.motion_energy_bow_arm, frames),
        motion_energy_left_hand=mean(lambda p: p.motion_energy_left_hand, frames),
        lag=lag,
    )
