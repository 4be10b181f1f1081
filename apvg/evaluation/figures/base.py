"""What every component of figures offers, and what there is where an instrument names none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from apvg.evaluation.results import BlockFigures, PlayingFigures
from apvg.instruments.instrument import Instrument
from apvg.instruments.skeleton import Skeleton
from apvg.instruments.surface import Placement
from apvg.measures.lag import LagCurve, bow_lag_curve, leading_point
from apvg.measures.motion import seen
from apvg.measures.targets import Target
from apvg.music.notes import Notes

if TYPE_CHECKING:
    from apvg.evaluation.drawing import Picture
    from apvg.measures.read_back import Tracker
    from apvg.performer import Performer
    from apvg.takes.take import Take

#: Style of music that was not composed by rule.
REAL = "real"
BlockTarget: TypeAlias = Target[BlockFigures]


@dataclass(frozen=True)
class Reference:
    """What keypoints are measured against.

    Attributes:
        instrument: What is played.
        skeleton: Layout of the keypoints.
        placement: Of the instrument's surface in their picture.
        size: Width and height of that, pixels.
        fps: Frames per second; frame t is at `start` + t / fps seconds of the notes.
        notes: Of the whole take, where they are known.
        true_TKD: True keypoints of the same frames, pixels, NaN where not seen; None where there
            are none in this picture.
        start: Time of the first frame, seconds.
        metadata: Of the take: how a virtual player plays it.
    """

    instrument: Instrument
    skeleton: Skeleton
    placement: Placement
    size: tuple[int, int]
    fps: int
    notes: Notes | None
    true_TKD: np.ndarray | None = None
    start: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, take: Take, instrument: Instrument, frames: slice = slice(None)) -> Reference:
        """Some frames of a take, or all, in its own picture, played on an instrument."""
        return cls(
            instrument=instrument,
            skeleton=take.skeleton,
            placement=instrument.surface.place(take.corners_42),
            size=take.size,
            fps=take.fps,
            notes=take.notes,
            true_TKD=seen(take.keypoints_TKD[frames], take.confidence_TK[frames]),
            start=(frames.start or 0) / take.fps,
            metadata=take.metadata,
        )

    def seen_as(self, skeleton: Skeleton) -> Reference:
        """The same for keypoints of another layout, of which the true ones are not known."""
        return replace(self, skeleton=skeleton, true_TKD=None)


@dataclass(frozen=True)
class Piece:
    """A piece of music that was evaluated.

    Attributes:
        figures: A dataclass of the component; it has a `setting` that is a
            :class:`apvg.evaluation.results.PieceSetting`.
        curves: Of the lag: by "real", "from_sound" and "from_notes".
        shown: What its pictures are drawn from; None once they are drawn.
    """

    figures: Any
    curves: Mapping[str, LagCurve]
    shown: Any = None


@dataclass(frozen=True)
class Table:
    """A table of the report page.

    Attributes:
        caption: Its heading; empty for none.
        columns: Their names.
        rows: Cells: words and numbers; several numbers are printed as the first one and the others
            in brackets.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Figures:
    """Figures on how an instrument is played. This one is of instruments that name none; components
    extend it.

    Attributes:
        key: What the figures of :meth:`measure` are called in a report; empty where there are none.
        kind: Their type, a dataclass.
        rows: Those of them that the report page shows, by their dotted names.
        by_block: Whether they are measured on blocks of takes in the performer's scene. Then takes
            that are evaluated on their pictures are not evaluated as pieces of music as well;
            otherwise every test take is.
        section: Where pieces of music stand in a report; empty where there are none.
        title, note: Of that section on the report page.
        piece, style: Types of a piece's figures and of a style's means, dataclasses. Of these,
            `style` has `pieces`, `notes` and `targets`.
    """

    key: ClassVar[str] = ""
    kind: ClassVar[type | None] = None
    rows: ClassVar[Sequence[str]] = ()
    by_block: ClassVar[bool] = True
    section: ClassVar[str] = ""
    title: ClassVar[str] = ""
    note: ClassVar[str] = ""
    piece: ClassVar[type | None] = None
    style: ClassVar[type | None] = None

    def applies(self, instrument: Instrument, skeleton: Skeleton, placement: Placement) -> bool:
        """Whether keypoints of this layout, and a surface that is so placed, show how the
        instrument is played."""
        return True

    def targets(self, skeleton: Skeleton) -> Sequence[BlockTarget]:
        """What the figures of a block should be."""
        return (*PICTURE_TARGETS, *READ_BACK_TARGETS, *motion_targets(skeleton), LAG_TARGET)

    def measure(self, keypoints_TKD: np.ndarray, reference: Reference) -> Any | None:
        """How keypoints play; None where that cannot be measured.

        Args:
            keypoints_TKD: Pixels; NaN where not seen.
            reference: What should be played.
        """
        return None

    def skill(self, figures: Any) -> float:
        """One number for the figures of :meth:`measure`: 1 at best, 0 or near it by chance."""
        raise NotImplementedError

    def lag(
        self, keypoints_TKD: np.ndarray, reference: Reference, onset_R: np.ndarray
    ) -> LagCurve | None:
        """The lag of keypoints, by the arm that leads; None where it cannot be measured.

        Args:
            keypoints_TKD: Pixels; NaN where not seen.
            reference: What should be played.
            onset_R: Onset strength of the whole take (:func:`apvg.measures.lag.onset_strength`).
        """
        point = leading_point(reference.skeleton)
        if point is None:
            return None
        path_TD, fps = keypoints_TKD[:, point], reference.fps
        curve = bow_lag_curve(path_TD, onset_R, fps, start=reference.start)
        return curve if curve.known else None

    def knows(self, performer: Performer, take: Take) -> bool:
        """Whether a take can be evaluated as a piece of music."""
        return False

    def evaluate(self, performer: Performer, take: Take, tracker: Tracker | None) -> Piece:
        """All figures of a piece of music. The component :meth:`knows` it."""
        raise NotImplementedError

    def by_style(self, pieces: Sequence[Piece], blocks: Sequence[BlockFigures]) -> dict[str, Any]:
        """Means over the pieces of each style, with their targets; the last one is the most
        general.

        Args:
            pieces: All pieces of the report.
            blocks: All blocks of the report.
        """
        return {}

    def draw(self, piece: Piece, take: Take, performer: Performer, folder: Path) -> list[Picture]:
        """The pictures of a piece of music."""
        return []

    def tables(self, styles: Mapping[str, Any]) -> Sequence[Table]:
        """The means of :meth:`by_style` for the report page."""
        return ()


