"""One line for whatever goes wrong that the user can act on."""

from __future__ import annotations

from apvg.base.errors import ApvgError

#: Which extra brings a module that the core installation does without.
EXTRAS = {
    "gradio": "studio",
    "jinja2": "evaluate",
    "librosa": "baselines",
    "lightning": "train",
    "matplotlib": "evaluate",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "mido": "takes",
    "mediapipe": "pose",
    "pygame": "live",
    "pyvirtualcam": "live",
    "scipy": "evaluate",
    "sounddevice": "live",
    "tensorboard": "tensorboard",
    "torchmetrics": "evaluate",
    "zarr": "takes",
}
#: What :func:`explain` can explain. Anything else is a bug, and deserves its traceback.
EXPLAINED = (ApvgError, ImportError, MemoryError, OSError)


def explain(error: BaseException) -> str:
    """One line without a full stop: what is wrong, and what to do about it."""
    if isinstance(error, ImportError):
        return f"this needs {error.name}; install it with: pip install 'apvg[{extra_for(error)}]'"
    message = str(error) if isinstance(error, ApvgError) else f"{type(error).__name__}: {error}"
    return " ".join(message.split())


def extra_for(error: ImportError) -> str | None:
    """The extra that brings the module whose import failed."""
    return EXTRAS.get((error.name or "").partition(".")[0])
