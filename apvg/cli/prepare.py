"""``apvg prepare``: prepare footage as takes."""

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
    """Prepare footage as takes, each with a quality report.

    An interrupted run continues where it stopped when you run the same command again."""

    footage: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    out_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TAKES")]
    crop: Literal["auto", "full"] | Rectangle | None
    size: Size | None
    person: Rectangle | None
    corners: Corners | None

    def run(self) -> None:
        """Prepare every recording, and print each take as soon as it is finished."""
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
                f"{len(errors)} of {len(results)} videos could not be prepared "
                f"({', '.join(errors)}); see the errors above"
            )


def _print_take(result: Prepared) -> None:
    """Print a take's verdict, and the values that were estimated."""
    print(f"{result.take}: {result.verdict}: {'; '.join(result.reasons)}")
    for what, find in result.found.items():
        if find.word != "given":
            value = ",".join(map(str, find.value)) if isinstance(find.value, list) else find.value
            print(f"  {what.replace('_', ' of the ')} {value} ({find.word}): {find.how}")
    sys.stdout.flush()
