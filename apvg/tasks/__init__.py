"""The library under every door: each thing that apvg does is a function here.

A task takes a frozen dataclass of options and gives a typed result. It prints nothing. Every one accepts

- ``progress``, a function that is called with a :class:`~apvg.base.progress.Step` before each item of long work. It may raise
  :class:`~apvg.base.progress.Stopped` to cancel the work;
- ``cancel``, a :class:`threading.Event` or its like, which cancels the work from another thread: it is looked at between two items.

What a user can put right raises :class:`~apvg.base.errors.ApvgError`, whose `options` name the options it is about. The command
line, the studio and notebooks call these same functions.
"""

# Not lazy: a module is as light as its options, and what a task needs is imported when it runs.
from apvg.base.errors import ApvgError
from apvg.base.progress import Step, Stopped
from apvg.tasks.evaluate import (
    Compared,
    CompareOptions,
    Evaluated,
    EvaluateOptions,
    compare,
    evaluate,
)
from apvg.tasks.export import Exported, ExportOptions, export
from apvg.tasks.generate import Generated, GenerateOptions, generate
from apvg.tasks.prepare import Prepared, PrepareOptions, prepare
from apvg.tasks.render import Rendered, RenderOptions, render
from apvg.tasks.train import Trained, TrainOptions, train
from apvg.tasks.virtual import Made, VirtualOptions, virtual

__all__ = [
    "ApvgError",
    "CompareOptions",
    "Compared",
    "EvaluateOptions",
    "Evaluated",
    "ExportOptions",
    "Exported",
    "GenerateOptions",
    "Generated",
    "Made",
    "PrepareOptions",
    "Prepared",
    "RenderOptions",
    "Rendered",
    "Step",
    "Stopped",
    "TrainOptions",
    "Trained",
    "VirtualOptions",
    "compare",
    "evaluate",
    "export",
    "generate",
    "prepare",
    "render",
    "train",
    "virtual",
]
