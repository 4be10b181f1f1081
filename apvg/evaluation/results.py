"""The report as typed results: what report.json holds is :func:`apvg.base.plain.to_plain` of
:class:`Report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from apvg.base.plain import Flat, OptionalKey
from apvg.measures.lag import LagFigures
from apvg.measures.learned import NetworkFile, SetFigures
from apvg.measures.motion import MotionFigures
from apvg.measures.pictures import PictureFigures
from apvg.measures.targets import TargetRow

P = TypeVar("P")


@dataclass(frozen=True)
class Block:
    """A stretch of a take, seconds of its own clock.

    Attributes:
        name: What the report calls it.
        start: First second.
        stop: Where it ends.
        held_out: Whether the performer says that it was not trained on it; None when it does not
            say.
    """

    name: str
    start: float
    stop: float
    held_out: bool | None = None


@dataclass(frozen=True)
class BlockSetting:
    """What a block's figures were measured on.

    Attributes:
        take: Name of the take.
        split: Its split.
        block: The stretch of it.
        clip_seconds: Length of the clip.
        fps: Frames per second.
        width, height: Of the frames, pixels.
        frames: How many.
        frames_judged: Those that picture figures count.
        notes: How many notes begin in the block; null where they are not known.
        motion_energy_unit: Unit of the speeds that motion energy is a ratio of.
        jitter_pixels: Standard deviation of the jitter in `from_jittered_keypoints`.
    """

    take: str
    split: str
    block: Block
    clip_seconds: float
    fps: int
    width: int
    height: int
    frames: int
    frames_judged: int
    notes: int | None
    motion_energy_unit: str
    jitter_pixels: float


@dataclass(frozen=True)
class PlayingFigures:
    """How an instrument is played by keypoints.

    Attributes:
        found: Figures of the instrument (:class:`apvg.evaluation.figures.base.Figures`) by their
            key, as "key_hit".
        lag: Of the picture after the sound, where it can be measured.
    """

    found: Annotated[Mapping[str, Any], Flat(open_to="playing")]
    lag: Annotated[LagFigures | None, Flat()] = None

    def of(self, kind: type[P]) -> P | None:
        """The figures of a type, where there are any."""
        return next((found for found in self.found.values() if isinstance(found, kind)), None)


@dataclass(frozen=True)
class KeypointFigures:
    """Predicted keypoints of a block or a piece against the true ones."""

    motion: Annotated[MotionFigures, Flat()]
    playing: Annotated[PlayingFigures, Flat()]


@dataclass(frozen=True)
class SoundFigures:
    """Frames and keypoints that were predicted from sound alone."""

    picture: Annotated[PictureFigures, Flat()]
    motion: Annotated[MotionFigures, Flat()]
    playing: Annotated[PlayingFigures, Flat()]


@dataclass(frozen=True)
class ReadBackFigures:
    """What a hand tracker finds in a block's frames after H.264.

    Attributes:
        hands_found: Share of the playing frames in which it finds both hands.
        hands_found_share: The same as a share of that in real frames.
        playing: How the instrument is played by the hands that it finds.
        skill_share: Skill (as of :class:`apvg.measures.motion.KeyHit`) as a share of that in real
            frames.
    """

    hands_found: float
    hands_found_share: float
    playing: Annotated[PlayingFigures, Flat()]
    skill_share: Annotated[float | None, OptionalKey()] = None


@dataclass(frozen=True)
class FailureCase:
    """One frame that is among the worst of its block.

    Attributes:
        frame: Its index in the block.
        seconds: On the clock of the take.
        kind: "keypoints" (from sound, against the true ones) or "picture" (from true keypoints,
            against the real crops).
        part: The part with the largest error.
        error: Its A2B pixel error, or the PSNR of its crop, dB.
        whole: The same of the whole pose, or of all crops of the frame.
    """

    frame: int
    seconds: float
    kind: str
    part: str
    error: float
    whole: float


@dataclass(frozen=True)
class BlockFigures:
    """All figures of a block of a take.

    Attributes:
        setting: What they were measured on.
        real: The instrument as played by the true keypoints.
        retrieval_baselines: Frames that need no generator: clean plate, mean frame, training frame
            with the nearest pose.
        from_keypoints: Frames generated from the true keypoints.
        from_jittered_keypoints: Frames generated from true keypoints with the errors of a tracker.
        from_sound: Frames and keypoints from sound alone.
        failure_cases: The worst frames.
        targets: Targets and whether they are met.
        read_back: By clip, "real", "from_keypoints" and "from_sound".
        baselines: Frames of trained baselines, by name.
    """

    setting: BlockSetting
    real: PlayingFigures
    retrieval_baselines: Mapping[str, PictureFigures]
    from_keypoints: PictureFigures
    from_jittered_keypoints: PictureFigures
    from_sound: SoundFigures
    failure_cases: Sequence[FailureCase]
    targets: Sequence[TargetRow] = ()
    read_back: Annotated[Mapping[str, ReadBackFigures] | None, OptionalKey()] = None
    baselines: Annotated[Mapping[str, PictureFigures] | None, OptionalKey()] = None


@dataclass(frozen=True)
class BlockName:
    """A block by its name alone."""

    name: str


@dataclass(frozen=True)
class ComparisonSetting:
    """Which block or piece keypoints are compared on."""

    take: str
    block: BlockName


@dataclass(frozen=True)
class ComparisonFigures:
    """Keypoints of the performer and of baselines on one block or piece.

    Attributes:
        setting: Which.
        answers: Figures by name: "apvg" is the performer.
    """

    setting: ComparisonSetting
    answers: Annotated[Mapping[str, KeypointFigures], Flat()]


@dataclass(frozen=True)
class PieceSetting:
    """What a piece of music was measured on.

    Attributes:
        take: Name of the take.
        style: Of the music.
        split: Of the take.
        seconds: Length.
        fps: Frames per second.
        frames: How many.
        width, height: Of the frames, pixels.
        notes: How many.
    """

    take: str
    style: str
    split: str
    seconds: float
    fps: int
    frames: int
    width: int
    height: int
    notes: int


@dataclass(frozen=True)
class PerformerName:
    """The performer that was evaluated.

    Attributes:
        name: Of the performer.
        version: First digits of its weights' joint hash.
        weights_sha256: Hash of the weights of each stage.
    """

    name: str
    version: str
    weights_sha256: Mapping[str, str]


@dataclass(frozen=True)
class SetReport:
    """FID and FVD of all frames of the report.

    Attributes:
        weights: The networks, by figure.
        sets: By clip, "from_keypoints" and "from_sound".
    """

    weights: Mapping[str, NetworkFile]
    sets: Annotated[Mapping[str, SetFigures], Flat()]


@dataclass(frozen=True)
class Report:
    """What `apvg evaluate` measures.

    Attributes:
        performer: The performer that was evaluated: name, version, hashes of its weights.
        software: Versions of the libraries that can change a figure.
        left_out: Takes and blocks that were not evaluated, and why.
        blocks: Blocks of takes in the performer's scene: pictures, and keypoints from sound.
        comparison: Keypoints of the performer and of baselines, by block and piece.
        comparison_mean: Their means over blocks and pieces: name to dotted figure to value.
        pieces: Pieces of music without a picture to compare with, by the section of their
            instrument.
        styles: Means over the pieces of each style, by section.
        learned: FID and FVD, where networks were given.
    """

    performer: PerformerName
    software: Mapping[str, str]
    left_out: Mapping[str, str]
    blocks: Sequence[BlockFigures]
    comparison: Sequence[ComparisonFigures]
    comparison_mean: Mapping[str, Mapping[str, float]]
    pieces: Annotated[Mapping[str, Any], Flat(open_to="pieces")]
    styles: Annotated[Mapping[str, Any], Flat("{}_styles", open_to="styles")]
    learned: Annotated[SetReport | None, OptionalKey()] = None
