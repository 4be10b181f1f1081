"""Bundles of format 3, whose configuration and weights have other names: adapters to the present
ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

#: Parts of weights' names, before and now; the first that matches is taken.
_KHP = (
    (r"^listen\.", "transcriber.encoder."),
    (r"^strokes\.enter\.", "transcriber.strokes.embed."),
    (r"^strokes\.remember\.", "transcriber.strokes.cell."),
    (r"^strokes\.tell\.", "transcriber.strokes.head."),
    (r"^strokes\.", "transcriber.strokes."),
    (r"^move\.enter\.", "motion.embed."),
    (r"^move\.ask\.", "motion.query."),
    (r"^move\.patience_H$", "motion.distance_penalty_H"),
    (r"^move\.decide\.", "motion.step_head."),
    (r"^move\.look\.", "motion.window."),
    (r"^move\.remember\.(?=\w+_l0$)", "motion.gru."),
    (r"^move\.remember\.", "motion.cell."),
    (r"^move\.shape\.(?=\d\.\d\.)", "motion.pose_heads."),
    (r"^move\.shape\.", "motion.pose_head."),
    (r"^move\.seen\.", "motion.visible."),
    (r"^move\.begin\.", "motion.initial."),
    (r"^move\.stop\.", "motion.decision_head."),
    (r"^move\.usual_KD$", "motion.mean_pose_KD"),
    (r"^move\.home_", "motion.initial_"),
    (r"^move\.", "motion."),
)
_CVG = ((r"^listen\.", "encoder."), (r"^enter\.", "embed."))
_NAMES = {"khp": _KHP, "cvg": _CVG, "fpvg": ()}
#: What every motion decoder of a whole body decided on, on a cello's strings or not: four strings
#: of 32 stops, and five fingers.
_DECISIONS = (128, 5)


def present_config(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a config.json of format 3 in the present layout; its format_version stays."""
    data = dict(data)
    khp, cvg, stu = (dict(data[name]) for name in ("khp", "cvg", "stu"))
    strokes = khp.pop("bowing", {"hidden": 0})
    bowed = strokes.get("hidden", 0) > 0
    on_keys = data["corners"] is not None
    transcriber = {
        "kind": "bowed notes" if bowed else "notes",
        "encoder": khp.pop("listening"),
        "decided": khp.pop("decided", False),
        "onset_threshold": khp.pop("struck", 0.5),
    }
    if bowed:
        transcriber["strokes"] = {"hidden": strokes["hidden"], "threshold": strokes["told"]}
    motion = {
        "decoder": "hands on keys" if on_keys else "body",
        "decisions": () if on_keys else _DECISIONS,
    }
    motion |= {
        name: khp.pop(name)
        for name in ("channels", "layers", "hidden", "held_frames")
        if name in khp
    }
    data["khp"] = {"transcriber": transcriber, "motion": motion, **khp}
    data["cvg"] = {"encoder": cvg.pop("listening"), **cvg}
    data["stu"] = {"recurrent_level": stu.pop("memory_at", "fine"), **stu}
    data["pitch_range"] = data.pop("compass")
    data["pixel_centre"] = 0.0
    return data


def present_weights(network: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network's file of format 3 by their present names."""
    return {_present_name(network, name): value for name, value in tensors.items()}


def _present_name(network: str, name: str) -> str:
    for pattern, present in _NAMES[network]:
        if re.search(pattern, name):
            return re.sub(pattern, present, name)
    return name
