"""KHP: keypoint prediction from the music (with the DLT, the paper's keypoint and heatmap
prediction).

A transcriber (:mod:`apvg.models.transcription`) turns feature rows into notes, and a motion decoder
(:mod:`apvg.models.motion`) turns nothing but those notes into poses. The notes between the two
halves are why each can be trained on what it needs (sound of many pianos, motion of many pieces),
and why a MIDI file can take the place of transcription (own choice; the paper names no shapes).

Between the two stands the fingering stage (:mod:`apvg.models.fingering`), where an instrument's
motion decoder is given what each finger plays in place of notes. It decides rather than computes,
so nothing is learnt through it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from torch import Tensor, nn

from apvg.instruments.instrument import Instrument
from apvg.instruments.skeleton import Skeleton
from apvg.models.motion import MOTION_DECODERS, Motion, MotionConfig, MotionState
from apvg.models.transcription import (
    TRANSCRIBERS,
    TranscriberConfig,
    TranscriberState,
    Transcription,
)


@dataclass(frozen=True)
class KHPConfig:
    """Shape of KHP.

    Attributes:
        transcriber: From sound to notes.
        motion: From notes to poses.
        lookahead_frames: Frames of music beyond the frame that is predicted, in live music.
        file_lookahead_frames: The same where the music is there already, which lets fingers be
            planned further ahead; 0 for no more than in live music.
    """

    transcriber: TranscriberConfig = field(default_factory=TranscriberConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)
    lookahead_frames: int = 10
    file_lookahead_frames: int = 0

    def __post_init__(self) -> None:
        if self.lookahead_frames < self.delay:
            raise ValueError(
                "KHP's lookahead_frames cannot be less than the delay of its transcriber"
            )

    def for_instrument(self, instrument: Instrument) -> KHPConfig:
        """The same, with what it leaves open as the instrument says: transcriber, motion decoder
        and decisions."""
        transcriber, motion = self.transcriber, self.motion
        kind = transcriber.kind or instrument.transcriber
        decided = transcriber.decided or TRANSCRIBERS[kind].decides
        decisions = instrument.surface.decisions if motion.decisions is None else motion.decisions
        return replace(
            self,
            transcriber=replace(transcriber, kind=kind, decided=decided),
            motion=replace(
                motion, decoder=motion.decoder or instrument.motion_decoder, decisions=decisions
            ),
        )

    @property
    def longest_lookahead(self) -> int:
        """Frames of music beyond the frame that is predicted, where all music is there."""
        return max(self.lookahead_frames, self.file_lookahead_frames)

    @property
    def delay(self) -> int:
        """How many frames late the motion decoder gets its notes."""
        return self.transcriber.delay


class KHPState(NamedTuple):
    """KHP's state between chunks."""

    transcriber: TranscriberState
    motion: MotionState


class KeypointPredictor(nn.Module):
    """KHP: feature rows in, poses out; causal, with its state carried across chunks.

    Args:
        config: Its shape; transcriber, motion decoder and decisions are filled in.
        skeleton: Of its poses.
    """

    def __init__(self, config: KHPConfig, skeleton: Skeleton) -> None:
        super().__init__()
        self.config, self.skeleton = config, skeleton
        self.transcriber = TRANSCRIBERS[config.transcriber.kind](config.transcriber)
        self.motion = MOTION_DECODERS[config.motion.decoder](skeleton, config.motion)

    def forward(
        self, features_BRF: Tensor, state: KHPState | None = None
    ) -> tuple[Motion, KHPState]:
        """
        Args:
            features_BRF: Feature rows of whole frames, [B, T * rows_per_frame, F].
            state: Of the call for the rows before; None at the start of the music.
        """
        if self.motion.planned:
            raise ValueError("fingers are planned between the halves: use transcribe and pose")
        notes, transcriber = self.transcriber(features_BRF, state.transcriber if state else None)
        motion, after = self.motion(notes.notes_B2TP, state.motion if state else None)
        return motion, KHPState(transcriber, after)

    def transcribe(
        self, features_BRF: Tensor, state: TranscriberState | None = None
    ) -> tuple[Transcription, TranscriberState]:
        """The first half alone; see :class:`apvg.models.transcription.NoteTranscriber`."""
        return self.transcriber(features_BRF, state)

    def pose(
        self, played: Tensor, state: MotionState | None = None, initial_BX: Tensor | None = None
    ) -> tuple[Motion, MotionState]:
        """The second half alone, from notes or agendas; see
        :class:`apvg.models.motion.MotionDecoder`."""
        return self.motion(played, state, initial_BX)
