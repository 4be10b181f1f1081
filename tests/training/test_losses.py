"""Losses against independent formulas, number by number; their gradients against finite
differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from bowed import golden_string_take
from torch import Tensor

from apvg.base.registry import UnknownComponent
from apvg.instruments.instrument import INSTRUMENTS
from apvg.instruments.keyboard import KEY_X
from apvg.instruments.skeleton import BODY_HANDS_AND_BOW, HANDS
from apvg.instruments.strings import CELLO, STOPS
from apvg.models.motion.hands import Motion
from apvg.training.configs import MotionTrainingConfig
from apvg.training.losses import adversarial, keypoints, notes, pictures, playing
from apvg.training.losses.playing import LOSSES, Played

B, T, K = 2, 4, 3


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def cross_entropy(logit: float, target: float, positive_weight: float = 1.0) -> float:
    likely = 1 / (1 + math.exp(-logit))
    return -positive_weight * target * math.log(likely) - (1 - target) * math.log(1 - likely)


def test_position_is_the_weighted_mean_distance() -> None:
    predicted, true = drawn(B, T, K, 2), drawn(B, T, K, 2, seed=1)
    weight = drawn(B, T, K, seed=2).abs()
    sums = [0.0, 0.0]
    for b, t, k in np.ndindex(B, T, K):
        distance = sum(abs(float(predicted[b, t, k, d] - true[b, t, k, d])) for d in (0, 1))
        sums[0] += float(weight[b, t, k]) * distance
        sums[1] += float(weight[b, t, k])
    assert float(keypoints.position(predicted, true, weight)) == pytest.approx(sums[0] / sums[1])
    assert float(keypoints.position(predicted, true, torch.zeros_like(weight))) == 0


def test_velocity_is_that_of_differences_between_frames() -> None:
    predicted, true = drawn(B, T, K, 2), drawn(B, T, K, 2, seed=1)
    weight = drawn(B, T - 1, K, seed=2).abs()
    sums = [0.0, 0.0]
    for b, t, k in np.ndindex(B, T - 1, K):
        moved = (predicted[b, t + 1, k] - predicted[b, t, k]) - (true[b, t + 1, k] - true[b, t, k])
        sums[0] += float(weight[b, t, k]) * float(moved.abs().sum())
        sums[1] += float(weight[b, t, k])
    assert float(keypoints.velocity(predicted, true, weight)) == pytest.approx(sums[0] / sums[1])
    # A pose that is off by the same everywhere moves right.
    assert float(keypoints.velocity(true + 3, true, weight)) == pytest.approx(0, abs=1e-9)


def test_centroid_and_visibility_are_weighted_means() -> None:
    predicted, true, visible = drawn(B, T, 2), drawn(B, T, 2, seed=1), drawn(B, T, 2, seed=2) > 0
    distance = (predicted - true).abs()[visible]
    got = keypoints.centroid(predicted, true, visible.double())
    assert float(got) == pytest.approx(float(distance.sum()) / len(distance))
    valid = torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 1]])
    expected = [
        np.mean([cross_entropy(float(predicted[b, t, h]), float(visible[b, t, h])) for h in (0, 1)])
        for b, t in zip(*np.nonzero(valid.numpy()), strict=True)
    ]
    got = keypoints.visibility(predicted, visible.double(), valid)
    assert float(got) == pytest.approx(np.mean(expected))


def test_notes_weigh_more_than_silence_and_only_valid_frames_count() -> None:
    logits, roll = drawn(B, 2, T, 5).float(), (drawn(B, 2, T, 5, seed=1) > 1).float()
    valid = torch.tensor([[1.0, 0, 1, 1], [0, 0, 0, 1]])

    def mean(frames: list[tuple[int, int]]) -> float:
        return float(
            np.mean(
                [
                    cross_entropy(float(logits[b, plane, t, p]), float(roll[b, plane, t, p]), 3.0)
                    for b, t in frames
                    for plane in (0, 1)
                    for p in range(5)
                ]
            )
        )

    everywhere = [(b, t) for b in range(B) for t in range(T)]
    some = [(b, t) for b, t in everywhere if valid[b, t]]
    assert float(notes.note_cross_entropy(logits, roll, 3.0)) == pytest.approx(mean(everywhere))
    got = notes.note_cross_entropy(logits, roll, 3.0, valid)
    assert float(got) == pytest.approx(mean(some))
    assert float(notes.note_cross_entropy(logits, roll, 3.0, torch.zeros(B, T))) == 0


def test_onset_f1_is_that_of_precision_and_recall() -> None:
    roll = torch.zeros(1, 2, 4, 5)
    roll[0, 0, [0, 1, 2], [1, 2, 3]] = 1
    logits = -torch.ones_like(roll)
    logits[0, 0, [0, 1, 3, 3], [1, 2, 0, 1]] = 1  # two of three found, two spurious
    precision, recall = 2 / 4, 2 / 3
    assert notes.onset_f1(logits, roll) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )
    assert notes.onset_f1(torch.zeros_like(roll), torch.zeros_like(roll)) == 0


def test_pictures_are_compared_pixel_by_pixel_and_edge_by_edge() -> None:
    painted, target = drawn(T, 3, 4, 5), drawn(T, 3, 4, 5, seed=1)
    weight = drawn(T, 1, 4, 5, seed=2).abs()
    error = (painted - target).numpy()
    w = np.broadcast_to(weight.numpy(), error.shape)
    got = pictures.weighted_l1(painted, target, weight)
    assert float(got) == pytest.approx((np.abs(error) * w).mean())
    across = np.abs(error[..., 1:] - error[..., :-1]) * w[..., 1:]
    down = np.abs(error[..., 1:, :] - error[..., :-1, :]) * w[..., 1:, :]
    got = pictures.edges(painted, target, weight)
    assert float(got) == pytest.approx(across.mean() + down.mean())
    assert float(pictures.edges(target + 0.3, target, weight)) == pytest.approx(0, abs=1e-9)


def test_a_matte_is_a_likelihood() -> None:
    logits, matte = drawn(2, 3), torch.tensor([[0.0, 0.5, 1.0], [0.2, 1.0, 0.0]]).double()
    pairs = zip(logits.flatten().tolist(), matte.flatten().tolist(), strict=True)
    expected = np.mean([cross_entropy(logit, share) for logit, share in pairs])
    assert float(pictures.matte_cross_entropy(logits, matte)) == pytest.approx(expected)


def test_hinge_losses_and_feature_matching() -> None:
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, -0.5, 1.0])
    # Real scores above 1 and fake ones below -1 are good enough.
    expected = (0 + 0.5 + 2) / 3 + (0 + 0.5 + 2) / 3
    assert float(adversarial.hinge_discriminator(real, fake)) == pytest.approx(expected)
    assert float(adversarial.hinge_generator(fake)) == pytest.approx(2.5 / 3)
    layers = [torch.zeros(2, 3), torch.ones(4)], [torch.full((2, 3), 2.0), torch.ones(4)]
    assert float(adversarial.feature_matching(*layers)) == pytest.approx((2 + 0) / 2)


def played(name: str, **changes: Tensor) -> Played:
    """A pianist's or a cellist's three frames, in which nothing happens."""
    skeleton = HANDS if name == "tips on keys" else BODY_HANDS_AND_BOW
    poses_BTKD = drawn(1, 3, len(skeleton), 2) + 20
    motion = Motion(
        changes.pop("predicted", poses_BTKD),
        torch.zeros(1, 3, 2),
        torch.zeros(1, 3, 2),
        changes.pop("stops", torch.zeros(1, 3, sum(CELLO.decisions))),
        torch.zeros(1, 3, 0),
    )
    target_BTX = torch.full((1, 3, 2), -1)
    onset_BTP, valid_BT, given = torch.zeros(1, 3, 88), torch.ones(1, 3), torch.zeros(0)
    nothing = Played(motion, poses_BTKD, onset_BTP, valid_BT, target_BTX, skeleton, given)
    return nothing._replace(**changes)


def test_a_struck_key_is_as_far_as_the_nearest_fingertip() -> None:
    tips = [tip for limb in HANDS.limbs.values() for tip in limb]
    onset_BTP = torch.zeros(1, 3, 88)
    onset_BTP[0, 1, [30, 40]] = 1
    onset_BTP[0, 2, 50] = 1
    config = MotionTrainingConfig(touch_weight=4.0)
    one = played("tips on keys", onset_BTP=onset_BTP)
    distances = [
        min(abs(float(one.motion.poses_BTKD[0, t, tip, 0]) - KEY_X[key]) for tip in tips)
        for t, key in ((1, 30), (1, 40), (2, 50))
    ]
    expected = np.mean(np.clip(np.array(distances) - 0.1, 0, 6))
    got = LOSSES["tips on keys"](one, config)
    assert float(got["touch"]) == pytest.approx(4 * expected)
    # Frames that carry no loss, and frames without onsets.
    valid_BT = torch.tensor([[1.0, 1.0, 0.0]])
    got = LOSSES["tips on keys"](one._replace(valid_BT=valid_BT), config)
    expected = np.mean(np.clip(np.array(distances[:2]) - 0.1, 0, 6))
    assert float(got["touch"]) == pytest.approx(4 * expected)
    assert float(LOSSES["tips on keys"](played("tips on keys"), config)["touch"]) == 0


def test_a_stop_is_decided_on_and_its_finger_is_there() -> None:
    logits_BTX, predicted = drawn(1, 3, sum(CELLO.decisions)), drawn(1, 3, 53, 2, seed=3) + 20
    # A third finger on the second string; silence; an open string.
    target_BTX = torch.tensor([[[STOPS + 5, 3], [-1, -1], [2 * STOPS, 0]]])
    one = played("stops", stops=logits_BTX, target_BTX=target_BTX, predicted=predicted)
    losses = LOSSES["stops"](one, MotionTrainingConfig(stop_weight=2.0, touch_weight=3.0))
    entropies = []
    for t, (place, finger) in ((0, (STOPS + 5, 3)), (2, (2 * STOPS, 0))):
        places_X, fingers_X = np.split(logits_BTX[0, t].numpy(), [CELLO.decisions[0]])
        entropies.append(
            np.log(np.exp(places_X).sum())
            - places_X[place]
            + np.log(np.exp(fingers_X).sum())
            - fingers_X[finger]
        )
    assert float(losses["stop"]) == pytest.approx(2 * np.mean(entropies))
    ring_tip = BODY_HANDS_AND_BOW.points.index("left_ring_tip")
    away = (predicted[0, 0, ring_tip] - one.poses_BTKD[0, 0, ring_tip]).abs().sum()
    assert float(losses["touch"]) == pytest.approx(
        3 * float(away)
    )  # an open string needs no finger
    silent = one._replace(valid_BT=torch.zeros(1, 3))
    assert LOSSES["stops"](silent, MotionTrainingConfig()) == {}


def test_targets_have_one_shape_whether_a_take_says_anything_or_not() -> None:
    known = golden_string_take()
    unknown = replace(known, metadata={})
    for loss in LOSSES.values():
        one, other = loss.target(known), loss.target(unknown)
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert len(one) == len(known)
    assert bool((LOSSES["stops"].target(known) >= 0).any())
    assert bool((LOSSES["stops"].target(tiny.take()) == -1).all())


def test_instruments_name_losses_that_are_there() -> None:
    for instrument in INSTRUMENTS.values():
        assert set(instrument.losses) <= set(LOSSES)
    with pytest.raises(UnknownComponent, match=r"no loss 'breath'.*tips on keys"):
        LOSSES["breath"]


@pytest.mark.parametrize(
    ("loss", "shape"),
    [
        (
            lambda x: keypoints.position(
                x, drawn(B, T, K, 2, seed=1), torch.ones(B, T, K).double()
            ),
            (B, T, K, 2),
        ),
        (
            lambda x: keypoints.velocity(
                x, drawn(B, T, K, 2, seed=1), torch.ones(B, T - 1, K).double()
            ),
            (B, T, K, 2),
        ),
        (
            lambda x: keypoints.visibility(
                x, torch.ones(B, T, 2).double(), torch.ones(B, T).double()
            ),
            (B, T, 2),
        ),
        (
            lambda x: pictures.edges(x, drawn(2, 3, 4, 5, seed=1), torch.ones(2, 1, 4, 5).double()),
            (2, 3, 4, 5),
        ),
        (
            lambda x: playing.tips_on_keys(20 + x, (drawn(B, T, 88, seed=1) > 1.5).double()),
            (B, T, 5),
        ),
        (
            lambda x: playing.stop_cross_entropy(x, torch.tensor([[3, 1], [70, 0]])),
            (2, sum(CELLO.decisions)),
        ),
        (lambda x: playing.stopping_distance(x, torch.tensor([2, 0, 4])), (3, 4)),
        (lambda x: adversarial.hinge_generator(x) + adversarial.hinge_discriminator(x, -x), (6,)),
    ],
)
def test_gradients_are_those_of_finite_differences(
    loss: Callable[[Tensor], Tensor], shape: tuple[int, ...]
) -> None:
    x = drawn(*shape).requires_grad_()
    assert torch.autograd.gradcheck(loss, (x,))
