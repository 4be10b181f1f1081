"""scripts/measure_fingering.py: who plays exercises with the taught fingers?"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
UP_AND_DOWN = (*SCALE, *SCALE[-2::-1])
RIGHT = "123123454321321"


@pytest.mark.slow
def test_it_compares_players_with_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    rows = ["exercise,hand,alternative,order,pitch,finger"]
    for hand, alternative, fingers in (
        ("R", 1, RIGHT),
        ("R", 2, "x" * 15),
        # The mirror image of the right hand's scale, which has the same keys from D on.
        ("L", 1, RIGHT),
    ):
        for order, (pitch, finger) in enumerate(zip(UP_AND_DOWN, fingers, strict=True)):
            key = pitch if hand == "R" else 2 * 62 - pitch
            rows.append(f"scales/c,{hand},{alternative},{order},{key},{finger}")
    table.write_text("\n".join(rows), "utf-8")
    path = ROOT / "scripts" / "measure_fingering.py"
    spec = importlib.util.spec_from_file_location("measure_fingering", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "measure_fingering", script)
    spec.loader.exec_module(script)

    right, left = script.read_exercises(table)
    assert (right.kind, len(right.taught), len(left.taught)) == ("scales", 2, 1)
    np.testing.assert_array_equal(right.pitch_N, UP_AND_DOWN)
    assert set(script.planned(right)) <= {0, 1, 2, 3, 4}
    # Thumb, index and middle finger play four notes each, and the first of them is taken.
    assert set(script.best_constant(right)) == {0}

    monkeypatch.setattr(script, "CUTS", 1)
    monkeypatch.setattr(sys, "argv", ["measure_fingering.py", str(table)])
    script.main()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    constant = next(line for line in lines if line[:3] == ["one", "finger", "all"])
    assert float(constant[3]) == pytest.approx(4 / 15, abs=1e-3)
    assert float(constant[5]) == 15
    shares = [float(line[-3]) for line in lines if "all" in line]
    assert len(shares) == 3
    assert all(0 <= share <= 1 for share in shares)
