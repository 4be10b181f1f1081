"""Keyboards: do fingertips lie on the keys that are played?

Blocks of the performer's own scene, and music of which there is no picture to compare with:
generated pieces, and takes of another scene. Those are played from the sound and from the notes,
and read back from the generated picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from apvg.base.errors import ApvgError
from apvg.base.plain import Flat, OptionalKey
from apvg.evaluation.charts import frame_sheet, lag_figure
from apvg.evaluation.drawing import SHEET_ROWS, Picture
from apvg.evaluation.figures.base import (
    LAG_TARGET,
    PICTURE_TARGETS,
    READ_BACK_TARGETS,
    REAL,
    BlockTarget,
    Figures,
    Piece,
    Reference,
    Table,
    motion_targets,
)
from apvg.evaluation.figures.fingers import (
    FingerFigures,
    finger_figures,
    mean_fingers,
)
from apvg.evaluation.results import BlockFigures, PieceSetting
from apvg.instruments.instrument import Instrument
from apvg.instruments.keyboard import Keyboard
from apvg.instruments.skeleton import HANDS, Skeleton
from apvg.instruments.surface import Placement
from apvg.measures.lag import LagCurve, LagFigures, lag_curve, mean_lag
from apvg.measures.motion import KeyHit, fingertip_x, key_hit, motion_energy, seen, share
from apvg.measures.read_back import Tracker, read_back
from apvg.measures.targets import Target, TargetRow, target_rows
from apvg.models.fingering import plan
from apvg.streaming import PredictedPoses
from apvg.video.drawing import draw_skeleton

if TYPE_CHECKING:
    from apvg.music.notes import Notes
    from apvg.performer import Performance, Performer
    from apvg.takes.take import Take

#: So much of every piece is painted and read back, from just before its first note on, seconds.
READ_BACK_SECONDS = 8.0
_BEFORE_MUSIC = 0.5


@dataclass(frozen=True)
class MusicSetting(PieceSetting):
    """What a piece on a keyboard was measured on.

    Attributes:
        soundfont: That it was played through, where it was generated.
        floors: What the floors of the key-hit rate are.
    """

    soundfont: str | None
    floors: str = "key_hit: notes shifted in time, and transposed"


@dataclass(frozen=True)
class ReadBackKeys:
    """What a hand tracker finds in a generated piece after H.264.

    Attributes:
        hands_found: Share of the playing frames in which it finds both hands.
        notes: How many notes are shown.
        key_hit: Of the hands that it finds.
        lag: Of those.
    """

    hands_found: float
    notes: int
    key_hit: KeyHit
    lag: Annotated[LagFigures | None, Flat()] = None


@dataclass(frozen=True)
class PlayedKeys:
    """A piece as predicted keypoints play it.

    Attributes:
        key_hit: Of its notes.
        motion_energy: Mean speed predicted / mean speed of the take's own hands, by part; null
            where it has no keyboard.
        lag: Of the picture after the sound.
        fingers: Whether the planned fingers play, where they are planned.
        read_back: From its generated picture.
    """

    key_hit: KeyHit
    motion_energy: Mapping[str, float] | None
    lag: Annotated[LagFigures | None, Flat()] = None
    fingers: Annotated[FingerFigures | None, OptionalKey()] = None
    read_back: Annotated[ReadBackKeys | None, OptionalKey()] = None


@dataclass(frozen=True)
class MusicFigures:
    """All figures of a piece on a keyboard.

    Attributes:
        setting: What they were measured on.
        from_sound: Played from the sound alone.
        from_notes: Played from the notes.
    """

    setting: MusicSetting
    from_sound: PlayedKeys
    from_notes: PlayedKeys


@dataclass(frozen=True)
class MeanKeyHit:
    """Key-hit of several pieces: rate and floors are means over all notes, and the skill follows
    from them.

    Attributes:
        rate, shifted_floor, transposed_floor, skill: As of a :class:`apvg.measures.motion.KeyHit`.
    """

    rate: float
    shifted_floor: float
    transposed_floor: float
    skill: float


@dataclass(frozen=True)
class MeanReadBack:
    """Read-back of several pieces.

    Attributes:
        hands_found: Mean share of the playing frames in which both hands are found.
        hit: Of the hands that are found.
        hands_found_share: hands_found as a share of that in the real frames of the report's blocks.
        skill_share: The skill as a share of that in those.
    """

    hands_found: float
    hit: Annotated[MeanKeyHit, Flat()]
    hands_found_share: Annotated[float | None, OptionalKey()] = None
    skill_share: Annotated[float | None, OptionalKey()] = None


@dataclass(frozen=True)
class MeanPlayedKeys:
    """Pieces of a style as predicted keypoints play them.

    Attributes:
        hit: Key-hit of all notes.
        lag: Of all pieces together, seconds.
        motion_energy: Means by part.
        fingers: Where fingers are planned.
        read_back: Where pieces were painted.
    """

    hit: Annotated[MeanKeyHit, Flat()]
    lag: float
    motion_energy: Annotated[Mapping[str, float], Flat("motion_energy_{}")]
    fingers: Annotated[FingerFigures | None, OptionalKey()] = None
    read_back: Annotated[MeanReadBack | None, OptionalKey()] = None


@dataclass(frozen=True)
class MusicStyle:
    """Means over the pieces of a style on a keyboard.

    Attributes:
        pieces, notes: How many.
        from_sound: Played from the sound alone.
        from_notes: Played from the notes.
        targets: Targets and whether they are met.
    """

    pieces: int
    notes: int
    from_sound: MeanPlayedKeys
    from_notes: MeanPlayedKeys
    targets: Sequence[TargetRow] = ()


def _skill(block: BlockFigures) -> float | None:
    hit = block.from_sound.playing.of(KeyHit)
    return None if hit is None else hit.skill


#: Aims for a piano performer on held-out music of its own scene.
_BLOCK_TARGETS: Sequence[BlockTarget] = (
    Target(
        "read-back from tracked keypoints: key-hit skill, share of real",
        lambda block: (
            None if block.read_back is None else block.read_back["from_keypoints"].skill_share
        ),
        low=0.9,
    ),
    Target("key-hit skill, from sound", _skill, low=0.4),
)
#: Aims for music of any kind.
_STYLE_TARGETS: Sequence[Target[MusicStyle]] = (
    Target("key-hit skill, from sound", lambda style: style.from_sound.hit.skill, low=0.6),
    Target("key-hit skill, from notes", lambda style: style.from_notes.hit.skill, low=0.6),
    Target("lag of the picture, from sound", lambda style: style.from_sound.lag, -0.06, 0.06, "s"),
    Target(
        "read-back hands found, share of real, from sound",
        lambda style: _of(style.from_sound.read_back, "hands_found_share"),
        0.9,
    ),
    Target(
        "read-back key-hit skill, share of real, from sound",
        lambda style: _of(style.from_sound.read_back, "skill_share"),
        0.9,
    ),
    Target(
        "read-back hands found, share of real, from notes",
        lambda style: _of(style.from_notes.read_back, "hands_found_share"),
        0.9,
    ),
    Target(
        "read-back key-hit skill, share of real, from notes",
        lambda style: _of(style.from_notes.read_back, "skill_share"),
        0.9,
    ),
)


class KeyHits(Figures):
    """Of players whose fingertips are over a keyboard."""

    key = "key_hit"
    kind = KeyHit
    rows = ("key_hit.rate", "key_hit.skill")
    section = "music"
    title = "Music alone"
    note = (
        "Music without a picture to compare with: do the hands go where the notes are, and can the "
        "music be read back from the "
        "generated picture? Floors: the same hands on notes shifted in time, and on other keys."
    )
    piece = MusicFigures
    style = MusicStyle

    def applies(self, instrument: Instrument, skeleton: Skeleton, placement: Placement) -> bool:
        """Whether there is a keyboard in the picture."""
        return isinstance(placement, Keyboard)

    def targets(self, skeleton: Skeleton) -> Sequence[BlockTarget]:
        """Aims for a piano performer on held-out music of its own scene."""
        motion = motion_targets(skeleton)
        return (*PICTURE_TARGETS, *READ_BACK_TARGETS, *_BLOCK_TARGETS, *motion, LAG_TARGET)

    def measure(self, keypoints_TKD: np.ndarray, reference: Reference) -> KeyHit | None:
        """Key-hit of the notes, where they are known."""
        if reference.notes is None:
            return None
        tips_TF = _tips(keypoints_TKD, reference)
        return key_hit(tips_TF, reference.notes, reference.fps, start=reference.start)

    def skill(self, figures: KeyHit) -> float:
        """The key-hit skill."""
        return figures.skill

    def lag(
        self, keypoints_TKD: np.ndarray, reference: Reference, onset_R: np.ndarray
    ) -> LagCurve | None:
        """The lag of fingertips on played keys, where notes are known."""
        if reference.notes is None:
            return None
        tips_TF = _tips(keypoints_TKD, reference)
        curve = lag_curve(tips_TF, reference.notes, reference.fps, start=reference.start)
        return curve if curve.known else None

    def knows(self, performer: Performer, take: Take) -> bool:
        """Whether the notes of a take are known, and the performer plays on a keyboard."""
        return take.notes is not None and isinstance(performer.placement, Keyboard)

    def evaluate(self, performer: Performer, take: Take, tracker: Tracker | None) -> Piece:
        """All figures of a take's music, its whole length.

        Raises:
            ApvgError: The notes of the take are not known, or the performer plays no keyboard.
        """
        notes, keyboard = take.notes, performer.placement
        if notes is None or not isinstance(keyboard, Keyboard):
            raise ApvgError(
                f"take {take.name} has no notes, or performer {performer.name} no keyboard, to "
                "evaluate its music by",
                "prepare the take again with its MIDI file, or evaluate on takes of the "
                "performer's own scene",
                options=["midi"],
            )
        music_S = take.sound_at(performer.sample_rate)
        begin = _just_before(notes, performer.fps)
        reference = Reference(
            instrument=performer.instrument,
            skeleton=performer.skeleton,
            placement=keyboard,
            size=performer.config.size,
            fps=performer.fps,
            notes=notes,
        )
        curves: dict[str, LagCurve] = {}
        played: dict[str, PlayedKeys] = {}
        shown: tuple[Performance, float] | None = None
        for name, given in (("from_sound", None), ("from_notes", notes)):
            poses = performer.predict_poses(music_S, given)
            poses_TKD = seen(poses.keypoints_TKD, poses.confidence_TK)
            tips_TF = _tips(poses_TKD, reference)
            curves[name] = lag_curve(tips_TF, notes, performer.fps)
            played[name] = PlayedKeys(
                key_hit=key_hit(tips_TF, notes, performer.fps),
                motion_energy=_energy(performer, take, poses_TKD),
                lag=curves[name].figures,
                fingers=_fingers(performer, poses, notes, keyboard),
            )
            if tracker is not None:
                performance = _paint(performer, music_S, given, begin)
                back = _read_back(reference, performance.frames_THWC, begin, tracker)
                played[name] = replace(played[name], read_back=back)
                shown = shown or (performance, begin)
        return Piece(MusicFigures(_setting(performer, take, notes), **played), curves, shown)

    def by_style(
        self, pieces: Sequence[Piece], blocks: Sequence[BlockFigures]
    ) -> dict[str, MusicStyle]:
        """Means over the pieces of each style and, where there are several, over all generated
        ones; each note has the same weight.

        Read-back is given as a share of what is found in real frames, where there are any.
        """
        styles: dict[str, list[Piece]] = {}
        for piece in pieces:
            styles.setdefault(piece.figures.setting.style, []).append(piece)
        generated = [piece for style, group in styles.items() if style != REAL for piece in group]
        if len(styles) > 1 and generated:
            styles["all generated"] = generated
        return {style: _style(group, blocks) for style, group in styles.items()}

    def draw(self, piece: Piece, take: Take, performer: Performer, folder: Path) -> list[Picture]:
        """A sheet of frames with the keypoints behind them, and the curve of the lag where it can
        be measured."""
        pictures = []
        if known := {name: curve for name, curve in piece.curves.items() if curve.known}:
            caption = "Lag between sound and picture: the minimum of the curve."
            pictures.append(Picture(f"{take.name}-lag.png", caption))
            lag_figure(folder / pictures[-1].name, known)
        if piece.shown is None:
            return pictures
        performance, begin = piece.shown
        frames_THWC = performance.frames_THWC
        chosen_T = np.linspace(0, len(frames_THWC) - 1, SHEET_ROWS + 2).round().astype(int)[1:-1]
        sure_K = np.ones(len(performer.skeleton))
        drawn_THWC = {
            int(t): draw_skeleton(
                performer.plate_HWC, performance.keypoints_TKD[t], sure_K, performer.skeleton
            )
            for t in chosen_T
        }
        clips: Mapping[str, Any] = {"from sound": frames_THWC, "keypoints": drawn_THWC}
        times = {int(t): f"{begin + t / performer.fps:.2f} s" for t in chosen_T}
        pictures.insert(0, Picture(f"{take.name}-frames.png", "Evenly spaced frames.", frames=True))
        frame_sheet(folder / pictures[0].name, clips, times)
        return pictures

    def tables(self, styles: Mapping[str, MusicStyle]) -> Sequence[Table]:
        """Skill, rate, lag and read-back by style."""
        columns = ["Style", "Pieces", "Notes"]
        for given in ("sound", "notes"):
            columns += [
                f"Skill from {given}",
                "Rate (floors)",
                "Lag, ms",
                "Hands read back",
                "Skill read back",
            ]
        rows = []
        for name, style in styles.items():
            cells: list[Any] = [name, style.pieces, style.notes]
            for played in (style.from_sound, style.from_notes):
                hit, back = played.hit, played.read_back
                cells += [
                    hit.skill,
                    (hit.rate, hit.shifted_floor, hit.transposed_floor),
                    1000 * played.lag,
                    None if back is None else back.hands_found,
                    None if back is None else back.hit.skill,
                ]
            rows.append(cells)
        return (Table("", columns, rows),)


def _of(back: MeanReadBack | None, name: str) -> float | None:
    return getattr(back, name, None)


def _tips(keypoints_TKD: np.ndarray, reference: Reference) -> np.ndarray:
    assert isinstance(reference.placement, Keyboard)
    return fingertip_x(keypoints_TKD, reference.skeleton, reference.placement)


def _setting(performer: Performer, take: Take, notes: Notes) -> MusicSetting:
    return MusicSetting(
        take=take.name,
        style=take.metadata.get("style", REAL),
        soundfont=take.metadata.get("soundfont"),
        split=take.about.split,
        seconds=take.duration,
        fps=performer.fps,
        frames=round(take.duration * performer.fps),
        width=performer.config.size[0],
        height=performer.config.size[1],
        notes=len(notes),
    )


def _energy(performer: Performer, take: Take, poses_TKD: np.ndarray) -> dict[str, float] | None:
    """Motion-energy ratio to the take's own hands, in white keys; None where it has no keyboard."""
    ours, theirs = performer.placement, performer.instrument.surface.place(take.corners_42)
    if not (isinstance(ours, Keyboard) and isinstance(theirs, Keyboard)):
        return None
    if take.fps != performer.fps:
        return None
    frames = min(len(poses_TKD), len(take))
    true_TKD = seen(take.keypoints_TKD, take.confidence_TK)[:frames]
    return motion_energy(
        ours.to_keyboard(poses_TKD[:frames]),
        theirs.to_keyboard(true_TKD),
        take.skeleton,
        take.fps,
    )


