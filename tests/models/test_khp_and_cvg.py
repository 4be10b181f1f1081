"""KHP and CVG: chunks against the whole, how far they look ahead, and what an octave does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apvg.instruments.skeleton import BODY_AND_HANDS, BODY_HANDS_AND_BOW, HANDS
from apvg.models.cvg import CoarseVideoGenerator, CVGConfig
from apvg.models.khp import KeypointPredictor, KHPConfig
from apvg.models.motion import MotionConfig
from apvg.models.motion.body import REST, count_strokes
from apvg.models.motion.bones import limit_bones
from apvg.models.motion.hands import HandMotionDecoder
from apvg.models.transcription.encoder import AudioEncoder, EncoderConfig
from apvg.models.transcription.transcriber import SUSTAINED, TranscriberConfig
from apvg.music.features import FeatureConfig, shift_features

NOTHING = torch.zeros(2, 0, 88)
ENCODER = EncoderConfig(spectral=4, channels=6)
FRAMES, ROWS = 14, 4


def features(seed: int = 0) -> torch.Tensor:
    return torch.rand(
        1, FRAMES * ROWS, FeatureConfig().size, generator=torch.Generator().manual_seed(seed)
    )


def khp(
    skeleton=HANDS, *, decided: bool = False, held_frames: int = 0, decoder: str = "hands on keys"
) -> KeypointPredictor:
    torch.manual_seed(0)
    config = KHPConfig(
        TranscriberConfig("notes", ENCODER, decided),
        MotionConfig(decoder, 8, 2, 8, held_frames, decisions=(12, 3)),
    )
    predictor = KeypointPredictor(config, skeleton).eval()
    # An untrained encoder finds nothing otherwise.
    torch.nn.init.zeros_(predictor.transcriber.encoder.notes.bias)  # pyright: ignore[reportArgumentType]
    return predictor


def cvg() -> CoarseVideoGenerator:
    torch.manual_seed(0)
    config = CVGConfig(encoder=ENCODER, channels=8, layers=2, picture=4)
    return CoarseVideoGenerator(config, (4, 12), torch.linspace(0, 12, 88))


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(1, FRAMES - 1), max_size=4, unique=True).map(sorted),
    decided=st.booleans(),
    held_frames=st.sampled_from([0, 3]),
    decoder=st.sampled_from(["hands on keys", "body"]),
)
def test_any_chunking_gives_what_the_whole_gives(
    cuts: list[int], decided: bool, held_frames: int, decoder: str
):
    rows, plate = features(), torch.rand(1, 3, 4, 12)
    skeleton = {"hands on keys": HANDS, "body": BODY_HANDS_AND_BOW}[decoder]
    predictor = khp(skeleton, decided=decided, held_frames=held_frames, decoder=decoder)
    generator = cvg()
    with torch.inference_mode():
        whole, coarse = predictor(rows)[0], generator(rows, plate)[0]
        poses, frames = [], []
        khp_state = cvg_state = None
        for start, stop in zip([0, *cuts], [*cuts, FRAMES], strict=True):
            part = rows[:, start * ROWS : stop * ROWS]
            motion, khp_state = predictor(part, khp_state)
            painted, cvg_state = generator(part, plate, cvg_state)
            poses.append(motion.poses_BTKD)
            frames.append(painted.over(plate))
    torch.testing.assert_close(torch.cat(poses, 1), whole.poses_BTKD, atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.cat(frames, 1), coarse.over(plate), atol=1e-5, rtol=0)


def test_output_depends_on_no_later_row():
    """Causal in its input: all the lookahead there is lies in the delay of the output, at most 0.6
    s in all."""
    predictor, rows = khp(), features()
    changed = rows.clone()
    changed[:, 8 * ROWS :] += 1.0
    with torch.inference_mode():
        before, after = predictor(rows)[0].poses_BTKD, predictor(changed)[0].poses_BTKD
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.allclose(before[:, 8], after[:, 8])
    config, audio = KHPConfig(), FeatureConfig()
    lookahead = config.lookahead_frames / audio.fps + 3 / 100 + audio.lookahead_seconds
    assert lookahead <= 0.6


def test_note_logits_move_with_the_music_by_octaves():
    torch.manual_seed(0)
    encoder = AudioEncoder(EncoderConfig(layers=2))  # more would reach both ends of the keyboard
    rows = features()
    rows[..., :100] = 0.0  # the moved music must lie within the keyboard, partials included
    rows[..., 150:364] = 0.0
    rows[..., 414:528] = 0.0
    shifted = torch.stack([shift_features(rows[0], 12)])
    with torch.inference_mode():
        here, there = encoder(rows, None)[1], encoder(shifted, None)[1]
    middle = slice(30, 55)
    torch.testing.assert_close(there[..., 30 + 12 : 55 + 12], here[..., middle], atol=1e-5, rtol=0)


def test_every_layout_has_its_points():
    motion, _ = khp(BODY_AND_HANDS)(features())
    assert motion.poses_BTKD.shape == (1, FRAMES, len(BODY_AND_HANDS), 2)
    assert motion.visible_BTL.shape == (1, FRAMES, 2)


def test_hands_stay_at_the_keyboard_and_limit_bones():
    predictor = khp()
    with torch.inference_mode():
        notes_B2TP = torch.zeros(1, 2, 50, 88)
        notes_B2TP[:, :, :, -3:] = 1.0
        motion, _ = predictor.motion(notes_B2TP, initial_BX=torch.tensor([[20.0, 51.0]]))
    assert float(motion.centroid_BTL.min()) >= -4
    assert float(motion.centroid_BTL.max()) <= 56
    # Every point is near its hand's centroid.
    near_BTK = motion.poses_BTKD[..., :21, 0] - motion.centroid_BTL[..., :1]
    assert float(near_BTK.abs().max()) < 5


def test_a_whole_player_starts_from_the_pose_that_is_given():
    """A bow's direction cannot be heard: the same notes from two poses continue as two motions."""
    predictor = khp(BODY_HANDS_AND_BOW, decoder="body")
    notes_B2TP = torch.zeros(2, 2, 8, 88)
    points = len(BODY_HANDS_AND_BOW)
    with torch.inference_mode():
        poses_TKD = torch.randn(50, points, 2, generator=torch.Generator().manual_seed(0))
        predictor.motion.initialise_from(
            poses_TKD, torch.cat([poses_TKD[0].flatten(), torch.ones(1)]), poses_TKD
        )
        starts_BX = torch.stack(
            [
                predictor.motion.initial_vector(poses_TKD[t], torch.ones(points), NOTHING)
                for t in (1, 2)
            ]
        )
        motion, _ = predictor.motion(notes_B2TP, initial_BX=starts_BX)
        unseen_X = predictor.motion.initial_vector(poses_TKD[1], torch.zeros(points), NOTHING)
        waiting, _ = predictor.motion(notes_B2TP[:1])
        from_waiting, _ = predictor.motion(notes_B2TP[:1], initial_BX=unseen_X[None])
    assert (motion.poses_BTKD[0] - motion.poses_BTKD[1]).abs().max() > 1e-3
    # An initial vector is relative to the mean pose; where nothing is visible the player waits.
    torch.testing.assert_close(
        starts_BX[0, :-1].reshape(points, 2), poses_TKD[1] - poses_TKD.mean(0)
    )
    torch.testing.assert_close(unseen_X[:-1].reshape(points, 2), poses_TKD[0] - poses_TKD.mean(0))
    torch.testing.assert_close(waiting.poses_BTKD, from_waiting.poses_BTKD)


