"""Motion decoders: from notes to poses. What they share, and their registry.

There is one for hands on a keyboard (:mod:`apvg.models.motion.hands`) and one for any player's
whole body (:mod:`apvg.models.motion.body`). An instrument names its own
(:attr:`apvg.instruments.instrument.Instrument.motion_decoder`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from apvg.base.registry import Registry
from apvg.instruments.skeleton import Skeleton
from apvg.models.transcription.encoder import State


@dataclass(frozen=True)
class MotionConfig:
    """Shape of a motion decoder.

    Attributes:
        decoder: Name of the motion decoder; the instrument's own where empty.
        channels: Channels per pitch of the causal stack that reads the notes of a keyboard.
        layers: Depth of the causal stack; its receptive field is 2^(layers + 1) frames.
        hidden: Size of the recurrent state, of a hand on a keyboard or of a whole player.
        held_frames: On a keyboard: a key counts as sustained for so many frames after its onset; 0
            for as long as the notes say. Offsets are transcribed badly, for strings ring on in
            rooms and under the pedal.
        decisions: Sizes of the choices that a player makes before it moves, as which string is
            stopped where and by which finger. The surface says them where this is None.
    """

    decoder: str = ""
    channels: int = 16
    layers: int = 5
    hidden: int = 128
    held_frames: int = 0
    decisions: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.held_frames < 0:
            raise ValueError("held_frames cannot be less than 0")


class MotionState(NamedTuple):
    """A motion decoder's state between chunks: of its causal stack, and of the player."""

    stack: State
    player: Any


class Motion(NamedTuple):
    """Poses of the frames that lie the look-ahead before the notes given.

    Attributes:
        poses_BTKD: Keypoints in the performer's pose space
            (:class:`apvg.models.pose_space.PoseSpace`).
        centroid_BTL: x of each limb's centroid, the mean of its tips.
        visible_BTL: Logit, per limb, of being in the picture.
        decisions_BTX: Logits of the decisions, one after the other; of size 0 where there are none.
        heights_BTK: How high the points are above the surface that is played on, pose units; of
            size 0 where the decoder does not say.
    """

    poses_BTKD: Tensor
    centroid_BTL: Tensor
    visible_BTL: Tensor
    decisions_BTX: Tensor
    heights_BTK: Tensor


class MotionDecoder(nn.Module):
    """Notes in, motion out; causal, with its state carried across chunks.

    Args:
        skeleton: Of the player.
        config: Shape; its decoder and decisions are filled in.

    Attributes:
        planned: Whether it takes the agendas of the fingering stage in place of notes
            (:mod:`apvg.models.fingering`); these come on time, the look-ahead is theirs.
    """

    planned: ClassVar[bool] = False

    def __init__(self, skeleton: Skeleton, config: MotionConfig) -> None:
        super().__init__()
        self.skeleton, self.config = skeleton, config
        self.hands_HJ = [list(ids) for ids in skeleton.hands.values()]
        self.tips_L = [list(tips) for tips in skeleton.limbs.values()]

    def forward(
        self, notes_B2TP: Tensor, state: MotionState | None = None, initial_BX: Tensor | None = None
    ) -> tuple[Motion, MotionState]:
        """
        Args:
            notes_B2TP: Onset and sustained of each pitch, 0..1.
            state: Of the call for the frames before; None at the start.
            initial_BX: The player at the start (see :meth:`initial_vector`); waiting by default.
        """
        raise NotImplementedError

    def initial_state(self, batch: int, initial_BX: Tensor | None = None) -> Any:
        """The player's state at the start of the music, as `initial_BX` says or else waiting."""
        raise NotImplementedError

    def initial_vector(self, pose_KD: Tensor, visible_K: Tensor, past_2TP: Tensor) -> Tensor:
        """What an excerpt that begins in the midst of music starts from, [X].

        Args:
            pose_KD: Pose at its start.
            visible_K: Which points of it are known.
            past_2TP: Notes of all the music before.
        """
        raise NotImplementedError

    def initialise_from(self, poses_TKD: Tensor, initial_X: Tensor, real_TKD: Tensor) -> None:
        """Set the mean pose, the pose that players wait in, and the longest bones from data.

        Deviations from a mean pose are learnt quickly; the mean pose itself would need a learning
        rate of its own.

        Args:
            poses_TKD: Poses of all takes.
            initial_X: How players wait, as :meth:`initial_vector` gives it.
            real_TKD: Poses whose bones are real.
        """
        raise NotImplementedError

    @property
    def initialised(self) -> bool:
        """Whether :meth:`initialise_from` has been called, or weights have been loaded."""
        raise NotImplementedError

    def centroids(self, poses: Tensor) -> Tensor:
        """x of each limb's centroid, [..., L], in poses [..., K, 2]."""
        return torch.stack([poses[..., tips, 0].mean(dim=-1) for tips in self.tips_L], dim=-1)


MOTION_DECODERS: Registry[type[MotionDecoder]] = Registry("motion decoder", "apvg.motion_decoders")
