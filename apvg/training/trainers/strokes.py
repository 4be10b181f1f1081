"""Stage `strokes`: the bow-stroke classifier learns which events in the sound are strokes of the
bow."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.fabric import Fabric
from torch.nn import functional as F
from torch.optim import AdamW

from apvg.base.errors import ApvgError
from apvg.base.progress import track
from apvg.models.transcription.strokes import StrokeClassifier
from apvg.models.transcription.transcriber import BowedNoteTranscriber
from apvg.training.configs import StrokeTrainingConfig
from apvg.training.data.loader import Loader
from apvg.training.data.strokes import StrokeDataset, StrokeTake, is_bowing_known
from apvg.training.material import Material
from apvg.training.trainers.step import Learner, StageTrainer, cosine, optimise


class StrokeTrainer(StageTrainer):
    """Trains the bow-stroke classifier of a KeypointPredictor."""

    def __init__(
        self,
        fabric: Fabric,
        strokes: StrokeClassifier,
        takes: Sequence[StrokeTake],
        config: StrokeTrainingConfig,
        *,
        workers: int = 0,
    ) -> None:
        super().__init__("strokes", fabric, config.steps)
        dataset = StrokeDataset(takes, config)
        strokes.mean_X.copy_(dataset.known_NX.mean(dim=0))
        strokes.scale_X.copy_(dataset.known_NX.std(dim=0, correction=0) + 1e-2)
        strokes.dropout.p = config.dropout
        self.learner = Learner(
            fabric,
            strokes,
            AdamW(strokes.parameters(), lr=config.rate, weight_decay=config.decay),
            rate=cosine(config.rate, config.steps),
            ema=config.ema,
            methods=("classify",),
        )
        self.loader = Loader(
            dataset, config.seed, config.steps, rank=fabric.global_rank, workers=workers
        )

    def training_step(self, step: int) -> dict[str, float]:
        """One step on excerpts of the takes."""
        batch = self.fabric.to_device(self.loader.begin(step))
        logits_BN = self.learner.network.classify(batch.known_BNX)
        loss = F.binary_cross_entropy_with_logits(logits_BN, batch.stroke_BN)
        losses = optimise({"strokes": loss}, step, self.learner)
        right_BN = (logits_BN > 0) == (batch.stroke_BN > 0)
        return losses | {"accuracy": float(right_BN.float().mean())}


def build(material: Material, stage: str, until: int | None) -> StrokeTrainer:
    """The stage's trainer, on all takes whose bowing is known, with the transcriber as it is."""
    plan, recipe = material.plan, material.plan.recipe
    khp = material.weights.initial_khp()
    if not isinstance(khp.transcriber, BowedNoteTranscriber):
        begun = f" of {plan.start_from}" if plan.start_from else ""
        raise ApvgError(
            f"the transcriber{begun} that recipe {recipe.name} trains has no bow-stroke classifier",
            'set kind = "bowed notes" in its table model.khp.transcriber, '
            "and start from no other KHP, or leave out strokes",
        )
    khp.eval().requires_grad_(False)
    known = [take for take in plan.takes if is_bowing_known(take)]
    takes = [
        material.cache.events(take, khp)
        for take in track(known, "finding possible strokes", len(known))
    ]
    if not any(len(take.stroke_N) for take in takes):
        raise ApvgError(
            "no take has bow strokes that the transcriber can be trained on",
            "generate takes of a virtual string player, or set steps = 0 in the recipe's table "
            "strokes",
        )
    khp.transcriber.strokes.train().requires_grad_(True)
    return StrokeTrainer(
        material.fabric, khp.transcriber.strokes, takes, recipe.strokes, workers=material.workers
    )
