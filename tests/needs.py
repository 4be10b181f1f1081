"""What some tests need, and skip without."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def mediapipe() -> None:
    """Skip the test, or the whole of its module, where there is no MediaPipe, as for Python 3.13.

    It is not imported: by itself, unlike through :mod:`apvg.takes.pose.mediapipe`, it asks for the
    system's OpenGL.
    """
    if find_spec("mediapipe") is None:
        pytest.skip("no MediaPipe here (extra pose, Python 3.12 or older)", allow_module_level=True)