def playing(
    components: Sequence[Figures],
    keypoints_TKD: np.ndarray,
    reference: Reference,
    curve: LagCurve | None,
) -> PlayingFigures:
    """What components find of keypoints, and their lag."""
    found = {c.key: c.measure(keypoints_TKD, reference) for c in components}
    return PlayingFigures(
        {key: figures for key, figures in found.items() if figures is not None},
        None if curve is None else curve.figures,
    )


def find_lag(
    components: Sequence[Figures],
    keypoints_TKD: np.ndarray,
    reference: Reference,
    onset_R: np.ndarray,
) -> LagCurve | None:
    """The lag by the first component that can measure it."""
    curves = (component.lag(keypoints_TKD, reference, onset_R) for component in components)
    return next((curve for curve in curves if curve is not None), None)


def motion_targets(
    skeleton: Skeleton, low: float = 0.7, high: float = 1.3
) -> Sequence[BlockTarget]:
    """The motion energy of every part that plays."""

    def target(part: str) -> BlockTarget:
        return Target(
            f"motion-energy ratio of the {skeleton.called(part)}, from sound",
            lambda block: block.from_sound.motion.motion_energy.get(part),
            low,
            high,
        )

    return [target(part) for part in skeleton.players]


def _hands_read_back(block: BlockFigures) -> float | None:
    return block.read_back["from_keypoints"].hands_found_share if block.read_back else None


def _lag(block: BlockFigures) -> float | None:
    return lag.lag if (lag := block.from_sound.playing.lag) else None


#: Of the pictures of hands.
PICTURE_TARGETS: Sequence[BlockTarget] = (
    Target(
        "hand PSNR above the best retrieval baseline, from tracked keypoints",
        lambda block: block.from_keypoints.hand_psnr_gain,
        low=3.0,
        unit="dB",
    ),
    Target(
        "sharpness of the hands, from tracked keypoints",
        lambda block: block.from_keypoints.sharpness,
        0.8,
        1.2,
    ),
)
READ_BACK_TARGETS: Sequence[BlockTarget] = (
    Target(
        "read-back from tracked keypoints: hands found, share of real",
        _hands_read_back,
        low=0.9,
    ),
)
LAG_TARGET: BlockTarget = Target("lag of the picture, from sound", _lag, -0.08, 0.08, "s")
