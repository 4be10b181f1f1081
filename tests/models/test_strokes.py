"""The stroke classifier: on known events, in chunks against the whole, and in training against
inference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.fabric import Fabric

from apvg.instruments.skeleton import BODY_HANDS_AND_BOW
from apvg.models.khp import KeypointPredictor, KHPConfig
from apvg.models.motion import MotionConfig
from apvg.models.motion.body import count_strokes
from apvg.models.transcription.encoder import EncoderConfig
from apvg.models.transcription.strokes import WAIT, StrokeClassifier, StrokeConfig
from apvg.models.transcription.transcriber import BowedNoteTranscriber, TranscriberConfig
from apvg.music.features import FeatureConfig
from apvg.training.configs import StrokeTrainingConfig
from apvg.training.data.strokes import StrokeTake, find_events, label_strokes
from apvg.training.trainers.strokes import StrokeTrainer

ENCODER = EncoderConfig(spectral=4, channels=6, layers=3)
FRAMES, ROWS = 60, 4


def classifier(threshold: float = 0.5) -> StrokeClassifier:
    torch.manual_seed(0)
    return StrokeClassifier(
        StrokeConfig(hidden=6, threshold=threshold), ENCODER, onset_threshold=0.4
    ).eval()


def sound(frames: int = FRAMES, batch: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, frames * ROWS, FeatureConfig().size, generator=generator)


def note_logits(frames: int = FRAMES, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """Of an unsure encoder: about every fourth frame is an event."""
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(batch, 2, frames, 88, generator=generator) - 7


def melody(notes: list[tuple[int, int, int]], strokes: set[int]) -> torch.Tensor:
    """Logits of certain notes (first frame, end, pitch), with onsets for those that begin at some
    frames."""
    logits_12TP = torch.full((1, 2, FRAMES, 88), -8.0)
    for start, stop, pitch in notes:
        logits_12TP[0, 1, start:stop, pitch] = 5.0
        if start in strokes:
            logits_12TP[0, 0, start, pitch] = 5.0
    return logits_12TP


def stroke_frames(stroke_1TP: torch.Tensor) -> list[tuple[int, int]]:
    """Frame, of the notes themselves, and pitch of every stroke."""
    return [(int(t) - WAIT, int(p)) for t, p in stroke_1TP[0].nonzero()]


def test_every_start_of_a_note_is_an_event_at_its_frame_and_pitch():
    notes = [(10, 20, 40), (20, 30, 42), (30, 38, 40), (38, 44, 40), (52, 58, 35)]
    logits_12TP = melody(notes, {10, 30, 38})  # a slur at 20; no onset after the rest
    with torch.no_grad():
        always = classifier(threshold=1e-6)(sound(), logits_12TP)[0]
        never = classifier(threshold=1 - 1e-6)(sound(), logits_12TP)[0]
    assert stroke_frames(always) == [(10, 40), (20, 42), (30, 40), (38, 40), (52, 35)]
    # Sound after a rest was begun by a stroke, whatever its probability.
    assert stroke_frames(never) == [(10, 40), (52, 35)]


def test_one_start_is_one_stroke():
    logits_12TP = melody([(10, 30, 40)], {10})
    logits_12TP[0, 0, 11, 52] = 6.0  # its octave, a frame late, and more certain
    with torch.no_grad():
        stroke_1TP, _, _ = classifier(threshold=1e-6)(sound(), logits_12TP)
    assert stroke_frames(stroke_1TP) == [(10, 40)]


def test_the_notes_come_as_late_as_the_strokes():
    logits_12TP = note_logits()
    _, late_12TP, _ = classifier()(sound(), logits_12TP)
    torch.testing.assert_close(late_12TP[:, :, WAIT:], logits_12TP[:, :, :-WAIT])
    assert late_12TP.shape == logits_12TP.shape


@settings(max_examples=20, deadline=None)
@given(
    cuts=st.lists(st.integers(1, FRAMES - 1), max_size=6, unique=True).map(sorted),
    seed=st.integers(0, 99),
)
def test_any_chunking_gives_the_strokes_of_the_whole(cuts: list[int], seed: int):
    classify, rows_BRF, logits_B2TP = (
        classifier(),
        sound(batch=2, seed=seed),
        note_logits(batch=2, seed=seed),
    )
    with torch.no_grad():
        whole_BTP, late_B2TP, _ = classify(rows_BRF, logits_B2TP)
        strokes, late, state = [], [], None
        for start, stop in zip([0, *cuts], [*cuts, FRAMES], strict=True):
            stroke_BTP, part_B2TP, state = classify(
                rows_BRF[:, start * ROWS : stop * ROWS], logits_B2TP[:, :, start:stop], state
            )
            strokes.append(stroke_BTP)
            late.append(part_B2TP)
    assert torch.equal(torch.cat(strokes, dim=1), whole_BTP)
    assert torch.equal(torch.cat(late, dim=2), late_B2TP)
    assert whole_BTP.any()


def predictor(threshold: float = 0.5, lookahead: int = 10) -> KeypointPredictor:
    torch.manual_seed(0)
    config = KHPConfig(
        TranscriberConfig("bowed notes", ENCODER, True, strokes=StrokeConfig(6, threshold)),
        MotionConfig("body", layers=2, hidden=8, decisions=(128, 5)),
        lookahead_frames=lookahead,
    )
    khp = KeypointPredictor(config, BODY_HANDS_AND_BOW).eval()
    # An untrained encoder finds nothing otherwise.
    torch.nn.init.zeros_(khp.transcriber.encoder.notes.bias)  # pyright: ignore[reportArgumentType]
    khp.transcriber.encoder.notes.weight.data *= 20
    return khp


def test_training_gets_the_events_and_features_of_inference():
    """The same events with the same features, or the classifier would meet what it was not trained
    on."""
    khp = predictor()
    features_RF = sound(frames=80)[0] * (torch.rand(80 * ROWS, 1) > 0.3)
    assert isinstance(khp.transcriber, BowedNoteTranscriber)
    seen: list[torch.Tensor] = []
    step = khp.transcriber.strokes.step

    def recording(known_BX: torch.Tensor, hidden_BC: torch.Tensor):
        seen.append(known_BX[0].clone())
        return step(known_BX, hidden_BC)

    khp.transcriber.strokes.step = recording
    with torch.no_grad():
        notes_2TP = khp.transcriber.transcribe(features_RF)
        khp.transcriber.strokes.step = step
        frame_N, known_NX = find_events(khp.transcriber, features_RF)
        odds_N = khp.transcriber.strokes.classify(known_NX[None])[0]
    assert len(frame_N) > 5
    torch.testing.assert_close(torch.stack(seen), known_NX)
    surely = (odds_N > 0) & (frame_N >= 0) & (frame_N < 80)
    assert surely.any()
    assert notes_2TP[0, frame_N[surely]].any(dim=1).all()


def test_strokes_come_as_late_as_the_config_says():
    late, soon = predictor().config, KHPConfig(TranscriberConfig("notes", ENCODER))
    assert late.delay == soon.delay + WAIT
    with pytest.raises(ValueError, match="lookahead_frames"):
        predictor(lookahead=3)
    with pytest.raises(ValueError, match="decided"):
        BowedNoteTranscriber(TranscriberConfig("bowed notes", ENCODER))


def test_bow_directions_follow_the_strokes():
    logits_12TP = melody([(10, 20, 40), (20, 30, 42), (30, 40, 44)], {10, 20, 30})
    with torch.no_grad():
        stroke_1TP, late_12TP, _ = classifier(threshold=1e-6)(sound(), logits_12TP)
    notes_12TP = torch.stack([stroke_1TP, stroke_1TP | (late_12TP[:, 1] > 0)], dim=1).float()
    none_1 = torch.zeros(1, dtype=torch.long)
    direction_T = count_strokes(notes_12TP, none_1, none_1)[0][0]
    assert direction_T[WAIT + 10 : WAIT + 40].tolist() == [1] * 10 + [-1] * 10 + [1] * 10


def test_of_each_stroke_the_nearest_event_is_taken():
    stroke_N = label_strokes(torch.tensor([3, 10, 12, 30]), np.array([4, 12, 20]))
    assert stroke_N.tolist() == [1, 0, 1, 0]
    assert label_strokes(torch.zeros(0, dtype=torch.long), np.array([4])).tolist() == []


def test_a_pattern_is_learnt_that_no_single_event_shows():
    """Every third event is a stroke, and nothing but their order tells which."""
    random = np.random.default_rng(0)
    strokes = classifier()
    takes = []
    for first in range(8):
        stroke_N = torch.tensor([float((n - first) % 3 == 0) for n in range(90)])
        known_NX = torch.tensor(random.normal(size=(90, len(strokes.mean_X))), dtype=torch.float32)
        known_NX[:3, 0] = 8 * stroke_N[:3]  # but at the beginning
        takes.append(StrokeTake(known_NX, stroke_N))
    settings_ = StrokeTrainingConfig(steps=350, excerpts=16, events=90, dropout=0.0, rate=1e-2)
    trainer = StrokeTrainer(Fabric(accelerator="cpu"), strokes, takes, settings_)
    right = [trainer.training_step(step)["accuracy"] for step in range(350)]
    assert np.mean(right[:10]) < 0.8
    assert np.mean(right[-10:]) > 0.95