@settings(max_examples=60, deadline=None)
@given(
    sounds=st.lists(
        st.sampled_from(["onset", "sustained", "silent", "silent"]), min_size=1, max_size=60
    ),
    cut=st.integers(0, 60),
)
def test_strokes_alternate_and_start_anew_after_a_rest(sounds: list[str], cut: int):
    roll_12TP = torch.zeros(1, 2, len(sounds), 88)
    ways, way, silent = [], 0, 0
    for t, sound in enumerate(sounds):
        begun = sound == "onset" or (sound == "sustained" and silent >= REST)
        if sound != "silent":
            roll_12TP[0, 1, t, 40] = 1.0
            silent = 0
        else:
            silent += 1
        if sound == "onset":
            roll_12TP[0, 0, t, 40] = 1.0
        if begun:
            way = -1 if way == 1 else 1
        if silent >= REST:
            way = 0
        ways.append(way)
    none_1 = torch.zeros(1, dtype=torch.long)
    before, silence = count_strokes(roll_12TP[:, :, :cut], none_1, none_1)
    state = (before[:, -1], silence[:, -1]) if before.shape[1] else (none_1, none_1)
    after, _ = count_strokes(roll_12TP[:, :, cut:], *state)
    assert torch.cat([before, after], dim=1)[0].tolist() == ways