def _fingers(
    performer: Performer, poses: PredictedPoses, notes: Notes, keyboard: Keyboard
) -> FingerFigures | None:
    """The figures of planned fingers, against the plan of the true notes."""
    notes = notes.on_piano()
    return finger_figures(poses, notes, plan(notes), performer.skeleton, keyboard, performer.fps)


def _just_before(notes: Notes, fps: int) -> float:
    """The whole frame from which on a piece is painted, seconds."""
    first = float(notes.onset_N[0]) if len(notes) else 0.0
    return max(0, int((first - _BEFORE_MUSIC) * fps)) / fps


def _paint(
    performer: Performer, music_S: np.ndarray, given: Notes | None, begin: float
) -> Performance:
    """A stretch of the music as `apvg generate --start` would show it."""
    first, length = (round(t * performer.sample_rate) for t in (begin, READ_BACK_SECONDS))
    given = given.shifted(-begin) if given is not None else None
    return performer.perform(music_S[first : first + length], notes=given)


def _read_back(
    reference: Reference, frames_THWC: np.ndarray, begin: float, tracker: Tracker
) -> ReadBackKeys:
    assert reference.notes is not None
    notes, fps = reference.notes.shifted(-begin), reference.fps
    time_T = np.arange(len(frames_THWC)) / fps
    shown = notes.between(0.0, time_T[-1])
    playing_T = np.ones(len(time_T), bool)
    if len(shown):
        playing_T = (time_T >= shown.onset_N[0]) & (time_T <= shown.offset_N.max())
    back = read_back(frames_THWC, fps, tracker, playing_T)
    tips_TF = _tips(back.keypoints_TKD, reference.seen_as(HANDS))
    return ReadBackKeys(
        hands_found=back.found,
        notes=len(shown),
        key_hit=key_hit(tips_TF, notes, fps),
        lag=lag_curve(tips_TF, notes, fps).figures,
    )


