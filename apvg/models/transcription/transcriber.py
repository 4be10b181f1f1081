"""Transcribers: from feature rows to notes, with a small look-ahead.

There is one for notes (:class:`NoteTranscriber`), and one for bowed notes, which also predicts
strokes and slurs (:class:`BowedNoteTranscriber`). An instrument names its own
(:attr:`apvg.instruments.instrument.Instrument.transcriber`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from apvg.base.registry import Registry
from apvg.models.transcription.encoder import AudioEncoder, EncoderConfig, State
from apvg.models.transcription.strokes import WAIT, StrokeClassifier, StrokeConfig, StrokeState

#: Probability from which on a pitch is sustained.
SUSTAINED = 0.5
#: Whole music is transcribed so many frames at a time, which bounds the memory.
_BLOCK = 200


@dataclass(frozen=True)
class TranscriberConfig:
    """Shape of a transcriber.

    Attributes:
        kind: Name of the transcriber; the instrument's own where empty.
        encoder: The audio encoder.
        decided: Whether it gives decisions (0 or 1) rather than probabilities. Predicted notes are
            then like written ones, and one motion decoder serves both.
        onset_threshold: Probability from which on a pitch has an onset.
        strokes: The stroke classifier, for bowed notes.
    """

    kind: str = ""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decided: bool = False
    onset_threshold: float = 0.5
    strokes: StrokeConfig = field(default_factory=StrokeConfig)

    def __post_init__(self) -> None:
        if not 0 < self.onset_threshold < 1:
            raise ValueError("a transcriber's onset_threshold is a probability between 0 and 1")

    @property
    def delay(self) -> int:
        """How many frames late the notes come."""
        return self.encoder.delay + (TRANSCRIBERS[self.kind].wait if self.kind else 0)


class Transcription(NamedTuple):
    """Notes of the frames that lie :attr:`TranscriberConfig.delay` frames before those given.

    Attributes:
        notes_B2TP: Onset and sustained, 0..1, as the motion decoder takes them.
        logits_B2TP: Their logits.
    """

    notes_B2TP: Tensor
    logits_B2TP: Tensor


class TranscriberState(NamedTuple):
    """A transcriber's state between chunks.

    Attributes:
        encoder: The encoder's past.
        active_B1P: Which pitches were above the onset threshold in the last frame.
        strokes: State of the stroke classifier, where there is one.
    """

    encoder: State
    active_B1P: Tensor
    strokes: StrokeState | None = None


class NoteTranscriber(nn.Module):
    """Feature rows in, notes out; causal, with its state carried across chunks.

    Attributes:
        wait: Look-ahead on top of the encoder's, frames.
        one_by_one: Whether it goes through frames in a loop, which an exported graph cannot.
        decides: Whether it gives decisions whatever its config says.
    """

    wait: ClassVar[int] = 0
    one_by_one: ClassVar[bool] = False
    decides: ClassVar[bool] = False

    def __init__(self, config: TranscriberConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = AudioEncoder(config.encoder)

    def forward(
        self, features_BRF: Tensor, state: TranscriberState | None = None
    ) -> tuple[Transcription, TranscriberState]:
        """
        Args:
            features_BRF: Feature rows of whole frames, [B, T * rows_per_frame, F].
            state: Of the call for the rows before; None at the start of the music.
        """
        _, logits_B2TP, encoder = self.encoder(features_BRF, state.encoder if state else None)
        probability_B2TP = logits_B2TP.float().sigmoid()
        onset_BTP, after = self._onsets(probability_B2TP[:, 0], encoder, state)
        return self._decide(onset_BTP, probability_B2TP, logits_B2TP), after

    def _onsets(
        self,
        probability_BTP: Tensor,
        encoder: State,
        state: TranscriberState | None,
        strokes: StrokeState | None = None,
    ) -> tuple[Tensor, TranscriberState]:
        """Where the probability of an onset rises above the threshold, bool, and the state
        after."""
        active_BTP = probability_BTP > self.config.onset_threshold
        before_B1P = state.active_B1P if state else torch.zeros_like(active_BTP[:, :1])
        onset_BTP = active_BTP & ~torch.cat([before_B1P, active_BTP[:, :-1]], dim=1)
        return onset_BTP, TranscriberState(encoder, active_BTP[:, -1:], strokes)

    def _decide(
        self, onset_BTP: Tensor, probability_B2TP: Tensor, logits_B2TP: Tensor
    ) -> Transcription:
        if not self.config.decided:
            return Transcription(probability_B2TP, logits_B2TP)
        sustained_BTP = onset_BTP | (probability_B2TP[:, 1] > SUSTAINED)
        notes_B2TP = torch.stack([onset_BTP, sustained_BTP], dim=1).to(probability_B2TP)
        # Straight-through estimator (Bengio et al., 2013): a decision hands its gradient to the
        # probability.
        straight_B2TP = probability_B2TP - probability_B2TP.detach()
        return Transcription(notes_B2TP + straight_B2TP, logits_B2TP)

    @torch.inference_mode()
    def transcribe(self, features_RF: Tensor) -> Tensor:
        """Onset and sustained at every frame of whole music, bool [2, T, 88], without delay."""
        blocks, state = [], None
        for block_1RF in self.blocks(features_RF):
            transcription, state = self(block_1RF, state)
            blocks.append(transcription.notes_B2TP[0] > 0.5)
        return torch.cat(blocks, dim=1)[:, self.config.delay :]

    def blocks(self, features_RF: Tensor) -> Iterator[Tensor]:
        """Feature rows of whole music in batches of one block, followed by the silence that the
        last notes wait for."""
        rows = self.config.encoder.rows_per_frame
        silence_RF = features_RF.new_zeros(self.config.delay * rows, features_RF.shape[1])
        for block_RF in torch.cat([features_RF, silence_RF]).split(_BLOCK * rows):
            yield block_RF[None].float()


class BowedNoteTranscriber(NoteTranscriber):
    """A transcriber whose onsets are bow strokes: slurred notes have none."""

    wait = WAIT
    one_by_one = decides = True

    def __init__(self, config: TranscriberConfig) -> None:
        super().__init__(config)
        if not config.decided:
            raise ValueError(
                "strokes are decisions: a transcriber of bowed notes needs decided = true"
            )
        self.strokes = StrokeClassifier(config.strokes, config.encoder, config.onset_threshold)

    def forward(
        self, features_BRF: Tensor, state: TranscriberState | None = None
    ) -> tuple[Transcription, TranscriberState]:
        """As :meth:`NoteTranscriber.forward`."""
        _, logits_B2TP, encoder = self.encoder(features_BRF, state.encoder if state else None)
        onset_BTP, logits_B2TP, strokes = self.strokes(
            features_BRF, logits_B2TP, state.strokes if state else None
        )
        probability_B2TP = logits_B2TP.float().sigmoid()
        _, after = self._onsets(probability_B2TP[:, 0], encoder, state, strokes)
        return self._decide(onset_BTP, probability_B2TP, logits_B2TP), after


TRANSCRIBERS: Registry[type[NoteTranscriber]] = Registry("transcriber", "apvg.transcribers")
TRANSCRIBERS.register("notes", NoteTranscriber)
TRANSCRIBERS.register("bowed notes", BowedNoteTranscriber)
