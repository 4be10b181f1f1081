"""The library behind the command line, the studio and notebooks: each command is a function here.

A task takes a frozen dataclass of options and returns a typed result. It prints nothing. Every task
accepts

- ``progress``, a function that is called with a :class:`~apvg.base.progress.Step` before each item
  of a long loop. It may raise :class:`~apvg.base.progress.Stopped` to cancel the work;
- ``cancel``, a :class:`threading.Event` or a similar object, which cancels the work from another
  thread. It is checked between two items.

Errors that the user can correct are raised as :class:`~apvg.base.errors.ApvgError`. Its `options`
are the names of the options concerned.
"""

# These imports are not lazy: the modules only define options, and a task imports what it needs when
# it runs.
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
