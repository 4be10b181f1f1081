"""Bow strokes: which notes begin a new stroke, and which are slurred to the note before.

The encoder gives the probability that a stroke begins at a moment, from about a second of sound
before it. Where it is not sure, context decides: bowing has patterns, notes of one length are bowed
alike, and a repeated note takes a new stroke. So a small recurrent classifier goes from event to
event (anything that may be the start of a note) and decides which events are strokes (own choice;
the paper has no bows). The bow's direction depends on it: one stroke too many, or too few, inverts
all that follow in the phrase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.models.transcription.encoder import PITCHES, EncoderConfig
from apvg.music.features import N_BINS

#: Frames without a sound that end a phrase.
REST = 5
#: Look-ahead beyond an event, frames, on top of the encoder's own delay.
WAIT = 2
#: Frames before an event that its features are taken from.
_BEFORE = 6
#: Logit of an onset from which on a moment is an event, and of a pitch from which on it sounds.
_SUSPECTED, _SOUNDS = -3.9, 0.0
#: A summary of silence: see :meth:`StrokeClassifier.summarise`.
_SILENT, _QUIET = (-8.0, -8.0, -1.0, 0.0), -4.6
#: Size of an event's features: observed ones, and counts.
OBSERVED, COUNTED = 13, 3


@dataclass(frozen=True)
class StrokeConfig:
    """Shape of the stroke classifier.

    Attributes:
        hidden: Size of its recurrent state.
        threshold: Probability from which on an event is a stroke.
    """

    hidden: int = 48
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.hidden < 1 or not 0 < self.threshold < 1:
            raise ValueError(
                "the stroke classifier needs a hidden size, and a threshold between 0 and 1"
            )


class StrokeState(NamedTuple):
    """The classifier's state between chunks.

    Attributes:
        recent_BWX: Summaries of the last frames, minus that of silence.
        logits_B2WP: Note logits of the last frames, which wait for a decision.
        since_B3: Frames since the last event, frames since the last probable stroke, and events
            since that.
        hidden_BC: Recurrent state.
    """

    recent_BWX: Tensor
    logits_B2WP: Tensor
    since_B3: Tensor
    hidden_BC: Tensor


class Events(NamedTuple):
    """Possible starts of notes, frame by frame.

    Attributes:
        is_BT: Where there is one, bool.
        first_BT: Where it ends a rest, bool.
        probable_BT: Where the encoder alone takes it for a stroke, bool.
        observed_BTX: Observed features of the event, `OBSERVED` numbers.
    """

    is_BT: Tensor
    first_BT: Tensor
    probable_BT: Tensor
    observed_BTX: Tensor


class StrokeClassifier(nn.Module):
    """Note logits in, strokes out; causal, `WAIT` frames late, with its state carried across
    chunks."""

    def __init__(
        self, config: StrokeConfig, encoder: EncoderConfig, onset_threshold: float
    ) -> None:
        """
        Args:
            config: Its shape.
            encoder: Shape of the encoder.
            onset_threshold: Probability from which on the encoder alone takes a moment for a
                stroke.
        """
        super().__init__()
        self.rows, self.delay = encoder.rows_per_frame, encoder.delay
        self.window = _BEFORE + 1 + WAIT + self.delay
        odds_2 = torch.tensor([onset_threshold, config.threshold], dtype=torch.float64).logit()
        self.probable, self.threshold = odds_2.tolist()
        hidden = config.hidden
        self.embed = nn.Linear(OBSERVED + COUNTED, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.head = nn.Linear(2 * hidden, 1)
        self.dropout = nn.Dropout(0.0)  # training says how much
        self.mean_X: Tensor
        self.scale_X: Tensor
        self.silent_X: Tensor
        # Set by the trainer: mean and spread of the inputs.
        self.register_buffer("mean_X", torch.zeros(OBSERVED + COUNTED))
        self.register_buffer("scale_X", torch.ones(OBSERVED + COUNTED))
        silent_X = torch.tensor([*_SILENT, *[_QUIET] * self.rows])
        self.register_buffer("silent_X", silent_X, persistent=False)

    def forward(
        self, features_BRF: Tensor, logits_B2TP: Tensor, state: StrokeState | None = None
    ) -> tuple[Tensor, Tensor, StrokeState]:
        """
        Args:
            features_BRF: Feature rows of whole frames.
            logits_B2TP: Note logits of the encoder for them.
            state: What the call for the rows before returned.

        Returns:
            Where strokes begin [B, T, 88], bool, each at its pitch; the logits of the same frames,
            `WAIT` frames later; and the state.
        """
        state = state or self._initial_state(len(features_BRF), logits_B2TP)
        summary_BTX = self.summarise(features_BRF, logits_B2TP) - self.silent_X
        recent_BVX = torch.cat([state.recent_BWX, summary_BTX], dim=1)
        logits_B2VP = torch.cat([state.logits_B2WP, logits_B2TP], dim=2)
        events = self.events(recent_BVX + self.silent_X)
        since_B3, hidden_BC = state.since_B3, state.hidden_BC
        strokes = []
        for is_B, first_B, probable_B, observed_BX in zip(
            *(p.unbind(1) for p in events), strict=True
        ):
            since_B3 = since_B3 + since_B3.new_tensor([1, 1, 0])
            is_B = is_B & (since_B3[:, 0] > 1)  # one start gives one event
            if not torch.compiler.is_exporting() and not bool(is_B.any()):
                strokes.append(is_B)  # nine frames of ten; an exported graph cannot go two ways
                continue
            known_BX = torch.cat([observed_BX, self.counted(since_B3)], dim=-1)
            odds_B, after_BC = self.step(known_BX, hidden_BC)
            hidden_BC = torch.where(is_B[:, None], after_BC, hidden_BC)
            strokes.append(is_B & ((odds_B > self.threshold) | first_B))
            since_B3 = torch.where(is_B[:, None], self.count(since_B3, probable_B), since_B3)
        stroke_BT = torch.stack(strokes, dim=1)
        # The pitch is most certain one frame after the start.
        pitch_BT = logits_B2VP[:, 1, 1 : 1 + stroke_BT.shape[1]].argmax(dim=-1)
        stroke_BTP = F.one_hot(pitch_BT, PITCHES).bool() & stroke_BT[..., None]
        after = StrokeState(
            recent_BVX[:, -(self.window - 1) :], logits_B2VP[:, :, -WAIT:], since_B3, hidden_BC
        )
        return stroke_BTP, logits_B2VP[:, :, :-WAIT], after

    def summarise(self, features_BRF: Tensor, logits_B2TP: Tensor) -> Tensor:
        """Summary of every frame, [B, T, 4 + rows]: of its notes, and of the sound `delay` frames
        later.

        Logits of the most probable onset and pitch, that pitch (-1 for none), onset strength, and
        the loudness of every row (natural logarithm of power in the short window).
        """
        onset_logit_BT = logits_B2TP[:, 0].float().amax(dim=-1)
        sustained_BT, pitch_BT = logits_B2TP[:, 1].float().max(dim=-1)
        pitch_BT = torch.where(sustained_BT > _SOUNDS, pitch_BT.float(), -1.0)
        onset_BT = features_BRF[..., -1].float().unflatten(1, (-1, self.rows)).amax(dim=-1)
        short_BRN = torch.expm1(features_BRF[..., N_BINS : 2 * N_BINS].float())
        loud_BR = short_BRN.square().sum(dim=-1).add(1e-2).log()
        of_notes_BT4 = torch.stack([onset_logit_BT, sustained_BT, pitch_BT, onset_BT], dim=-1)
        return torch.cat([of_notes_BT4, loud_BR.unflatten(1, (-1, self.rows))], dim=-1)

    def events(self, summary_BVX: Tensor) -> Events:
        """Events of T frames from T + window - 1 summaries, which end `WAIT` + `delay` frames of
        sound beyond the last of them."""
        window_BTXW = summary_BVX.unfold(1, self.window, 1)
        now = _BEFORE
        # A summary's notes are older than its sound.
        onset_logit_BTW, sustained_BTW, pitch_BTW = window_BTXW[:, :, :3, self.delay :].unbind(2)
        onset_BTW, loud_BTRW = window_BTXW[:, :, 3], window_BTXW[:, :, 4:]
        sounds_BTW = (sustained_BTW > _SOUNDS) | (onset_logit_BTW > self.probable)
        first_BT = sounds_BTW[..., now] & ~sounds_BTW[..., now - REST : now].any(dim=-1)
        onset_logit_BT, pitch_BT = onset_logit_BTW[..., now], pitch_BTW[..., now]
        peak_BT = (onset_logit_BT >= _SUSPECTED) & (onset_logit_BT > onset_logit_BTW[..., now - 1])
        peak_BT = peak_BT & (onset_logit_BT >= onset_logit_BTW[..., now + 1])
        turns_BT = (pitch_BT != pitch_BTW[..., now - 1]) & (pitch_BT >= 0)
        turns_BT = turns_BT & (pitch_BT == pitch_BTW[..., now + 1])
        highest_BT = onset_logit_BTW[..., now - 1 : now + 2].amax(dim=-1)
        before_BT, after_BT = pitch_BTW[..., now - 2], pitch_BTW[..., now + 1]
        both_BT = (before_BT >= 0) & (after_BT >= 0)
        interval_BT = torch.where(both_BT, (after_BT - before_BT).clamp(-12, 12) / 6, 0.0)
        dip_BT = loud_BTRW[..., now - 2 : now + 2].flatten(2).amin(dim=-1)
        was_BT = loud_BTRW[..., : now - 2].flatten(2).amax(dim=-1)
        will_BT = loud_BTRW[..., now + 2 :].flatten(2).amax(dim=-1)
        observed = [
            highest_BT.clamp(-6, 6),
            onset_logit_BT.clamp(-6, 6),
            first_BT,
            both_BT,
            both_BT & (before_BT == after_BT),
            interval_BT,
            interval_BT.abs(),
            sustained_BTW[..., now + 1].clamp(-6, 6),
            (dip_BT - was_BT).clamp(-8, 8),
            (will_BT - dip_BT).clamp(-8, 8),
            (will_BT - was_BT).clamp(-8, 8),
            onset_BTW[..., now - 2 : now + 3].amax(dim=-1),
            will_BT,
        ]
        return Events(
            is_BT=peak_BT | turns_BT | first_BT,
            first_BT=first_BT,
            probable_BT=(highest_BT > self.probable) | first_BT,
            observed_BTX=torch.stack([value.to(onset_logit_BT) for value in observed], dim=-1),
        )

    def step(self, known_BX: Tensor, hidden_BC: Tensor) -> tuple[Tensor, Tensor]:
        """Logit [B] of an event being a stroke, and the recurrent state after it."""
        entered_BC = self.dropout(F.relu(self.embed((known_BX - self.mean_X) / self.scale_X)))
        hidden_BC = self.cell(entered_BC, hidden_BC)
        both_BC = torch.cat([self.dropout(hidden_BC), entered_BC], dim=-1)
        return self.head(both_BC)[..., 0], hidden_BC

    def classify(self, known_BNX: Tensor) -> Tensor:
        """Logits [B, N] of consecutive events being strokes, from their features, with a fresh
        state."""
        hidden_BC = known_BNX.new_zeros(len(known_BNX), self.cell.hidden_size)
        odds = []
        for known_BX in known_BNX.unbind(1):
            odds_B, hidden_BC = self.step(known_BX, hidden_BC)
            odds.append(odds_B)
        return torch.stack(odds, dim=1)

    @staticmethod
    def counted(since_B3: Tensor) -> Tensor:
        """The counts of StrokeState, scaled as the network's input."""
        return torch.cat([since_B3[:, :2].add(1).log(), since_B3[:, 2:].clamp(max=10) / 3], dim=-1)

    @staticmethod
    def count(since_B3: Tensor, probable_B: Tensor) -> Tensor:
        """The counts after an event."""
        probable_B1 = probable_B[:, None]
        event_B1, stroke_B1, events_B1 = since_B3.split(1, dim=-1)
        return torch.cat(
            [
                torch.zeros_like(event_B1),
                torch.where(probable_B1, 0.0, stroke_B1),
                torch.where(probable_B1, 1.0, events_B1 + 1),
            ],
            dim=-1,
        )

    def _initial_state(self, batch: int, logits_B2TP: Tensor) -> StrokeState:
        """The state before the music."""
        return StrokeState(
            logits_B2TP.new_zeros(batch, self.window - 1, 4 + self.rows, dtype=torch.float32),
            logits_B2TP.new_zeros(batch, 2, WAIT, PITCHES),
            logits_B2TP.new_zeros(batch, 3, dtype=torch.float32),
            logits_B2TP.new_zeros(batch, self.cell.hidden_size, dtype=torch.float32),
        )
