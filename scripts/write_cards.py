"""Write the cards of built-in performers from what `apvg evaluate` measured: of `piano` and its twin, or of `cello`.

apvg virtual TAKES --instrument piano --split test --minutes 20 --seed 2    # beside the footage of both filmed takes
apvg evaluate piano-eval TAKES -o REPORT
python scripts/write_cards.py REPORT/report.json

apvg virtual TAKES --split test --minutes 12 --seed 2 --samples 0    # beside the pictures that it was trained on, and
apvg virtual TAKES --split test --minutes 0.27 --seconds 8 --seed 4 --samples 64
apvg evaluate cello TAKES -o REPORT --no-read-back
python scripts/write_cards.py REPORT/report.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from apvg.bundle import CARD, STAGES, PerformerConfig, read_config
from apvg.virtual.common.scores import HELD_OUT_STYLES, STYLES

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

- Footage: two takes of one pianist, filmed from above by a fixed camera: J. S. Bach, Prelude in C (131.7 s, which is the
  scene) and Beethoven, Für Elise (44 s, for motion alone, and that of `piano` alone: `piano-eval` never saw or heard it).
  Their sound is a FluidSynth render of the MIDI that was recorded with them.
- Music: 200 minutes of generated pieces in {styles} styles (`apvg virtual TAKES --instrument piano --minutes 200 --seed 1`): composed by rule,
  fingered, played by a motion model with the real takes' hand shapes, and heard through four soundfonts, rooms, microphones,
  noise and codecs. Its ears learn from those, from octaves and marches, and from 304 minutes through pianos that are drawn for a piece
  each; its hands, last, from what ears make of pieces that they do not know (the recipe says which). KHP alone learns from them; what is
  painted comes from the footage alone.

## Measured

By `apvg evaluate piano-eval TAKES -o REPORT`, on what the recipe `piano-eval` keeps out of training.
`block` is 52.0 to 78.3 s of the Bach take, hand positions within those trained on; `last_fifth` is 105.4 to 131.7 s, where
the left hand plays left of all that was trained on.

{tables}

### Music that training never met

`real` is Für Elise, whole; the others are generated pieces in styles, and through a soundfont, kept out of training
(`apvg virtual TAKES --instrument piano --split test --minutes 20 --seed 2`). Floors: the same hands against notes shifted in time, and
against other keys. Read-back: what a hand tracker finds in 8 s of the generated video, from just before the first note on.

{music}

## Limits

- Its hands go where the notes are; that is no study of how this pianist would play them.
- Dense, fast and wide music is where keys are missed: see the styles above.
- No finger was torn in 48 frames looked at (six pieces, from sound), and nothing smeared on the floor; where a left thumb is spread,
  dots lie between it and the fingers, on the keyboard's near edge. Fast fingers run into each other.
- Quiet notes repeated within a tenth of a second are not heard one by one.
- From sound its right hand moves up to four and a half times as much as it should in slow music with pedal, after notes that do not
  sound: 3 times in the footage's first block, where the left one moves 2.3 times as much. Hands do not know how long a key is held.
- The figures of read-back rest on few notes a piece (7 to 177; 45 of Für Elise).
- Sounds other than a piano's are heard as the nearest keys that could have made them.
- Fingers are painted from 21 points a hand at a quarter of the resolution: nails, rings and single knuckles are not to be
  looked for.
"""

CELLO = """# {name}

A wooden figure at the cello: upper body, both hands and the bow, {width}×{height} pixels at {fps} frames/s; nobody's likeness.

| | |
|---|---|
| recipe | [{recipe}](../../recipes/{recipe}.toml) |
| licence | {licence} |
| credit | {credit} |
{hashes}

All that it was trained on was generated (`apvg virtual`, see [data.md](../../../docs/data.md#takes-that-nobody-played-apvg-virtual)).
Test pieces are of styles, and heard through soundfonts, that training never meets, so there is no held-out twin: the figures
are its own.

## Training data

- Pictures: 12 pieces of ten seconds, for CVG and FPVG.
- Music and motion: 266 pieces of a minute without pictures, for KHP's ears; for its motion 200 older ones; to tell strokes 320 that the ears
  do not know. Half of it sounds as the strings are synthesised from the motion, half through soundfonts; rooms, microphones, noise
  and codecs come on top.

## Measured

By `apvg evaluate cello TAKES -o REPORT --no-read-back`, on test pieces alone.

### Pictures, from true keypoints

{tables}

### Motion, {pieces} pieces

{music}

## Limits

{limits}
"""

