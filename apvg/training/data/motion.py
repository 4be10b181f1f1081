"""Excerpts of notes and motion, for KHP."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from apvg.instruments.skeleton import Skeleton
from apvg.models.fingering import Planned, agenda
from apvg.training.configs import MotionTrainingConfig
from apvg.training.data.music import OCTAVE, Music, interpolate, retimed
from apvg.training.data.sampling import StepRandom, sampling_weights


@dataclass(frozen=True)
class MotionTake:
    """A take's music and motion.

    Attributes:
        music: Its music.
        poses_TKD: Keypoints in pose space.
        confidence_TK: 0 where a keypoint was not seen.
        training_T: bool; the frames that may be trained on.
        filmed: Whether it is real footage, not a generated take.
        octave: How far an octave is along the surface, pose units; 0 where motion does not shift
            with pitch.
        predicted_2TP: Onset and sustained planes that the trained transcriber predicts, bool; None
            where they are not needed.
        targets: What each loss of the instrument compares with, frame by frame [T, ...], by the
            loss's name.
        planned: The notes with the fingers that play them, for a decoder that takes agendas.
        heights_TK: How high the points are, pose units; None where it is not known.
    """

    music: Music
    poses_TKD: Tensor
    confidence_TK: Tensor
    training_T: Tensor
    filmed: bool
    octave: float = 0.0
    predicted_2TP: Tensor | None = None
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    planned: Planned | None = None
    heights_TK: Tensor | None = None

    @property
    def octaves(self) -> Sequence[int]:
        """Shifts, in octaves, that music and motion allow together.

        Generated takes are everywhere already.
        """
        return self.music.playable_octaves if self.octave and self.filmed else (0,)


class MotionBatch(NamedTuple):
    """A step's excerpts of T frames. Notes cover the look-ahead as well.

    Attributes:
        features_XRF: Feature rows of the first X excerpts, which are transcribed end to end.
        roll_B2TP: Onset and sustained planes, from `delay` frames before the excerpt on.
        played: What the motion decoder is given, where an excerpt is not transcribed: notes
            [B, 2, T, 88], or agendas [B, T, 2, 5, 15].
        known_BT: 1 where the notes are known.
        poses_BTKD: True poses.
        weight_BTK: 1 for points that were seen in frames that carry a loss.
        visible_BTH: 1 where a limb that plays is in the picture.
        valid_BT: 1 in frames that carry a loss.
        initial_BX: The motion decoder's initial state.
        heights_BTK: How high the points are; NaN where it is not known.
        targets: What each loss of the instrument compares with, [B, T, ...].
        window: First frame that the discriminator is shown; -1 in steps without discriminator.
    """

    features_XRF: Tensor
    roll_B2TP: Tensor
    played: Tensor
    known_BT: Tensor
    poses_BTKD: Tensor
    weight_BTK: Tensor
    visible_BTH: Tensor
    valid_BT: Tensor
    initial_BX: Tensor
    heights_BTK: Tensor
    targets: Mapping[str, Tensor]
    window: int


class _Excerpt(NamedTuple):
    """One of a batch; no features where it is not transcribed."""

    features_RF: Tensor | None
    roll_2TP: Tensor
    played: Tensor
    known_T: Tensor
    poses_TKD: Tensor
    weight_TK: Tensor
    visible_TH: Tensor
    valid_T: Tensor
    initial_X: Tensor
    heights_TK: Tensor
    targets: Mapping[str, Tensor]


class MotionDataset:
    """Excerpts of takes at random times, speeds and octaves.

    Args:
        takes: What is sampled from.
        config: How.
        skeleton: Of the poses.
        initial: The motion decoder's initial state [X], given the excerpt's first pose [K, D],
            which of its points are seen [K], and all notes before [2, T, 88].
        delay: How many frames late the transcriber predicts notes.
        lookahead: Frames of notes beyond the excerpt; none where agendas are planned, which have a
            look-ahead of their own.
    """

    def __init__(
        self,
        takes: Sequence[MotionTake],
        config: MotionTrainingConfig,
        skeleton: Skeleton,
        initial: Callable[[Tensor, Tensor, Tensor], Tensor],
        *,
        delay: int,
        lookahead: int,
    ) -> None:
        self.takes, self.config, self.initial = takes, config, initial
        self.players = [list(ids) for ids in skeleton.players.values()]
        self.delay, self.lookahead = delay, lookahead
        self.weights_N = sampling_weights(
            [float(take.training_T.sum()) for take in takes],
            [take.filmed for take in takes],
            config.filmed_share,
        )

    def batch(self, step: int, random: StepRandom) -> MotionBatch:
        """First the excerpts that are transcribed, then those on predicted notes, then those on
        true ones."""
        config = self.config
        predicted_to = config.transcribed + config.on_predicted_notes
        excerpts = [
            self._excerpt(
                random,
                transcribed=i < config.transcribed,
                on_predicted_notes=config.transcribed <= i < predicted_to,
            )
            for i in range(config.excerpts)
        ]
        features, *others, targets = zip(*excerpts, strict=True)
        rows = [features_RF for features_RF in features if features_RF is not None]
        window = -1
        if step >= config.adversarial_from:
            span = config.frames - config.warm_up - config.window
            window = config.warm_up + int(random.numpy.integers(span + 1))
        return MotionBatch._make(
            (
                torch.stack(rows) if rows else torch.zeros(0),
                *(torch.stack(part) for part in others),
                {name: torch.stack([target[name] for target in targets]) for name in targets[0]},
                window,
            )
        )

    def _excerpt(
        self, random: StepRandom, *, transcribed: bool, on_predicted_notes: bool
    ) -> _Excerpt:
        config = self.config
        take = self.takes[int(random.numpy.choice(len(self.takes), p=self.weights_N))]
        speed = float(random.numpy.uniform(*config.speeds))
        octave = int(random.numpy.choice(take.octaves if config.shift_octaves else (0,)))
        gain_db = float(random.numpy.uniform(*config.gains_db))
        # Excerpts that begin before the take teach how a piece begins. Of a take that is shorter
        # than an excerpt, all of it.
        latest = max(0.0, len(take.music) - config.frames * speed)
        start = float(random.numpy.uniform(-config.warm_up, latest))
        length = config.frames + max(self.lookahead, self.delay)
        features_RF = None
        if transcribed:
            features_RF = take.music.excerpt(start, length, speed, octave, gain_db)
        late = start - self.delay * speed
        roll_2TP = take.music.roll(late, length, speed, octave)
        # The initial state depends on all that was played before, from the take's beginning on.
        past = max(0, math.ceil(late / speed))
        before = late - past * speed, past, speed, octave
        if take.planned is not None:
            played = self._agenda(take.planned, start, speed, octave, take.music.config.fps, random)
            past_2TP = roll_2TP[:, :0]
        elif on_predicted_notes and take.predicted_2TP is not None:
            played = retimed(take.predicted_2TP, late, length, speed, octave)
            past_2TP = retimed(take.predicted_2TP, *before)
        else:
            played = self._with_mistakes(roll_2TP, random.torch)
            past_2TP = take.music.roll(*before)

        times = torch.arange(config.frames) * speed + start
        poses_TKD = interpolate(take.poses_TKD, times)
        poses_TKD[..., 0] += octave * take.octave
        index = times.round().long().clamp(0, len(take.music) - 1)
        seen_TK = take.confidence_TK[index] > 0
        valid_T = take.training_T[index].float()
        valid_T[: config.warm_up] = 0.0
        valid_T[(times < 0) | (times > len(take.music) - 1)] = 0.0
        visible = [seen_TK[:, ids].any(dim=1) for ids in self.players]
        return _Excerpt(
            features_RF,
            roll_2TP,
            played,
            torch.full((length,), float(take.music.notes is not None)),
            poses_TKD,
            seen_TK * valid_T[:, None],
            torch.stack(visible, dim=1).float(),
            valid_T,
            self.initial(poses_TKD[0], seen_TK[0], past_2TP),
            torch.full(seen_TK.shape, torch.nan)
            if take.heights_TK is None
            else interpolate(take.heights_TK, times),
            {name: target_TX[index] for name, target_TX in take.targets.items()},
        )

    def _agenda(
        self,
        planned: Planned,
        start: float,
        speed: float,
        octave: int,
        fps: float,
        random: StepRandom,
    ) -> Tensor:
        """The agendas of an excerpt, as live music or a file would give them: with some
        look-ahead, and with onsets that are exact or those of frames."""
        config, fps = self.config, fps / speed
        lookahead = int(random.numpy.integers(config.lookahead[0], config.lookahead[1] + 1))
        seconds_T = (start / speed + np.arange(config.frames)) / fps
        moved = replace(planned, pitch_N=planned.pitch_N + OCTAVE * octave)
        if random.numpy.random() < config.frame_onsets:
            moved = replace(moved, onset_N=self._at_frames(planned.onset_N, seconds_T[0], fps))
        agenda_THFE = agenda(moved, seconds_T, fps, lookahead / fps)
        return torch.from_numpy(agenda_THFE)

    def _at_frames(self, onset_N: np.ndarray, start: float, fps: float) -> np.ndarray:
        """Onsets at the nearest frames of an excerpt."""
        return np.round((onset_N - start) * fps) / fps + start

    def _with_mistakes(self, roll_2TP: Tensor, random: torch.Generator) -> Tensor:
        """Notes as a transcriber might have predicted them."""
        onset_TP, sustained_TP = roll_2TP
        kept_TP, spurious_TP = (torch.rand(onset_TP.shape, generator=random) for _ in range(2))
        kept_TP = (kept_TP >= self.config.missed).float()
        spurious_TP = (spurious_TP < self.config.spurious).float()
        onset_TP = torch.maximum(onset_TP * kept_TP, spurious_TP)
        return torch.stack([onset_TP, torch.maximum(sustained_TP, spurious_TP)])