@pytest.mark.parametrize("begin", [0, 1, REST + 3])
def test_the_bow_moves_for_a_soft_start_whose_stroke_was_missed(begin: int):
    decoder = khp(BODY_HANDS_AND_BOW, decoder="body").motion
    roll_12TP = torch.zeros(1, 2, 20, 88)
    roll_12TP[:, 1, begin:, 40] = 1.0
    with torch.inference_mode():
        _, state = decoder(roll_12TP)
    assert state.player.direction_B.tolist() == [1]


def test_an_initial_bow_direction_follows_from_the_music_before():
    decoder = khp(BODY_HANDS_AND_BOW, decoder="body").motion
    points = len(BODY_HANDS_AND_BOW)
    roll_2TP = torch.zeros(2, 30, 88)
    roll_2TP[1, 5:25, 40] = roll_2TP[0, [5, 10], 40] = 1.0
    for past, way in ((0, 0), (6, 1), (12, -1), (26, -1), (30, 0)):
        start_X = decoder.initial_vector(
            torch.zeros(points, 2), torch.ones(points), roll_2TP[:, :past]
        )
        assert float(start_X[-1]) == way


def test_a_hand_reads_the_window_around_its_centroid():
    decoder = khp().motion
    assert isinstance(decoder, HandMotionDecoder)
    seen_BGC = torch.zeros(1, len(decoder.grid_G), 8)
    seen_BGC[0, :, 0] = decoder.grid_G  # a channel that tells the place
    middle_BH = torch.tensor([[14.3, 40.75]])
    under_BHWC = decoder._window_around(seen_BGC, middle_BH).unflatten(-1, (-1, 8))
    away_W = torch.arange(-12, 13) / 2
    torch.testing.assert_close(under_BHWC[0, :, :, 0], middle_BH[0][:, None] + away_W)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), torn=st.floats(0.0, 3.0))
def test_no_bone_is_longer_than_real_ones(seed: int, torn: float):
    decoder = khp().motion
    assert isinstance(decoder, HandMotionDecoder)
    random = torch.Generator().manual_seed(seed)
    real_TKD = torch.randn(400, 42, 2, generator=random)
    decoder.initialise_from(real_TKD, torch.tensor([20.0, 32.0]), real_TKD)
    bones = [(point - 1, point) for point in range(1, 21) if point % 4 != 1]
    for hand, ids in enumerate(decoder.hands_HJ):
        longest_B = decoder.bone_HFB[hand].flatten()
        real_TJD = real_TKD[:, ids]
        asked_TJD = 0.3 * real_TJD[:40] + torn * torch.randn(40, 21, 2, generator=random)
        whole_TJD = limit_bones(asked_TJD, decoder.bone_HFB[hand])

        def lengths(points_TJD: torch.Tensor) -> torch.Tensor:
            return torch.stack(
                [(points_TJD[:, b] - points_TJD[:, a]).norm(dim=-1) for a, b in bones], 1
            )

        within_B = (lengths(real_TJD) <= longest_B).float().mean(dim=0)
        torch.testing.assert_close(within_B, torch.full((15,), 0.995), atol=0.003, rtol=0)
        assert (lengths(whole_TJD) <= longest_B + 1e-4).all()
        # The palm goes in one piece, and hands that were whole stay as they were.
        palm_TJD = (whole_TJD - asked_TJD)[:, [0, 1, 5, 9, 13, 17]]
        torch.testing.assert_close(palm_TJD, palm_TJD[:, :1].expand_as(palm_TJD), atol=1e-4, rtol=0)
        calm_T = (lengths(asked_TJD) <= longest_B).all(dim=1)
        torch.testing.assert_close(whole_TJD[calm_T], asked_TJD[calm_T])
        # One finger alone that is torn keeps its tip where it is: on its key.
        one_T = calm_T.nonzero()[:, 0]
        pulled_TJD = asked_TJD[one_T].clone()
        pulled_TJD[:, 4] += 8.0
        kept_TJD = limit_bones(pulled_TJD, decoder.bone_HFB[hand])
        torch.testing.assert_close(kept_TJD[:, 4], pulled_TJD[:, 4], atol=1e-4, rtol=0)


