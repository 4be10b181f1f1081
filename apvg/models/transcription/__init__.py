"""From sound to notes."""

from __future__ import annotations

from apvg.models.transcription.transcriber import (
    TRANSCRIBERS,
    NoteTranscriber,
    TranscriberConfig,
    TranscriberState,
    Transcription,
)

__all__ = [
    "TRANSCRIBERS",
    "NoteTranscriber",
    "TranscriberConfig",
    "TranscriberState",
    "Transcription",
]
