"""Which frames of a scene are trained on, and what of them is a hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from apvg.base.errors import ApvgError
from apvg.instruments.skeleton import HANDS
from apvg.training.data.scene import Scene, build_scene


def scene(allowed: list[bool]) -> Scene:
    nothing = torch.zeros(len(allowed), 1)
    return Scene(
        nothing, nothing, nothing, nothing, nothing, nothing, np.flatnonzero(allowed), HANDS
    )


@given(allowed=st.lists(st.booleans(), min_size=1, max_size=40), length=st.integers(1, 50))
def test_stretches_lie_within_what_may_be_trained_on(allowed: list[bool], length: int) -> None:
    whole = [
        first for first in range(len(allowed) - length + 1) if all(allowed[first : first + length])
    ]
    if whole:
        assert scene(allowed).stretches(length).tolist() == whole
        return
    with pytest.raises(ApvgError, match=f"{length} frames in a row"):
        scene(allowed).stretches(length)


def test_what_moves_behind_a_hand_is_not_cut_out_with_it() -> None:
    frames, height, width = 60, 96, 192
    skin, keys, leg = np.array([[200, 140, 110], [225, 225, 220], [40, 60, 120]], np.uint8)
    random = np.random.default_rng(0)
    frames_THWC = np.broadcast_to(keys, (frames, height, width, 3)).copy()
    keypoints_TKD = np.zeros((frames, 42, 2))
    is_hand_THW = np.zeros((frames, height, width), bool)
    is_leg_THW = np.zeros_like(is_hand_THW)
    for t in range(frames):
        for hand, ids in enumerate(HANDS.hands.values()):
            # All fingers side by side, from a wrist at the bottom upwards; and the forearm below
            # it.
            x, y = 50 + 90 * hand + 12 * np.sin(t / 9 + hand), 66.0
            points_JD = [(x, y)] + [
                (x + 3 * (finger - 2), y - 18 - 5 * joint)
                for finger in range(5)
                for joint in range(4)
            ]
            keypoints_TKD[t, list(ids)] = points_JD
            is_hand_THW[t, round(y) - 34 :, round(x) - 8 : round(x) + 9] = True
            # A knee that comes and goes beside the wrist, within what a forearm may cover.
            if (t // 10) % 2:
                is_leg_THW[t, 60:, round(x) + 9 : round(x) + 14] = True
        is_leg_THW[t] &= ~is_hand_THW[t]
    frames_THWC[is_leg_THW], frames_THWC[is_hand_THW] = leg, skin
    noise_THWC = random.normal(0, 3, frames_THWC.shape)
    frames_THWC = (frames_THWC + noise_THWC).clip(0, 255).astype(np.uint8)
    built = build_scene(
        frames_THWC, keypoints_TKD, np.ones((frames, 42)), np.ones(frames, bool), HANDS
    )
    mattes_THW, hands_THW = built.mattes_THW.numpy() / 255, built.hands_THW.numpy() / 255
    near_THW = (built.mattes_THW > 128).numpy()
    assert mattes_THW[is_leg_THW & near_THW].sum() > 500  # it is painted with the hand, ...
    assert hands_THW[is_leg_THW & near_THW].mean() < 0.25  # ... and stays where it is without one
    assert hands_THW[is_hand_THW & near_THW].mean() > 0.9
    assert bool((built.hands_THW <= built.mattes_THW).all())
