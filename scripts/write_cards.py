"""Write the cards of `piano` and `piano-eval` from what `apvg evaluate` measured.

apvg evaluate piano-eval TAKES -o REPORT
python scripts/write_cards.py REPORT/report.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from apvg.bundle import CARD, STAGES, PerformerConfig, read_config

PERFORMERS = Path(__file__).parents[1] / "apvg" / "performers"

TEXT = """# {name}

A pianist seen from above: hands, forearms and keyboard, {width}×{height} pixels at {fps} frames/s; no face, no voice.

| | |
|---|---|
| recipe | [{recipe}](../../recipes/{recipe}.toml) |
| licence | {licence} |
| credit | {credit} |
{hashes}

{role}

## Training data

Two takes of one pianist, filmed from above by a fixed camera: J. S. Bach, Prelude in C (131.7 s, which is the scene) and
Beethoven, Für Elise (44 s, for motion only). Their sound is a FluidSynth render of the MIDI that was recorded with them.

## Measured

By `apvg evaluate piano-eval TAKES -o REPORT`, on what the recipe `piano-eval` keeps out of training.
`block` is 52.0 to 78.3 s of the Bach take, hand positions within those trained on; `last_fifth` is 105.4 to 131.7 s, where
the left hand plays left of all that was trained on.

{tables}

## Limits

- It has seen 100 seconds of music. Hands find broken chords in the middle of the keyboard; dense, fast or wide music is
  beyond it, and a hand that is not sure where it belongs moves more than a pianist's would.
- It was trained on one soundfont's piano; recordings of other pianos are heard less surely.
- Fingers are painted from 21 points a hand at a quarter of the resolution: nails, rings and single knuckles are not to be
  looked for.
"""

ROLES = {
    "piano": "This is the performer that ships: it goes on from `piano-eval` on all of the footage, so that nothing is left "
    "to measure it on; the figures below are its held-out twin's.",
    "piano-eval": "This is the held-out twin of `piano`: every published figure is its.",
}


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text())
    configs = {name: read_config(PERFORMERS / name) for name in ROLES}
    hashes = "\n".join(
        f"| weights of {name} | {_hash(config)} |" for name, config in configs.items()
    )
    tables = "\n\n".join(_table(figures) for figures in report["blocks"])
    for name, config in configs.items():
        card = TEXT.format(
            name=name,
            width=config.size[0],
            height=config.size[1],
            fps=config.features.fps,
            recipe=config.recipe,
            licence=config.licence,
            credit=config.credit,
            hashes=hashes,
            role=ROLES[name],
            tables=tables,
        )
        (PERFORMERS / name / CARD).write_text(card)


def _hash(config: PerformerConfig) -> str:
    return ", ".join(f"{stage} `{config.weights[stage][:12]}`" for stage in STAGES)


def _table(figures: dict) -> str:
    setting = figures["setting"]
    rows = [
        f"### {setting['take']}, {setting['block']['name']}",
        "",
        "| figure | aim | measured |",
        "|---|---|---|",
    ]
    for row in figures["targets"]:
        mark = "" if row["met"] else " (short)"
        rows.append(f"| {row['figure']} | {row['target']} | {row['value']:.3g}{mark} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
