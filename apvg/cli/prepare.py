"""``apvg prepare``: footage to takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from apvg.base.errors import ApvgError
from apvg.cli.arguments import Corners, Rectangle, Size
from apvg.cli.errors import print_error
from apvg.cli.progress import progress_bars
from apvg.tasks import Prepared, PrepareOptions, prepare


class Prepare(PrepareOptions):
    """Make takes of footage, each with a report on its quality.

    A run that was stopped continues where it was when it is started again in the same way."""

    footage: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    out_dir: tyro.conf.Positional[Path]
    crop: Literal["auto", "full"] | Rectangle | None
    size: Size | None
    person: Rectangle | None
    corners: Corners | None

    def run(self) -> None:
        """Prepare every recording, and print each take as soon as it is there."""
        with progress_bars() as bars:

            def show(result: Prepared) -> None:
                if bars is not None:
                    bars.close()
                if result.error is None:
                    _print_take(result)

            results = prepare(self, progress=bars, finished=show)
        errors = {result.name: result.error for result in results if result.error is not None}
        for error in errors.values():
            if len(results) == 1:
                raise error
            print_error(error, self)
        if errors:
            raise ApvgError(
                f"{len(errors)} of {len(results)} videos could not be prepared ({', '.join(errors)}); "
                "the reasons are above"
            )


def _print_take(result: Prepared) -> None:
    """A take's verdict, and what was found by itself."""
    print(f"{result.take}: {result.verdict}: {'; '.join(result.reasons)}")
    for what, find in result.found.items():
        if find.word != "given":
            value = ",".join(map(str, find.value)) if isinstance(find.value, list) else find.value
            print(f"  {what.replace('_', ' of the ')} {value} ({find.word}): {find.how}")
    sys.stdout.flush()
