"""KHP: keypoint prediction from the music (with the DLT, the paper's keypoint and heatmap prediction).

First it listens: the encoder tells which keys are struck and held. Then it moves: from nothing but those notes, the hands
find their keys. The notes between the two halves are why each can be trained on what it needs (sound of many pianos, motion
of many pieces), and why a MIDI file can take the place of listening (own choice; the source names no shapes).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor, nn

from apvg.models.listening import AudioEncoder, ListeningConfig, State
from apvg.models.moving import HandMover, Motion, MovingState
from apvg.skeleton import Skeleton


@dataclass(frozen=True)
class KHPConfig:
    """Shape of KHP.

    Attributes:
        listening: The audio encoder.
        channels: Channels per pitch in the causal stack that reads the notes.
        layers: Depth of the causal stack; its memory is 2^(layers + 1) frames.
        hidden: Size of a hand's memory.
        lookahead_frames: Frames of music heard beyond the frame that is predicted.
    """

    listening: ListeningConfig = field(default_factory=ListeningConfig)
    channels: int = 16
    layers: int = 5
    hidden: int = 128
    lookahead_frames: int = 10

    def __post_init__(self) -> None:
        if self.lookahead_frames < self.listening.delay:
            raise ValueError("KHP cannot look ahead less than its notes are late")


class KHPState(NamedTuple):
    """What KHP remembers between chunks."""

    listening: State
    moving: MovingState


class KeypointPredictor(nn.Module):
    """KHP: feature rows (or notes) in, poses out; causal, with its state carried across chunks."""

    def __init__(self, config: KHPConfig, skeleton: Skeleton) -> None:
        super().__init__()
        self.config, self.skeleton = config, skeleton
        self.listen = AudioEncoder(config.listening)
        self.move = HandMover(skeleton, config.channels, config.layers, config.hidden)

    def forward(
        self, features_BRF: Tensor, state: KHPState | None = None
    ) -> tuple[Motion, KHPState]:
        """
        Args:
            features_BRF: Feature rows of whole frames, [B, T * rows_per_frame, F].
            state: What the call for the rows before returned; None at the music's start.
        """
        logits_B2TP, listening = self.hear(features_BRF, state.listening if state else None)
        motion, moving = self.play(logits_B2TP.sigmoid(), state.moving if state else None)
        return motion, KHPState(listening, moving)

    def hear(self, features_BRF: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits of keys being struck and held [B, 2, T, 88], `listening.delay` frames before the chunk's own."""
        _, logits_B2TP, after = self.listen(features_BRF, state)
        return logits_B2TP, after

    def play(
        self, notes_B2TP: Tensor, state: MovingState | None = None, start_BH: Tensor | None = None
    ) -> tuple[Motion, MovingState]:
        """Motion from how surely keys are struck and held, `listening.delay` frames before the chunk's own."""
        return self.move(notes_B2TP, state, start_BH)