def _style(pieces: Sequence[Piece], blocks: Sequence[BlockFigures]) -> MusicStyle:
    figures: list[MusicFigures] = [piece.figures for piece in pieces]
    notes = [piece.setting.notes for piece in figures]
    style = MusicStyle(
        pieces=len(pieces),
        notes=sum(notes),
        from_sound=_mean(
            [piece.from_sound for piece in figures],
            mean_lag([piece.curves["from_sound"] for piece in pieces], notes),
            blocks,
        ),
        from_notes=_mean(
            [piece.from_notes for piece in figures],
            mean_lag([piece.curves["from_notes"] for piece in pieces], notes),
            blocks,
        ),
    )
    return replace(style, targets=target_rows(style, _STYLE_TARGETS))


def _mean(
    played: Sequence[PlayedKeys], lag: float, blocks: Sequence[BlockFigures]
) -> MeanPlayedKeys:
    energies = [p.motion_energy for p in played if p.motion_energy]
    parts = energies[0] if energies else ()
    return MeanPlayedKeys(
        hit=_mean_hit([p.key_hit for p in played]),
        lag=lag,
        motion_energy={part: float(np.mean([e[part] for e in energies])) for part in parts},
        fingers=mean_fingers([(p.fingers, p.key_hit.notes) for p in played if p.fingers]),
        read_back=_mean_read_back([p.read_back for p in played if p.read_back], blocks),
    )


