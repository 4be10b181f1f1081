"""Which notes the bow is set on for, and which go on in its stroke: the second thought of a string player's ears.

The encoder (:mod:`apvg.models.transcription.encoder`) says of every moment how likely a stroke begins there, by the second of sound before it.
Where it is not sure, music tells: strokes come in patterns, notes of one length are bowed alike, a note struck again is bowed
again. So a small recurrent network goes from event to event, from whatever could be the beginning of a note to the next, and says which
of them are strokes (own choice; the source has no bows). All of the bow's direction hangs on that: one stroke too many, or too few,
turns those that follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apvg.models.motion.body import REST
from apvg.models.transcription.encoder import PITCHES, ListeningConfig
from apvg.music.features import N_BINS

#: Frames beyond an event that are waited for, on top of the ears' own delay.
WAIT = 2
#: Frames before an event that are looked at.
_BEFORE = 6
#: Log-odds of a stroke from which on a moment is an event, and of a pitch from which on it sounds.
_SUSPECTED, _SOUNDS = -3.9, 0.0
#: A summary of silence: see :meth:`StrokeTeller.summarise`.
_SILENT, _QUIET = (-8.0, -8.0, -1.0, 0.0), -4.6
#: How many numbers are known of an event: what is seen of it, and what is counted.
SEEN, COUNTED = 13, 3


@dataclass(frozen=True)
class BowingConfig:
    """Shape of what tells strokes.

    Attributes:
        hidden: Size of its memory; 0 where nothing is bowed, and ears have the last word.
        told: An event is told as a stroke when it is so likely.
    """

    hidden: int = 0
    told: float = 0.5

    def __post_init__(self) -> None:
        if self.hidden < 0 or not 0 < self.told < 1:
            raise ValueError(
                "strokes are told at a likelihood between 0 and 1, by no less than nothing"
            )


class BowingState(NamedTuple):
    """What is remembered between chunks.

    Attributes:
        recent_BWX: The last frames' summaries, less that of silence.
        logits_B2WP: The last frames' notes, which wait for a decision.
        since_B3: Frames since the last event, frames since the last one that the ears take for a stroke, and events since that.
        memory_BC: The network's own.
    """

    recent_BWX: Tensor
    logits_B2WP: Tensor
    since_B3: Tensor
    memory_BC: Tensor


class Events(NamedTuple):
    """What could be the beginnings of notes, frame by frame.

    Attributes:
        is_BT: Where there is one, bool.
        first_BT: Where it ends a rest, bool.
        likely_BT: Where the ears take it for a stroke, bool.
        seen_BTX: What is seen of it, `SEEN` numbers.
    """

    is_BT: Tensor
    first_BT: Tensor
    likely_BT: Tensor
    seen_BTX: Tensor


class StrokeTeller(nn.Module):
    """The ears' log-odds in, strokes out; causal, `WAIT` frames late, with its state carried across chunks."""

    def __init__(self, config: BowingConfig, listening: ListeningConfig, struck: float) -> None:
        """
        Args:
            config: Its shape.
            listening: Shape of the encoder.
            struck: Likelihood from which on the ears take a moment for a stroke.
        """
        super().__init__()
        self.rows, self.delay = listening.rows_per_frame, listening.delay
        self.window = _BEFORE + 1 + WAIT + self.delay
        odds_2 = torch.tensor([struck, config.told], dtype=torch.float64).logit()
        self.likely, self.told = odds_2.tolist()
        hidden = config.hidden
        self.enter = nn.Linear(SEEN + COUNTED, hidden)
        self.remember = nn.GRUCell(hidden, hidden)
        self.tell = nn.Linear(2 * hidden, 1)
        self.drop = nn.Dropout(0.0)  # training says how much
        self.mean_X: Tensor
        self.scale_X: Tensor
        self.silent_X: Tensor
        # Told by the trainer: what numbers are usual.
        self.register_buffer("mean_X", torch.zeros(SEEN + COUNTED))
        self.register_buffer("scale_X", torch.ones(SEEN + COUNTED))
        silent_X = torch.tensor([*_SILENT, *[_QUIET] * self.rows])
        self.register_buffer("silent_X", silent_X, persistent=False)

    def forward(
        self, features_BRF: Tensor, logits_B2TP: Tensor, state: BowingState | None = None
    ) -> tuple[Tensor, Tensor, BowingState]:
        """
        Args:
            features_BRF: Feature rows of whole frames.
            logits_B2TP: What the encoder makes of them.
            state: What the call for the rows before returned.

        Returns:
            Where strokes begin [B, T, 88], bool, each at the pitch that it sounds; the logits of the same frames, `WAIT` frames
            later than they were; and the state.
        """
        state = state or self._at_rest(len(features_BRF), logits_B2TP)
        summary_BTX = self.summarise(features_BRF, logits_B2TP) - self.silent_X
        recent_BVX = torch.cat([state.recent_BWX, summary_BTX], dim=1)
        logits_B2VP = torch.cat([state.logits_B2WP, logits_B2TP], dim=2)
        events = self.events(recent_BVX + self.silent_X)
        since_B3, memory_BC = state.since_B3, state.memory_BC
        strokes = []
        for is_B, first_B, likely_B, seen_BX in zip(*(p.unbind(1) for p in events), strict=True):
            since_B3 = since_B3 + since_B3.new_tensor([1, 1, 0])
            is_B = is_B & (since_B3[:, 0] > 1)  # one beginning is not seen twice
            if not torch.compiler.is_exporting() and not bool(is_B.any()):
                strokes.append(is_B)  # nine frames of ten; an exported graph cannot go two ways
                continue
            known_BX = torch.cat([seen_BX, self.counted(since_B3)], dim=-1)
            odds_B, after_BC = self.step(known_BX, memory_BC)
            memory_BC = torch.where(is_B[:, None], after_BC, memory_BC)
            strokes.append(is_B & ((odds_B > self.told) | first_B))
            since_B3 = torch.where(is_B[:, None], self.count(since_B3, likely_B), since_B3)
        stroke_BT = torch.stack(strokes, dim=1)
        # A frame after its beginning a note is surest which it is.
        pitch_BT = logits_B2VP[:, 1, 1 : 1 + stroke_BT.shape[1]].argmax(dim=-1)
        stroke_BTP = F.one_hot(pitch_BT, PITCHES).bool() & stroke_BT[..., None]
        after = BowingState(
            recent_BVX[:, -(self.window - 1) :], logits_B2VP[:, :, -WAIT:], since_B3, memory_BC
        )
        return stroke_BTP, logits_B2VP[:, :, :-WAIT], after

    def summarise(self, features_BRF: Tensor, logits_B2TP: Tensor) -> Tensor:
        """What is asked of every frame later, [B, T, 4 + rows]: of notes, and of sound that is `delay` frames younger.

        Log-odds of the likeliest stroke and of the likeliest pitch, which pitch that is (-1 for none), the onset's strength, and the
        loudness of all rows, the natural logarithm of power in the short window.
        """
        struck_BT = logits_B2TP[:, 0].float().amax(dim=-1)
        sure_BT, pitch_BT = logits_B2TP[:, 1].float().max(dim=-1)
        pitch_BT = torch.where(sure_BT > _SOUNDS, pitch_BT.float(), -1.0)
        onset_BT = features_BRF[..., -1].float().unflatten(1, (-1, self.rows)).amax(dim=-1)
        short_BRN = torch.expm1(features_BRF[..., N_BINS : 2 * N_BINS].float())
        loud_BR = short_BRN.square().sum(dim=-1).add(1e-2).log()
        of_notes_BT4 = torch.stack([struck_BT, sure_BT, pitch_BT, onset_BT], dim=-1)
        return torch.cat([of_notes_BT4, loud_BR.unflatten(1, (-1, self.rows))], dim=-1)

    def events(self, summary_BVX: Tensor) -> Events:
        """Events of T frames from T + window - 1 summaries, which end `WAIT` + `delay` frames of sound beyond the last of them."""
        window_BTXW = summary_BVX.unfold(1, self.window, 1)
        now = _BEFORE
        # Summaries are of notes that are older than their sound.
        struck_BTW, sure_BTW, pitch_BTW = window_BTXW[:, :, :3, self.delay :].unbind(2)
        onset_BTW, loud_BTRW = window_BTXW[:, :, 3], window_BTXW[:, :, 4:]
        sounds_BTW = (sure_BTW > _SOUNDS) | (struck_BTW > self.likely)
        first_BT = sounds_BTW[..., now] & ~sounds_BTW[..., now - REST : now].any(dim=-1)
        struck_BT, pitch_BT = struck_BTW[..., now], pitch_BTW[..., now]
        peak_BT = (struck_BT >= _SUSPECTED) & (struck_BT > struck_BTW[..., now - 1])
        peak_BT = peak_BT & (struck_BT >= struck_BTW[..., now + 1])
        turns_BT = (pitch_BT != pitch_BTW[..., now - 1]) & (pitch_BT >= 0)
        turns_BT = turns_BT & (pitch_BT == pitch_BTW[..., now + 1])
        likeliest_BT = struck_BTW[..., now - 1 : now + 2].amax(dim=-1)
        before_BT, after_BT = pitch_BTW[..., now - 2], pitch_BTW[..., now + 1]
        both_BT = (before_BT >= 0) & (after_BT >= 0)
        interval_BT = torch.where(both_BT, (after_BT - before_BT).clamp(-12, 12) / 6, 0.0)
        dip_BT = loud_BTRW[..., now - 2 : now + 2].flatten(2).amin(dim=-1)
        was_BT = loud_BTRW[..., : now - 2].flatten(2).amax(dim=-1)
        will_BT = loud_BTRW[..., now + 2 :].flatten(2).amax(dim=-1)
        seen = [
            likeliest_BT.clamp(-6, 6),
            struck_BT.clamp(-6, 6),
            first_BT,
            both_BT,
            both_BT & (before_BT == after_BT),
            interval_BT,
            interval_BT.abs(),
            sure_BTW[..., now + 1].clamp(-6, 6),
            (dip_BT - was_BT).clamp(-8, 8),
            (will_BT - dip_BT).clamp(-8, 8),
            (will_BT - was_BT).clamp(-8, 8),
            onset_BTW[..., now - 2 : now + 3].amax(dim=-1),
            will_BT,
        ]
        return Events(
            is_BT=peak_BT | turns_BT | first_BT,
            first_BT=first_BT,
            likely_BT=(likeliest_BT > self.likely) | first_BT,
            seen_BTX=torch.stack([part.to(struck_BT) for part in seen], dim=-1),
        )

    def step(self, known_BX: Tensor, memory_BC: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds [B] of an event's being a stroke, and the memory after it."""
        entered_BC = self.drop(F.relu(self.enter((known_BX - self.mean_X) / self.scale_X)))
        memory_BC = self.remember(entered_BC, memory_BC)
        told_BC = torch.cat([self.drop(memory_BC), entered_BC], dim=-1)
        return self.tell(told_BC)[..., 0], memory_BC

    def tell_all(self, known_BNX: Tensor) -> Tensor:
        """Log-odds [B, N] of consecutive events' being strokes, from all that is known of each; nothing is remembered before."""
        memory_BC = known_BNX.new_zeros(len(known_BNX), self.remember.hidden_size)
        odds = []
        for known_BX in known_BNX.unbind(1):
            odds_B, memory_BC = self.step(known_BX, memory_BC)
            odds.append(odds_B)
        return torch.stack(odds, dim=1)

    @staticmethod
    def counted(since_B3: Tensor) -> Tensor:
        """What is counted (see BowingState) as the network is told of it."""
        return torch.cat([since_B3[:, :2].add(1).log(), since_B3[:, 2:].clamp(max=10) / 3], dim=-1)

    @staticmethod
    def count(since_B3: Tensor, likely_B: Tensor) -> Tensor:
        """What is counted from an event on."""
        likely_B1 = likely_B[:, None]
        event_B1, stroke_B1, events_B1 = since_B3.split(1, dim=-1)
        return torch.cat(
            [
                torch.zeros_like(event_B1),
                torch.where(likely_B1, 0.0, stroke_B1),
                torch.where(likely_B1, 1.0, events_B1 + 1),
            ],
            dim=-1,
        )

    def _at_rest(self, batch: int, logits_B2TP: Tensor) -> BowingState:
        """What is known before the music."""
        return BowingState(
            logits_B2TP.new_zeros(batch, self.window - 1, 4 + self.rows, dtype=torch.float32),
            logits_B2TP.new_zeros(batch, 2, WAIT, PITCHES),
            logits_B2TP.new_zeros(batch, 3, dtype=torch.float32),
            logits_B2TP.new_zeros(batch, self.remember.hidden_size, dtype=torch.float32),
        )