#: What was seen when its videos were looked at.
CELLO_LIMITS = """- Which way the bow goes is not listened for; strokes are counted from the last rest on, and one that is missed or imagined turns all that
  follow: from sound the direction is right in nearly nine frames of ten, from notes with their slurs in almost all.
- Slurs are heard by how the sound dips where a bow turns, by how down-bows fade and up-bows swell, and by the pattern of the strokes before.
  Soft slurred melodies through a soundfont that it never met, and notes of a tenth of a second, are where that goes wrong most. Of
  the package's air, slurred in a resonant room, it plays all 13 bow changes where they are and two that are not there; one of these is
  early in a phrase, and in this piece only 58 % of the frames go the right way.
- A left hand high on the strings is softer than in the true pictures and loses its joints, for the painter has seldom seen it there. Looked at
  in 24 frames of the sample air and 24 of a real violin's recording: no hand was torn, no second bow seen; a hand on its way up the neck had
  smears and specks of paint around it in two.
- A real recording was bowed in some way that nobody wrote down: of Bach's Double of BWV 1002 (John Garner's violin, a twelfth lower) 96.8 %
  of the bow changes lie within 80 ms of a note's beginning, and at other times of this dense music it would be 85.0 %; 95.1 % of the notes have one.
- It hears a cello, or what sounds like one. Of chords it plays what it hears best.
"""

ROLES = {
    "piano": "This is the performer that ships: it goes on from `piano-eval` on all of the footage, so that nothing is left "
    "to measure it on; the figures below are its held-out twin's.",
    "piano-eval": "This is the held-out twin of `piano`: every published figure is its.",
}


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text())
    if report["bowing_styles"]:
        _write_cello(report)
    else:
        _write_pianos(report)


def _write_pianos(report: dict) -> None:
    configs = {name: read_config(PERFORMERS / name) for name in ROLES}
    hashes = "\n".join(
        f"| weights of {name} | {_hash(config)} |" for name, config in configs.items()
    )
    tables = "\n\n".join(_table(figures) for figures in report["blocks"])
    for name, config in configs.items():
        card = TEXT.format(
            **_about(config),
            hashes=hashes,
            role=ROLES[name],
            tables=tables,
            music=_music_table(report["music_styles"]),
            styles=len(STYLES) - len(HELD_OUT_STYLES),
        )
        (PERFORMERS / name / CARD).write_text(card)


def _write_cello(report: dict) -> None:
    config = read_config(PERFORMERS / "cello")
    card = CELLO.format(
        **_about(config),
        hashes=f"| weights | {_hash(config)} |",
        tables="\n\n".join(_table(figures) for figures in report["blocks"]),
        pieces=len(report["bowing"]),
        music=_bowing_table(report["bowing_styles"]),
        limits=CELLO_LIMITS.strip(),
    )
    (PERFORMERS / "cello" / CARD).write_text(card)


def _about(config: PerformerConfig) -> dict:
    return {
        "name": config.name,
        "width": config.size[0],
        "height": config.size[1],
        "fps": config.features.fps,
        "recipe": config.recipe,
        "licence": config.licence,
        "credit": config.credit,
    }


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
    rows += [_target_row(row) for row in figures["targets"]]
    return "\n".join(rows)


def _target_row(row: dict) -> str:
    mark = "" if row["met"] else " (short)"
    return f"| {row['figure']} | {row['target']} | {_shown(row['value'], '.3g')}{mark} |"


def _shown(figure: float | None, form: str) -> str:
    return "not measurable" if figure is None else f"{figure:{form}}"


def _music_table(styles: dict) -> str:
    rows = [
        "| style | notes | told by | skill | rate (floors) | lag | hands read back | skill read back |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for style, row in styles.items():
        for told in ("sound", "notes"):
            way = row[f"from_{told}"]
            skill, rate, *floors = (
                _shown(way[name], ".2f")
                for name in ("skill", "rate", "shifted_floor", "transposed_floor")
            )
            lag = None if way["lag"] is None else 1000 * way["lag"]
            back = way.get("read_back")
            rows.append(
                f"| {style} | {row['notes']} | {told} | {skill} | {rate} ({', '.join(floors)}) | {_shown(lag, '+.0f')} ms "
                + (
                    f"| {_shown(back['hands_found'], '.2f')} | {_shown(back['skill'], '.2f')} |"
                    if back
                    else "| | |"
                )
            )
    for style in ("real", "all generated"):
        rows += ["", f"{style}:", "", "| figure | aim | measured |", "|---|---|---|"]
        rows += [_target_row(row) for row in styles[style]["targets"]]
    return "\n".join(rows)


def _bowing_table(styles: dict) -> str:
    rows = [
        "| style | notes | played from | direction | string | stop | bow changes, F1 | motion of bow arm, left hand |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for style, row in styles.items():
        for given in ("sound", "notes"):
            mean = row[f"from_{given}"]
            shares = " | ".join(
                "" if mean[name] is None else f"{mean[name]:.2f}"
                for name in ("direction", "string", "stop", "change_f1")
            )
            energies = ", ".join(
                _shown(mean[f"motion_energy_{part}"], ".2f") for part in ("bow_arm", "left_hand")
            )
            rows.append(f"| {style} | {row['notes']} | {given} | {shares} | {energies} |")
    last = list(styles)[-1]
    rows += ["", f"{last}:", "", "| figure | aim | measured |", "|---|---|---|"]
    rows += [_target_row(row) for row in styles[last]["targets"]]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
