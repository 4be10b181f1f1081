"""The fingering stage of KHP: from notes to what each finger does."""

from __future__ import annotations

from apvg.models.fingering.agenda import ENTRIES, ENTRY, FAR, Planned, agenda
from apvg.models.fingering.planner import (
    Agendas,
    FingeringModel,
    FingeringPlanner,
    WrittenAgendas,
    load_fingering,
    plan,
    planned,
    release_times,
)

__all__ = [
    "ENTRIES",
    "ENTRY",
    "FAR",
    "Agendas",
    "FingeringModel",
    "FingeringPlanner",
    "Planned",
    "WrittenAgendas",
    "agenda",
    "load_fingering",
    "plan",
    "planned",
    "release_times",
]
