"""From notes to poses."""

from __future__ import annotations

from apvg.models.motion import body, fingers, hands  # each registers its decoder
from apvg.models.motion.decoder import (
    MOTION_DECODERS,
    Motion,
    MotionConfig,
    MotionDecoder,
    MotionState,
)

__all__ = [
    "MOTION_DECODERS",
    "Motion",
    "MotionConfig",
    "MotionDecoder",
    "MotionState",
    "body",
    "fingers",
    "hands",
]