def _mean_hit(hits: Sequence[KeyHit]) -> MeanKeyHit:
    """NaN without notes."""
    hits = [hit for hit in hits if hit.notes]
    notes_N = np.array([hit.notes for hit in hits])

    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=notes_N)) if hits else float("nan")

    rate = mean([hit.rate for hit in hits])
    shifted = mean([hit.shifted_floor for hit in hits])
    transposed = mean([hit.transposed_floor for hit in hits])
    floor = max(shifted, transposed)
    skill = 0.0 if floor >= 1 else (rate - floor) / (1 - floor)
    return MeanKeyHit(rate, shifted, transposed, skill)


def _mean_read_back(
    backs: Sequence[ReadBackKeys], blocks: Sequence[BlockFigures]
) -> MeanReadBack | None:
    if not backs:
        return None
    hit = _mean_hit([back.key_hit for back in backs])
    mean = MeanReadBack(float(np.mean([back.hands_found for back in backs])), hit)
    real = [block.read_back["real"] for block in blocks if block.read_back]
    if not real:
        return mean
    skills = [hit.skill for back in real if (hit := back.playing.of(KeyHit))]
    return replace(
        mean,
        hands_found_share=share(mean.hands_found, _known_mean([r.hands_found for r in real])),
        skill_share=share(mean.hit.skill, _known_mean(skills)),
    )


def _known_mean(values: Sequence[float]) -> float:
    """Mean of the finite values; NaN where there is none."""
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
