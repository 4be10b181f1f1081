"""KHP: keypoint prediction from the music (with the DLT, the paper's keypoint and heatmap prediction).

First it listens: the encoder (:mod:`apvg.models.transcription.encoder`) tells which keys are struck and held, and of a string player's notes
:mod:`apvg.models.transcription.strokes` which are bowed anew. Then it moves: from nothing
but those notes, hands find their keys (:mod:`apvg.models.motion.hands`), or a player without a keyboard its whole pose
(:mod:`apvg.models.motion.body`). The notes between the two halves are why each can be trained on what it needs (sound of many pianos, motion
of many pieces), and why a MIDI file can take the place of listening (own choice; the source names no shapes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from apvg.instruments.skeleton import Skeleton
from apvg.models.motion.body import PoseMover
from apvg.models.motion.hands import HandMover, Motion, MovingState
from apvg.models.transcription.encoder import AudioEncoder, ListeningConfig, State
from apvg.models.transcription.strokes import WAIT, BowingConfig, BowingState, StrokeTeller

#: A key is taken as held while it is so likely.
HELD = 0.5
#: Whole music is listened to so many frames at a time, which bounds the memory.
_BLOCK = 200


@dataclass(frozen=True)
class KHPConfig:
    """Shape of KHP.

    Attributes:
        listening: The audio encoder.
        channels: Channels per pitch in the causal stack that reads the notes of a keyboard.
        layers: Depth of the causal stack; its memory is 2^(layers + 1) frames.
        hidden: Size of the memory of a hand, or of a whole player without a keyboard.
        lookahead_frames: Frames of music heard beyond the frame that is predicted.
        decided: Whether the hands are told which keys are struck and held rather than how likely they are. Where notes are
            what is listened for, what is heard is then like what is written, and one motion serves both.
        struck: A key is taken as struck when it becomes so likely.
        bowing: Of what tells which notes a bow is set on for; by default nothing does, and ears have the last word.
        held_frames: At a keyboard: hands are told that a struck key is held for so many frames; 0 for as long as it is. When a
            key is let go is heard badly, for strings ring on in rooms and under the pedal, and hands that go by it are misled.
    """

    listening: ListeningConfig = field(default_factory=ListeningConfig)
    channels: int = 16
    layers: int = 5
    hidden: int = 128
    lookahead_frames: int = 10
    decided: bool = False
    struck: float = 0.5
    bowing: BowingConfig = field(default_factory=BowingConfig)
    held_frames: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.struck < 1:
            raise ValueError("KHP takes a key as struck at a likelihood between 0 and 1")
        if self.held_frames < 0:
            raise ValueError("KHP cannot take keys as held for less than no frame")
        if self.bowing.hidden and not self.decided:
            raise ValueError("KHP with a bowing of its own is told decided notes: decided = true")
        if self.lookahead_frames < self.delay:
            raise ValueError("KHP cannot look ahead less than its notes are late")

    @property
    def delay(self) -> int:
        """How many frames late the hands are told of notes."""
        return self.listening.delay + (WAIT if self.bowing.hidden else 0)


class Heard(NamedTuple):
    """What was heard, :attr:`KHPConfig.delay` frames before the chunk's own.

    Attributes:
        notes_B2TP: Keys struck and held as the hands are told of them, 0..1.
        logits_B2TP: How likely they are.
    """

    notes_B2TP: Tensor
    logits_B2TP: Tensor


class HearingState(NamedTuple):
    """What the ears remember between chunks.

    Attributes:
        encoder: The encoder's past.
        likely_B1P: Which keys were likely struck in the last frame.
        bowing: What is remembered of strokes of the bow, where they are told.
    """

    encoder: State
    likely_B1P: Tensor
    bowing: BowingState | None = None


class KHPState(NamedTuple):
    """What KHP remembers between chunks."""

    hearing: HearingState
    moving: MovingState


class KeypointPredictor(nn.Module):
    """KHP: feature rows (or notes) in, poses out; causal, with its state carried across chunks."""

    def __init__(self, config: KHPConfig, skeleton: Skeleton, *, on_keys: bool = True) -> None:
        """
        Args:
            config: Its shape.
            skeleton: What it predicts.
            on_keys: Whether the hands play on a keyboard and poses are told in its coordinates.
        """
        super().__init__()
        self.config, self.skeleton = config, skeleton
        self.listen = AudioEncoder(config.listening)
        bowed = config.bowing.hidden > 0
        self.strokes = (
            StrokeTeller(config.bowing, config.listening, config.struck) if bowed else None
        )
        self.move: HandMover | PoseMover = (
            HandMover(skeleton, config.channels, config.layers, config.hidden, config.held_frames)
            if on_keys
            else PoseMover(skeleton, config.layers, config.hidden)
        )

    def forward(
        self, features_BRF: Tensor, state: KHPState | None = None
    ) -> tuple[Motion, KHPState]:
        """
        Args:
            features_BRF: Feature rows of whole frames, [B, T * rows_per_frame, F].
            state: What the call for the rows before returned; None at the music's start.
        """
        heard, hearing = self.hear(features_BRF, state.hearing if state else None)
        motion, moving = self.play(heard.notes_B2TP, state.moving if state else None)
        return motion, KHPState(hearing, moving)

    def hear(
        self, features_BRF: Tensor, state: HearingState | None = None
    ) -> tuple[Heard, HearingState]:
        """Keys struck and held, told from the sound."""
        _, logits_B2TP, encoder = self.listen(features_BRF, state.encoder if state else None)
        bowing, stroke_BTP = None, None
        if self.strokes is not None:
            stroke_BTP, logits_B2TP, bowing = self.strokes(
                features_BRF, logits_B2TP, state.bowing if state else None
            )
        chance_B2TP = logits_B2TP.float().sigmoid()
        likely_BTP = chance_B2TP[:, 0] > self.config.struck
        before_B1P = state.likely_B1P if state else torch.zeros_like(likely_BTP[:, :1])
        after = HearingState(encoder, likely_BTP[:, -1:], bowing)
        if not self.config.decided:
            return Heard(chance_B2TP, logits_B2TP), after
        struck_BTP = likely_BTP & ~torch.cat([before_B1P, likely_BTP[:, :-1]], dim=1)
        struck_BTP = struck_BTP if stroke_BTP is None else stroke_BTP
        held_BTP = struck_BTP | (chance_B2TP[:, 1] > HELD)
        told_B2TP = torch.stack([struck_BTP, held_BTP], dim=1).to(chance_B2TP)
        # Straight through (Bengio et al., 2013): what motion asks of a decision goes to its likelihood.
        return Heard(told_B2TP + (chance_B2TP - chance_B2TP.detach()), logits_B2TP), after

    @torch.inference_mode()
    def transcribe(self, features_RF: Tensor) -> Tensor:
        """Keys struck and held at every frame of whole music [2, T, 88], bool; nothing is late."""
        blocks, state = [], None
        for block_1RF in self.blocks(features_RF):
            heard, state = self.hear(block_1RF, state)
            blocks.append(heard.notes_B2TP[0] > 0.5)
        return torch.cat(blocks, dim=1)[:, self.config.delay :]

    def blocks(self, features_RF: Tensor) -> Iterator[Tensor]:
        """Feature rows of whole music as batches of one, a block at a time, and the silence in which its last notes are told."""
        rows = self.config.listening.rows_per_frame
        silence_RF = features_RF.new_zeros(self.config.delay * rows, features_RF.shape[1])
        for block_RF in torch.cat([features_RF, silence_RF]).split(_BLOCK * rows):
            yield block_RF[None].float()

    def play(
        self, notes_B2TP: Tensor, state: MovingState | None = None, start_BX: Tensor | None = None
    ) -> tuple[Motion, MovingState]:
        """Motion from how surely keys are struck and held, `config.delay` frames before the chunk's own."""
        return self.move(notes_B2TP, state, start_BX)
