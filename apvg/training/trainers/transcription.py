"""Stage `transcription`: KHP's transcriber learns which notes begin and which are sustained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from lightning.fabric import Fabric
from torch.optim import Adam

from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.models.khp import KeypointPredictor
from apvg.training.configs import TranscriptionTrainingConfig
from apvg.training.data.loader import Loader
from apvg.training.data.transcription import TranscribedTake, TranscriptionDataset
from apvg.training.losses.notes import note_cross_entropy, onset_f1
from apvg.training.material import Material
from apvg.training.trainers.step import Learner, StageTrainer, cosine, optimise

#: Notes are rare.
POSITIVE_WEIGHT = 2.0


class TranscriptionTrainer(StageTrainer):
    """Trains the transcriber of a KeypointPredictor."""

    def __init__(
        self,
        fabric: Fabric,
        khp: KeypointPredictor,
        takes: Sequence[TranscribedTake],
        config: TranscriptionTrainingConfig,
        *,
        workers: int = 0,
    ) -> None:
        super().__init__("transcription", fabric, config.steps)
        self.delay = khp.config.transcriber.encoder.delay
        encoder = khp.transcriber.encoder
        # Half as fast again on a CPU.
        encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.learner = Learner(
            fabric,
            encoder,
            Adam(encoder.parameters(), lr=config.rate, betas=(0.9, 0.98)),
            rate=cosine(config.rate, config.steps),
            ema=config.ema,
            max_norm=0.1,
        )
        self.dataset = TranscriptionDataset(takes, config, self.delay)
        self.loader = Loader(
            self.dataset, config.seed, config.steps, rank=fabric.global_rank, workers=workers
        )

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the takes."""
        batch = self.fabric.to_device(self.loader.begin(step))
        _, logits_B2TP, _ = self.learner.network(batch.features_BRF, None)
        loss = note_cross_entropy(logits_B2TP, batch.roll_B2TP, POSITIVE_WEIGHT, batch.valid_BT)
        losses = optimise({"notes": loss}, step, self.learner)
        late = slice(self.delay, None)
        return losses | {"onset_f1": onset_f1(logits_B2TP[:, :, late], batch.roll_B2TP[:, :, late])}


def build(material: Material, stage: str, until: int | None) -> TranscriptionTrainer:
    """The stage's trainer, on all takes whose notes are known."""
    plan, recipe = material.plan, material.plan.recipe
    known = [take for take in plan.takes if take.notes is not None and len(take.notes)]
    if not known:
        raise ApvgError(
            "no take has notes, and the stage transcription learns them",
            "prepare takes with a MIDI file of what is played, or set steps = 0 in the recipe's "
            "table transcription",
            ("midi",),
        )
    takes = [
        TranscribedTake(material.cache.music(take), plan.training_mask(take), take.filmed)
        for take in track(known, "computing features", len(known))
    ]
    khp = material.weights.initial("khp")
    return TranscriptionTrainer(
        material.fabric, khp, takes, recipe.transcription, workers=material.workers
    )
