"""From footage to a take, in four steps: track, clean, align, assess.

Each step is a function from typed inputs to one artefact on disk. A step whose artefact is there,
made of the same files with the same options, is not run again.

1. :mod:`~apvg.takes.prepare.track` finds the performer, crops, decodes by time stamps and keeps the
   frames and the raw detections.
2. :mod:`~apvg.takes.prepare.clean` assigns the hands, looks again for missing ones, fills gaps and
   smooths.
3. :mod:`~apvg.takes.prepare.align` puts sound, notes and picture on one clock.
4. :mod:`~apvg.takes.prepare.assess` measures the keypoints' quality and gives a verdict.
"""

from apvg.takes.prepare.options import STEPS, PrepareOptions, StepName
from apvg.takes.prepare.run import prepare

__all__ = ["STEPS", "PrepareOptions", "StepName", "prepare"]