def test_known_notes_take_the_place_of_transcription():
    predictor, rows = khp(), features()
    with torch.inference_mode():
        notes, _ = predictor.transcriber(rows)
        played = predictor.motion(notes.notes_B2TP)[0]
        torch.testing.assert_close(played.poses_BTKD, predictor(rows)[0].poses_BTKD)


def test_a_decided_note_has_one_onset_and_is_sustained_while_it_sounds(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("apvg.models.transcription.transcriber._BLOCK", 5)
    predictor, late = khp(decided=True), ENCODER.delay
    with torch.inference_mode():
        probability_B2TP = predictor.transcriber(features())[0].logits_B2TP.sigmoid()
        silence = torch.zeros(1, late * ROWS, FeatureConfig().size)
        all_2TP = predictor.transcriber(torch.cat([features(), silence], dim=1))[0].notes_B2TP[0]
        notes_2TP = all_2TP[:, :FRAMES]
        whole_2TP = predictor.transcriber.transcribe(features()[0])
    active_TP = probability_B2TP[0, 0] > predictor.config.transcriber.onset_threshold
    sustained_TP = probability_B2TP[0, 1] > SUSTAINED
    assert set(notes_2TP.unique().tolist()) == {0.0, 1.0}
    for frame in range(FRAMES):
        before_P = active_TP[frame - 1] if frame else torch.zeros(88, dtype=torch.bool)
        rising_P = active_TP[frame] & ~before_P
        assert torch.equal(notes_2TP[0, frame] > 0, rising_P)
        assert torch.equal(notes_2TP[1, frame] > 0, rising_P | sustained_TP[frame])
    assert torch.equal(whole_2TP, all_2TP[:, late:] > 0)


def test_gradients_pass_through_decisions_to_the_encoder():
    predictor = khp(decided=True)
    predictor(features())[0].poses_BTKD.square().sum().backward()
    gradient = predictor.transcriber.encoder.notes.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_frames_must_be_given_whole():
    with pytest.raises(RuntimeError):
        khp()(features()[:, :2])


def test_held_frames_sustain_every_key_equally_long():
    frames, onsets = 3, torch.zeros(1, 2, FRAMES, 88)
    onsets[:, 0, 2, 40] = onsets[:, 0, 7, 52] = 1.0
    short, long = onsets.clone(), onsets.clone()
    short[:, 1] = onsets[:, 0]
    long[:, 1, 2:, 40] = long[:, 1, 7:, 52] = 1.0
    exact = onsets.clone()
    exact[:, 1, 2 : 2 + frames, 40] = exact[:, 1, 7 : 7 + frames, 52] = 1.0
    with torch.inference_mode():
        by_onsets, by_all = khp(decided=True, held_frames=frames), khp(decided=True)
        moved = [by_onsets.motion(notes)[0].poses_BTKD for notes in (short, long)]
        torch.testing.assert_close(moved[0], moved[1])
        torch.testing.assert_close(moved[0], by_all.motion(exact)[0].poses_BTKD)
        assert not torch.equal(
            by_all.motion(short)[0].poses_BTKD, by_all.motion(long)[0].poses_BTKD
        )
