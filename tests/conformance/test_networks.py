"""Every registered transcriber and motion decoder, through the same checks; those of other packages
too."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from apvg.instruments.instrument import INSTRUMENTS, PIANO, Instrument
from apvg.models.fingering import FingeringPlanner
from apvg.models.motion import MOTION_DECODERS, MotionConfig, MotionDecoder
from apvg.models.transcription import TRANSCRIBERS, TranscriberConfig
from apvg.models.transcription.encoder import EncoderConfig
from apvg.music.features import FeatureConfig

FRAMES, ROWS = 24, 4
CUTS = ([], [1], [5, 6, 17])


def features(frames: int = FRAMES, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, frames * ROWS, FeatureConfig().size, generator=generator)


def notes(frames: int = FRAMES, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    onset_1TP = torch.rand(1, frames, 88, generator=generator) > 0.97
    sustained_1TP = onset_1TP | onset_1TP.roll(1, 1) | onset_1TP.roll(2, 1)
    return torch.stack([onset_1TP, sustained_1TP], dim=1).float()


def pieces(cuts: list[int]) -> list[slice]:
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, FRAMES], strict=True)]


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("kind", TRANSCRIBERS)
def test_a_transcriber_gives_in_chunks_what_it_gives_whole(kind: str, cuts: list[int]):
    torch.manual_seed(0)
    config = TranscriberConfig(kind, EncoderConfig(spectral=4, channels=6), decided=True)
    transcriber = TRANSCRIBERS[kind](config).eval()
    torch.nn.init.zeros_(transcriber.encoder.notes.bias)  # pyright: ignore[reportArgumentType]
    rows_1RF = features()
    with torch.inference_mode():
        whole, _ = transcriber(rows_1RF)
        parts, state = [], None
        for piece in pieces(cuts):
            rows = rows_1RF[:, piece.start * ROWS : piece.stop * ROWS]
            transcription, state = transcriber(rows, state)
            parts.append(transcription)
    assert whole.notes_B2TP.shape == (1, 2, FRAMES, 88)
    assert set(whole.notes_B2TP.unique().tolist()) <= {0.0, 1.0}
    onset_B1TP, sustained_B1TP = whole.notes_B2TP.split(1, dim=1)
    assert (sustained_B1TP >= onset_B1TP).all()  # what begins sounds
    torch.testing.assert_close(torch.cat([p.notes_B2TP for p in parts], 2), whole.notes_B2TP)
    logits_B2TP = torch.cat([p.logits_B2TP for p in parts], 2)
    torch.testing.assert_close(logits_B2TP, whole.logits_B2TP, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", TRANSCRIBERS)
def test_a_transcriber_is_as_late_as_it_says(kind: str):
    """A change of the sound changes nothing of the frames that lie more than the delay before
    it."""
    torch.manual_seed(0)
    config = TranscriberConfig(kind, EncoderConfig(spectral=4, channels=6), decided=True)
    transcriber = TRANSCRIBERS[kind](config).eval()
    rows_1RF = features()
    changed_1RF = rows_1RF.clone()
    changed_1RF[:, 12 * ROWS :] = 0
    with torch.inference_mode():
        before, after = (transcriber(r)[0].logits_B2TP for r in (rows_1RF, changed_1RF))
    torch.testing.assert_close(before[:, :, :12], after[:, :, :12])
    assert config.delay == config.encoder.delay + transcriber.wait
    assert (before[:, :, 12:] - after[:, :, 12:]).abs().max() > 1e-6


#: Every instrument, and the pianist of bundles that were made before fingers were planned.
PLAYERS = {**INSTRUMENTS, "piano, unplanned": replace(PIANO, motion_decoder="hands on keys")}


def decoder_of(instrument: Instrument) -> MotionDecoder:
    torch.manual_seed(0)
    name, decisions = instrument.motion_decoder, tuple(instrument.surface.decisions)
    config = MotionConfig(name, channels=4, layers=2, hidden=8, decisions=decisions)
    return MOTION_DECODERS[name](instrument.skeleton, config).eval()


def played(decoder: MotionDecoder, seed: int = 0, *, loudness: float = 1.0) -> Tensor:
    """What a decoder takes: notes, or the agendas that are planned from them."""
    notes_12TP = loudness * notes(seed=seed)
    if not decoder.planned:
        return notes_12TP
    return torch.from_numpy(FingeringPlanner(25, 8).next(notes_12TP[0].numpy()))[None]


def during(played: Tensor, piece: slice) -> Tensor:
    """Some of its frames; agendas have their time first."""
    return played[:, piece] if played.ndim == 5 else played[:, :, piece]


def test_every_motion_decoder_is_some_instruments():
    used = {instrument.motion_decoder for instrument in PLAYERS.values()}
    assert used == set(MOTION_DECODERS)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", PLAYERS)
def test_a_motion_decoder_gives_in_chunks_what_it_gives_whole(name: str, cuts: list[int]):
    instrument = PLAYERS[name]
    decoder = decoder_of(instrument)
    given = played(decoder)
    with torch.inference_mode():
        whole, _ = decoder(given)
        parts, state = [], None
        for piece in pieces(cuts):
            motion, state = decoder(during(given, piece), state)
            parts.append(motion)
    limbs, points = len(instrument.skeleton.limbs), len(instrument.skeleton)
    assert whole.poses_BTKD.shape == (1, FRAMES, points, 2)
    assert whole.centroid_BTL.shape == whole.visible_BTL.shape == (1, FRAMES, limbs)
    assert whole.decisions_BTX.shape == (1, FRAMES, sum(instrument.surface.decisions))
    for chunked, at_once in zip(zip(*parts, strict=True), whole, strict=True):
        torch.testing.assert_close(torch.cat(chunked, dim=1), at_once, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", PLAYERS)
def test_a_motion_decoder_starts_from_data(name: str):
    """Its mean pose and the pose that players wait in are those of the takes; other notes give
    another motion."""
    instrument = PLAYERS[name]
    decoder, points = decoder_of(instrument), len(instrument.skeleton)
    assert not decoder.initialised
    poses_TKD = 20 + torch.rand(60, points, 2, generator=torch.Generator().manual_seed(0))
    nothing_2TP, all_K = torch.zeros(2, 0, 88), torch.ones(points)
    initial_X = decoder.initial_vector(poses_TKD[0], all_K, nothing_2TP)
    decoder.initialise_from(poses_TKD, initial_X, poses_TKD)
    assert decoder.initialised
    waiting_X = decoder.initial_vector(poses_TKD[1], torch.zeros(points), nothing_2TP)
    torch.testing.assert_close(waiting_X, decoder.initial_vector(poses_TKD[0], all_K, nothing_2TP))
    with torch.inference_mode():
        waiting, there, other, silent = (
            decoder(given, initial_BX=initial_BX)[0].poses_BTKD
            for given, initial_BX in (
                (played(decoder), None),
                (played(decoder), waiting_X[None]),
                (played(decoder, seed=1), None),
                (played(decoder, loudness=0.0), None),
            )
        )
    torch.testing.assert_close(waiting, there)
    assert (waiting - other).abs().max() > 1e-4
    assert (silent - poses_TKD.mean(dim=0)).abs().max() < 10


@pytest.mark.parametrize("name", PLAYERS)
def test_gradients_reach_every_weight_of_a_motion_decoder(name: str):
    decoder = decoder_of(PLAYERS[name]).train()
    motion, _ = decoder(played(decoder))
    sum(output.square().sum() for output in motion).backward()  # pyright: ignore
    without = [
        key for key, weight in decoder.named_parameters() if weight.numel() and weight.grad is None
    ]
    assert without == []
