"""The folder in which a take is made, and which of its steps are done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import zarr

from apvg.base.errors import ApvgError
from apvg.takes.prepare.align import Offsets
from apvg.takes.prepare.artefacts import load_json, save_json
from apvg.takes.prepare.clean import Cleaned
from apvg.takes.prepare.options import STEPS, StepName
from apvg.takes.prepare.quality import QualityReport
from apvg.takes.prepare.track import BLOCKS, Tracked

#: The folder of the steps' artefacts in a take's folder, and the file that says what they were made
#: of.
ARTEFACTS = "prepared"
_STEPS_FILE = "steps.json"
#: What each step writes, in a take's folder; the artefact itself last.
_WRITES: dict[StepName, tuple[str, ...]] = {
    "track": ("frames", f"{ARTEFACTS}/{Tracked.file}"),
    "clean": (f"{ARTEFACTS}/{Cleaned.file}",),
    "align": ("samples", f"{ARTEFACTS}/{Offsets.file}"),
    "assess": ("quality.html", "contact_sheet.png", QualityReport.file),
}


class _Artefact(Protocol):
    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


_A = TypeVar("_A", bound=_Artefact)


class Staging:
    """The folder in which a take is made, with the artefacts of the steps that are done.

    Args:
        folder: What a stopped run has left there is kept as far as it was made of the same inputs.
        inputs: What each step depends on.
    """

    def __init__(self, folder: Path, inputs: dict[StepName, dict[str, Any]]) -> None:
        self.folder, self._inputs = folder, inputs
        begun = folder / BLOCKS / "inputs.json"
        if not (begun.exists() and load_json(begun) == inputs["track"]):
            shutil.rmtree(folder, ignore_errors=True)
            save_json(begun, inputs["track"])

    def step(self, name: StepName, kind: type[_A], run: Callable[[], _A]) -> _A:
        """The artefact of a step: loaded where it is there, else made.

        Then all later steps are run again, too.
        """
        where = (self.folder / _WRITES[name][-1]).parent
        if self._made_of().get(name) == self._inputs[name] and is_there(self.folder, name):
            return kind.load(where)
        self._drop(name)
        artefact = run()
        artefact.save(where)
        save_json(self._steps_file, self._made_of() | {name: self._inputs[name]})
        return artefact

    def redo(self, name: StepName, target: Path) -> None:
        """Drop the artefacts from a step on. Those before it are taken from the take `target`,
        where it is there.

        Raises:
            ApvgError: The take lacks them, or they were made with other options.
        """
        before = STEPS[: STEPS.index(name)]
        if not before:
            shutil.rmtree(self.folder)
            save_json(self.folder / BLOCKS / "inputs.json", self._inputs["track"])
        elif target.exists():
            self._refuse_others(target, before)
            # No inputs are written for its blocks, of which there are none: this folder is never
            # continued.
            shutil.rmtree(self.folder)
            for path in (path for step in before for path in _WRITES[step]):
                _link(target / path, self.folder / path)
            zarr.open_group(self.folder, mode="a")
            save_json(self._steps_file, {step: self._inputs[step] for step in before})
        self._drop(name)

    def _refuse_others(self, target: Path, before: Sequence[StepName]) -> None:
        kept = target / ARTEFACTS / _STEPS_FILE
        made_of = load_json(kept) if kept.exists() else {}
        for step in before:
            if step not in made_of or not is_there(target, step):
                raise ApvgError(
                    f"{target} does not hold what the step {step} made",
                    "run every step again",
                    options=["force"],
                )
            inputs, others = self._inputs[step], made_of[step]
            changed = [what for what in inputs if inputs[what] != others.get(what)]
            if changed:
                raise ApvgError(
                    f"the step {step} of {target} was made with another {' and '.join(changed)}",
                    f"give the same again, or run the steps from {step} on",
                )

    def _drop(self, name: StepName) -> None:
        """Delete what a step and those after it have written; blocks of a tracking that is not
        finished stay."""
        later = STEPS[STEPS.index(name) :]
        made_of = self._made_of()
        save_json(self._steps_file, {step: made_of[step] for step in made_of if step not in later})
        for path in (self.folder / _WRITES[step][-1] for step in later):
            path.unlink(missing_ok=True)

    @property
    def _steps_file(self) -> Path:
        return self.folder / ARTEFACTS / _STEPS_FILE

    def _made_of(self) -> dict[str, Any]:
        return load_json(self._steps_file) if self._steps_file.exists() else {}


def keeps_artefacts(take: Path) -> bool:
    """Whether a take's folder holds the artefacts of its steps; early versions kept none."""
    return (take / ARTEFACTS / _STEPS_FILE).exists()


def is_there(folder: Path, step: StepName) -> bool:
    """Whether all that a step writes is in a take's folder."""
    return all((folder / path).exists() for path in _WRITES[step])


def _link(source: Path, target: Path) -> None:
    """The same file or folder in a second place, without a copy where the file system can do
    that."""

    def link(first: str, second: str) -> None:
        try:
            os.link(first, second)
        except OSError:
            shutil.copy2(first, second)

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=link)
    else:
        link(str(source), str(target))
